"""The permutation test: its definition on cases small enough to enumerate, its level, and its power."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze.transport import cost_matrix, permutation, permutation_pvalue, permutation_test, wasserstein

Array = npt.NDArray[np.float64]


class Enumerated:
    """Hands out given permutations, in the place of a random generator."""

    def __init__(self, orders: list[tuple[int, ...]]):
        self.orders = iter(orders)

    def permutation(self, size: int) -> npt.NDArray[np.intp]:
        order = np.array(next(self.orders))
        assert len(order) == size
        return order


@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_count_is_that_of_the_definition(p: float, seed: int) -> None:
    """All 24 relabellings of 2 + 2 points, each statistic from ``wasserstein`` itself."""
    x, y = np.random.default_rng(seed).standard_normal((2, 2, 3))
    y += 0.5
    both = np.concatenate([x, y])
    orders = list(itertools.permutations(range(4)))
    statistics = [wasserstein(both[list(o[:2])], both[list(o[2:])], p).value ** p for o in orders]
    observed = wasserstein(x, y, p).value ** p
    as_extreme = sum(s >= observed * (1 - 1e-9) for s in statistics)
    rng: np.random.Generator = Enumerated(orders)  # type: ignore[assignment]
    assert permutation_pvalue([(x, y)], permutations=24, rng=rng, p=p) == (1 + as_extreme) / 25
    # Eight of the 24 are the observed split itself, in another order: a tie counts as extreme.
    assert as_extreme >= 8


def test_replicates_are_summed_and_permuted_within_themselves() -> None:
    """The replicates lie 100 apart: a label that crossed over would make every permuted statistic huge."""
    rng = np.random.default_rng(0)
    pairs = [(100 * r + rng.standard_normal((2, 1)), 100 * r + 2 + rng.standard_normal((2, 1))) for r in range(2)]
    pooled = [np.concatenate(pair) for pair in pairs]
    orders = list(itertools.product(itertools.permutations(range(4)), repeat=2))

    def total(both: tuple[tuple[int, ...], ...]) -> float:
        return sum(wasserstein(z[list(o[:2])], z[list(o[2:])]).value for z, o in zip(pooled, both, strict=True))

    observed = sum(wasserstein(x, y).value for x, y in pairs)
    as_extreme = sum(total(both) >= observed * (1 - 1e-9) for both in orders)
    given: np.random.Generator = Enumerated([o for both in orders for o in both])  # type: ignore[assignment]
    found = permutation_pvalue(pairs, permutations=len(orders), rng=given)
    assert found == (1 + as_extreme) / (1 + len(orders))


@pytest.mark.parametrize("dim", [1, 20])
def test_under_the_null_the_pvalue_is_uniform(dim: int) -> None:
    """B = 19: the p-value takes 1/20 .. 20/20 alike; each level is kept within three standard errors."""
    rng = np.random.default_rng(1)
    cases = 400
    found = np.array(
        [
            permutation_pvalue([tuple(rng.standard_normal((2, 6, dim))) for _ in range(2)], permutations=19, rng=rng)
            for _ in range(cases)
        ]
    )
    assert found.min() >= 1 / 20
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        assert abs((found <= level).mean() - level) <= 3 * np.sqrt(level * (1 - level) / cases)


def test_a_shift_is_told_apart_the_better_the_larger_it_is() -> None:
    def power(shift: float) -> float:
        rng = np.random.default_rng(2)
        pairs = [rng.standard_normal((2, 10, 2)) for _ in range(60)]
        return float(
            np.mean([permutation_pvalue([(x, y + shift)], permutations=19, rng=rng) <= 0.05 for x, y in pairs])
        )

    found = [power(shift) for shift in (0.0, 0.7, 2.0)]
    assert found[0] < 0.2 < found[1] < found[2]
    assert found[2] > 0.95


def test_a_memorising_generator_passes_against_its_own_data() -> None:
    """Identical samples: the observed statistic is 0, which every relabelling reaches."""
    x = np.random.default_rng(3).standard_normal((8, 3))
    assert permutation_pvalue([(x, x)], permutations=50, rng=np.random.default_rng(0)) == 1


@pytest.mark.parametrize("metric", ["l1", "cosine"])
def test_the_ground_metric_counts(metric: str) -> None:
    """Lengths differ, directions do not: cosine alone cannot tell the samples apart."""
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((2, 20, 3))
    found = permutation_pvalue([(x, 50 * y)], permutations=99, rng=rng, metric=metric)
    assert (found > 0.05) == (metric == "cosine")


def test_the_result_is_that_of_the_generator_given() -> None:
    x, y = np.random.default_rng(5).standard_normal((2, 6, 2))
    first, second = (permutation_pvalue([(x, y)], rng=np.random.default_rng(6)) for _ in range(2))
    assert first == second
    assert (first * 200) % 1 == pytest.approx(0, abs=1e-9)


def test_unequal_sizes_and_no_pairs_are_refused() -> None:
    rng = np.random.default_rng(0)
    for pairs in ([], [(np.zeros((3, 1)), np.ones((2, 1)))]):
        with pytest.raises(ValueError, match="pairs of samples of equal sizes"):
            permutation_pvalue(pairs, rng=rng)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(2, 40), st.sampled_from([1, 2, 20]), st.floats(0, 1.5))
@settings(max_examples=40)
def test_cheap_couplings_decide_nothing_else_than_the_best_one(
    seed: int, replicates: int, n: int, dim: int, shift: float
) -> None:
    """The same count as of W1 by the solver, for each permutation."""
    rng = np.random.default_rng(seed)
    pairs = [(x, y + shift / dim) for x, y in (rng.standard_normal((2, n, dim)) for _ in range(replicates))]
    found = permutation_test(pairs, permutations=30, rng=np.random.default_rng(seed))
    orders = np.random.default_rng(seed)
    observed = sum(wasserstein(x, y).value for x, y in pairs)
    pooled = [np.concatenate(pair) for pair in pairs]
    costs = [
        sum(wasserstein(points[order[:n]], points[order[n:]]).value for points, order in zip(pooled, each, strict=True))
        for each in ([orders.permutation(2 * n) for _ in pairs] for _ in range(30))
    ]
    assert found.as_extreme == sum(cost >= observed * (1 - 1e-12) for cost in costs)
    assert found.pvalue == (1 + found.as_extreme) / 31


@given(st.integers(0, 10**6), st.integers(4, 300))
def test_couplings_get_cheaper_and_stay_couplings(seed: int, half: int) -> None:
    """More points than a greedy coupling has neighbours for, too."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((2 * half, 3))
    pool = permutation._Pool(cost_matrix(points, points))
    order = rng.permutation(2 * half)
    costs = [*pool.some(order)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] >= pool.best(order) * (1 - 1e-12)


def test_sampling_stops_at_enough_and_the_p_value_is_what_that_gives() -> None:
    """Besag and Clifford 1991: enough / l where the last of them is the l-th."""
    rng = np.random.default_rng(0)
    pairs = [tuple(rng.standard_normal((2, 20, 2)))]
    whole = [permutation_test(pairs, permutations=k, rng=np.random.default_rng(1)).as_extreme for k in range(1, 200)]
    for enough in (1, 5, 10):
        found = permutation_test(pairs, permutations=1000, enough=enough, rng=np.random.default_rng(1))
        assert found.permutations == 1 + whole.index(enough)
        assert (found.pvalue, found.as_extreme) == (enough / found.permutations, enough)
    far = permutation_test([(x, y + 9) for x, y in pairs], permutations=50, enough=5, rng=rng)
    assert (far.pvalue, far.permutations, far.as_extreme) == (1 / 51, 50, 0)


def test_the_sequential_p_value_is_rarely_small_under_equal_laws() -> None:
    """P(p <= a) <= a; the counts allow for three standard errors."""
    rng = np.random.default_rng(5)
    pvalues = np.array(
        [
            permutation_test([tuple(rng.standard_normal((2, 8, 2)))], permutations=199, enough=5, rng=rng).pvalue
            for _ in range(1000)
        ]
    )
    for level in (0.02, 0.05, 0.1, 0.3):
        assert (pvalues <= level).mean() <= level + 3 * (level * (1 - level) / 1000) ** 0.5


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_the_scale_of_the_points_does_not_matter(scale: float) -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 12, 3))
    for p in (1.0, 2.0):
        plain, scaled = (
            permutation_test([(s * x, s * (y + 0.5))], permutations=50, rng=np.random.default_rng(1), p=p)
            for s in (1.0, scale)
        )
        assert plain == scaled


def test_costs_that_overflow_are_refused() -> None:
    x, y = 1e300 * np.random.default_rng(0).standard_normal((2, 12, 3))
    with pytest.raises(ValueError, match="costs that are finite"):
        permutation_test([(x, y)], rng=np.random.default_rng(1))


@pytest.mark.parametrize("enough", [None, 1, 3, 10])
@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_the_number_of_cores_changes_nothing(monkeypatch: pytest.MonkeyPatch, shift: float, enough: int | None) -> None:
    x, y = np.random.default_rng(3).standard_normal((2, 40, 3))
    found = []
    for cores in (1, 2, 7):
        monkeypatch.setattr(permutation, "workers", lambda cores=cores: cores)
        rng = np.random.default_rng(4)
        found.append(permutation_test([(x, y + shift)] * 2, permutations=60, enough=enough, rng=rng))
    assert found[0] == found[1] == found[2]
