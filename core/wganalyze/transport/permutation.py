"""Are two samples told apart by W1? A permutation test, with the statistic summed over replicates.

Most permutations need no optimal coupling: where any coupling of the permuted samples is cheaper than the observed
cost, so is the best one. So a greedy coupling is tried first, then one improved by exchanges, and a solver last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.blocks import workers
from wganalyze.transport.costs.compiled import kernel
from wganalyze.transport.costs.metrics import Array, cost_matrix
from wganalyze.transport.dense import assign

TIE = 1e-12
NEAREST = 64
"""Neighbours of a point that a greedy coupling looks at before it looks at all."""
CLOSE = 16
"""Places that an exchange may give to a point."""
ROUNDS = 4
"""Of exchanges."""

Order = npt.NDArray[np.intp]


@dataclass(frozen=True)
class PermutationTest:
    """``pvalue``, from ``permutations`` of which ``as_extreme`` cost as much as what was observed, or more."""

    pvalue: float
    permutations: int
    as_extreme: int


def permutation_test(
    pairs: Sequence[tuple[Array, Array]],
    *,
    permutations: int = 199,
    enough: int | None = None,
    rng: np.random.Generator,
    p: float = 1,
    metric: str = "euclidean",
) -> PermutationTest:
    """Test P = Q by T, the sum over ``pairs`` (x, y) of equal sizes of their transport costs W_p^p.

    Labels are permuted within each pair. The p-value is (1 + #{T* >= T}) / (1 + B); with ``enough``, sampling stops at
    the permutation l that is the last of so many with T* >= T, and it is enough / l (Besag and Clifford 1991). Under
    P = Q it is uniform or larger, at any n: an exact test either way.
    ValueError for no pairs, samples of unequal sizes, or costs that overflow.
    """
    if not pairs or any(len(x) != len(y) for x, y in pairs):
        raise ValueError("a permutation test takes pairs of samples of equal sizes, at least one pair")
    costs = [cost_matrix(both, both, metric) for both in (np.concatenate(pair) for pair in pairs)]
    top = max(float(each.max()) for each in costs)
    if not math.isfinite(top):
        raise ValueError("a permutation test takes costs that are finite; scale the points")
    pools = [_Pool((each / (top or 1.0)) ** p) for each in costs]
    observed = math.fsum(pool.best(np.arange(pool.size)) for pool in pools)
    threshold = observed * (1 - TIE)
    as_extreme = 0
    with ThreadPoolExecutor(workers(), thread_name_prefix="wganalyze-permutations") as threads:
        for drawn in range(0, permutations, workers()):
            together = range(drawn + 1, min(drawn + workers(), permutations) + 1)
            orders = [[rng.permutation(pool.size) for pool in pools] for _ in together]
            cheaper = threads.map(lambda each: _is_cheaper(pools, each, threshold), orders)
            for number, is_cheaper in zip(together, cheaper, strict=True):
                as_extreme += not is_cheaper
                if as_extreme == enough:
                    return PermutationTest(as_extreme / number, number, as_extreme)
    return PermutationTest((1 + as_extreme) / (1 + permutations), permutations, as_extreme)


def permutation_pvalue(
    pairs: Sequence[tuple[Array, Array]],
    *,
    permutations: int = 199,
    rng: np.random.Generator,
    p: float = 1,
    metric: str = "euclidean",
) -> float:
    """The p-value of ``permutation_test`` on all ``permutations``."""
    return permutation_test(pairs, permutations=permutations, rng=rng, p=p, metric=metric).pvalue


class _Pool:
    """Both samples of a pair, 2n points with their costs (2n, 2n); an order of them makes n rows and n columns."""

    def __init__(self, costs: Array):
        self.costs = costs
        self.size = len(costs)
        few = min(NEAREST, self.size - 1)
        nearest = np.argpartition(costs, few, axis=1)[:, : few + 1]
        ranks = np.argsort(np.take_along_axis(costs, nearest, axis=1), axis=1)
        self._nearest = np.take_along_axis(nearest, ranks, axis=1)

    def best(self, order: Order) -> float:
        """The cost of the cheapest coupling of the first half to the second."""
        half = self.size // 2
        block = self.costs[np.ix_(order[:half], order[half:])]
        u, v, columns = np.empty(half), np.empty(half), np.empty(half, np.int32)
        assign(block, u, v, columns)
        return float(block[np.arange(half), columns].mean())

    def some(self, order: Order) -> Iterator[float]:
        """Costs of couplings, each cheaper than the one before: greedy, then improved by exchanges."""
        partner, owner = np.empty(self.size, np.intp), np.empty(self.size, np.intp)
        yield _couple(order, self.costs, self._nearest, partner, owner)
        places = np.empty((self.size, CLOSE), np.intp)
        counts = np.empty(self.size, np.intp)
        _close_columns(order, self._nearest, places, counts)
        for _ in range(ROUNDS):
            yield _exchange(order, self.costs, places, counts, partner, owner)


def _is_cheaper(pools: Sequence[_Pool], orders: Sequence[Order], threshold: float) -> bool:
    """Is the sum of the least costs of these orders below the threshold? By the cheapest means that tell."""
    each = list(zip(pools, orders, strict=True))
    costs: list[float] = []
    for some in zip(*(pool.some(order) for pool, order in each), strict=True):
        costs = list(some)
        if math.fsum(costs) < threshold:
            return True
    for i, (pool, order) in enumerate(each):
        costs[i] = min(costs[i], pool.best(order))
        if math.fsum(costs) < threshold:
            return True
    return False


@kernel()
def _couple(order: Any, costs: Any, nearest: Any, partner: Any, owner: Any) -> Any:
    """Fill ``partner`` of the first half of ``order`` with points of the second, ``owner`` with its inverse."""
    size = len(order)
    half = size // 2
    free = np.zeros(size, np.bool_)
    for k in range(half, size):
        free[order[k]] = True
    total = 0.0
    for k in range(half):
        i = order[k]
        found = -1
        for j in nearest[i]:
            if free[j]:
                found = j
                break
        if found < 0:
            least = np.inf
            for j in range(size):
                if free[j] and costs[i, j] < least:
                    least = costs[i, j]
                    found = j
        free[found] = False
        partner[i] = found
        owner[found] = i
        total += costs[i, found]
    return total / half


@kernel()
def _close_columns(order: Any, nearest: Any, places: Any, counts: Any) -> None:
    """For each point of the first half, the nearest of the second: ``counts`` of them in a row of ``places``."""
    size = len(order)
    is_column = np.zeros(size, np.bool_)
    for k in range(size // 2, size):
        is_column[order[k]] = True
    for k in range(size // 2):
        i = order[k]
        count = 0
        for j in nearest[i]:
            if is_column[j]:
                places[i, count] = j
                count += 1
                if count == places.shape[1]:
                    break
        counts[i] = count


@kernel()
def _exchange(order: Any, costs: Any, places: Any, counts: Any, partner: Any, owner: Any) -> Any:
    """The mean cost after a round: each point looks for two or three that do better with each other's partners.

    A cycle that gains has a point from which its sums of gains are all above 0 (Lin and Kernighan 1973, section 1), so
    that the search ends early.
    """
    half = len(order) // 2
    for a in range(half):
        i = order[a]
        own = partner[i]
        most, first, second = 0.0, -1, -1
        for s in range(counts[i]):
            j = places[i, s]
            gain = costs[i, own] - costs[i, j]
            if gain <= 0:
                break
            k = owner[j]
            freed = gain + costs[k, j]
            if freed - costs[k, own] > most:
                most, first, second = freed - costs[k, own], j, -1
            for t in range(counts[k]):
                other = places[k, t]
                gain = freed - costs[k, other]
                if gain <= 0:
                    break
                m = owner[other]
                if other in (j, own) or m == i:
                    continue
                closed = gain + costs[m, other] - costs[m, own]
                if closed > most:
                    most, first, second = closed, j, other
        if first >= 0:
            last = owner[first]
            partner[i], owner[first] = first, i
            if second >= 0:
                k, last = last, owner[second]
                partner[k], owner[second] = second, k
            partner[last], owner[own] = own, last
    total = 0.0
    for a in range(half):
        total += costs[order[a], partner[order[a]]]
    return total / half
