"""How real samples are dealt out: disjoint everywhere, and refused in numbers where there are too few."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Preprocessing, Split
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import DataError
from wganalyze.running.sizes import make_deal
from wganalyze.settings.facts import Said
from wganalyze.study.dealing import Deal
from wganalyze.testing import Gaussian

MakeRows = Callable[[int], FiniteSource]


def rows_of(deal: Deal, n: int, split: Split) -> list[float]:
    """The numbers of the rows that a split holds."""
    return list(deal.real(n, split).points[:, 0])


@settings(deadline=None)
@given(n=st.integers(2, 15), replicates=st.integers(1, 6), spare=st.integers(0, 40), seed=st.integers(0, 1000))
def test_no_row_is_dealt_twice(distinct_rows: MakeRows, n: int, replicates: int, spare: int, seed: int) -> None:
    size = n * (2 * replicates + 1) + spare
    deal = make_deal(distinct_rows(size), Said(n=n, replicates=replicates, seed=seed), None)
    assert n <= deal.fit_size <= 10 * n
    dealt = [rows_of(deal, n, Split(name, r)) for r in range(replicates) for name in ("x", "x2")]
    dealt.append(rows_of(deal, deal.fit_size, Split("fit")))
    everything = [row for split in dealt for row in split]
    assert len(set(everything)) == len(everything) == 2 * n * replicates + deal.fit_size


def test_a_smaller_split_is_the_beginning_of_a_larger_one(distinct_rows: MakeRows) -> None:
    deal = make_deal(distinct_rows(100), Said(n=10, replicates=2), None)
    for split in (Split("x"), Split("x2", 1), Split("fit")):
        assert rows_of(deal, 4, split) == rows_of(deal, 10, split)[:4]


def test_splits_hold_no_more_than_planned(distinct_rows: MakeRows) -> None:
    deal = make_deal(distinct_rows(75), Said(n=10, replicates=2), None)
    assert deal.fit_size == 35
    with pytest.raises(DataError, match=r"11 samples of the split 'x' were asked for, the run deals 10"):
        deal.real(11, Split("x"))
    with pytest.raises(DataError, match=r"36 samples of the split 'fit' were asked for, the run deals 35"):
        deal.real(36, Split("fit"))


@pytest.mark.parametrize("replicate", [-1, 2, 3])
def test_a_replicate_that_was_not_planned_would_overlap_and_is_refused(distinct_rows: MakeRows, replicate: int) -> None:
    deal = make_deal(distinct_rows(200), Said(n=10, replicates=2), None)
    for name in ("x", "x2"):
        with pytest.raises(DataError, match=rf"replicate {replicate} .*the run deals 2"):
            deal.real(10, Split(name, replicate))


def test_a_law_is_independent_over_splits_and_replicates() -> None:
    deal = make_deal(Gaussian(1), Said(n=50, replicates=3), None)
    drawn = [deal.real(50, Split(name, r)).points for r in range(3) for name in ("x", "x2")]
    drawn.append(deal.real(500, Split("fit")).points)
    assert len(np.unique(np.concatenate(drawn))) == 6 * 50 + 500
    again = make_deal(Gaussian(1), Said(n=50, replicates=3), None)
    np.testing.assert_array_equal(again.real(50, Split("x", 2)).points, drawn[4])
    other = make_deal(Gaussian(1), Said(n=50, replicates=3, seed=1), None)
    assert not np.array_equal(other.real(50, Split("x", 2)).points, drawn[4])


def test_samples_are_mapped_and_marked_as_shared(distinct_rows: MakeRows) -> None:
    source = distinct_rows(100)
    source.value_range = (0, 100)
    deal = make_deal(source, Said(n=5, replicates=1, range=(0, 1)), None)
    samples = deal.real(5, Split("x"))
    assert samples.shared
    assert samples.key
    assert samples.labels is not None
    np.testing.assert_allclose(np.rint(samples.points[:, 0] * 100) % 10, samples.labels)
    assert deal.space == "critic input [0, 1]"
    assert deal.assumptions == ()


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 1)])
def test_bytes_are_brought_to_the_space_of_the_data(distinct_rows: MakeRows, low: float, high: float) -> None:
    """The data, quantised to bytes in their own range, are the data again."""
    source = distinct_rows(100)
    source.value_range = (0, 99.5)
    deal = make_deal(source, Said(n=4, replicates=2, range=(low, high)), None)
    stored = np.asarray(source.everything.values * 255 / 99.5, np.float32)
    expected = deal.preprocessing.apply(source.everything.values, source.shape)
    np.testing.assert_allclose(deal.from_range(stored, (2,), (0, 255)), expected, atol=1e-6)


def test_the_identity_of_data_is_content_and_preprocessing(distinct_rows: MakeRows) -> None:
    deal = make_deal(distinct_rows(100), Said(n=9), None)
    assert deal.data_id == make_deal(distinct_rows(100), Said(n=5, seed=3, replicates=1), None).data_id
    mapped = replace(deal, preprocessing=Preprocessing((0.0,), (2.0,)))
    assert len({deal.data_id, make_deal(distinct_rows(99), Said(n=5), None).data_id, mapped.data_id}) == 3


def test_a_snapshot_is_marked_with_what_holds_for_the_data(distinct_rows: MakeRows) -> None:
    deal = replace(make_deal(distinct_rows(100), Said(n=5, range=(0, 1)), None), assumptions=("of the data",))
    marked = deal.marked(Snapshot("s", 0, "step", (), assumptions=("its own",)))
    assert marked.assumptions == ("its own", "of the data")
    assert marked.preprocessing == deal.preprocessing
