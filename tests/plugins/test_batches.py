"""Batches: what they are cut from, the inequalities between matching in blocks and at once, and their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import ttest_rel

from wganalyze import Samples
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.batches import (
    BlockMatchingError,
    Matching,
    blocks,
    conditional,
    first,
    paired_pvalue,
    ratio_of_means,
    stratified,
    student,
)
from wganalyze_plugins.clustering import Clustering


def matched(study: SnapshotStudy, m: int) -> Matching:
    """The first replicate's."""
    return Matching.of(study, study.real(), study.fake(), m)


def test_blocks_keep_the_order_and_leave_the_rest_out() -> None:
    samples = shifted_gaussians(n=50).real()
    found = blocks(samples, 16)
    assert found.shape == (3, 16, 2)
    assert np.array_equal(found.reshape(48, 2), samples.points[:48])


def test_the_first_samples_have_a_key_of_their_own_and_share_transports() -> None:
    study = shifted_gaussians(n=50)
    real, fake = study.real(), study.fake()
    assert first(real, 50) is real
    few = first(real, 20)
    assert np.array_equal(few.points, real.points[:20])
    assert few.key not in (real.key, first(real, 21).key, first(fake, 20).key, study.real(20).key)
    assert few.shared
    assert study.transport(few, first(fake, 20)) is study.transport(first(real, 20), first(fake, 20))
    # What nobody knows is shared with nobody.
    assert first(real.take(slice(0, 40)), 20).key == ()


@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(2, 12), st.integers(1, 5), st.floats(0, 3))
@settings(max_examples=40)
def test_blocks_cost_no_less_than_all_at_once_and_no_more_than_the_bounds_add(
    seed: int, dim: int, m: int, count: int, shift: float
) -> None:
    study = shifted_gaussians(shift=shift, dim=dim, n=m * count + m // 2, replicates=1, seed=seed)
    found = matched(study, m)
    bias = found.value - found.full.value
    room = 1e-9 * found.value
    assert found.exact
    assert -room <= bias <= found.bound + room
    assert found.bound <= found.bound_metric + room
    if count == 1:
        assert bias == pytest.approx(0, abs=room)
    if count == 1 and dim > 1:  # on the line many matchings are optimal, and the bounds depend on which
        assert found.bound_metric == 0


def test_values_and_bounds_are_those_of_scipys_assignments() -> None:
    study = shifted_gaussians(shift=1, dim=5, n=70)
    found = matched(study, 16)
    x, y = (side.points[:64].astype(float) for side in (study.real(), study.fake()))
    costs = cdist(x, y)
    every = linear_sum_assignment(costs)[1]
    block = np.concatenate([16 * b + linear_sum_assignment(costs[s, s])[1] for b, s in enumerate(slices(4, 16))])
    rows = np.arange(64)
    assert found.full.value == pytest.approx(costs[rows, every].mean(), rel=1e-12)
    assert found.value == pytest.approx(costs[rows, block].mean(), rel=1e-12)
    assert found.bound == pytest.approx(np.abs(costs[rows, block] - costs[rows, every]).mean(), rel=1e-12)
    assert found.bound_metric == pytest.approx(np.linalg.norm(y[block] - y[every], axis=1).mean(), rel=1e-12)


def slices(count: int, m: int) -> list[slice]:
    """Of the blocks."""
    return [slice(m * b, m * (b + 1)) for b in range(count)]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda w: replace(w, full=replace(w.full, value=2 * w.value, lower=2 * w.value)),
        lambda w: replace(w, bound=0.5 * (w.value - w.full.value)),
        lambda w: replace(w, bound_metric=0.5 * w.bound),
    ],
)
def test_a_violation_is_a_fault(wrong: Callable[[Matching], Matching]) -> None:
    found = matched(shifted_gaussians(dim=8, n=64), 16)
    found.check()
    with pytest.raises(BlockMatchingError, match="not in the order that is proved"):
        wrong(found).check()


def test_a_bracket_that_holds_the_value_of_the_blocks_is_no_fault() -> None:
    """A solver that stopped early may come out above the blocks; only its certified lower end counts."""
    found = matched(shifted_gaussians(dim=8, n=64), 16)
    replace(found, full=replace(found.full, value=2 * found.value)).check()


def test_a_ratio_of_means_has_the_interval_of_its_linear_form() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        below = rng.normal(2, 0.2, 60)
        above = 1.5 * below + rng.normal(0, 0.1, 60)
        found: Any = ratio_of_means(above, below)
        assert found.value == pytest.approx(above.mean() / below.mean(), rel=1e-12)
        covered += found.interval.low <= 1.5 <= found.interval.high
    assert 0.92 <= covered / 400 <= 0.98


def test_an_interval_takes_three_batches_and_says_of_what() -> None:
    assert student(np.array([1.0, 2.0])).interval is None
    found: Any = student(np.array([1.0, 2.0, 3.0]))
    assert found.interval.method == "Student t over 3 batches, 95%"
    assert found.interval.low < 2 < found.interval.high


def test_an_interval_says_what_it_is_given() -> None:
    estimate = student(np.arange(4.0))
    assert estimate.interval is not None
    shared = conditional(estimate, "these centroids").interval
    assert shared is not None
    assert shared.method == "Student t over 4 batches, 95%, given these centroids"
    assert (shared.low, shared.high) == (estimate.interval.low, estimate.interval.high)
    assert conditional(student(np.arange(2.0)), "these centroids").interval is None


@given(st.integers(0, 10**6), st.integers(3, 20))
def test_the_paired_test_is_that_of_scipy(seed: int, count: int) -> None:
    first, second = np.random.default_rng(seed).standard_normal((2, count))
    if first.mean() < second.mean():
        known = ttest_rel(first, second, alternative="less").pvalue
        assert paired_pvalue(first.tolist(), second.tolist()) == pytest.approx(known, rel=1e-6)
    else:
        assert paired_pvalue(first.tolist(), second.tolist()) == 1


@pytest.mark.parametrize(
    ("smaller", "larger", "pvalue"),
    [
        ([1.0, 2.0], [5.0, 6.0], 1),  # too few
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 1),  # equal
        ([1.0, 2.0, 3.0], [1 + 1e-8, 2 + 1e-8, 3 + 1e-8], 1),  # up to rounding
        ([1.0, 2.0, 3.0], [2.0, 3.0, 4.0], 0),  # for certain
        ([2.0, 3.0, 4.0], [1.0, 2.0, 3.0], 1),  # the other way round
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 1),
    ],
)
def test_the_paired_test_at_its_ends(smaller: list[float], larger: list[float], pvalue: float) -> None:
    assert paired_pvalue(smaller, larger) == pvalue


def test_stratified_batches_take_their_share_of_every_cluster_to_within_one_sample() -> None:
    rng = np.random.default_rng(0)
    points = np.array([[0.0], [10.0], [20.0]])[rng.choice(3, 67, p=[0.6, 0.3, 0.1])] + rng.normal(0, 0.1, (67, 1))
    clusters = Clustering(np.array([[0.0], [10.0], [20.0]]), np.full(3, 1 / 3), 0.0, "")
    dealt = stratified(Samples(points, (1,)), 8, clusters=clusters)
    assert dealt.shape == (8, 8, 1)
    np.testing.assert_array_equal(np.sort(dealt.ravel()), np.sort(points[:64].ravel()))
    counts = np.stack([np.bincount(np.rint(batch[:, 0] / 10).astype(int), minlength=3) for batch in dealt])
    assert (np.ptp(counts, axis=0) <= 1).all()
