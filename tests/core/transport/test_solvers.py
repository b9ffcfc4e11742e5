"""Every solver that takes a problem agrees with two libraries, on any data; which one was chosen is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from tests.core.transport.conftest import ground, uphill

from wganalyze.transport import Transport, wasserstein
from wganalyze.transport.costs.metrics import Metric
from wganalyze.transport.exact import as_problem, certified
from wganalyze.transport.problem import DENSE_SIZE, Problem
from wganalyze.transport.shortlist import Tuning, bytes_held
from wganalyze.transport.solvers import SOLVERS, by_shortlists, bytes_needed, solve
from wganalyze_plugins.funnel import Funnel

Array = npt.NDArray[np.float64]
POWERS = (1.0, 2.0, 1.5, 3.0)
KINDS = ("cloud", "grid", "duplicates", "line", "near", "constant", "two places", "clusters")


def by_scipy(costs: Array, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> float:
    """Weights in whole numbers are copies of points; copies turn any two sizes into an assignment."""
    copies = math.lcm(int(a.sum()), int(b.sum()))
    rows, columns = (
        np.repeat(np.arange(len(a)), a * (copies // a.sum())),
        np.repeat(np.arange(len(b)), b * (copies // b.sum())),
    )
    spread = costs[np.ix_(rows, columns)]
    return math.fsum(spread[linear_sum_assignment(spread)]) / copies


def by_pot(costs: Array, a: Array, b: Array) -> float:
    plan = ot.emd(a / a.sum(), b / b.sum(), costs, numItermax=10**9)
    return float((plan * costs).sum())


def agree(w: Transport, x: Array, y: Array, metric: Metric = "euclidean", a: Any = None, b: Any = None) -> None:
    """To 1e-12, with the largest cost brought to 1 (1 - cos is there already); at W = 0 absolutely."""
    costs = ground(x, y, metric)
    top = 1.0 if metric == "cosine" else float(costs.max()) or 1.0
    powers = (costs / top) ** w.p
    whole_a = np.ones(len(x), np.int64) if a is None else a.astype(np.int64)
    whole_b = np.ones(len(y), np.int64) if b is None else b.astype(np.int64)
    found = (w.value / top) ** w.p
    # The network simplex has an absolute tolerance of its own.
    own = 1e-15 if w.solver == "dense" else 1e-14
    assert found == pytest.approx(by_scipy(powers, whole_a, whole_b), rel=1e-12, abs=own)
    assert found == pytest.approx(by_pot(powers, whole_a / 1.0, whole_b / 1.0), rel=1e-12, abs=1e-14)
    # The proof is one of costs ** p: in these its rounding is that of the largest.
    assert found - (w.lower / top) ** w.p <= 1e-9 * found + 1e-14, (w, w.gap)


@dataclass(frozen=True)
class Data:
    """What hypothesis prints: from this, two samples."""

    kind: str
    n: int
    m: int
    dim: int
    decade: int
    offset: float
    single: bool
    seed: int

    def samples(self) -> tuple[Array, Array]:
        rng = np.random.default_rng(self.seed)
        x, y = rng.standard_normal((self.n, self.dim)), 0.3 + rng.standard_normal((self.m, self.dim))
        match self.kind:
            case "grid":
                x, y = np.round(x), np.round(y)
            case "duplicates":
                places = rng.standard_normal((3, self.dim))
                x, y = places[rng.integers(0, 3, self.n)], places[rng.integers(0, 3, self.m)]
            case "line":
                x, y = x[:, :1] * np.ones(self.dim), y[:, :1] * np.ones(self.dim)
            case "near":
                y = x[rng.integers(0, self.n, self.m)] + 1e-8 * y
            case "constant":
                x[:], y[:] = x[0], x[0]
            case "two places":
                x[:], y[:] = x[0], y[0]
            case "clusters":
                x, y = (z + 1e3 * rng.integers(0, 2, (len(z), 1)) for z in (x, y))
        x, y = (10.0**self.decade * (z + self.offset) for z in (x, y))
        return (x.astype(np.float32), y.astype(np.float32)) if self.single else (x, y)


def data(least: int = 1, most: int = 12, square: bool = False) -> st.SearchStrategy[Data]:
    def built(n: int, m: int, **rest: Any) -> Data:
        return Data(n=n, m=n if square else m, **rest)

    return st.builds(
        built,
        n=st.integers(least, most),
        m=st.integers(least, most),
        kind=st.sampled_from(KINDS),
        dim=st.sampled_from([1, 2, 3, 5, 16, 17, 40]),
        decade=st.integers(-12, 12),
        offset=st.sampled_from([0.0, 10.0]),
        single=st.booleans(),
        seed=st.integers(0, 10**6),
    )


# ---- two independent solvers


@given(data(), st.sampled_from(POWERS), st.sampled_from(["euclidean", "cosine", "l1", uphill]))
@settings(max_examples=200)
def test_any_sizes(problem: Data, p: float, metric: Metric) -> None:
    x, y = problem.samples()
    if metric == "cosine" and min(np.abs(x).max(axis=1).min(), np.abs(y).max(axis=1).min()) == 0:
        x, y = x + 10.0**problem.decade, y + 10.0**problem.decade / 2
    if metric == "cosine" and min(np.abs(x).max(axis=1).min(), np.abs(y).max(axis=1).min()) == 0:
        return
    for name in ("auto", "shortlist", "pot"):
        w = wasserstein(x, y, p, metric=metric, solver=name)
        assert w.solver == name or name == "auto"
        agree(w, x, y, metric)


@given(data(), st.sampled_from(POWERS))
@settings(max_examples=100)
def test_weights_with_zeros(problem: Data, p: float) -> None:
    x, y = problem.samples()
    rng = np.random.default_rng(problem.seed + 1)
    a, b = rng.integers(0, 4, len(x)), rng.integers(0, 4, len(y))
    a[rng.integers(len(x))] += 1
    b[rng.integers(len(y))] += 1
    for name in ("auto", "shortlist", "pot"):
        agree(wasserstein(x, y, p, a, b, solver=name), x, y, "euclidean", a, b)


@given(data(3, 30, square=True), st.sampled_from(POWERS), st.sampled_from(["euclidean", "cosine", "l1", uphill]))
@settings(max_examples=100)
def test_every_solver_of_equal_sizes(problem: Data, p: float, metric: Metric) -> None:
    x, y = problem.samples()
    if metric == "cosine" and min(np.abs(x).max(axis=1).min(), np.abs(y).max(axis=1).min()) == 0:
        return
    for name in SOLVERS:
        w = wasserstein(x, y, p, metric=metric, solver=name)
        assert w.solver == name
        agree(w, x, y, metric)


@given(data(6, 40, square=True), st.sampled_from(POWERS), st.booleans())
@settings(max_examples=60)
def test_lists_that_are_short_of_the_truth(problem: Data, p: float, weighted: bool) -> None:
    """Two columns in a list, one arc to a point, and a smaller problem of a twentieth: pricing decides."""
    x, y = problem.samples()
    rng = np.random.default_rng(problem.seed + 1)
    a = rng.integers(1, 4, len(x)) if weighted else np.ones(len(x), np.int64)
    b = rng.permutation(a)
    tuning = Tuning(listed=2, active=1, base=5, ratio=20)
    w = certified(as_problem(x, y, p, a, b), partial(by_shortlists, tuning=tuning))
    assert w.solver == "shortlist"
    agree(w, x, y, "euclidean", a, b)


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "l1", uphill])
@pytest.mark.parametrize("name", ["shortlist", "dense"])
@pytest.mark.parametrize("dim", [5, 64])
def test_at_some_hundreds_of_points(p: float, metric: Metric, name: str, dim: int) -> None:
    rng = np.random.default_rng(dim)
    x, y = rng.standard_normal((300, dim)), 0.3 + rng.standard_normal((300, dim))
    w = wasserstein(x, y, p, metric=metric, solver=name)
    assert w.solver == name
    agree(w, x, y, metric)


@pytest.mark.parametrize("name", list(SOLVERS))
@pytest.mark.parametrize("dim", [8, 64])
def test_float32_points_have_the_cost_of_float64(name: str, dim: int) -> None:
    rng = np.random.default_rng(4)
    x, y = (100 + rng.standard_normal((2, 200, dim))).astype(np.float32)
    narrow = wasserstein(x, y, solver=name)
    assert narrow.value == pytest.approx(wasserstein(x.astype(float), y.astype(float), solver=name).value, rel=1e-14)
    assert wasserstein(torch.tensor(x), torch.tensor(y), solver=name).value == narrow.value
    agree(narrow, x, y)


@pytest.mark.parametrize("dim", [16, 128])
@pytest.mark.parametrize("single", [False, True])
def test_paired_funnels_by_shortlists(dim: int, single: bool) -> None:
    """2206.07767: the pairing is optimal, and so the paired cost is known without any solver."""
    x, y = Funnel(f"{dim},4,0").paired(1500, np.random.default_rng(5))
    if single:
        x, y = x.astype(np.float32), y.astype(np.float32)
    w = wasserstein(x, y[np.random.default_rng(9).permutation(1500)])
    assert w.solver == "shortlist"
    paired = np.linalg.norm(x.astype(float) - y, axis=1).mean()
    # Rounded to float32, the pairing is optimal up to that rounding, and no coupling costs more than the best.
    assert w.value <= paired * (1 + 1e-12)
    assert w.value == pytest.approx(paired, rel=1e-6 if single else 1e-12)
    assert w.exact


# ---- identities


@pytest.mark.parametrize("name", list(SOLVERS))
@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("dim", [4, 30])
def test_symmetry_scaling_shift_and_permutation(name: str, p: float, dim: int) -> None:
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((100, dim)), 0.5 + rng.standard_normal((100, dim))
    w = wasserstein(x, y, p, solver=name).value
    shift, order = 10 * rng.standard_normal(dim), rng.permutation(100)
    for other in ((y, x), (x + shift, y + shift), (x[order], y), (x, y[order]), (-x, -y), (x[:, ::-1], y[:, ::-1])):
        assert wasserstein(*other, p, solver=name).value == pytest.approx(w, rel=1e-12)
    for factor in (1e-12, 3.0, 1e12):
        assert wasserstein(factor * x, factor * y, p, solver=name).value == pytest.approx(factor * w, rel=1e-12)


@given(st.integers(0, 10**6), st.sampled_from(["euclidean", "l1"]), st.sampled_from(POWERS))
@settings(max_examples=60)
def test_the_triangle_inequality_of_metrics(seed: int, metric: str, p: float) -> None:
    rng = np.random.default_rng(seed)
    dim = int(rng.integers(1, 6))
    x, y, z = (np.round(2 * rng.standard_normal((int(rng.integers(1, 12)), dim))) for _ in range(3))
    xy, yz, xz = (wasserstein(*pair, p, metric=metric).value for pair in ((x, y), (y, z), (x, z)))
    assert xz <= (xy + yz) * (1 + 1e-12) + 1e-14


def test_one_minus_cosine_breaks_the_triangle() -> None:
    """So that nobody takes it for a metric."""
    x, y, z = [[1.0, 0.0]], [[1.0, 1.0]], [[0.0, 1.0]]
    xy, yz, xz = (wasserstein(*pair, metric="cosine").value for pair in ((x, y), (y, z), (x, z)))
    assert xz == pytest.approx(1)
    assert xy + yz < 0.6


# ---- which solver, and what is refused


def uniform(n: int, m: int, dim: int, metric: Metric = "euclidean") -> Problem:
    return Problem(np.zeros((n, dim)), np.zeros((m, dim)), np.full(n, 1 / n), np.full(m, 1 / m), 1.0, metric)


@pytest.mark.parametrize(
    ("problem", "choice"),
    [
        (uniform(10, 10, 64), "dense"),
        (uniform(10, 10, 64, uphill), "dense"),
        (uniform(10, 11, 64), "pot"),
        (uniform(DENSE_SIZE, DENSE_SIZE, 64), "dense"),
        (uniform(DENSE_SIZE, 2, 64), "pot"),
        (uniform(2, DENSE_SIZE + 1, 64), "shortlist"),
        (uniform(5000, 5000, 64), "shortlist"),
        (uniform(5000, 5000, 64, "cosine"), "shortlist"),
        (uniform(5000, 5000, 2), "shortlist"),
        (uniform(5000, 5000, 64, "l1"), "shortlist"),
        (uniform(5000, 5000, 64, uphill), "shortlist"),
        (uniform(5000, 4999, 64), "shortlist"),
    ],
)
def test_the_choice_goes_by_the_problem(problem: Problem, choice: str) -> None:
    assert problem.choice == choice


def test_weights_decide_too_and_points_without_weight_do_not() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((2, 20, 4))
    assert wasserstein(x, y).solver == "dense"
    assert wasserstein(x, y, a=np.full(20, 3.0)).solver == "dense"
    assert wasserstein(x, y, a=np.arange(20)).solver == "pot"
    # Two of each are out: 18 points of equal weight are left.
    weights = np.where(np.arange(20) < 2, 0.0, 1.0)
    w = wasserstein(x, y, a=weights, b=weights)
    assert w.solver == "dense"
    assert w.value == pytest.approx(wasserstein(x[2:], y[2:], solver="pot").value, rel=1e-12)
    assert w.exact


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"solver": "simplex"}, "solver 'simplex': choose auto, dense, shortlist, pot"),
        (
            {"solver": "dense", "y": np.ones((4, 2))},
            "solver 'dense' takes samples of equal sizes and weights; choose shortlist or pot",
        ),
        ({"solver": "dense", "a": [1, 2, 3]}, "solver 'dense' takes samples of equal sizes and weights"),
        ({"solver": "dense", "b": [0, 1, 1]}, "solver 'dense' takes samples of equal sizes and weights"),
        ({"solver": "shortlist", "metric": "l2"}, "metric 'l2': choose one of euclidean, l1, cosine"),
    ],
)
def test_a_solver_that_does_not_fit_is_refused(arguments: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"x": np.zeros((3, 2)), "y": np.ones((3, 2))}
    with pytest.raises(ValueError, match=message):
        wasserstein(**{**good, **arguments})


@pytest.mark.parametrize(("n", "m"), [(1, 1), (4, 6), (600, 1000), (7, 7)])
def test_masses_are_whole_numbers_or_in_the_ratio_of_the_weights(n: int, m: int) -> None:
    """Uniform ones have exact sums; all have one total."""
    a, b = uniform(n, m, 2).masses
    assert np.ptp(a) == np.ptp(b) == 0
    assert a.sum() == b.sum() == math.lcm(n, m)
    given_a, given_b = np.random.default_rng(15).random(n + 1), np.random.default_rng(16).random(m)
    a, b = Problem(np.zeros((n + 1, 2)), np.zeros((m, 2)), given_a, given_b, 1.0, "euclidean").masses
    assert a.sum() == pytest.approx(b.sum(), rel=1e-14)
    np.testing.assert_allclose(a / a.sum(), given_a / given_a.sum(), rtol=1e-14)
    np.testing.assert_allclose(b / b.sum(), given_b / given_b.sum(), rtol=1e-14)


@pytest.mark.parametrize("name", ["auto", *SOLVERS])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_nan_and_infinity_are_refused(name: str, bad: float, kind: Any) -> None:
    x, y = np.random.default_rng(8).standard_normal((2, 5, 3)).astype(kind)
    y[3, 1] = bad
    for pair in ((x, y), (y, x)):
        with pytest.raises(ValueError, match="NaN or infinity among the points"):
            wasserstein(*pair, solver=name)


@pytest.mark.parametrize(
    "cost",
    [lambda x, y: cdist(x, y)[:, :-1], lambda x, y: -cdist(x, y), lambda x, y: cdist(x, y) * np.nan, lambda x, y: 1.0],
)
def test_a_function_that_gives_no_costs_is_refused(cost: Any) -> None:
    x, y = np.random.default_rng(8).standard_normal((2, 5, 3))
    with pytest.raises(ValueError, match=r"costs are \(5, 5\) numbers"):
        wasserstein(x, y, metric=cost)


@pytest.mark.parametrize(("name", "needed"), [("dense", 2 * 8 * 50 * 50), ("pot", 5 * 8 * 50 * 50), ("shortlist", 0)])
def test_memory_is_refused_by_the_formula(name: str, needed: int) -> None:
    x, y = np.random.default_rng(9).standard_normal((2, 50, 6))
    needed = needed or bytes_held(50, 50, 6)
    assert wasserstein(x, y, solver=name, memory=needed).exact
    with pytest.raises(MemoryError, match=f"50 x 50 points need .* GiB for the solver {name}, the limit is"):
        wasserstein(x, y, metric=lambda *_: pytest.fail("started"), solver=name, memory=needed - 1)


# ---- a shortlist that does not finish

UNPROVED = partial(by_shortlists, tuning=Tuning(proofs=0))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("m", [120, 80])
def test_without_proof_pot_answers(metric: str, p: float, m: int) -> None:
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((120, 10)), 0.4 + rng.standard_normal((m, 10))
    w = certified(as_problem(x, y, p, metric=metric), partial(solve, solver=UNPROVED))
    assert w.solver == "pot, after shortlist did not finish"
    agree(w, x, y, metric)


def test_where_pot_would_not_fit_it_says_so() -> None:
    x, y = np.random.default_rng(11).standard_normal((2, 300, 10))
    problem = as_problem(x, y)
    with pytest.raises(
        MemoryError, match=r"do not get to an end on these 300 points, and POT would need .* take fewer"
    ):
        solve(problem, np.zeros(1, np.uint8), UNPROVED, bytes_needed(problem, "pot") - 1)


def test_pot_is_not_called_after_an_interruption() -> None:
    x, y = np.random.default_rng(13).standard_normal((2, 30, 8))
    with pytest.raises(KeyboardInterrupt):
        solve(as_problem(x, y), np.ones(1, np.uint8), by_shortlists)
