"""Exact transport: closed forms, independent solvers, and a certificate that does not believe the solver."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment, linprog
from scipy.stats import norm
from tests.core.transport.conftest import ground

from wganalyze.transport import METRICS, Transport, cost_matrix, exact, wasserstein
from wganalyze.transport.certificate import CertificateError
from wganalyze.transport.costs import metrics
from wganalyze.transport.costs.working import Flag
from wganalyze.transport.exact import as_problem, certified
from wganalyze.transport.problem import Problem, Solution
from wganalyze.transport.solvers import by_pot
from wganalyze_plugins.funnel import Funnel

Array = npt.NDArray[np.float64]
DIMS = (1, 2, 16, 17, 64)


def assignment(x: Array, y: Array, p: float = 1, metric: str = "euclidean") -> float:
    """W_p of samples of equal sizes by scipy's linear assignment."""
    costs = ground(x, y, metric) ** p
    return float(costs[linear_sum_assignment(costs)].mean() ** (1 / p))


def programme(x: Array, y: Array, a: Array, b: Array, p: float = 1) -> float:
    """W_p of weighted samples by scipy's linear programming."""
    n, m = len(x), len(y)
    marginals = np.concatenate([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    solved: Any = linprog((ground(x, y) ** p).ravel(), A_eq=marginals, b_eq=np.concatenate([a, b]), method="highs")
    assert solved.success
    return float(solved.fun ** (1 / p))


def check(w: Transport, x: Array, y: Array, a: Array | None = None, b: Array | None = None) -> None:
    """What holds for every Transport: a coupling of the marginals, feasible potentials, lower <= value."""
    a = np.full(len(x), 1 / len(x)) if a is None else a
    b = np.full(len(y), 1 / len(y)) if b is None else b
    costs = ground(x, y, w.metric) ** w.p
    u, v = w.potentials
    room = costs - u[:, None] - v[None]
    assert room.min() >= -1e-12 * max(1.0, float(costs.max()))
    assert w.lower <= w.value
    assert w.lower**w.p == pytest.approx(max(0.0, a @ u + b @ v), rel=1e-9, abs=1e-12 * float(costs.max()))
    plan = w.plan.toarray()
    assert plan.shape == costs.shape
    assert plan.min() >= 0
    np.testing.assert_allclose(plan.sum(axis=1), a, atol=1e-12)
    np.testing.assert_allclose(plan.sum(axis=0), b, atol=1e-12)
    assert w.value**w.p == pytest.approx((plan * costs).sum(), rel=1e-9, abs=1e-12 * float(costs.max()))


# ---- known answers


@pytest.mark.parametrize(("dim", "width"), [(2, 4), (16, 4), (17, 8), (64, 16), (128, 4)])
@pytest.mark.parametrize("seed", [0, 1])
def test_paired_funnel_samples_give_the_paired_cost(dim: int, width: int, seed: int) -> None:
    """2206.07767: the pairing of a funnel is optimal, for its laws and so for its samples."""
    x, y = Funnel(f"{dim},{width},{seed}").paired(300, np.random.default_rng(seed + 5))
    shuffled = np.random.default_rng(9).permutation(300)
    w = wasserstein(x, y[shuffled])
    assert w.value == pytest.approx(np.linalg.norm(x - y, axis=1).mean(), rel=1e-9)
    assert w.lower == pytest.approx(w.value, rel=1e-9)
    assert w.exact
    assert w.certificate == "exact"


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("p", [1, 2, 3.5])
@pytest.mark.parametrize("side", ["real", "fake"])
def test_a_dirac_is_at_distance_1_of_its_unit_sphere(dim: int, p: float, side: str) -> None:
    sphere = np.random.default_rng(0).standard_normal((200, dim))
    sphere /= np.linalg.norm(sphere, axis=1)[:, None]
    dirac = np.zeros((50, dim))
    w = wasserstein(dirac, sphere, p) if side == "real" else wasserstein(sphere, dirac, p)
    assert w.value == pytest.approx(1, rel=1e-12)
    assert w.exact


@pytest.mark.parametrize("p", [1, 2, 3])
def test_on_the_line_sorted_samples_are_coupled(p: int) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((400, 1)), 2 + 3 * rng.standard_normal((400, 1))
    expected = (np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0])) ** p).mean() ** (1 / p)
    w = wasserstein(x, y, p)
    assert w.value == pytest.approx(expected, rel=1e-12)
    assert w.exact


@pytest.mark.parametrize("factor", [0.9, 0.999999])
def test_a_coupling_below_its_own_certificate_is_an_error(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metrics.paired_cost
    monkeypatch.setattr(exact, "paired_cost", lambda *arguments: factor * real(*arguments))
    rng = np.random.default_rng(0)
    with pytest.raises(CertificateError, match="exceeds the cost"):
        wasserstein(rng.standard_normal((20, 3)), rng.standard_normal((20, 3)))


def test_quantiles_of_gaussians_approach_the_bures_distance() -> None:
    """W2(N(0, 1), N(m, s^2))^2 = m^2 + (1 - s)^2; n quantiles miss a little in the tails."""
    quantiles = norm.ppf((np.arange(400) + 0.5) / 400)[:, None]
    mean, deviation = 1.5, 2.5
    w = wasserstein(quantiles, mean + deviation * quantiles, 2)
    assert w.value == pytest.approx(math.hypot(mean, 1 - deviation), rel=0.005)
    # Between these very samples the map is linear, and its cost is known to the last digit.
    assert w.value == pytest.approx(math.sqrt(mean**2 + (1 - deviation) ** 2 * (quantiles**2).mean()), rel=1e-12)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_shifted_sample_is_as_far_as_its_shift(dim: int, p: int, size: float) -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((150, dim))
    shift = rng.standard_normal(dim)
    shift *= size / np.linalg.norm(shift)
    y = (x + shift)[rng.permutation(150)]
    w = wasserstein(x, y, p)
    assert w.value == pytest.approx(size, rel=1e-10)
    check(w, x, y)


# ---- independent solvers agree


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("p", [1, 2])
def test_pot_scipy_and_the_certificate_agree(dim: int, metric: str, p: int) -> None:
    rng = np.random.default_rng(dim)
    x, y = rng.standard_normal((120, dim)), 0.5 + rng.standard_normal((120, dim))
    w = wasserstein(x, y, p, metric=metric)
    assert w.value == pytest.approx(assignment(x, y, p, metric), rel=1e-9)
    assert w.exact
    assert (w.p, w.metric, w.solver) == (p, metric, "dense")
    check(w, x, y)


@pytest.mark.parametrize("dim", [2, 64])
def test_they_agree_on_larger_samples(dim: int) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((400, dim)), 0.2 + rng.standard_normal((400, dim))
    w = wasserstein(x, y)
    assert w.value == pytest.approx(assignment(x, y), rel=1e-9)
    assert w.exact


@pytest.mark.parametrize("dim", DIMS)
def test_they_agree_at_an_offset(dim: int) -> None:
    rng = np.random.default_rng(5)
    x, y = 1e3 + rng.standard_normal((100, dim)), 1e3 + rng.standard_normal((100, dim))
    w = wasserstein(x, y)
    assert w.value == pytest.approx(assignment(x, y), rel=1e-9)
    assert w.exact
    check(w, x, y)


@pytest.mark.parametrize("dim", DIMS)
def test_they_agree_on_far_clusters(dim: int) -> None:
    rng = np.random.default_rng(6)
    x, y = (1e3 * rng.integers(0, 2, (60, 1)) + rng.standard_normal((60, dim)) for _ in range(2))
    w = wasserstein(x, y)
    assert w.value == pytest.approx(assignment(x, y), rel=1e-9)
    assert w.exact


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("distance", [1e-4, 1e-7, 1e-11])
def test_nearly_identical_samples_keep_their_digits(dim: int, distance: float) -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal((100, dim))
    y = x + distance * rng.standard_normal((100, dim))
    w = wasserstein(x, y[rng.permutation(100)])
    assert w.value == pytest.approx(assignment(x, y), rel=1e-9)
    assert w.exact


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("metric", METRICS)
def test_identical_samples_are_at_distance_0(p: int, metric: str) -> None:
    x = np.random.default_rng(8).standard_normal((80, 20))
    w = wasserstein(x, x[::-1].copy(), p, metric=metric)
    assert w.value == pytest.approx(0, abs=1e-15)
    assert w.lower == 0
    assert w.exact


@pytest.mark.parametrize("n", [1, 7])
def test_points_that_all_coincide_are_at_distance_0(n: int) -> None:
    x, y = np.full((n, 3), 2.5), np.full((4, 3), 2.5)
    w = wasserstein(x, y)
    assert (w.value, w.lower, w.exact) == (0, 0, True)
    check(w, x, y)
    assert w.plan.nnz <= n + 4


small = arrays(np.int64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.integers(0, 3))


@given(small, small, st.sampled_from([1.0, 2.0]))
def test_ties_duplicates_and_unequal_sizes(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64], p: float) -> None:
    """On a grid of 16 places everything is tied; copies of points turn unequal sizes into an assignment."""
    w = wasserstein(x, y, p)
    copies = math.lcm(len(x), len(y))
    spread = assignment(np.repeat(x, copies // len(x), axis=0), np.repeat(y, copies // len(y), axis=0), p)
    assert w.value**p == pytest.approx(spread**p, rel=1e-9, abs=1e-14)
    assert w.value**p - w.lower**p <= 1e-9 * w.value**p + 1e-13
    check(w, x.astype(float), y.astype(float))


@given(st.integers(0, 10**6))
@settings(max_examples=40)
def test_weights_with_zeros_agree_with_linear_programming(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 9, 2)
    x, y = rng.standard_normal((n, 3)), rng.standard_normal((m, 3))
    a, b = rng.integers(0, 4, n).astype(float), rng.integers(0, 4, m).astype(float)
    a[rng.integers(n)] += 1
    b[rng.integers(m)] += 1
    w = wasserstein(x, y, a=a, b=b)
    a, b = a / a.sum(), b / b.sum()
    assert w.value == pytest.approx(programme(x, y, a, b), rel=1e-9, abs=1e-12)
    assert w.exact
    check(w, x, y, a, b)
    # A point without weight changes nothing.
    kept = wasserstein(x[a > 0], y[b > 0], a=a[a > 0], b=b[b > 0])
    assert w.value == pytest.approx(kept.value, rel=1e-9, abs=1e-14)


def test_weights_are_normalised_and_stand_for_copies() -> None:
    rng = np.random.default_rng(10)
    x, y = rng.standard_normal((5, 4)), rng.standard_normal((7, 4))
    copies = np.array([1, 2, 3, 0, 1])
    weighted = wasserstein(x, y, a=copies, b=np.full(7, 9.0))
    assert weighted.value == pytest.approx(wasserstein(np.repeat(x, copies, axis=0), y).value, rel=1e-12)
    assert weighted.value == wasserstein(x, y, a=torch.tensor(copies), b=torch.ones(7)).value


# ---- properties of a metric on laws


@given(st.integers(0, 10**6), st.sampled_from([1.0, 1.5, 2.0]), st.floats(-3, 3))
@settings(max_examples=60)
def test_scaling_translation_symmetry_and_the_triangle(seed: int, p: float, decade: float) -> None:
    rng = np.random.default_rng(seed)
    n, m, k, dim = (int(i) for i in rng.integers(1, 20, 4))
    x, y, z = (rng.standard_normal((size, dim)) for size in (n, m, k))
    w = wasserstein(x, y, p)
    factor = 10.0**decade
    assert wasserstein(factor * x, factor * y, p).value == pytest.approx(factor * w.value, rel=1e-9)
    shift = 10 * rng.standard_normal(dim)
    assert wasserstein(x + shift, y + shift, p).value == pytest.approx(w.value, rel=1e-9)
    assert wasserstein(y, x, p).value == pytest.approx(w.value, rel=1e-9)
    assert w.value <= (wasserstein(x, z, p).value + wasserstein(z, y, p).value) * (1 + 1e-9)
    # By Jensen, W_p grows with p, and it is at least the distance of the means.
    assert wasserstein(x, y).value <= w.value * (1 + 1e-9)
    assert np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)) <= w.value * (1 + 1e-9)


def test_scalings_by_large_and_small_factors() -> None:
    """The solver's tolerances are absolute, its costs are not."""
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 4))
    w = wasserstein(x, y, 2)
    for factor in (1e-60, 1e-12, 1e12, 1e60):
        scaled = wasserstein(factor * x, factor * y, 2)
        assert scaled.value == pytest.approx(factor * w.value, rel=1e-9)
        assert scaled.exact


# ---- a solver that stops early


@pytest.mark.parametrize("iterations", [1, 2, 20, 100, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_solver_stopped_early_is_seen(iterations: int, weighted: bool) -> None:
    """POT then returns what it has, with a part of the mass still unmoved; the bracket holds all the same."""
    rng = np.random.default_rng(12)
    x, y = rng.standard_normal((200, 5)), 0.3 + rng.standard_normal((150, 5))
    a = rng.integers(0, 3, 200) / 1.0 if weighted else np.ones(200)
    b = rng.integers(0, 3, 150) / 1.0 if weighted else np.ones(150)
    done = wasserstein(x, y, a=a, b=b)
    assert done.exact
    early = certified(as_problem(x, y, a=a, b=b), partial(by_pot, iterations=iterations))
    assert early.value > done.value * (1 + 1e-6)
    assert early.lower <= done.lower * (1 + 1e-12)
    assert early.gap == pytest.approx(early.value - early.lower)
    assert not early.exact
    assert early.certificate == "checked"
    check(early, x, y, a / a.sum(), b / b.sum())


@pytest.mark.parametrize("p", [1, 2])
def test_potentials_of_another_problem_are_seen(p: int) -> None:
    """A right plan with wrong potentials is a value without a proof."""
    x, y = np.random.default_rng(13).standard_normal((2, 60, 3))

    def wrong(problem: Problem, stop: Flag) -> Solution:
        solution = by_pot(problem, stop)
        return replace(solution, v=np.roll(solution.v, 1))

    right = wasserstein(x, y, p, solver="pot")
    w = certified(as_problem(x, y, p), wrong)
    assert w.value == right.value
    assert w.lower < right.lower
    assert not w.exact


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros(3)}, r"x: points are \(n, d\)"),
        ({"y": np.zeros((2, 3, 4))}, r"y: points are \(n, d\)"),
        ({"y": np.zeros((4, 3))}, "x has dimension 2, y has 3"),
        ({"x": [[np.nan, 1.0]]}, "x: NaN or infinity"),
        ({"y": [[np.inf, 1.0]]}, "y: NaN or infinity"),
        ({"p": 0.5}, "p = 0.5: Wasserstein distances need 1 <= p < infinity"),
        ({"p": math.inf}, "p = inf"),
        ({"p": math.nan}, "p = nan"),
        ({"metric": "chebyshev"}, "metric 'chebyshev': choose one of euclidean, l1, cosine"),
        ({"x": np.zeros((1, 2)), "metric": "cosine"}, "a zero vector has no direction"),
        ({"a": [1.0]}, "a: weights are 3 numbers, not negative and not all zero"),
        ({"a": [1.0, -1.0, 1.0]}, "a: weights are 3 numbers"),
        ({"b": [0.0, 0.0]}, "b: weights are 2 numbers"),
        ({"b": [np.nan, 1.0]}, "b: weights are 2 numbers"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"x": np.ones((3, 2)), "y": np.ones((2, 2))}
    with pytest.raises(ValueError, match=message):
        wasserstein(**{**good, **arguments})


@pytest.mark.parametrize(("name", "needed"), [("pot", r"134\.1"), ("dense", r"53\.6")])
def test_what_does_not_fit_in_memory_is_refused_before_it_starts(name: str, needed: str) -> None:
    x = np.zeros((60_000, 1))
    message = rf"60000 x 60000 points need {needed} GiB for the solver {name}, the limit is 12"
    with pytest.raises(MemoryError, match=message):
        wasserstein(x, x, solver=name)
    room = 5 * 8 * 30 * 20
    assert wasserstein(np.zeros((30, 2)), np.ones((20, 2)), memory=room).exact
    with pytest.raises(MemoryError):
        wasserstein(np.zeros((30, 2)), np.ones((21, 2)), memory=room)


def test_tensors_and_integers_give_what_arrays_give() -> None:
    x: npt.NDArray[Any] = np.arange(12).reshape(6, 2)
    y: npt.NDArray[Any] = np.arange(10).reshape(5, 2) ** 2
    expected = wasserstein(x.astype(float), y.astype(float)).value
    assert wasserstein(x, y).value == expected
    assert wasserstein(torch.tensor(x), torch.tensor(y).float().requires_grad_()).value == expected
    assert expected == pytest.approx(programme(x, y, np.full(6, 1 / 6), np.full(5, 1 / 5)), rel=1e-9)


def test_costs_are_the_ground_metric_and_not_its_square() -> None:
    """A trap of other libraries' defaults."""
    assert wasserstein([[0.0, 0.0]], [[3.0, 4.0]]).value == 5
    assert wasserstein([[0.0, 0.0]], [[3.0, 4.0]], 2).value == 5
    assert wasserstein([[0.0, 0.0]], [[3.0, 4.0]], metric="l1").value == 7
    assert wasserstein([[1.0, 0.0]], [[0.0, 9.0]], metric="cosine").value == pytest.approx(1)
    assert cost_matrix([[0.0, 0.0]], [[3.0, 4.0]]) == 5


@pytest.mark.parametrize("scale", [1e-80, 1e-200])
@pytest.mark.parametrize("p", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("n", [30, 700])
def test_what_is_too_small_to_square_is_bracketed_and_no_fault(n: int, p: float, scale: float) -> None:
    x, y = np.random.default_rng(0).standard_normal((2, n, 2))
    plain, small = wasserstein(x, y, p), wasserstein(scale * x, scale * y, p)
    assert 0 <= small.lower / scale <= plain.value * (1 + 1e-9)
    assert small.value / scale >= plain.lower * (1 - 1e-9)
    assert small.exact == (small.value - small.lower <= 1e-9 * small.value)
