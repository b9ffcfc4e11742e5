"""The snapshot analyzer: extremes that are known, clashes of range both ways, and assumptions as findings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.cells.measuring import Outcome
from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Split, Values
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.contracts.study import Need
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import check_analyzer, shifted_gaussians
from wganalyze_plugins.arrays import Idx
from wganalyze_plugins.funnel import Funnel
from wganalyze_plugins.snapshot import CLASH, N_WITHOUT_DATA, SnapshotAnalyzer, _goes_beyond

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""

SIDES = ("real_min", "real_max", "fake_min", "fake_max")


class Bytes(FiniteSource):
    """Pixels: half of them 0, the others spread over [0, ``top``]."""

    name = "bytes"
    help = "bytes, for tests"
    shape = (1, 4, 4)
    value_range = (0.0, 255.0)

    def __init__(self, top: int = 255):
        self.top = top

    def load(self) -> Values:
        spread = np.random.default_rng(0).integers(0, self.top + 1, (300, 16))
        spread[:, ::2] = 0
        spread[:, 1] = self.top
        return Values(spread.astype(np.uint8))


class BlackPair(Bytes):
    """The same pixels, and all 0 on the other side."""

    is_pair = True

    def draw_pair(self, n: int, split: Split, *, seed: int) -> Values:
        return Values(np.zeros((n, 16), np.uint8))


class Between(nn.Module):
    """A generator whose samples fill [low, high], both ends included."""

    def __init__(self, low: float, high: float):
        super().__init__()
        self.low, self.high = low, high

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        share = (z.sigmoid() * 1.5 - 0.25).clamp(0, 1)
        return (self.low + (self.high - self.low) * share).reshape(-1, 1, 4, 4)


@pytest.fixture(scope="session")
def filling(study_of: Call) -> Call:
    """Makes a study of bytes up to ``top`` against a generator that fills [low, high]."""

    def make(low: float, high: float, top: int = 255, **said: Any) -> SnapshotStudy:
        return study_of(Bytes(top), Between(low, high), latent=(16,), n=50, replicates=2, **said)

    return make


def clashes(outcome: Outcome) -> list[str]:
    """Messages of the clashes found."""
    assert all(finding.level == "warning" for finding in outcome.findings if finding.code == "range-clash")
    return [finding.message for finding in outcome.findings if finding.code == "range-clash"]


# Values


def test_the_contract_is_kept_and_the_extremes_are_those_of_the_samples(values: Call) -> None:
    gaussians = shifted_gaussians()
    outcome = check_analyzer(SnapshotAnalyzer, gaussians)
    real, fake = gaussians.real().points, gaussians.fake().points
    margin = CLASH * (fake.max() - fake.min())
    beyond = [not fake.min() - margin <= value <= fake.max() + margin for value in real.ravel()]
    expected = dict(zip(SIDES, (real.min(), real.max(), fake.min(), fake.max()), strict=True))
    found = values(outcome)
    assert found.pop("real_out_of_reach") == pytest.approx(np.mean(beyond))
    assert found.pop("generator_mode_change") == 0
    assert found == pytest.approx(expected)
    assert all(m.status == "ok" and m.n == 200 and m.space == gaussians.space for m in outcome.measurements)
    assert {m.metric for m in outcome.measurements if m.scope == "data"} == {"real_min", "real_max"}
    assert outcome.findings == []


def test_every_metric_has_a_row_whatever_is_missing(rows: Call) -> None:
    gaussians = shifted_gaussians()
    bare = Snapshot("bare", 0, "step", (), missing={"generator": "say --generator MODULE:FACTORY"})
    names = {metric.name for metric in SnapshotAnalyzer.metrics}
    for snapshot, deal in (
        (gaussians.snapshot, gaussians.deal),
        (gaussians.snapshot, None),
        (bare, gaussians.deal),
        (bare, None),
    ):
        outcome = check_analyzer(SnapshotAnalyzer, SnapshotStudy(snapshot, deal))
        assert outcome.status == "ok"
        assert set(rows(outcome)) == names


def test_without_data(rows: Call) -> None:
    outcome = check_analyzer(SnapshotAnalyzer, SnapshotStudy(shifted_gaussians().snapshot, None))
    found = rows(outcome)
    for metric in ("real_min", "real_max", "real_out_of_reach"):
        assert (found[metric].status, found[metric].value) == ("skipped", None)
        assert found[metric].message == "no data: say --data NAME (wganalyze plugins lists the sources)"
    fakes = shifted_gaussians().fake(N_WITHOUT_DATA).points
    assert (found["fake_min"].value, found["fake_max"].value) == pytest.approx((fakes.min(), fakes.max()))
    assert outcome.findings == []


def test_without_a_generator(rows: Call) -> None:
    bare = Snapshot("bare", 0, "step", (), missing={"generator": "say --generator MODULE:FACTORY"})
    outcome = check_analyzer(SnapshotAnalyzer, SnapshotStudy(bare, shifted_gaussians().deal))
    found = rows(outcome)
    for metric in ("fake_min", "fake_max", "real_out_of_reach"):
        assert (found[metric].status, found[metric].value) == ("skipped", None)
        assert found[metric].message == "no generator: say --generator MODULE:FACTORY"
    assert found["real_min"].value == pytest.approx(shifted_gaussians().real().points.min())


# Clashes


def test_the_same_range_is_no_clash(values: Call, filling: Call) -> None:
    for low, high in ((-1.0, 1.0), (0.0, 1.0), (-1.05, 1.05), (-0.95, 0.95)):
        outcome = check_analyzer(SnapshotAnalyzer, filling(low, high, range=(round(low), 1)))
        assert clashes(outcome) == []
        assert values(outcome)["real_out_of_reach"] == 0


def test_a_background_that_is_nearly_reached_is_in_reach(values: Call, filling: Call) -> None:
    """Half of the pixels are exactly -1, and a tanh ends at -.999."""
    found = values(check_analyzer(SnapshotAnalyzer, filling(-0.999, 0.999, range=(-1, 1))))
    assert found["real_min"] == -1
    assert found["fake_min"] == pytest.approx(-0.999)
    assert found["real_out_of_reach"] == 0


def test_reals_that_go_beyond_what_is_generated(values: Call, filling: Call) -> None:
    """Normalised by mean .1307 and deviation .3081 the reals reach 2.8, and the generator ends at 1."""
    outcome = check_analyzer(SnapshotAnalyzer, filling(-1, 1, normalize=((0.1307,), (0.3081,))))
    found = values(outcome)
    assert found["real_min"] == pytest.approx(-0.1307 / 0.3081)
    assert found["real_max"] == pytest.approx((1 - 0.1307) / 0.3081)
    pixels = (Bytes().load().values / 255 - 0.1307) / 0.3081
    assert found["real_out_of_reach"] == pytest.approx((pixels > 1.2).mean(), abs=0.05)
    (message,) = clashes(outcome)
    assert message.startswith("real values span [-0.424, 2.82], the generator ends at [-1, 1]: ")
    assert f"{100 * (found['real_out_of_reach'] or 0):.3g}% of the real values lie beyond" in message
    assert outcome.findings[-1].evidence == (*SIDES, "real_out_of_reach")


@pytest.mark.parametrize(
    ("low", "high", "config", "beyond"),
    [
        (0, 1, {"range": (-1, 1)}, 0.5),
        (-1, 0, {"range": (0, 1)}, 0.4),
        (-0.3, 0.3, {"range": (-1, 1)}, 0.8),
        (0.5, 0.5, {"range": (-1, 1)}, 1),
        (5, 6, {"range": (0, 1)}, 1),
    ],
    ids=["a sigmoid", "below", "too narrow", "constant", "elsewhere"],
)
def test_reals_out_of_reach(
    values: Call, filling: Call, low: float, high: float, config: dict[str, Any], beyond: float
) -> None:
    outcome = check_analyzer(SnapshotAnalyzer, filling(low, high, **config))
    assert len(clashes(outcome)) == 1
    assert values(outcome)["real_out_of_reach"] >= beyond


@pytest.mark.parametrize(
    ("low", "high", "top", "config"),
    [
        (-1, 1, 255, {"range": (0, 1)}),
        (0, 255, 255, {"range": (0, 1)}),
        (0, 1, 100, {"range": (0, 1)}),
        (-2, 2, 255, {"normalize": ((0.5,), (0.5,))}),
    ],
    ids=["a tanh for [0, 1]", "bytes for [0, 1]", "dark images", "too wide"],
)
def test_reals_that_fill_but_a_part_of_what_is_generated(
    values: Call, filling: Call, low: float, high: float, top: int, config: dict[str, Any]
) -> None:
    outcome = check_analyzer(SnapshotAnalyzer, filling(low, high, top, **config))
    (message,) = clashes(outcome)
    assert message.startswith(f"the generator fills [{low:.3g}, {high:.3g}], real values only [")
    assert message.endswith("check --range or --normalize")
    assert values(outcome)["real_out_of_reach"] == 0
    assert outcome.findings[-1].evidence == SIDES


@pytest.mark.parametrize("ratio", [0.5, 0.8, 0.88, 0.95, 1.0, 1.15, 1.25, 2.0])
def test_the_margin_is_a_tenth_at_each_end(values: Call, filling: Call, ratio: float) -> None:
    """Reals fill [-1, 1], the generator ``ratio`` times as much."""
    outcome = check_analyzer(SnapshotAnalyzer, filling(-ratio, ratio, range=(-1, 1)))
    beyond, within = ratio + CLASH * 2 * ratio < 1, ratio > 1 + 2 * CLASH
    assert len(clashes(outcome)) == (beyond or within)
    assert bool(values(outcome)["real_out_of_reach"]) is beyond


class Unbounded(nn.Module):
    """A linear generator, whose samples end where chance ends them; ``last``: what stands behind it."""

    def __init__(self, scale: float, *last: nn.Module):
        super().__init__()
        self.scale, self.last = scale, nn.Sequential(*last)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.last(self.scale * z)
        return images.reshape(-1, 1, 4, 4)


@pytest.mark.parametrize(("scale", "start"), [(0.05, "real values span [-1, 1], generated ones ["), (3, "generated ")])
def test_an_output_without_bounds_is_described_and_not_advised_on(study_of: Call, scale: float, start: str) -> None:
    """Nothing ends a linear layer, so that there is nothing to set --range by."""
    study = study_of(Bytes(), Unbounded(scale), latent=(16,), n=60, replicates=2, range=(-1, 1))
    (finding,) = check_analyzer(SnapshotAnalyzer, study).findings
    assert (finding.level, finding.code) == ("info", "range-clash")
    assert finding.message.startswith(start)
    assert "--range" not in finding.message
    assert "the generator" not in finding.message


@pytest.mark.parametrize(
    "last", [(nn.Tanh(),), (nn.Hardtanh(),), (nn.Tanh(), nn.Flatten()), (nn.Sigmoid(), nn.Identity())]
)
def test_an_output_with_bounds_is_advised_on(study_of: Call, last: tuple[nn.Module, ...]) -> None:
    study = study_of(Bytes(), Unbounded(3, *last), latent=(16,), n=60, replicates=2, normalize=((0.1,), (0.3,)))
    (message,) = clashes(check_analyzer(SnapshotAnalyzer, study))
    assert ", the generator ends at [" in message
    assert message.endswith("; check --range or --normalize")


def test_a_tanh_that_is_not_at_its_end_yet_is_described(study_of: Call) -> None:
    study = study_of(Bytes(), Unbounded(0.05, nn.Tanh()), latent=(16,), n=60, replicates=2, range=(-1, 1))
    (finding,) = check_analyzer(SnapshotAnalyzer, study).findings
    assert (finding.level, "--range" in finding.message) == ("info", False)


@pytest.mark.parametrize(("bright", "beyond"), [(0, False), (8, False), (9, True)])
@pytest.mark.parametrize("end", [1, -1])
def test_a_few_samples_that_reach_further_are_chance(bright: int, beyond: bool, end: int) -> None:
    """For equal laws the 9 brightest of both sides are all real in 2^-9 of all runs."""
    points = np.zeros((100, 16))
    points[:bright, 3] = end
    points[:4, 5] = -end
    assert _goes_beyond(points, -0.5, 0.5) == beyond


def test_values_without_bounds_do_not_clash() -> None:
    assert clashes(check_analyzer(SnapshotAnalyzer, shifted_gaussians(shift=50))) == []


def test_a_pair_has_no_generator_to_clash_with(study_of: Call, values: Call) -> None:
    pair = study_of(Funnel("2,4,0"), n=100)
    outcome = check_analyzer(SnapshotAnalyzer, pair)
    assert outcome.findings == []
    found = values(outcome)
    assert found["fake_min"] == pytest.approx(pair.fake().points.min())
    assert found["fake_max"] == pytest.approx(pair.fake().points.max())
    assert found["real_out_of_reach"] == 0
    outcome = check_analyzer(SnapshotAnalyzer, study_of(BlackPair(), n=50, replicates=2))
    assert values(outcome)["real_out_of_reach"] > 0.3
    assert clashes(outcome) == []


# Assumptions, which are the core's to tell


def test_the_range_that_was_assumed_is_on_record(filling: Call) -> None:
    (text,) = filling(-1, 1).assumptions
    assert text.startswith("data brought to [-1, 1]: the samples of the generator of snap lie between")
    assert filling(-1, 1, range=(-1, 1)).assumptions == ()


def test_assumptions_about_the_critic_do_not_depend_on_who_came_before(change: Call) -> None:
    known = shifted_gaussians(shift=3)
    alone, later = (change(known, orientation=None) for _ in range(2))
    _ = later.orientation
    assert alone.assumptions == ()
    for study in (alone, later):
        assert check_analyzer(SnapshotAnalyzer, study).findings == []
        assert [text.partition(":")[0] for text in study.assumptions] == ["critic scores real high"]
    assert alone.assumptions == later.assumptions


def test_a_critic_that_does_not_fit_leaves_the_other_answers(change: Call, rows: Call) -> None:
    known = shifted_gaussians()
    study = change(known, nn.Linear(7, 1), assumptions=("step 7",))
    outcome = check_analyzer(SnapshotAnalyzer, study)
    assert outcome.status == "ok"
    assert study.assumptions == ("step 7",)
    assert set(rows(outcome)) == {metric.name for metric in SnapshotAnalyzer.metrics}
    assert study.has(Need.CRITIC)


# The mode of the generator


class Noisy(nn.Module):
    """Moves by ``shift`` in train mode."""

    def __init__(self, shift: float):
        super().__init__()
        self.shift = shift

    def forward(self, z: Tensor) -> Tensor:
        return z + self.shift if self.training else z


@pytest.mark.parametrize("said", ["eval", "train"])
def test_what_the_mode_of_the_generator_changes(change: Call, values: Call, said: Literal["eval", "train"]) -> None:
    study = change(shifted_gaussians(), make_generator=lambda: Noisy(3.0).eval(), generator_mode=said)
    found = values(check_analyzer(SnapshotAnalyzer, study))
    assert found["generator_mode_change"] == pytest.approx(3 / study.fake(mode="eval").points.std(), rel=1e-5)
    assert np.allclose(study.fake().points, study.fake(mode="eval").points + (3 if said == "train" else 0), atol=1e-6)


# Real files


class KwdahunGenerator(nn.Module):
    """The generator of ``dcgan-kwdahun``, from its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.Sequential(
            nn.ConvTranspose2d(100, 256, 4, 1, 0, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.ConvTranspose2d(256, 128, 3, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.nets(z)
        return images


@pytest.mark.field
@pytest.mark.parametrize("epoch", [10, 50, 100])
def test_the_defect_of_dcgan_kwdahun_is_seen(study_of: Call, values: Call, field: Path, epoch: int) -> None:
    stored = torch.load(field / f"dcgan-kwdahun/checkpoint_epoch_{epoch}.pth", map_location="cpu", weights_only=True)
    state = stored.get("state_dict", stored)
    weights = {k.removeprefix("generator."): v for k, v in state.items() if k.startswith("generator.")}
    generator = KwdahunGenerator()
    generator.load_state_dict(weights)
    source = Idx(str(field / "mnist-t10k/t10k-images-idx3-ubyte.gz"))
    given = partial(study_of, source, generator, latent=(100, 1, 1), n=200, replicates=2)
    outcome = check_analyzer(SnapshotAnalyzer, given(normalize=((0.1307,), (0.3081,))))
    found = values(outcome)
    assert found["real_max"] == pytest.approx(2.82, abs=0.01)
    assert found["fake_max"] == pytest.approx(1, abs=0.01)
    assert 0.05 < found["real_out_of_reach"] < 0.2
    assert len(clashes(outcome)) == 1
    # Brought to [-1, 1] instead, they clash as well: it has learnt a background near -.42, not at -1.
    beyond = values(check_analyzer(SnapshotAnalyzer, given(range=(-1, 1))))["real_out_of_reach"]
    assert beyond > 0.75


class Hidden(nn.Module):
    """A linear generator which made its tanh last and calls it first."""

    def __init__(self, scale: float):
        super().__init__()
        self.out = nn.Linear(16, 16, bias=False)
        self.tanh = nn.Tanh()
        nn.init.eye_(self.out.weight)
        self.scale = scale

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.out(self.scale * self.tanh(z) + 0.1 * z)
        return images.reshape(-1, 1, 4, 4)


def test_a_bound_that_values_go_beyond_is_none(study_of: Call) -> None:
    study = study_of(Bytes(), Hidden(3), latent=(16,), n=60, replicates=2, range=(-1, 1))
    (finding,) = check_analyzer(SnapshotAnalyzer, study).findings
    assert (finding.level, "--range" in finding.message, "generator" in finding.message) == ("info", False, False)


def test_without_a_bound_a_share_beyond_is_no_reproach(study_of: Call) -> None:
    """It is how the samples of an untrained generator lie, and no question of scale."""
    study = study_of(Bytes(), Unbounded(0.05), latent=(16,), n=60, replicates=2, range=(-1, 1))
    (finding,) = check_analyzer(SnapshotAnalyzer, study).findings
    assert finding.message.endswith("% of the real values lie beyond")
