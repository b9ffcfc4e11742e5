"""How large the samples of a run are: said or by default, and refused in numbers where there are too few."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wganalyze.contracts.data import FiniteSource
from wganalyze.errors import DataError, UsageError
from wganalyze.running.sizes import ENDLESS, largest_n, make_deal
from wganalyze.settings import defaults
from wganalyze.settings.facts import Said
from wganalyze.study.dealing import Deal
from wganalyze.testing import Gaussian

MakeRows = Callable[[int], FiniteSource]


def test_the_default_n_is_what_the_source_can_give(distinct_rows: MakeRows) -> None:
    assert make_deal(distinct_rows(1797), Said(), None).n == 1797 // 11
    assert make_deal(distinct_rows(1797), Said(replicates=3), None).n == 1797 // 7
    assert make_deal(distinct_rows(50_000), Said(), None).n == defaults.N
    law = make_deal(Gaussian(2), Said(), None)
    assert (law.n, law.replicates, law.fit_size, law.seed) == (
        defaults.N,
        defaults.REPLICATES,
        10 * defaults.N,
        defaults.SEED,
    )


def test_too_few_samples_are_refused_in_numbers(distinct_rows: MakeRows) -> None:
    with pytest.raises(DataError) as caught:
        make_deal(distinct_rows(100), Said(data="rows:100", n=20, replicates=3), None)
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


def test_held_out_is_what_the_user_says_else_what_the_source_knows(distinct_rows: MakeRows) -> None:
    source = distinct_rows(100)
    source.held_out = True
    assert make_deal(source, Said(), None).held_out is True
    assert make_deal(source, Said(held_out=False), None).held_out is False


def test_stored_samples_bound_the_default_of_n_too(distinct_rows: MakeRows) -> None:
    def deal(stored: int, n: int | None = None) -> Deal:
        said = Said(replicates=2) if n is None else Said(n=n, replicates=2)
        return make_deal(distinct_rows(600), said, None, stored)

    assert deal(300).n == 300 // 5
    assert deal(300).size_note == "n = 60: the most that the 300 samples that are stored allow for 5 disjoint splits"
    assert deal(9000).n == 600 // 5
    assert deal(300, n=100).n == 100
    assert [deal(stored, n=100).fit_size for stored in (300, 500, 590, 900)] == [200, 100, 190, 200]
    with pytest.raises(DataError, match="there are 7 samples that are stored"):
        deal(7)


def test_as_many_as_there_are(distinct_rows: MakeRows) -> None:
    deal = make_deal(distinct_rows(50_000), Said(n="max", replicates=2), None)
    assert (deal.n, deal.size_note) == (10_000, "n = 10000: the most that there is for disjoint splits")
    assert make_deal(distinct_rows(50_000), Said(n="max", replicates=2), None, stored=100).n == 20
    with pytest.raises(UsageError, match="testing-gaussian has no end; add --budget 5m"):
        make_deal(Gaussian(2), Said(n="max"), None)
    with pytest.raises(UsageError, match="--budget chooses n"):
        make_deal(Gaussian(2), Said(n=100, budget=1.0), None)
    assert make_deal(Gaussian(2), Said(n="max", budget=1.0), None).n == defaults.N


@pytest.mark.parametrize(
    ("said", "stored", "n"),
    [
        (Said(), None, 2000),
        (Said(n="max"), None, 10_000),
        (Said(n="max"), 100, 20),
        (Said(), 100, 20),
    ],
)
def test_the_largest_n(distinct_rows: MakeRows, said: Said, stored: int | None, n: int) -> None:
    assert largest_n(distinct_rows(50_000), said, stored, 2) == n
    assert largest_n(Gaussian(2), said, stored, 2) == (n if stored or said.get("n") is None else ENDLESS)


def test_a_deal_is_called_as_the_user_called_its_source(distinct_rows: MakeRows) -> None:
    assert make_deal(distinct_rows(100), Said(data="rows:100"), None).text == "rows:100"
    assert make_deal(distinct_rows(100), Said(), None).text == "rows"
