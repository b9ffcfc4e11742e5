"""Tests between numbers: known answers, and how often equal ones are told apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from wganalyze.report.questions.telling_apart import chosen_by_others, not_among_the_best, paired, unpaired

LEVEL = 0.05
many = st.lists(st.floats(-100, 100), min_size=3, max_size=8)


def few_false_alarms(alarms: list[bool]) -> bool:
    """At most the level, but for noise of four standard deviations."""
    return sum(alarms) <= len(alarms) * LEVEL + 4 * math.sqrt(len(alarms) * LEVEL * (1 - LEVEL))


def test_paired_is_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 6))
    found, known = paired([*a], [*b]), stats.ttest_rel(a, b)
    assert found.pvalue == pytest.approx(known.pvalue)
    assert (found.low, found.high) == pytest.approx([*known.confidence_interval(0.95)])
    assert found.value == pytest.approx(a.mean() - b.mean())


def test_unpaired_is_scipys() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=4), 3 * rng.normal(size=7)
    found, known = unpaired([*a], [*b]), stats.ttest_ind(a, b, equal_var=False)
    assert found.pvalue == pytest.approx(known.pvalue)
    assert (found.low, found.high) == pytest.approx([*known.confidence_interval(0.95)])


@given(many, many)
def test_differences_change_sign_with_their_sides(a: list[float], b: list[float]) -> None:
    size = min(len(a), len(b))
    for one, other in (
        (paired(a[:size], b[:size]), paired(b[:size], a[:size])),
        (unpaired(a, b), unpaired(b, a)),
    ):
        assert one.value == pytest.approx(-other.value)
        assert one.pvalue == pytest.approx(other.pvalue)
        assert (one.low is None) == (one.high is None)
        if one.low is not None and other.high is not None:
            assert one.low == pytest.approx(-other.high, abs=1e-6)


def test_three_equal_whole_numbers_prove_nothing() -> None:
    """4, 4, 4 against 3, 3, 3 has no spread, and would be p = 0 by Student's t."""
    assert paired([4, 4, 4], [3, 3, 3]).pvalue == 0.25
    assert paired([4, 4, 4], [4, 4, 4]).pvalue == 1
    assert not_among_the_best(np.array([[4.0, 4, 4], [3, 3, 3]])) == [0.25, 1.0]


@pytest.mark.parametrize(("k", "count"), [(2, 3), (6, 5), (15, 5)])
@pytest.mark.parametrize("uneven", [False, True])
def test_equal_ones_stay_among_the_best(k: int, count: int, uneven: bool) -> None:
    """However many are compared, whichever looks best: in 95 of 100 reports none of k equal ones is left out."""
    rng = np.random.default_rng(k)
    scales = np.linspace(0.2, 3, k)[:, None] if uneven else 1.0
    alarms = []
    for _ in range(600):
        values = scales * rng.normal(size=(k, count)) + 2 * rng.normal(size=(1, count))
        alarms.append(min(not_among_the_best(values)) <= LEVEL)
    assert few_false_alarms(alarms)
    if not uneven:
        assert any(alarms), "a test that never alarms has no power"


def test_equal_ones_stay_beside_worse_ones() -> None:
    rng = np.random.default_rng(5)
    alarms, found = [], []
    for _ in range(600):
        values = rng.normal(size=(8, 6))
        values[4:] += 30
        pvalues = np.array(not_among_the_best(values))
        alarms.append(bool((pvalues[:4] <= LEVEL).any()))
        found.append(bool((pvalues[4:] <= LEVEL).all()))
    assert few_false_alarms(alarms)
    assert np.mean(found) > 0.95


def test_plain_tests_against_the_best_would_leave_out_too_many() -> None:
    """Why the choice counts: Holm over best-against-each alarms in more than one report of ten."""
    from wganalyze.statistics import holm

    rng = np.random.default_rng(7)
    plain = []
    for _ in range(300):
        values = rng.normal(size=(15, 5))
        best = int(values.mean(axis=1).argmin())
        tests = [paired([*row], [*values[best]]).pvalue or 1.0 for i, row in enumerate(values) if i != best]
        plain.append(min(holm(tests)) <= LEVEL)
    assert not few_false_alarms(plain)


def test_shared_samples_tell_apart_what_their_intervals_do_not() -> None:
    shared = np.array([0.0, 5, -5, 3, -3])
    values = np.stack([10 + shared, 11 + shared + [0.01, -0.01, 0.02, 0, 0]])
    best, worse = not_among_the_best(values)
    assert best > 0.99
    assert worse < 1e-6


def test_the_best_flatters_itself_but_not_where_others_choose() -> None:
    """Ten equal ones of mean 0: the least mean of five is about -0.69; measured where it did not choose, 0."""
    rng = np.random.default_rng(3)
    draws = rng.normal(size=(2000, 10, 5))
    assert np.mean(draws.mean(axis=2).min(axis=1)) < -0.6
    honest = [chosen_by_others(values) for values in draws]
    assert abs(np.mean(honest)) < 4 * np.std(honest) / math.sqrt(len(honest))
