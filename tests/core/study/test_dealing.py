"""How real samples are dealt out: disjoint everywhere, and refused in numbers where there are too few."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Preprocessing, Samples, Split, Values
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.errors import DataError, UsageError
from wganalyze.running.sizes import make_deal, with_assumptions
from wganalyze.settings.facts import Said
from wganalyze.settings.defaults import DEFAULT_N
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


def test_the_default_n_is_what_the_source_can_give(distinct_rows: MakeRows) -> None:
    assert make_deal(distinct_rows(1797), Said(), None).n == 1797 // 11
    assert make_deal(distinct_rows(1797), Said(replicates=3), None).n == 1797 // 7
    assert make_deal(distinct_rows(50_000), Said(), None).n == DEFAULT_N
    law = make_deal(Gaussian(2), Said(), None)
    assert (law.n, law.replicates, law.fit_size, law.seed) == (DEFAULT_N, 5, 10 * DEFAULT_N, 0)


def test_too_few_samples_are_refused_in_numbers(distinct_rows: MakeRows) -> None:
    with pytest.raises(DataError) as caught:
        make_deal(distinct_rows(100), Said(n=20, replicates=3), None)
    text = str(caught.value)
    for number in ("--n 20", "3 replicates", "7 disjoint splits", "140 samples", "rows:100 has 100", "at most --n 14"):
        assert number in text
    make_deal(distinct_rows(100), Said(n=14, replicates=3), None)


@pytest.mark.parametrize("n", [1, 0, -5])
def test_a_split_needs_two(distinct_rows: MakeRows, n: int) -> None:
    with pytest.raises(DataError, match=rf"--n {n}: at least 2 samples a split"):
        make_deal(distinct_rows(100), Said(n=n), None)
    with pytest.raises(DataError, match=r"at least 2 samples a split are needed; there are 9 samples of rows"):
        make_deal(distinct_rows(9), Said(), None)


@pytest.mark.parametrize("replicates", [0, -1])
def test_there_is_at_least_one_replicate(replicates: int) -> None:
    with pytest.raises(UsageError, match=rf"--replicates {replicates}: at least 1"):
        make_deal(Gaussian(2), Said(replicates=replicates), None)


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


def test_held_out_is_what_the_user_says_else_what_the_source_knows(distinct_rows: MakeRows) -> None:
    source = distinct_rows(100)
    source.held_out = True
    assert make_deal(source, Said(), None).held_out is True
    assert make_deal(source, Said(held_out=False), None).held_out is False


# Preprocessing, found from the first generator where nobody said it


def ending_in(last: nn.Module | None, scale: float = 10.0) -> Snapshot:
    """A snapshot whose generator ends in this activation."""
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": scale * torch.eye(2), "bias": torch.zeros(2)})
    net = nn.Sequential(layer, last) if last is not None else layer
    return Snapshot("first", 0, "step", (), make_generator=lambda: net.eval(), latent=Latent(shape=(2,)))


@pytest.mark.parametrize(
    ("last", "name"),
    [(nn.Tanh(), "[-1, 1]"), (nn.Sigmoid(), "[0, 1]")],
)
def test_the_range_is_read_off_the_generator_and_said(distinct_rows: MakeRows, last: nn.Module, name: str) -> None:
    source = distinct_rows(100)
    source.value_range = (0, 255)
    first = ending_in(last)
    deal = make_deal(source, Said(), first)
    assert deal.preprocessing.name == name
    assert f"data brought to {name}: the generator of first ends between" in deal.assumptions[0]
    marked = with_assumptions(deal, first)
    assert marked.assumptions == deal.assumptions
    assert marked.preprocessing == deal.preprocessing


def test_a_generator_of_no_usual_range_must_be_explained(distinct_rows: MakeRows) -> None:
    source = distinct_rows(100)
    source.value_range = (0, 255)
    with pytest.raises(UsageError, match=r"neither \[0, 1\] nor \[-1, 1\]: say --range"):
        make_deal(source, Said(), ending_in(None))
    assert make_deal(source, Said(range=(0, 255)), ending_in(None)).preprocessing.name == "[0, 255]"


def test_without_a_generator_the_usual_range_is_assumed(distinct_rows: MakeRows) -> None:
    source = distinct_rows(100)
    source.value_range = (0, 255)
    deal = make_deal(source, Said(), None)
    assert deal.preprocessing.name == "[-1, 1]"
    assert len(deal.assumptions) == 1
    source.value_range = None
    stored = make_deal(source, Said(), None)
    assert stored.preprocessing == Preprocessing()
    assert stored.assumptions == ("data used as stored, in [0, 99.5] (set --range or --normalize)",)


def test_a_range_without_one_of_their_own_maps_what_the_values_span(distinct_rows: MakeRows) -> None:
    source = distinct_rows(100)
    deal = make_deal(source, Said(range=(-1, 1)), None)
    assert deal.assumptions == ("data mapped to [-1, 1] from [0, 99.5], which their values span",)
    points = deal.preprocessing.apply(source.everything.values, source.shape)
    assert (points.min(), points.max()) == (-1, 1)


def test_a_law_has_no_range_to_map_from() -> None:
    with pytest.raises(UsageError, match="--range: ring states no range of its own"):
        make_deal(Gaussian(2), Said(range=(-1, 1)), None)


@pytest.mark.parametrize(
    ("config", "value_range", "reason"),
    [
        (Said(range=(1, -1)), (0, 1), r"--range/--normalize: a range needs LOW < HIGH"),
        (Said(normalize=((0.5,), (0.0,))), (0, 1), r"--range/--normalize: --normalize needs"),
    ],
)
def test_a_map_that_makes_no_sense_is_a_usage_error(
    distinct_rows: MakeRows, config: Said, value_range: tuple[float, float] | None, reason: str
) -> None:
    source = distinct_rows(100)
    source.value_range = value_range
    with pytest.raises(UsageError, match=reason):
        make_deal(source, config, None)


def test_stored_samples_bound_the_default_of_n_too(distinct_rows: MakeRows) -> None:
    def deal(stored: int, n: int | None = None) -> Deal:
        return make_deal(distinct_rows(600), Said(n=n, replicates=2), None, stored)

    assert deal(300).n == 300 // 5
    assert deal(300).size_note == "n = 60: the most that the 300 samples that are stored allow for 5 disjoint splits"
    assert deal(9000).n == 600 // 5
    assert deal(300, n=100).n == 100
    assert [deal(stored, n=100).fit_size for stored in (300, 500, 590, 900)] == [200, 100, 190, 200]
    with pytest.raises(DataError, match="there are 7 samples that are stored"):
        deal(7)


class Levels(FiniteSource):
    """Rows of values from 0 to 16, as scikit-learn's digits have them."""

    name = "levels"
    help = "for tests"
    shape = (2,)
    value_range = (0, 16)

    def load(self) -> Values:
        return Values(np.arange(200, dtype=np.float64).reshape(100, 2) % 17)


@pytest.mark.parametrize(("low", "high", "expected"), [(-1, 1, (-1, 1)), (0.02, 0.99, (0, 1))])
def test_the_range_is_read_from_stored_samples_where_no_generator_shows_it(
    low: float, high: float, expected: tuple[float, float]
) -> None:
    points = np.linspace(low, high, 12, dtype=np.float32).reshape(6, 2)
    stored = Snapshot("s", 0, "", (), make_samples=lambda: Samples(points, (2,)))
    deal = make_deal(Levels(), Said(n=4, replicates=2), stored)
    assert deal.preprocessing == Preprocessing.to_range((0, 16), *expected)
    assert "the samples of s lie between" in deal.assumptions[0]


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 1)])
def test_bytes_are_brought_to_the_space_of_the_data(low: float, high: float) -> None:
    """The data, quantised to bytes in their own range, are the data again."""
    source = Levels()
    deal = make_deal(source, Said(n=4, replicates=2, range=(low, high)), None)
    stored = np.asarray(source.everything.values * 255 / 16, np.float32)
    expected = deal.preprocessing.apply(source.everything.values, source.shape)
    np.testing.assert_allclose(deal.from_range(stored, (2,), (0, 255)), expected, atol=1e-6)


def test_as_many_as_there_are(distinct_rows: MakeRows) -> None:
    deal = make_deal(distinct_rows(50_000), Said(n="max", replicates=2), None)
    assert (deal.n, deal.size_note) == (10_000, "n = 10000: the most that there is for disjoint splits")
    assert make_deal(distinct_rows(50_000), Said(n="max", replicates=2), None, stored=100).n == 20
    with pytest.raises(UsageError, match="gaussian has no end; add --budget 20s"):
        make_deal(Gaussian(2), Said(n="max"), None)
    with pytest.raises(UsageError, match="--budget is for --n max"):
        make_deal(Gaussian(2), Said(n=100, budget=1.0), None)


def test_as_many_as_a_time_allows() -> None:
    deal = make_deal(Gaussian(2), Said(n="max", budget=1e-9, replicates=2), None)
    assert (deal.n, deal.size_note) == (500, "n = 500: the most for which one exact W1 ends in 1e-09 s here")
    more = make_deal(Gaussian(2), Said(n="max", budget=2.0, replicates=2), None)
    assert more.n >= 1000
    assert more.n % 500 == 0
