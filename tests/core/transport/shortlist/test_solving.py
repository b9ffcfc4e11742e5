"""The whole solver agrees with independent ones, however poor its start; and where it cannot end, it says so."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import ot
import pytest
from scipy.optimize import linear_sum_assignment
from tests.core.transport.conftest import ground, uphill

from wganalyze.transport.costs.metrics import Metric, metric_name
from wganalyze.transport.costs.working import Flag, Unfinished
from wganalyze.transport.shortlist import TUNING, Solved, Tuning, bytes_held, solve
from wganalyze.transport.shortlist.pricing import Products
from wganalyze.transport.shortlist.solving import ARC_BYTES, COORDINATE_BYTES, Search

Array = npt.NDArray[Any]


def solved(x: Array, y: Array, p: float = 1.0, metric: Metric = "euclidean", a: Any = None, b: Any = None,
           stop: Flag | None = None, tuning: Tuning = TUNING) -> Solved:  # fmt: skip
    """Uniform masses are whole numbers."""
    shared = np.gcd(len(x), len(y))
    a = np.full(len(x), len(y) / shared) if a is None else a
    b = np.full(len(y), len(x) / shared) if b is None else b
    return solve(x, y, a, b, p, metric, np.zeros(1, np.uint8) if stop is None else stop, tuning)


def check(
    found: Solved, x: Array, y: Array, p: float = 1.0, metric: Metric = "euclidean", a: Any = None, b: Any = None
) -> None:
    """The cost of an independent solver, by a flow that has the marginals, proved by potentials that are feasible."""
    flow, n, m = found.flow, len(x), len(y)
    shared = np.gcd(n, m)
    a = np.full(n, m / shared) if a is None else a
    b = np.full(m, n / shared) if b is None else b
    plan = np.zeros((n, m))
    np.add.at(plan, (flow.rows, flow.columns), flow.masses)
    np.testing.assert_allclose(plan.sum(axis=1), a, rtol=1e-12, atol=1e-14 * a.sum())
    np.testing.assert_allclose(plan.sum(axis=0), b, rtol=1e-12, atol=1e-14 * a.sum())
    costs = ground(x, y, metric)
    top = float(costs.max()) or 1.0
    costs = (costs / top) ** p
    total = a.sum()
    cost = float((plan * costs).sum() / total)
    if n == m and np.ptp(a) == np.ptp(b) == 0:
        best = float(costs[linear_sum_assignment(costs)].mean())
    else:
        best = float((ot.emd(a / total, b / total, costs, numItermax=10**9) * costs).sum())
    assert cost == pytest.approx(best, rel=1e-12, abs=1e-15)
    u, v = found.u / top**p, flow.v / top**p
    np.testing.assert_array_equal(flow.u, found.u)
    # ``u`` is the c-transform: feasible, and tight where mass is.
    np.testing.assert_allclose(u, (costs - v).min(axis=1), rtol=0, atol=1e-11 * max(1, np.abs(v).max()))
    assert (a @ u + b @ v) / total == pytest.approx(best, rel=1e-10, abs=1e-13)
    assert found.arcs <= n * m


def clouds(n: int, m: int, dim: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, dim)), 0.3 + rng.standard_normal((m, dim))


@pytest.mark.parametrize("dim", [2, 16, 17, 100])
@pytest.mark.parametrize("p", [1.0, 2.0, 1.5, 3.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_assignments_are_those_of_scipy(dim: int, p: float, kind: type[Any]) -> None:
    x, y = (z.astype(kind) for z in clouds(250, 250, dim, dim))
    found = solved(x, y, p)
    check(found, x, y, p)
    # Whole masses move as a whole.
    np.testing.assert_array_equal(found.flow.masses, 1)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "l1", uphill], ids=metric_name)
@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("shape", [(300, 170), (110, 290), (240, 240)])
@pytest.mark.parametrize("weights", ["uniform", "random"])
def test_any_sizes_weights_and_metrics_are_those_of_pot(
    metric: Metric, p: float, shape: tuple[int, int], weights: str
) -> None:
    rng = np.random.default_rng(1)
    x, y = clouds(*shape, 20)
    a = b = None
    if weights == "random":
        a, b = rng.exponential(size=shape[0]), rng.exponential(size=shape[1])
        b *= a.sum() / b.sum()
    check(solved(x, y, p, metric, a, b), x, y, p, metric, a, b)


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("dim", [3, 40])
@pytest.mark.parametrize("p", [1.0, 3.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_points_of_any_size(size: float, dim: int, p: float, kind: type[Any]) -> None:
    x, y = ((size * z).astype(kind) for z in clouds(150, 200, dim))
    check(solved(x, y, p), x, y, p)


@pytest.mark.parametrize("n", [1, 2, 30, TUNING.base, TUNING.base + 1])
@pytest.mark.parametrize("m", [1, 3, TUNING.base + 1])
def test_few_points(n: int, m: int) -> None:
    x, y = clouds(n, m, 5)
    found = solved(x, y)
    check(found, x, y)
    if max(n, m) <= TUNING.base:
        assert found.arcs == n * m


@pytest.mark.parametrize("dim", [2, 30])
def test_far_from_0_and_near_each_other(dim: int) -> None:
    """What float32 cannot tell apart is found by the certificate, and priced in float64 from then on."""
    rng = np.random.default_rng(2)
    x = 100 + rng.standard_normal((200, dim))
    y = x[rng.permutation(200)] + 1e-5 * rng.standard_normal((200, dim))
    check(solved(x, y), x, y)
    x32, y32 = x.astype(np.float32), y.astype(np.float32)
    check(solved(x32, y32), x32, y32)


# ---- a poor start


@pytest.mark.parametrize("dim", [2, 20])
@pytest.mark.parametrize("metric", ["euclidean", "l1"])
@pytest.mark.parametrize("shape", [(200, 200), (150, 220)])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_it_costs_rounds_and_not_the_truth(dim: int, metric: Metric, shape: tuple[int, int], p: float) -> None:
    x, y = clouds(*shape, dim)
    good = solved(x, y, p, metric)
    poor = solved(x, y, p, metric, tuning=Tuning(listed=2, active=1, base=5, ratio=20))
    check(poor, x, y, p, metric)
    assert poor.rounds > good.rounds


def test_without_any_pass_of_pricing_the_proofs_find_the_rest() -> None:
    x, y = clouds(200, 200, 20)
    check(solved(x, y, tuning=Tuning(passes=0, proofs=1000)), x, y)


# ---- where it ends


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "l1"])
@pytest.mark.parametrize("n", [50, 200])
def test_it_stops_when_it_is_told_to(metric: Metric, n: int) -> None:
    with pytest.raises(Unfinished):
        solved(*clouds(n, n, 20), metric=metric, stop=np.ones(1, np.uint8))


def test_it_stops_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = np.zeros(1, np.uint8)
    calls: list[int] = []
    real = Products.nearest

    def counted(self: Products, v: Array, size: int) -> tuple[Array, Array]:
        calls.append(1)
        stop[0] = len(calls) == 4
        return real(self, v, size)

    monkeypatch.setattr(Products, "nearest", counted)
    with pytest.raises(Unfinished):
        solved(*clouds(300, 300, 20), stop=stop)
    assert len(calls) == 4


def test_without_a_proof_it_is_not_finished() -> None:
    with pytest.raises(Unfinished):
        solved(*clouds(150, 150, 20), tuning=Tuning(proofs=0))


def degenerate(kind: str) -> tuple[Array, Array]:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 300, 30))
    match kind:
        case "constant":
            return np.ones((300, 30)), np.ones((300, 30))
        case "two places":
            return np.ones((300, 30)), np.full((300, 30), 2.0)
        case "outlier":
            y[0] = 1e6
        case "duplicates":
            return x[rng.integers(0, 3, 300)], x[rng.integers(0, 3, 300)]
        case "unequal duplicates":
            return x[rng.integers(0, 5, 300)], y[rng.integers(0, 7, 222)]
        case "collinear":
            return rng.standard_normal((300, 1)) * rng.random(784), rng.standard_normal((300, 1)) * rng.random(784)
        case "one line":
            along = rng.random(784)
            return rng.standard_normal((300, 1)) * along, rng.standard_normal((300, 1)) * along
        case "the same":
            return x, x[rng.permutation(300)]
    return x, y


KINDS = ["constant", "two places", "outlier", "duplicates", "unequal duplicates", "collinear", "one line", "the same"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("single", [False, True])
def test_degenerate_points_end_soon(kind: str, p: float, single: bool) -> None:
    x, y = degenerate(kind)
    if single:
        x, y = x.astype(np.float32), y.astype(np.float32)
    found = solved(x, y, p)
    check(found, x, y, p)
    assert found.rounds <= TUNING.passes + TUNING.proofs


@pytest.mark.parametrize("dim", [17, 784])
@pytest.mark.parametrize("factor", [1.0, 1e4])
@pytest.mark.parametrize("slope", ["ones", "random"])
def test_collinear_points_in_high_dimension_are_proved(dim: int, factor: float, slope: str) -> None:
    """Inner products in float32 add up their rounding here, and a list's bounds must stay bounds."""
    rng = np.random.default_rng(3)
    along = np.ones(dim) if slope == "ones" else rng.random(dim)
    x, y = (factor * rng.standard_normal((300, 1)) * along for _ in range(2))
    check(solved(x, y), x, y)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_result_is_the_same_each_time(single: bool, metric: Metric) -> None:
    x, y = clouds(220, 220, 24)
    if single:
        x, y = x.astype(np.float32), y.astype(np.float32)
    first, again = solved(x, y, 1.0, metric), solved(x, y, 1.0, metric)
    np.testing.assert_array_equal(first.flow.v, again.flow.v)
    np.testing.assert_array_equal(first.flow.columns, again.flow.columns)
    assert (first.rounds, first.arcs) == (again.rounds, again.arcs)


# ---- what it holds


def test_memory_grows_with_points_and_not_with_pairs() -> None:
    """By copies of the points, and the arcs; of either side alike."""
    assert bytes_held(0, 0, 10) == 0
    for n, m in ((10, 10), (10**6, 10**6), (3, 10**5)):
        assert bytes_held(n + 1, m, 8) - bytes_held(n, m, 8) == 8 * COORDINATE_BYTES + TUNING.held * ARC_BYTES
        assert bytes_held(n, m + 1, 8) - bytes_held(n, m, 8) == 8 * COORDINATE_BYTES + TUNING.held * ARC_BYTES
        assert bytes_held(n, m, 9) - bytes_held(n, m, 8) == COORDINATE_BYTES * (n + m)


MEASURED = """
import ctypes, sys, threading, time
import numpy as np, psutil
from wganalyze.transport.costs.blocks import BLOCK_BYTES, workers
from wganalyze.transport.shortlist import bytes_held
from wganalyze.transport import wasserstein

def places(n, dim, rng, some):
    points = some[rng.integers(0, len(some), n)]
    points[: n // 2] += 1e-5 * rng.standard_normal((n // 2, dim))
    return points.astype(np.float32)

n, dim = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
some = rng.standard_normal((n // 20, dim))
x, y = places(n, dim, rng, some), places(n, dim, rng, some)
wasserstein(x[:700, :dim], y[:700, :dim], solver="shortlist")
ctypes.CDLL("libc.so.6").malloc_trim(0)
process, most, over = psutil.Process(), [0], threading.Event()

def watch():
    while not over.wait(0.002):
        most[0] = max(most[0], process.memory_info().rss)

start = process.memory_info().rss
thread = threading.Thread(target=watch)
thread.start()
found = wasserstein(x, y, solver="shortlist")
over.set()
thread.join()
assert found.solver == "shortlist"
print(most[0] - start, bytes_held(n, n, dim) + 4 * workers() * BLOCK_BYTES)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc gives its heap back there")
@pytest.mark.parametrize(("n", "dim"), [(3000, 64), (1500, 3072)])
def test_what_is_held_is_within_the_formula(n: int, dim: int) -> None:
    """Places that many points share: many rounds, many arcs, float64 in the end. Some blocks of rows come on top."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(n), str(dim)], capture_output=True, text=True, timeout=200, check=True
    )
    rise, allowed = map(int, done.stdout.split())
    assert 0 < rise <= allowed


@pytest.mark.parametrize("dim", [2, 20])
@pytest.mark.parametrize("shape", [(300, 300), (150, 400)])
@pytest.mark.parametrize("metric", ["euclidean", "l1"])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_arcs_that_are_given_up_are_priced_again(
    dim: int, shape: tuple[int, int], metric: Metric, p: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists of 32 come in, and few are held: what goes must come back where it is needed."""
    few = Tuning(active=1, held=2)
    x, y = clouds(*shape, dim)
    pruned: list[int] = []
    real = Search._prune

    def counted(self: Search) -> None:
        before = len(self.arcs)
        real(self)
        pruned.append(before - len(self.arcs))
        if metric == "euclidean":  # L1 has ties
            assert len(self.arcs) <= few.held * sum(self._pricing.shape)

    monkeypatch.setattr(Search, "_prune", counted)
    check(solved(x, y, p, metric, tuning=few), x, y, p, metric)
    assert max(pruned) > 0
