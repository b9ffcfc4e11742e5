"""Means with intervals, ranks and corrections agree with scipy, scikit-learn, and their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from wganalyze.statistics import auc, holm, of_median, student_t


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=30), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_student_t_agrees_with_scipy(values: list[float], level: float) -> None:
    estimate = student_t(tuple(values), level)
    assert math.isclose(estimate.value, float(np.mean(values)), rel_tol=1e-12, abs_tol=1e-9)
    assert estimate.interval is not None
    if np.std(values) > 1e-6:
        low, high = stats.t.interval(level, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
        assert math.isclose(estimate.interval.low, float(low), rel_tol=1e-9, abs_tol=1e-8)
        assert math.isclose(estimate.interval.high, float(high), rel_tol=1e-9, abs_tol=1e-8)
    assert estimate.interval.method == f"Student t over {len(values)} replicates, {level:.0%}"


def test_no_interval_below_three_replicates() -> None:
    for values in ((1.0,), (1.0, 2.0)):
        estimate = student_t(values)
        assert estimate.interval is None
        assert (estimate.value, estimate.replicates, estimate.values) == (
            sum(values) / len(values),
            len(values),
            values,
        )
    constant = student_t((2.0, 2.0, 2.0)).interval
    assert constant is not None
    assert (constant.low, constant.high) == (2.0, 2.0)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40))
def test_an_interval_of_the_median_is_between_order_statistics(values: list[float]) -> None:
    estimate, count = of_median(values), len(values)
    assert math.isclose(estimate.value, float(np.mean(values)), rel_tol=1e-12, abs_tol=1e-9)
    if count < 5:  # the least and the largest of four hold the median in 87.5%
        assert estimate.interval is None
        return
    interval, ordered = estimate.interval, sorted(values)
    assert interval is not None
    k = max([k for k in range(1, count // 2 + 1) if 2 * stats.binom.cdf(k - 1, count, 0.5) <= 0.05], default=1)
    assert interval.low == min(ordered[k - 1], estimate.value)
    assert interval.high == max(ordered[-k], estimate.value)
    coverage = 1 - 2 * stats.binom.cdf(k - 1, count, 0.5)
    assert interval.method == f"median, by order over {count} replicates, {coverage:.3g}"


def test_an_interval_of_the_median_of_very_many() -> None:
    interval = of_median(range(2000)).interval
    assert interval is not None
    assert interval.low == pytest.approx(1000 - 44, abs=2)  # 1.96 sqrt(n) / 2


@pytest.mark.parametrize(("count", "coverage"), [(5, 0.9375), (6, 0.96875), (10, 0.978515625)])
def test_it_covers_the_median_of_every_law_as_it_says(count: int, coverage: float) -> None:
    """Also of the heaviest tails and of a rare mode, where Student t covers the mean in half of the cases."""
    rng = np.random.default_rng(0)
    laws = (rng.standard_cauchy((4000, count)), np.exp(3 * rng.standard_normal((4000, count))))
    for draws, median in zip(laws, (0.0, 1.0), strict=True):
        intervals = [of_median(row).interval for row in draws]
        hits = np.mean([i is not None and i.low <= median <= i.high for i in intervals])
        assert hits >= coverage - 4 * (coverage * (1 - coverage) / 4000) ** 0.5


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40), st.lists(st.integers(-5, 5), min_size=1, max_size=40))
def test_auc_agrees_with_sklearn_ties_included(positive: list[int], negative: list[int]) -> None:
    truth = [1] * len(positive) + [0] * len(negative)
    expected = roc_auc_score(truth, positive + negative)
    assert math.isclose(auc(np.array(positive, float), np.array(negative, float)), expected, abs_tol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_its_definition(pvalues: list[float]) -> None:
    """Holm 1979: the largest, over those not above it, of (how many are not below) times p; at most 1."""
    corrected = holm(pvalues)
    for p, adjusted in zip(pvalues, corrected, strict=True):
        # Ties: the k-th smallest of equal values is met first with the largest factor.
        below = [(sum(q >= r for q in pvalues)) * r for r in pvalues if r <= p]
        assert adjusted == pytest.approx(min(1.0, max(below)))
        assert p <= adjusted <= 1
    # Rejecting adjusted values at 5% is the step-down procedure itself.
    order = np.argsort(pvalues, kind="stable")
    rejected = set()
    for rank, index in enumerate(order):
        if pvalues[index] * (len(pvalues) - rank) > 0.05:
            break
        rejected.add(int(index))
    assert {i for i, q in enumerate(corrected) if q <= 0.05} == rejected


def test_holm_of_known_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.8, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
