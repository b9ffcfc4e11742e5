"""The snapshot analyzer: extremes that are known, clashes of range both ways, and assumptions as findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.cells.measuring import Outcome
from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.measurement import Finding
from wganalyze.contracts.samples import Split, Values
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.contracts.study import Need
from wganalyze.running.sizes import make_deal, with_assumptions
from wganalyze.settings.config import Config
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import check_analyzer, shifted_gaussians
from wganalyze_plugins.arrays import Idx
from wganalyze_plugins.funnel import Funnel
from wganalyze_plugins.snapshot import CLASH, N_WITHOUT_DATA, SnapshotAnalyzer

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


def study(low: float, high: float, top: int = 255, **config: Any) -> SnapshotStudy:
    """Bytes against a generator that fills [low, high]."""
    snapshot = Snapshot(
        "snap", 0, "step", (), make_generator=lambda: Between(low, high).eval(), latent=Latent(shape=(16,))
    )
    deal = make_deal(Bytes(top), "bytes", Config(n=50, replicates=2, **config), snapshot)
    return SnapshotStudy(with_assumptions(deal, snapshot), deal)


def values(outcome: Outcome) -> dict[str, float | None]:
    """Metric to value."""
    return {measurement.metric: measurement.value for measurement in outcome.measurements}


def clashes(outcome: Outcome) -> list[str]:
    """Messages of the clashes found."""
    assert all(finding.level == "warning" for finding in outcome.findings if finding.code == "range-clash")
    return [finding.message for finding in outcome.findings if finding.code == "range-clash"]


# Values


def test_the_contract_is_kept_and_the_extremes_are_those_of_the_samples() -> None:
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
    assert outcome.findings == []


def test_every_metric_has_a_row_whatever_is_missing() -> None:
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
        assert set(values(outcome)) == names


def test_without_data() -> None:
    outcome = check_analyzer(SnapshotAnalyzer, SnapshotStudy(shifted_gaussians().snapshot, None))
    found = {m.metric: m for m in outcome.measurements}
    for metric in ("real_min", "real_max", "real_out_of_reach"):
        assert (found[metric].status, found[metric].value) == ("skipped", None)
        assert found[metric].message == "no data: say --data NAME (wganalyze plugins lists the sources)"
    fakes = shifted_gaussians().fake(N_WITHOUT_DATA).points
    assert (found["fake_min"].value, found["fake_max"].value) == pytest.approx((fakes.min(), fakes.max()))
    assert outcome.findings == []


def test_without_a_generator() -> None:
    bare = Snapshot("bare", 0, "step", (), missing={"generator": "say --generator MODULE:FACTORY"})
    outcome = check_analyzer(SnapshotAnalyzer, SnapshotStudy(bare, shifted_gaussians().deal))
    found = {m.metric: m for m in outcome.measurements}
    for metric in ("fake_min", "fake_max", "real_out_of_reach"):
        assert (found[metric].status, found[metric].value) == ("skipped", None)
        assert found[metric].message == "no generator: say --generator MODULE:FACTORY"
    assert found["real_min"].value == pytest.approx(shifted_gaussians().real().points.min())


# Clashes


def test_the_same_range_is_no_clash() -> None:
    for low, high in ((-1.0, 1.0), (0.0, 1.0), (-1.05, 1.05), (-0.95, 0.95)):
        outcome = check_analyzer(SnapshotAnalyzer, study(low, high, range=(round(low), 1)))
        assert clashes(outcome) == []
        assert values(outcome)["real_out_of_reach"] == 0


def test_a_background_that_is_nearly_reached_is_in_reach() -> None:
    """Half of the pixels are exactly -1, and a tanh ends at -.999."""
    found = values(check_analyzer(SnapshotAnalyzer, study(-0.999, 0.999, range=(-1, 1))))
    assert found["real_min"] == -1
    assert found["fake_min"] == pytest.approx(-0.999)
    assert found["real_out_of_reach"] == 0


def test_reals_that_go_beyond_what_is_generated() -> None:
    """Normalised by mean .1307 and deviation .3081 the reals reach 2.8, and the generator ends at 1."""
    outcome = check_analyzer(SnapshotAnalyzer, study(-1, 1, normalize=((0.1307,), (0.3081,))))
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
def test_reals_out_of_reach(low: float, high: float, config: dict[str, Any], beyond: float) -> None:
    outcome = check_analyzer(SnapshotAnalyzer, study(low, high, **config))
    assert len(clashes(outcome)) == 1
    assert (values(outcome)["real_out_of_reach"] or 0) >= beyond


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
    low: float, high: float, top: int, config: dict[str, Any]
) -> None:
    outcome = check_analyzer(SnapshotAnalyzer, study(low, high, top, **config))
    (message,) = clashes(outcome)
    assert message.startswith(f"the generator fills [{low:.3g}, {high:.3g}], real values only [")
    assert message.endswith("check --range or --normalize")
    assert values(outcome)["real_out_of_reach"] == 0
    assert outcome.findings[-1].evidence == SIDES


@pytest.mark.parametrize("ratio", [0.5, 0.8, 0.88, 0.95, 1.0, 1.15, 1.25, 2.0])
def test_the_margin_is_a_tenth_at_each_end(ratio: float) -> None:
    """Reals fill [-1, 1], the generator ``ratio`` times as much."""
    outcome = check_analyzer(SnapshotAnalyzer, study(-ratio, ratio, range=(-1, 1)))
    beyond, within = ratio + CLASH * 2 * ratio < 1, ratio > 1 + 2 * CLASH
    assert len(clashes(outcome)) == (beyond or within)
    assert bool(values(outcome)["real_out_of_reach"]) is beyond


def test_values_without_bounds_do_not_clash() -> None:
    assert clashes(check_analyzer(SnapshotAnalyzer, shifted_gaussians(shift=50))) == []


def test_a_pair_has_no_generator_to_clash_with() -> None:
    funnel = Funnel("2,4,0")
    pair = SnapshotStudy(Snapshot("pair", 0, "step", ()), make_deal(funnel, "funnel:2,4,0", Config(n=100), None))
    outcome = check_analyzer(SnapshotAnalyzer, pair)
    assert outcome.findings == []
    found = values(outcome)
    assert found["fake_min"] == pytest.approx(pair.fake().points.min())
    assert found["fake_max"] == pytest.approx(pair.fake().points.max())
    assert found["real_out_of_reach"] == 0
    black = SnapshotStudy(pair.snapshot, make_deal(BlackPair(), "pair", Config(n=50, replicates=2), None))
    outcome = check_analyzer(SnapshotAnalyzer, black)
    assert (values(outcome)["real_out_of_reach"] or 0) > 0.3
    assert clashes(outcome) == []


# Assumptions


def assumed(outcome: Outcome) -> list[str]:
    """What was assumed."""
    found = [finding for finding in outcome.findings if finding.code == "assumed"]
    assert all(finding.level == "info" and finding.message.startswith("assumed: ") for finding in found)
    return [finding.message.removeprefix("assumed: ") for finding in found]


def test_every_assumption_is_a_finding() -> None:
    known = shifted_gaussians()
    guessed = SnapshotStudy(replace(known.snapshot, assumptions=("latent shape (2,)", "step 7")), known.deal)
    assert assumed(check_analyzer(SnapshotAnalyzer, guessed)) == ["latent shape (2,)", "step 7"]
    no_data = SnapshotStudy(guessed.snapshot, None)
    assert assumed(check_analyzer(SnapshotAnalyzer, no_data)) == ["latent shape (2,)", "step 7"]


def test_the_range_that_was_assumed_is_a_finding() -> None:
    (text,) = assumed(check_analyzer(SnapshotAnalyzer, study(-1, 1)))
    assert text.startswith("data brought to [-1, 1]: the generator of snap ends between")
    assert assumed(check_analyzer(SnapshotAnalyzer, study(-1, 1, range=(-1, 1)))) == []


def test_assumptions_about_the_critic_do_not_depend_on_who_came_before() -> None:
    known = shifted_gaussians(shift=3)
    snapshot = replace(known.snapshot, orientation=None)
    alone, later = SnapshotStudy(snapshot, known.deal), SnapshotStudy(snapshot, known.deal)
    _ = later.orientation
    found = assumed(check_analyzer(SnapshotAnalyzer, alone))
    assert found == assumed(check_analyzer(SnapshotAnalyzer, later))
    assert [text.partition(":")[0] for text in found] == ["critic scores real high"]


def test_a_critic_that_does_not_fit_leaves_the_other_answers() -> None:
    known = shifted_gaussians()
    snapshot = replace(known.snapshot, make_critic=lambda: nn.Linear(7, 1).eval(), assumptions=("step 7",))
    outcome = check_analyzer(SnapshotAnalyzer, SnapshotStudy(snapshot, known.deal))
    assert outcome.status == "ok"
    assert assumed(outcome) == ["step 7"]
    assert len(values(outcome)) == 6
    assert SnapshotStudy(snapshot, known.deal).has(Need.CRITIC)


# The mode of the generator, and what the files show


class Noisy(nn.Module):
    """Moves by ``shift`` in train mode."""

    def __init__(self, shift: float):
        super().__init__()
        self.shift = shift

    def forward(self, z: Tensor) -> Tensor:
        return z + self.shift if self.training else z


@pytest.mark.parametrize("said", ["eval", "train"])
def test_what_the_mode_of_the_generator_changes(said: Literal["eval", "train"]) -> None:
    known = shifted_gaussians()
    snapshot = replace(known.snapshot, make_generator=lambda: Noisy(3.0).eval(), generator_mode=said)
    study = SnapshotStudy(snapshot, known.deal)
    change = values(check_analyzer(SnapshotAnalyzer, study))["generator_mode_change"]
    assert change == pytest.approx(3 / study.fake(mode="eval").points.std(), rel=1e-5)
    assert np.allclose(study.fake().points, study.fake(mode="eval").points + (3 if said == "train" else 0), atol=1e-6)


def test_findings_of_the_files_and_guessed_architectures_are_in_the_report() -> None:
    known = shifted_gaussians()
    equal = Finding("warning", "equal-files", "a.pt and b.pt hold the same bytes")
    guess = "critic: architecture inferred from keys and shapes: Linear(2-1)"
    snapshot = replace(known.snapshot, findings=(equal,), assumptions=(guess,))
    outcome = check_analyzer(SnapshotAnalyzer, SnapshotStudy(snapshot, known.deal))
    assert equal in outcome.findings
    assert Finding("warning", "inferred", f"assumed: {guess}") in outcome.findings


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
def test_the_defect_of_dcgan_kwdahun_is_seen(field: Path, epoch: int) -> None:
    stored = torch.load(field / f"dcgan-kwdahun/checkpoint_epoch_{epoch}.pth", map_location="cpu", weights_only=True)
    state = stored.get("state_dict", stored)
    weights = {k.removeprefix("generator."): v for k, v in state.items() if k.startswith("generator.")}
    generator = KwdahunGenerator()
    generator.load_state_dict(weights)
    snapshot = Snapshot(
        "kwdahun", epoch, "epoch", (), make_generator=lambda: generator.eval(), latent=Latent(shape=(100, 1, 1))
    )
    source = Idx(str(field / "mnist-t10k/t10k-images-idx3-ubyte.gz"))
    said = Config(n=200, replicates=2, normalize=((0.1307,), (0.3081,)))
    outcome = check_analyzer(SnapshotAnalyzer, SnapshotStudy(snapshot, make_deal(source, "idx", said, snapshot)))
    found = values(outcome)
    assert found["real_max"] == pytest.approx(2.82, abs=0.01)
    assert found["fake_max"] == pytest.approx(1, abs=0.01)
    assert 0.05 < (found["real_out_of_reach"] or 0) < 0.2
    assert len(clashes(outcome)) == 1
    # Brought to [-1, 1] instead, they clash as well: it has learnt a background near -.42, not at -1.
    mapped = make_deal(source, "idx", Config(n=200, replicates=2, range=(-1, 1)), snapshot)
    beyond = values(check_analyzer(SnapshotAnalyzer, SnapshotStudy(snapshot, mapped)))["real_out_of_reach"]
    assert (beyond or 0) > 0.75
