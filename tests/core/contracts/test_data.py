"""Sources that hold all their rows: dealt without overlap, read once, known by their content."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Split, Values
from wganalyze.errors import DataError

MakeRows = Callable[[int], FiniteSource]


def points(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Normal points."""
    return np.random.default_rng(seed).standard_normal((n, d))


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 200), cut=st.data(), seed=st.integers(0, 2**32 - 1))
def test_offsets_that_do_not_overlap_give_disjoint_rows(
    distinct_rows: MakeRows, size: int, cut: st.DataObject, seed: int
) -> None:
    source = distinct_rows(size)
    cuts = sorted(cut.draw(st.lists(st.integers(0, size), max_size=5)))
    edges = [0, *cuts, size]
    rows: list[float] = []
    for low, high in pairwise(edges):
        drawn = source.draw(high - low, Split("x"), offset=low, seed=seed)
        assert drawn.labels is not None
        np.testing.assert_array_equal(drawn.labels, drawn.values[:, 0].astype(int) % 10)
        rows += drawn.values[:, 0].tolist()
    assert sorted(rows) == list(range(size))


@given(a=st.integers(0, 2**31), b=st.integers(0, 2**31))
def test_the_order_is_the_seeds(distinct_rows: MakeRows, a: int, b: int) -> None:
    def order(seed: int) -> list[float]:
        # The split does not matter: a finite source goes by the offset alone.
        drawn = distinct_rows(50).draw(50, Split("fit", seed % 3), offset=0, seed=seed)
        return list(drawn.values[:, 0])

    assert order(a) == order(a)
    assert (order(a) == order(b)) is (a == b)


def test_more_than_there_is_is_a_data_error(distinct_rows: MakeRows) -> None:
    source = distinct_rows(10)
    assert len(source.draw(10, Split("x"), offset=0, seed=0).values) == 10
    with pytest.raises(DataError, match=r"rows: 11 samples were asked for, there are 10"):
        source.draw(3, Split("x"), offset=8, seed=0)
    with pytest.raises(DataError, match="rows is not a pair"):
        source.draw_pair(3, Split("x"), seed=0)
    assert source.known_w1 is None


class Held(FiniteSource):
    """A source of given values that counts how often it is read."""

    name = "held"
    help = "given values, for tests"

    def __init__(self, values: np.ndarray, labels: np.ndarray | None = None, shape: tuple[int, ...] | None = None):
        self.given = Values(values, labels)
        self.shape = shape or values.shape[1:]
        self.value_range = None
        self.loads = 0

    def load(self) -> Values:
        self.loads += 1
        return self.given


def test_a_finite_source_is_read_once() -> None:
    source = Held(points(20, 3))
    assert (source.size, source.loads) == (20, 1)
    _ = source.digest
    drawn = source.draw(5, Split("x"), offset=0, seed=0)
    assert drawn.labels is None
    assert source.loads == 1


def test_the_digest_is_the_contents() -> None:
    values, labels = points(20, 4), np.arange(20)
    reference = Held(values, labels).digest
    assert Held(np.asfortranarray(values), labels.copy()).digest == reference
    changed = values.copy()
    changed[3, 2] += 1e-12
    others = [
        Held(changed, labels).digest,
        Held(values.astype(np.float32), labels).digest,
        Held(values, labels[::-1]).digest,
        Held(values).digest,
        Held(values, labels, (2, 2)).digest,
        Held(values[:19], labels[:19]).digest,
    ]
    assert len({reference, *others}) == 7
