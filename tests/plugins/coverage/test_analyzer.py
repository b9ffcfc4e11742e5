"""coverage: lost modes found and named, collapse, copies and paths; its rows, tables, words, and what is shared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Values
from wganalyze.study.sharing import Cache
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import check_analyzer, shifted_gaussians
from wganalyze_plugins.coverage import Coverage
from wganalyze_plugins.toys import Grid25, Ring8

Call = Callable[..., Any]
OF_PATHS = {"interpolation_ratio", "interpolation_ratio_floor"}


@pytest.fixture(scope="session")
def ask(ask: Call) -> Call:
    """coverage."""
    return partial(ask, analyzer=Coverage)


@pytest.fixture(scope="session")
def study_of(study_of: Call) -> Call:
    """With what Ring eats."""
    return partial(study_of, latent=(4,))


class Ring(nn.Module):
    """z (b, 4) to the first ``modes`` of the eight modes of ring8, with ``deviation``."""

    def __init__(self, modes: int = 8, deviation: float = 0.02) -> None:
        super().__init__()
        self.modes, self.deviation = modes, deviation

    def forward(self, z: Tensor) -> Tensor:
        turn = torch.atan2(z[:, 1], z[:, 0]) / (2 * math.pi) + 0.5
        angle = (turn * self.modes).floor().clamp(max=self.modes - 1) * math.pi / 4
        return 2 * torch.stack([angle.cos(), angle.sin()], 1) + self.deviation * z[:, 2:]


class Points(FiniteSource):
    """Normal points of a seed, some of them several times."""

    name: ClassVar[str] = "points"
    help: ClassVar[str] = "normal points, for tests"
    value_range = None

    def __init__(self, seed: int, size: int, dim: int = 4, scale: float = 1.0) -> None:
        self.shape = (dim,)
        self.seed, self.count, self.scale = seed, size, scale

    def load(self) -> Values:
        return Values(self.scale * np.random.default_rng(self.seed).standard_normal((self.count, *self.shape)))


def test_the_contract_is_kept(rows: Call, study_of: Call) -> None:
    outcome = check_analyzer(Coverage, study_of(Ring8(), Ring(), n=64, replicates=3))
    assert set(rows(outcome)) == {metric.name for metric in Coverage.metrics}
    assert [table.name for table in Coverage.tables] == list(outcome.rows)
    assert {row.metric for row in outcome.measurements if row.status == "skipped"} == {
        "neighbour_ratio",
        "nearer_training",
    }
    assert Coverage.in_spaces
    assert not Coverage.on_request


# ---- modes


def test_a_generator_of_the_law_itself_reaches_all(ask: Call, study_of: Call, values: Call, findings: Call) -> None:
    outcome = ask(study_of(Ring8(), Ring(), n=200, replicates=3), k=8)
    found = values(outcome)
    for metric in ("modes_missing", "modes_underserved", "modes_overproduced"):
        assert found[metric] == 0
    for metric in ("modes_known", "modes_reached_strict", "modes_reached_loose"):
        assert found[metric] == 8
    for metric in ("share_on_modes", "share_on_modes_floor"):
        assert found[metric] == pytest.approx(1 - math.exp(-4.5), abs=0.015)
    assert found["matched_share"] == pytest.approx(found["matched_share_floor"], abs=0.05)
    assert found["matched_share"] > 0.85
    assert found["duplicates"] == pytest.approx(found["duplicates_floor"], abs=0.05)
    assert findings(outcome) == {}


@pytest.mark.parametrize("modes", [7, 3, 1])
def test_lost_modes_are_named(ask: Call, study_of: Call, values: Call, findings: Call, modes: int) -> None:
    outcome = ask(study_of(Ring8(), Ring(modes), n=200, replicates=3), k=8)
    found, said = values(outcome), findings(outcome)
    names = [f"{45 * k} degrees" for k in range(modes, 8)]
    assert said["modes-lost"].level == "warning"
    assert said["modes-lost"].message == f"{8 - modes} of 8 modes are lost: {', '.join(names)}"
    assert [row["mode"] for row in outcome.rows["modes"] if row["lost"]] == names
    assert found["modes_reached_strict"] == found["modes_reached_loose"] == modes
    assert found["share_on_modes"] > 0.97
    # Without names: by clusters, under the matching.
    assert found["modes_missing"] == found["modes_underserved"] == 8 - modes
    assert found["modes_overproduced"] == (modes if modes < 4 else 0)
    assert found["matched_share"] == pytest.approx(modes / 8, abs=0.06)
    assert said["modes-underserved"].message == (
        f"{8 - modes} of 8 clusters of real data are served by less than half as many generated samples, under the "
        f"optimal matching, as by other real ones; {8 - modes} of them by none at all"
    )


def test_a_wide_generator_reaches_modes_loosely(ask: Call, study_of: Call, values: Call, findings: Call) -> None:
    """Five times the deviation: a tenth of a mode lies within 3 deviations of it (1 - exp(-.18) = .165)."""
    outcome = ask(study_of(Ring8(), Ring(deviation=0.1), n=400, replicates=3))
    found = values(outcome)
    assert found["share_on_modes"] == pytest.approx(1 - math.exp(-0.18), abs=0.05)
    assert found["modes_reached_loose"] == 8
    assert "modes-lost" not in findings(outcome)
    far = ask(study_of(Ring8(), Ring(deviation=0.4), n=400, replicates=3))
    assert values(far)["modes_reached_strict"] < values(far)["modes_reached_loose"] == 8
    assert "modes-lost" not in findings(far)


def test_the_modes_follow_the_space_of_the_critic(ask: Call, study_of: Call, values: Call) -> None:
    class Normalised(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            made: Tensor = (Ring()(z) - 1) / 4
            return made

    study = study_of(Ring8(), Normalised(), n=100, replicates=3)
    from wganalyze import Preprocessing

    deal = replace(study.deal, preprocessing=Preprocessing((1.0,), (4.0,), "by hand"))
    found = values(ask(SnapshotStudy(study.snapshot, deal)))
    assert found["modes_reached_strict"] == 8
    assert found["share_on_modes"] > 0.97


def test_data_that_know_no_modes(ask: Call, rows: Call) -> None:
    outcome = ask(shifted_gaussians(n=40))
    for metric in ("modes_known", "modes_reached_strict", "modes_reached_loose", "share_on_modes"):
        assert rows(outcome)[metric].message == "no modes are known of these data in this space"
    assert list(outcome.rows) == ["clusters"]


def test_all_samples_stand_in_the_tables(ask: Call, study_of: Call) -> None:
    outcome = ask(study_of(Grid25(), Ring(3), n=100, replicates=3), k=6)
    table = outcome.rows["clusters"]
    assert [row["cluster"] for row in table] == list(range(6))
    for side in ("real", "fake"):
        assert sum(row[f"count_{side}"] for row in table) == 300
    for row in table:
        assert row["served"] <= min(row["count_real"], row["count_fake"])
        assert row["served_share"] == (row["served"] / row["count_real"] if row["count_real"] else None)
    modes = outcome.rows["modes"]
    assert len(modes) == 25
    assert sum(row["loose_real"] for row in modes) == 300
    assert all(row["strict"] <= row["loose"] for row in modes)


# ---- copies, duplicates, paths


@pytest.fixture
def trained(study_of: Call) -> Call:
    """Makes a study that knows what its generator was trained on."""

    def make(generator: nn.Module, training: FiniteSource) -> SnapshotStudy:
        study = study_of(Points(0, 1100), generator, n=100, replicates=5)
        return SnapshotStudy(study.snapshot, replace(study.deal, trained_on=training, held_out=True))

    return make


class Near(nn.Module):
    """The nearest points of a set, moved by a share of the way to z."""

    def __init__(self, source: FiniteSource, share: float) -> None:
        super().__init__()
        self.register_buffer("points", torch.from_numpy(source.load().values).float())
        self.share = share

    def forward(self, z: Tensor) -> Tensor:
        points = self.get_buffer("points")
        nearest = points[torch.cdist(z, points).argmin(dim=1)]
        return nearest + self.share * (z - nearest)


def test_nearer_to_what_was_trained_on_than_held_out_samples(ask: Call, trained: Call, values: Call) -> None:
    training = Points(1, 500)
    for share in (1.0, 0.5, 0.0):
        outcome = ask(trained(Near(training, share), training))
        assert values(outcome)["neighbour_ratio"] == pytest.approx(share, abs=0.08)
        assert outcome.findings == []  # of copies, another analyzer says it


def test_blur_is_no_preference_for_what_was_trained_on(ask: Call, trained: Call, rows: Call) -> None:
    """Half way to the nearest training sample shows; half way to the mean, which is nearer to everything, does not."""
    training = Points(1, 500)

    class Blur(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return z / 2

    blurred, copied = (rows(ask(trained(net, training))) for net in (Blur(), Near(training, 0.5)))
    assert blurred["neighbour_ratio"].value < 0.95
    interval = blurred["nearer_training"].interval
    assert interval.low < 0.5 < interval.high
    assert copied["nearer_training"].value > 0.6


def test_what_is_not_held_out_says_nothing_of_copies(ask: Call, trained: Call, rows: Call) -> None:
    inside = rows(ask(trained(nn.Identity(), Points(0, 1100))))["neighbour_ratio"]
    assert inside.message == "samples of --data are among --training-data: nothing is held out"
    unknown = rows(ask(shifted_gaussians(n=40)))["neighbour_ratio"]
    assert unknown.message == "what the generator was trained on is unknown: say --training-data NAME"


class Few(nn.Module):
    """So many different samples, none of which is real."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("points", torch.from_numpy(Points(9, count).load().values).float())

    def forward(self, z: Tensor) -> Tensor:
        points = self.get_buffer("points")
        return points[(z[:, 0].abs() * 1e5).long() % len(points)]


@pytest.mark.parametrize(("count", "low", "high"), [(1, 1, 1), (20, 0.9, 1), (10**6, 0.0, 0.15)])
def test_a_generator_that_repeats_itself(
    ask: Call, study_of: Call, values: Call, count: int, low: float, high: float
) -> None:
    found = values(ask(study_of(Points(0, 1100), Few(count), n=100, replicates=5)))
    assert low <= found["duplicates"] <= high
    assert 0.0 < found["duplicates_floor"] < 0.12


def test_paths_between_modes_leave_the_data(ask: Call, study_of: Call, values: Call) -> None:
    """A generator that is continuous crosses what is empty; of a single mode, it stays."""

    class Bridge(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            angle = torch.atan2(z[:, 1], z[:, 0])
            return 2 * torch.stack([angle.cos(), angle.sin()], 1) + 0.02 * z[:, 2:]

    class Straight(nn.Module):
        """Ends on the modes, middles between."""

        def forward(self, z: Tensor) -> Tensor:
            return z[:, :2] + 0 * z[:, 2:]

    jump = values(ask(study_of(Ring8(), Ring(), n=200, replicates=3)))
    inside = values(ask(study_of(Ring8(), Straight(), n=200, replicates=3)))
    assert jump["interpolation_ratio"] == pytest.approx(jump["interpolation_ratio_floor"], rel=0.3)
    assert inside["interpolation_ratio"] > 1.1
    assert values(ask(study_of(Ring8(), Bridge(), n=200, replicates=3)))["interpolation_ratio"] == pytest.approx(
        1, abs=0.2
    )


def test_without_a_generator_there_are_no_paths(ask: Call, rows: Call, study_of: Call) -> None:
    from wganalyze_plugins.funnel import Funnel

    found = rows(ask(study_of(Funnel("2,4,0"), n=40, replicates=3)))
    assert {row.scope for row in found.values() if row.status == "ok"} == {"data"}
    assert {name for name, row in found.items() if row.message.startswith("no generator")} == OF_PATHS


# ---- what is shared, limits


def test_the_floors_are_computed_once_a_run(
    ask: Call, values: Call, study_of: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wganalyze_plugins.coverage import matching

    counted: list[int] = []
    of = matching.Service.of
    monkeypatch.setattr(matching.Service, "of", lambda *sides: counted.append(1) or of(*sides))
    shared = Cache()
    reports = [values(ask(study_of(Ring8(), Ring(m), shared=shared, n=50, replicates=3), k=8)) for m in (8, 4, 2)]
    assert len(counted) == 3 + 3 * 3
    for name in reports[0]:
        if name.endswith("_floor") and name not in OF_PATHS:
            assert len({report[name] for report in reports}) == 1, name
    assert reports[0] == values(ask(study_of(Ring8(), Ring(), n=50, replicates=3), k=8))


def test_limits(ask: Call, values: Call, rows: Call) -> None:
    outcome = ask(shifted_gaussians(n=20), k=500, status="skipped")
    assert outcome.message.startswith("coverage.k=500 clusters of")
    with pytest.raises(ValueError, match="k is at least 2"):
        Coverage.Options(k=1)
    single = rows(ask(shifted_gaussians(n=1), k=2))
    assert single["duplicates"].message == "a single sample has no other"
    assert single["matched_share"].interval is not None
