"""exact-w: laws whose distance is known, other solvers, certificates, floors, the test, and what the rows say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from wganalyze import transport
from wganalyze.contracts.data import DataSource, FiniteSource
from wganalyze.contracts.measurement import Measurement
from wganalyze.contracts.samples import Split, Values
from wganalyze.statistics import Estimate, of_median, student_t
from wganalyze.study.sharing import Cache
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import Gaussian, check_analyzer, shifted_gaussians
from wganalyze.transport import Transport, wasserstein, wasserstein_batch
from wganalyze.transport.exact import as_problem, certified
from wganalyze.transport.solvers import by_pot
from wganalyze_plugins import memorisation
from wganalyze_plugins.critic_gap import CriticGap
from wganalyze_plugins.exact_w import ALPHA, ExactW, _solvers
from wganalyze_plugins.funnel import Funnel
from wganalyze_plugins.toys import Ring8

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""


@pytest.fixture(scope="session")
def ask(ask: Call) -> Call:
    """exact-w; without the test, which takes longest, unless it is asked for."""
    return partial(ask, analyzer=ExactW, permutations=0)


def value(row: Measurement) -> float:
    """Its number, which is there."""
    assert row.value is not None
    return row.value


def affine(matrix: npt.ArrayLike, offset: npt.ArrayLike) -> nn.Linear:
    """z to matrix z + offset."""
    matrix, offset = np.asarray(matrix, np.float32), np.asarray(offset, np.float32)
    layer = nn.Linear(matrix.shape[1], matrix.shape[0])
    layer.load_state_dict({"weight": torch.from_numpy(matrix), "bias": torch.from_numpy(offset)})
    return layer


# ---- known answers


def test_the_contract_is_kept(rows: Call) -> None:
    outcome = check_analyzer(ExactW, shifted_gaussians(n=40))
    unsaid = {"w1_known"} | {metric.name for metric in memorisation.METRICS}
    expected = {metric.name for metric in ExactW.metrics} - unsaid
    assert set(rows(outcome)) == expected


@pytest.mark.parametrize("shift", [0.0, 0.3, 5.0])
def test_on_the_line_sorted_samples_are_matched(ask: Call, rows: Call, shift: float) -> None:
    study = shifted_gaussians(shift=shift, dim=1, n=100)
    found = rows(ask(study))

    def closed(first: Callable[..., Any], second: Callable[..., Any], split: str, p: int) -> float:
        sides = [
            (first(replicate=r).points[:, 0].astype(float), second(replicate=r, split=split).points[:, 0].astype(float))
            for r in range(3)
        ]
        return float(np.mean([(np.abs(np.sort(x) - np.sort(y)) ** p).mean() ** (1 / p) for x, y in sides]))

    real, fake = study.real, study.fake
    assert found["w1"].value == pytest.approx(closed(real, fake, "x", 1), rel=1e-12)
    assert found["w2"].value == pytest.approx(closed(real, fake, "x", 2), rel=1e-9)
    assert found["w1_floor"].value == pytest.approx(closed(real, real, "x2", 1), rel=1e-12)
    assert found["w2_floor"].value == pytest.approx(closed(real, real, "x2", 2), rel=1e-9)
    assert found["w1_floor_fake"].value == pytest.approx(closed(fake, fake, "x2", 1), rel=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "l1", "cosine"])
def test_an_assignment_by_scipy_agrees(ask: Call, rows: Call, metric: str) -> None:
    study = shifted_gaussians(dim=3, n=120)
    found = rows(ask(study, metric=metric))
    for p in (1, 2):
        solved = []
        for r in range(3):
            x, y = study.real(replicate=r).points.astype(float), study.fake(replicate=r).points.astype(float)
            costs = cdist(x, y, {"l1": "cityblock"}.get(metric, metric)) ** p
            solved.append(costs[linear_sum_assignment(costs)].mean() ** (1 / p))
        assert found[f"w{p}"].value == pytest.approx(np.mean(solved), rel=1e-9)
        assert found[f"w{p}"].space == f"critic input as stored, {metric}"


def test_two_gaussians_have_the_distance_of_bures(ask: Call, study_of: Call, rows: Call) -> None:
    """W2^2 = |b|^2 + tr(I + A A' - 2 (A A')^1/2); the plane is low enough for a sample value near it."""
    study = study_of(Gaussian(2), affine([[3, 0], [0, 0.5]], [4, 0]), n=500, replicates=5)
    found = rows(ask(study))
    interval = found["w2"].interval
    assert interval is not None
    assert interval.low < math.sqrt(16 + 4 + 0.25) < interval.high
    assert value(found["w1"]) < value(found["w2"])


@pytest.mark.parametrize("dim", [2, 64])
def test_a_shift_is_seen_in_the_plane_and_drowned_in_high_dimension(ask: Call, rows: Call, dim: int) -> None:
    """Population W1 = W2 = 1: nearly so at d = 2; at d = 64 the floor itself is far above 1."""
    found = rows(ask(shifted_gaussians(shift=1, dim=dim, n=500)))
    if dim == 2:
        assert value(found["w1"]) == pytest.approx(1, abs=0.1)
        assert value(found["w2"]) == pytest.approx(1, abs=0.1)
    else:
        assert value(found["w1_floor"]) > 8
        assert value(found["w1"]) == pytest.approx(value(found["w1_floor"]), rel=0.05)


class Sphere(DataSource):
    """Uniform on the unit sphere."""

    name: ClassVar[str] = "sphere"
    help: ClassVar[str] = "uniform on the unit sphere, for tests"
    size = None
    value_range = None

    def __init__(self, dim: int) -> None:
        self.shape = (dim,)

    @property
    def digest(self) -> str:
        return "sphere"

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        points = split.rng(seed).standard_normal((n, *self.shape))
        return Values(points / np.linalg.norm(points, axis=1, keepdims=True))


@pytest.mark.parametrize("dim", [1, 3, 100])
def test_a_dirac_is_1_from_the_sphere_in_any_dimension(ask: Call, study_of: Call, rows: Call, dim: int) -> None:
    found = rows(ask(study_of(Sphere(dim), affine(np.zeros((dim, 2)), np.zeros(dim)), n=60, replicates=3)))
    for metric in ("w1", "w2", "w1_lower", "w2_lower"):
        assert found[metric].value == pytest.approx(1, rel=1e-6)  # float32 samples
    assert found["w1_floor_fake"].value == 0
    assert found["w1_floor_fake"].certificate == "exact"


class PairedFunnel(Funnel):
    """Both sides drawn together, each point with its own image: the coupling is then optimal on the samples too."""

    def draw_pair(self, n: int, split: Split, *, seed: int) -> Values:
        return Values(self.paired(n, split.rng(seed, "funnel", "moved"))[1])


@pytest.mark.parametrize(("dim", "width"), [(2, 4), (2, 64), (16, 8), (128, 4)])
def test_paired_funnel_samples_give_the_paired_cost(
    ask: Call, study_of: Call, rows: Call, dim: int, width: int
) -> None:
    """2206.07767: the strongest test there is, to 1e-9 relative."""
    study = study_of(PairedFunnel(f"{dim},{width},0"), None, n=200, replicates=3)
    paired = []
    for r in range(3):
        x, y = (side.points.astype(float) for side in (study.real(replicate=r), study.fake(replicate=r)))
        paired.append(np.linalg.norm(x - y, axis=1).mean())
    found = rows(ask(study))
    assert found["w1"].value == pytest.approx(np.mean(paired), rel=1e-9)
    assert found["w1"].certificate == "exact"
    assert found["w1_known"].value == study.known_w1
    assert value(found["w1"]) == pytest.approx(value(found["w1_known"]), rel=0.2)


def test_w1_known_is_left_out_where_a_generator_takes_a_side(ask: Call, study_of: Call, rows: Call) -> None:
    assert "w1_known" not in rows(ask(study_of(Funnel("2,4,0"), affine(np.eye(2), [0, 0]), n=20)))


# ---- certificates


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 20), st.sampled_from(["euclidean", "l1", "cosine"]))
@settings(max_examples=30)
def test_every_value_is_certified(
    ask: Call,
    rows: Call,
    findings: Call,
    seed: int,
    n: int,
    dim: int,
    metric: str,
) -> None:
    outcome = ask(shifted_gaussians(shift=0.5, dim=dim, n=n, replicates=1, seed=seed), metric=metric)
    found = rows(outcome)
    for p in (1, 2):
        low, high, gap = (value(found[f"w{p}{end}"]) for end in ("_lower", "", "_gap"))
        assert low <= high
        assert gap == pytest.approx(high - low, abs=1e-15)
        assert gap <= 1e-9 * high + 1e-13
    # Jensen: the second moment of a coupling is no less than the square of its first.
    assert value(found["w1"]) <= value(found["w2"]) * (1 + 1e-9)
    estimate = found.pop("w1_floor_exponent", None)
    assert estimate is None or estimate.certificate == "none"
    assert {row.certificate for row in found.values()} == {"exact"}
    assert {row["certificate"] for row in outcome.rows["sweep"]} == {"exact"}
    assert "not-exact" not in findings(outcome)


def test_a_solver_that_stops_early_leaves_a_bracket_and_says_so(
    ask: Call, rows: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(x: Any, y: Any, p: float = 1, metric: str = "euclidean") -> Transport:
        return certified(as_problem(x, y, p, metric=metric), partial(by_pot, iterations=200))

    study = shifted_gaussians(dim=2, n=150)
    truth = value(rows(ask(shifted_gaussians(dim=2, n=150)))["w1"])
    monkeypatch.setattr(transport, "wasserstein", stopped)
    outcome = ask(study)
    found = rows(outcome)
    assert value(found["w1_lower"]) < truth < value(found["w1"])
    assert (found["w1"].certificate, found["w1"].solver) == ("checked", "pot")
    assert outcome.rows["sweep"][0]["certificate"] == "checked"
    about = [finding for finding in outcome.findings if finding.code == "not-exact"]
    assert [finding.evidence[0] for finding in about] == ["w1", "w1_floor", "w1_floor_fake", "w2", "w2_floor"]
    assert all(finding.level == "warning" for finding in about)
    assert "the solver left w1 in [" in about[0].message


# ---- intervals


@pytest.mark.parametrize("replicates", [1, 2, 3, 5])
def test_an_interval_takes_three_replicates(ask: Call, rows: Call, replicates: int) -> None:
    found = rows(ask(shifted_gaussians(n=30, replicates=replicates)))
    for name in ("w1", "w2", "w1_floor", "w2_floor", "w1_floor_fake"):
        interval = found[name].interval
        assert (interval is not None) == (replicates >= (3 if name.startswith("w1") else 5))
        assert found[name].replicates == replicates
        if interval is not None:
            assert interval.low < value(found[name]) < interval.high
            student = f"Student t over {replicates} replicates, 95%"
            assert interval.method == (
                student if name.startswith("w1") else "median, by order over 5 replicates, 0.938"
            )
    # A gap is no estimate of anything, so that it has none.
    assert found["w1_gap"].interval is None


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, shape: rng.standard_t(2.5, shape),
        lambda rng, shape: np.exp(rng.standard_normal(shape)),
        lambda rng, shape: rng.standard_normal(shape) + 20 * (rng.random((*shape[:-1], 1)) < 0.01),
    ],
    ids=["t(2.5)", "log-normal", "rare mode"],
)
def test_intervals_of_w2_cover_its_median_where_tails_are_heavy(draw: Callable[..., Any]) -> None:
    """From 1,000 independent distances; Student t covers the mean of t(2.5) in fewer than 85%, squares of it in 50%."""
    rng = np.random.default_rng(0)
    x, y = (draw(rng, (1000, 64, 16)) for _ in range(2))
    values = wasserstein_batch(x, y, p=2).value
    centre, fives = np.median(values), rng.choice(values, (3000, 5))

    def covered(estimates: list[Estimate], truth: float) -> float:
        return float(
            np.mean([e.interval is not None and e.interval.low <= truth <= e.interval.high for e in estimates])
        )

    assert covered([of_median(five) for five in fives], centre) >= 0.9375 - 4 * (0.9375 * 0.0625 / 3000) ** 0.5
    if values.std() > 0.5 * values.mean():
        assert covered([student_t(five) for five in fives], values.mean()) < 0.85
        assert covered([student_t(five**2) for five in fives], (values**2).mean()) < 0.5


def test_the_row_says_what_the_interval_is_for(ask: Call, rows: Call) -> None:
    found = rows(ask(shifted_gaussians(n=30)))
    for name, sides in (("w1", "P_n, Q_n"), ("w1_floor", "P_n, P'_n"), ("w1_floor_fake", "Q_n, Q'_n")):
        assert found[name].method == f"mean over 3 fresh samples; estimates E W({sides}) at this n, not W(P, Q)"
        assert (found[name].n, found[name].solver) == (30, "dense")


class SmallerRing(nn.Module):
    """z (b, 4) to ring8 of radius 1.8: all modes, each a little too far inside."""

    def forward(self, z: Tensor) -> Tensor:
        angle = (torch.atan2(z[:, 1], z[:, 0]) * 4 / math.pi).round() * math.pi / 4
        return 1.8 * torch.stack([angle.cos(), angle.sin()], 1) + 0.02 * z[:, 2:]


def test_the_interval_covers_the_expectation_in_93_to_97_percent(ask: Call, study_of: Call, rows: Call) -> None:
    """ring8, n = 64, R = 5, 1,000 repeats, each with a seed of its own, estimated as exact-w does."""
    pairs = []
    for seed in range(1000):
        study = study_of(Ring8(), SmallerRing(), latent=(4,), n=64, replicates=5, seed=seed)
        pairs += [(study.real(replicate=r).points, study.fake(replicate=r).points) for r in range(5)]
    values = wasserstein_batch(*(np.stack(side) for side in zip(*pairs, strict=True))).value.reshape(1000, 5)
    estimates = [student_t(tuple(five)) for five in values.tolist()]
    expectation = np.mean([estimate.value for estimate in estimates])
    covered = [e.interval.low <= expectation <= e.interval.high for e in estimates if e.interval is not None]
    assert len(covered) == 1000
    assert 0.93 <= np.mean(covered) <= 0.97
    # What was repeated is what the analyzer reports.
    first = rows(ask(study_of(Ring8(), SmallerRing(), latent=(4,), n=64, replicates=5, seed=0)))["w1"]
    once = estimates[0]
    assert first.interval is not None
    assert once.interval is not None
    assert first.value == pytest.approx(once.value, rel=1e-12)
    assert first.interval.low == pytest.approx(once.interval.low, rel=1e-9)


# ---- the sweep over n


def test_the_sweep_is_of_the_first_samples_of_the_same_draws(ask: Call, rows: Call) -> None:
    study = shifted_gaussians(dim=3, n=150)
    outcome = ask(study)
    found, sweep = rows(outcome), outcome.rows["sweep"]
    assert [row["n"] for row in sweep] == [150, 75, 37, 18]
    for row in sweep:
        for name, other in (
            ("w1", study.fake),
            ("floor", lambda replicate: study.real(replicate=replicate, split="x2")),
        ):
            solved = []
            for r in range(3):
                x, y = (side(replicate=r).points[: row["n"]].astype(float) for side in (study.real, other))
                costs = cdist(x, y)
                solved.append(costs[linear_sum_assignment(costs)].mean())
            assert row[name] == pytest.approx(np.mean(solved), rel=1e-9)
            assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]
        assert (row["replicates"], row["certificate"], row["solver"]) == (3, "exact", "dense")
        # The transports at n may have been solved by anybody.
        assert row["seconds"] is None if row["n"] == 150 else row["seconds"] > 0
    for name, metric in (("w1", "w1"), ("floor", "w1_floor")):
        interval = found[metric].interval
        assert interval is not None
        assert sweep[0][name] == found[metric].value
        assert (sweep[0][f"{name}_low"], sweep[0][f"{name}_high"]) == (interval.low, interval.high)


@pytest.mark.parametrize(
    ("n", "halvings", "sizes"), [(64, 4, [64, 32, 16]), (64, 1, [64, 32]), (31, 4, [31]), (9, 4, [9])]
)
def test_the_sweep_ends_where_samples_are_few(ask: Call, rows: Call, n: int, halvings: int, sizes: list[int]) -> None:
    outcome = ask(shifted_gaussians(n=n, replicates=2), sweep=halvings)
    assert [row["n"] for row in outcome.rows["sweep"]] == sizes
    assert {row["w1_low"] for row in outcome.rows["sweep"]} == {None}
    exponent = rows(outcome)["w1_floor_exponent"]
    if len(sizes) > 1:
        assert exponent.status == "ok"
    else:
        assert (exponent.status, exponent.message) == ("skipped", f"n = {n} leaves one size of 16 samples or more")


def test_without_halvings_there_is_no_sweep(ask: Call, rows: Call) -> None:
    outcome = ask(shifted_gaussians(n=64), sweep=0)
    assert outcome.rows == {}
    assert "w1_floor_exponent" not in rows(outcome)


@pytest.mark.parametrize(("dim", "low", "high"), [(1, 0.4, 0.6), (4, 0.2, 0.3), (32, 0.03, 0.06)])
def test_the_floor_falls_as_its_law_says(ask: Call, rows: Call, dim: int, low: float, high: float) -> None:
    """n^-1/2 on the line, n^-1/d above 2 dimensions; slightly faster at d = 32, where these n are small."""
    row = rows(ask(shifted_gaussians(dim=dim, n=512, replicates=5)))["w1_floor_exponent"]
    assert low < value(row) < high
    assert (row.certificate, row.method) == (
        "none",
        "least squares of log W1 over log n, n = 32 to 512; no rate in the limit",
    )
    interval = row.interval
    assert interval is not None
    assert interval.low < value(row) < interval.high


class Point(Gaussian):
    """0, always."""

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        return Values(np.zeros((n, *self.shape)))


def test_a_floor_of_0_has_no_exponent(ask: Call, study_of: Call, rows: Call) -> None:
    row = rows(ask(study_of(Point(2), affine(np.eye(2), [0, 0]), n=64)))["w1_floor_exponent"]
    assert (row.status, row.message) == ("skipped", "the floor is 0: real samples are equal")


def test_every_solver_that_took_part_is_named(ask: Call, rows: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_size(x: Any, y: Any, p: float = 1, metric: str = "euclidean") -> Transport:
        return wasserstein(x, y, p, metric=metric, solver="dense" if len(x) <= 40 else "shortlist")

    monkeypatch.setattr(transport, "wasserstein", by_size)
    outcome = ask(shifted_gaussians(n=64))
    assert [row["solver"] for row in outcome.rows["sweep"]] == ["shortlist", "dense", "dense"]
    assert rows(outcome)["w1"].solver == "shortlist"
    small, large = (shifted_gaussians(n=n) for n in (30, 64))
    solved = [study.transport(study.real(), study.fake()) for study in (small, large, small)]
    assert _solvers(solved) == "dense, shortlist"


# ---- what is shared


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Counts the calls of a function of wganalyze.transport; the list grows by one at each."""
    calls: list[int] = []
    original = getattr(transport, name)

    def call(*arguments: Any, **more: Any) -> Any:
        calls.append(len(calls))
        return original(*arguments, **more)

    monkeypatch.setattr(transport, name, call)
    return calls


def test_floors_are_solved_once_for_all_snapshots_and_shared_with_the_critic(
    ask: Call, rows: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch, "wasserstein")
    first = shifted_gaussians(n=30, replicates=2)
    shared: Cache = {}
    reports = []
    for expected in (10, 6, 6):  # W1, W2, the fakes' floor; and for the first snapshot both floors of the reals
        study = SnapshotStudy(first.snapshot, first.deal, shared)
        before = len(calls)
        reports.append(rows(ask(study)))
        assert len(calls) - before == expected
        assert check_analyzer(CriticGap, study).status == "ok"
        assert len(calls) - before == expected
    for report, other in pairwise(reports):
        assert report == other


def test_the_sweep_is_solved_as_often_as_it_has_to_be(ask: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch, "wasserstein")
    first = shifted_gaussians(n=64, replicates=2)
    shared: Cache = {}
    for expected in (10 + 8, 6 + 4, 6 + 4):  # at 32 and 16: W1, and for the first snapshot its floor
        before = len(calls)
        ask(SnapshotStudy(first.snapshot, first.deal, shared))
        assert len(calls) - before == expected


def test_the_test_runs_once_where_no_snapshot_has_a_part_in_it(
    ask: Call, study_of: Call, rows: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch, "permutation_test")
    shared: Cache = {}
    for _ in range(3):
        found = rows(ask(study_of(Funnel("2,4,0"), None, shared=shared, n=30), permutations=19))
        assert found["w1_pvalue"].value is not None
        assert {row.scope for row in found.values() if row.status == "ok"} == {"data"}
    assert len(calls) == 1
    for _ in range(2):
        ask(study_of(Funnel("2,4,0"), affine(np.eye(2), [0, 0]), shared=shared, n=30), permutations=19)
    assert len(calls) == 3
    # Other options are another test.
    ask(study_of(Funnel("2,4,0"), None, shared=shared, n=30), permutations=39)
    assert len(calls) == 4


def test_what_no_network_takes_part_in_is_of_the_data(ask: Call, rows: Call) -> None:
    found = rows(ask(shifted_gaussians(n=40), permutations=19))
    of_data = {name for name, row in found.items() if row.scope == "data"}
    assert of_data == {"w1_floor", "w2_floor", "w1_floor_exponent"}


# ---- the test, and its words


def test_laws_far_apart_are_told_apart(ask: Call, rows: Call) -> None:
    outcome = ask(shifted_gaussians(shift=2, n=60), permutations=99)
    found = rows(outcome)
    assert found["w1_pvalue"].value == 1 / 100
    assert found["w1_pvalue"].method == "99 permutations within replicates, statistic summed over them"
    (finding,) = outcome.findings
    assert (finding.level, finding.code) == ("info", "told-apart")
    assert finding.message == (
        f"W1 {value(found['w1']):.4g} against a floor of {value(found['w1_floor']):.4g}: told apart at n = 60 "
        "(p = 0.01, before Holm's correction over the snapshots: w1_pvalue_holm); it lies above the floor: farther "
        "from real samples than other real samples are"
    )
    assert finding.evidence == ("w1", "w1_floor", "w1_pvalue")


def with_held_out(study: SnapshotStudy, held_out: bool | None) -> SnapshotStudy:
    """The same study, with what is known of the data."""
    assert study.deal is not None
    return SnapshotStudy(study.snapshot, replace(study.deal, held_out=held_out))


@pytest.mark.parametrize(
    ("held_out", "ending", "message"),
    [
        (True, "held-out data", ""),
        (False, "training data: cannot see memorisation", "training data: cannot see memorisation"),
        (
            None,
            "it is unknown whether the generator was trained on these data; if it was, this cannot see memorisation",
            "it is unknown whether the generator was trained on these data; if it was, this cannot see memorisation",
        ),
    ],
)
def test_equal_laws_are_not_told_apart_at_this_n_and_no_more_is_said(
    ask: Call, rows: Call, held_out: bool | None, ending: str, message: str
) -> None:
    outcome = ask(with_held_out(shifted_gaussians(shift=0, n=60), held_out), permutations=99)
    pvalue = rows(outcome)["w1_pvalue"]
    assert value(pvalue) > ALPHA
    assert pvalue.message == message
    (finding,) = outcome.findings
    assert (finding.level, finding.code) == ("info", "not-told-apart")
    assert finding.message == (
        f"real and generated samples are not told apart at n = 60 (p = {pvalue.value:.3g}); {ending}"
    )


def test_the_test_has_an_n_of_its_own(ask: Call, rows: Call) -> None:
    outcome = ask(shifted_gaussians(shift=0, n=60), permutations=39, permutation_n=20)
    found = rows(outcome)
    assert (found["w1"].n, found["w1_pvalue"].n) == (60, 20)
    assert found["w1_pvalue"].method.endswith("; stopped at 10 as extreme")
    # p is 10 / l, for the l of the tenth.
    stopped = int(found["w1_pvalue"].method.split()[0])
    assert value(found["w1_pvalue"]) == 10 / stopped
    assert "not told apart at n = 20 (" in outcome.findings[0].message
    assert ask(shifted_gaussians(shift=0, n=60), permutations=39, permutation_n=20).measurements == outcome.measurements


def test_a_collapsed_generator_has_no_variety_and_is_told_apart(ask: Call, study_of: Call, rows: Call) -> None:
    found = rows(ask(study_of(Gaussian(2), affine(np.zeros((2, 2)), [0, 0]), n=60, replicates=3), permutations=99))
    assert value(found["w1_floor_fake"]) == 0 < value(found["w1_floor"])
    assert found["w1_pvalue"].value == 1 / 100


@pytest.mark.parametrize(
    ("snapshots", "permutations"), [(1, 199), (8, 199), (9, 399), (20, 799), (32, 799), (256, 6399), (1000, 6399)]
)
def test_more_snapshots_take_more_permutations(snapshots: int, permutations: int) -> None:
    found = ExactW.for_run(ExactW.Options(), snapshots).permutations
    assert found == permutations
    if snapshots <= 256:  # the least p-value is still below .05 after Holm's correction
        assert snapshots / (1 + found) <= 0.04
    for said in (0, 99):
        assert ExactW.for_run(ExactW.Options(permutations=said), snapshots).permutations == said


def test_without_permutations_there_is_no_test(ask: Call, rows: Call) -> None:
    outcome = ask(shifted_gaussians(n=20), permutations=0)
    assert "w1_pvalue" not in rows(outcome)
    assert outcome.findings == []


# ---- options, and data that limit n


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ({"permutations": -1}, "permutations is 0, or at least 19"),
        ({"permutations": 18}, "permutations is 0, or at least 19"),
        ({"permutation_n": 1}, "permutation_n is at least 2"),
        ({"sweep": -1}, "sweep is 0 or more"),
    ],
)
def test_options_that_cannot_be_meant(option: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ExactW.Options(**option)


def test_cosine_sees_directions_only(ask: Call, study_of: Call, rows: Call) -> None:
    near, far = (
        study_of(Gaussian(3), affine(s * np.eye(3), np.zeros(3)), latent=(3,), n=50, replicates=3) for s in (1, 100)
    )
    once, again = (rows(ask(study, metric="cosine")) for study in (near, far))
    assert once["w1"].value == pytest.approx(again["w1"].value, rel=1e-5)
    assert value(once["w1"]) <= 2


def test_cosine_of_a_sample_without_direction_is_no_number(ask: Call, study_of: Call) -> None:
    study = study_of(Gaussian(2), affine(np.zeros((2, 2)), [0, 0]), n=20)
    outcome = ask(study, metric="cosine", status="skipped")
    assert outcome.message == (
        "exact-w.metric=cosine: some samples are 0 everywhere and have no direction; use euclidean or l1"
    )


class Few(FiniteSource):
    """330 points, normal."""

    name: ClassVar[str] = "few"
    help: ClassVar[str] = "330 points, for tests"
    shape = (2,)
    value_range = None

    def load(self) -> Values:
        return Values(np.random.default_rng(0).standard_normal((330, 2)))


def test_the_rows_say_where_the_data_limit_n(ask: Call, study_of: Call, rows: Call) -> None:
    found = rows(ask(study_of(Few(), affine(np.eye(2), [0, 0]))))
    note = "n = 30: the most that the 330 samples of few allow for 11 disjoint splits"
    for name in ("w1", "w2", "w1_floor", "w2_floor", "w1_floor_fake"):
        assert (found[name].n, found[name].message) == (30, note)
    chosen = rows(ask(study_of(Few(), affine(np.eye(2), [0, 0]), n=30)))
    assert chosen["w1"].message == ""
