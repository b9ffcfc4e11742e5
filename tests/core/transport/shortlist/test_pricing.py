"""Keys and limits are lower bounds of what they stand for, and the memory is what the formula says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.distance import cdist

from wganalyze.transport.shortlist.pricing import Geometry, Shortlists, bytes_held

Array = npt.NDArray[np.float64]


def samples(kind: str, n: int, dim: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, dim)), rng.standard_normal((n, dim))
    match kind:
        case "near":
            y = x + 1e-7 * y
        case "offset":
            x, y = x + 1e3, y + 1e3
        case "line":
            x, y = x[:, :1] * np.ones(dim), y[:, :1] * np.ones(dim)
        case "far x":
            x[0] *= 1e4
        case "far y":
            y[0] *= 1e4
        case "clusters":
            x, y = (z + 1e3 * rng.integers(0, 2, (n, 1)) for z in (x, y))
    return x, y


@pytest.mark.parametrize("kind", ["cloud", "near", "offset", "line", "far x", "far y", "clusters"])
@pytest.mark.parametrize("dim", [2, 16, 17, 784])
@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_keys_and_limits_are_lower_bounds(kind: str, dim: int, exponent: float) -> None:
    n = 120
    x, y = samples(kind, n, dim)
    geometry = Geometry(x, y, exponent)
    costs = (cdist(x, y) / geometry.unit) ** exponent
    v = 0.3 * np.median(costs) * np.random.default_rng(1).standard_normal(n)
    lists = Shortlists(geometry, 20)
    lists.price(np.arange(n), v, 10)
    reduced = costs - v[None]
    rounding = 1e-14 * (costs.max() + np.abs(v).max())
    for i in range(n):
        count = lists.count[i]
        assert count == 10
        listed, keys = lists.index[i, :count], lists.key[i, :count]
        assert len(set(listed)) == count
        assert (np.diff(keys) >= 0).all()
        assert (keys <= reduced[i, listed] + rounding).all(), (keys - reduced[i, listed]).max()
        left = np.delete(reduced[i], listed)
        assert lists.limit[i] <= left.min() + rounding, lists.limit[i] - left.min()
        assert (lists.cost[i, :count] < 0).all()


def test_a_list_of_all_but_one_leaves_that_one_out() -> None:
    x, y = np.random.default_rng(2).standard_normal((2, 6, 20))
    lists = Shortlists(Geometry(x, y, 1.0), 100)
    lists.price(np.arange(6), np.zeros(6), 100)
    assert (lists.count == 5).all()
    assert (lists.index[np.arange(6), 0] == cdist(x, y).argmin(axis=1)).all()


def test_only_the_rows_asked_for_are_priced() -> None:
    x, y = np.random.default_rng(3).standard_normal((2, 50, 20))
    lists = Shortlists(Geometry(x, y, 1.0), 8)
    lists.price(np.arange(50), np.zeros(50), 8)
    before = lists.key.copy()
    lists.price(np.array([3, 40]), np.full(50, -1.0), 8)
    changed = (lists.key != before).any(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(changed), [3, 40])
    assert lists.priced == 52


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("dim", [4, 64])
def test_what_is_held_is_within_the_formula(kind: type[np.floating], dim: int) -> None:
    n = 700
    x, y = np.random.default_rng(4).standard_normal((2, n, dim)).astype(kind)
    geometry = Geometry(x, y, 1.0)
    lists = Shortlists(geometry, 256)
    held = sum(array.nbytes for array in (*lists.lists, geometry.x, geometry.y, geometry.x_squares, geometry.y_squares))
    assert 0.8 * held <= bytes_held(n, dim) - 32 * 2**20 <= 1.5 * held


@pytest.mark.parametrize("size", [1, 4 * 40 * 7])
def test_blocks_are_inner_products_of_consecutive_rows(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from wganalyze.transport.shortlist import pricing

    monkeypatch.setattr(pricing, "BLOCK_BYTES", size)
    x, y = np.random.default_rng(5).standard_normal((2, 40, 20))
    geometry = Geometry(x, y, 1.0)
    for rows in (np.arange(40), np.array([5, 2, 39])):
        parts = [(part.copy(), block.copy()) for part, block in geometry.blocks(rows)]
        assert len(parts) > 1 or size > 1
        np.testing.assert_array_equal(np.concatenate([part for part, _ in parts]), rows)
        products = np.concatenate([block for _, block in parts])
        np.testing.assert_allclose(products, geometry.x[rows] @ geometry.y.T, rtol=1e-4, atol=1e-5)
