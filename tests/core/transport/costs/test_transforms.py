"""The c-transform is the minimum over all pairs, whatever float32 excludes on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from tests.core.transport.conftest import ground

from wganalyze.transport import METRICS
from wganalyze.transport.costs import transforms
from wganalyze.transport.costs.metrics import Metric
from wganalyze.transport.costs.transforms import FEWEST, attained_transform, c_transform
from wganalyze.transport.costs.working import Unfinished

Array = npt.NDArray[np.float64]
POWERS = (1.0, 2.0, 1.5, 3.0)


def check(x: Array, y: Array, v: Array, p: float = 1, metric: Metric = "euclidean", rel: float = 1e-12) -> None:
    """Equal to brute force, to rounding of what is subtracted at the minimum."""
    terms = ground(x, y, metric) ** p
    values = terms - v[None]
    least = values.argmin(axis=1)
    rows = np.arange(len(x))
    u = c_transform(x, y, v, p, metric)
    assert (np.abs(u - values[rows, least]) <= rel * (terms[rows, least] + np.abs(v[least]))).all()


def upside_down(x: Array, y: Array) -> Array:
    """A cost that is neither symmetric nor a metric."""
    return np.asarray((cdist(x, y) - x[:, :1]) ** 2)


@pytest.mark.parametrize("dim", [1, 7, 8, 64, 3000])
@pytest.mark.parametrize("metric", [*METRICS, upside_down])
@pytest.mark.parametrize("p", POWERS)
def test_it_is_the_brute_force_minimum(dim: int, metric: Metric, p: float) -> None:
    rng = np.random.default_rng(dim)
    x, y = rng.standard_normal((70, dim)), 0.3 + rng.standard_normal((131, dim))
    # Of the size at which the potentials of a solved problem are: who is the minimum is open.
    v = ground(x, y, metric).std() * rng.standard_normal(131)
    # Under cosine and L1 the blocks of the costs lose near pairs' last digits.
    check(x, y, v, p, metric, rel=1e-11)


@pytest.mark.parametrize("n", [1, FEWEST - 1, FEWEST, 131])
@pytest.mark.parametrize("m", [1, FEWEST, 255, 256, 257, 600])
@pytest.mark.parametrize("dim", [3, 20])
def test_sizes_that_are_no_multiples_of_blocks(n: int, m: int, dim: int) -> None:
    rng = np.random.default_rng(n + m)
    check(rng.standard_normal((n, dim)), rng.standard_normal((m, dim)), 0.5 * rng.standard_normal(m), rel=1e-11)


@pytest.mark.parametrize("offset", [0.0, 10.0, 1e4])
@pytest.mark.parametrize("dim", [2, 64, 784])
@pytest.mark.parametrize("near", [1e-2, 1e-7, 1e-10])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_near_duplicates_far_from_0_are_found(offset: float, dim: int, near: float, kind: Any) -> None:
    """The near one has no advantage in v but its distance: taking any other would be wrong by all of that distance."""
    rng = np.random.default_rng(0)
    x = (offset + rng.standard_normal((90, dim))).astype(kind)
    y = np.concatenate([x + near * rng.standard_normal(x.shape), x - near * rng.standard_normal(x.shape)]).astype(kind)
    for p in POWERS:
        check(x, y, np.zeros(180), p)
        check(x, y, near**p * rng.standard_normal(180), p)


@pytest.mark.parametrize("dim", [8, 300, 3000])
@pytest.mark.parametrize("near", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("p", POWERS)
def test_the_exclusion_is_sound_where_float32_sees_nothing(dim: int, near: float, p: float) -> None:
    """Clusters at +-r: |x| |y| is r^2, distances are near r, and 1/3 is rounded the same way in every coordinate."""
    rng = np.random.default_rng(1)
    side = rng.choice([-1.0, 1.0], (170, 1)) / 3
    points = side + near * rng.standard_normal((170, dim))
    x, y = points[:80], points[80:]
    within = ground(x, y, "euclidean")
    size = float(np.median(within[within < within.max() / 2])) ** p
    for v in (np.zeros(90), 0.1 * size * rng.standard_normal(90), size * rng.standard_normal(90)):
        check(x, y, v, p)


@pytest.mark.parametrize("largest", [1e3, 1e6, 1e9])
def test_one_far_point_takes_float32_from_the_others(largest: float) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 100, 30))
    x[0] *= largest
    y[1] *= largest
    for p in POWERS:
        check(x, y, np.zeros(100), p)
        check(x, y, rng.standard_normal(100), p)
        # A far point that is wanted by all.
        check(x, y, np.where(np.arange(100) == 1, 10 * largest**p, 0.0), p, rel=1e-11)


@pytest.mark.parametrize("metric", [*METRICS, upside_down])
@pytest.mark.parametrize("sizes", [(5, 6), (80, 90)])
def test_minus_infinity_leaves_out(metric: Metric, sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    n, m = sizes
    x, y, v = rng.standard_normal((n, 20)), rng.standard_normal((m, 20)), rng.standard_normal(m)
    out = rng.random(m) < 0.5
    out[0], out[1] = True, False
    with_all = c_transform(x, y, np.where(out, -np.inf, v), metric=metric)
    np.testing.assert_allclose(with_all, c_transform(x, y[~out], v[~out], metric=metric), rtol=1e-12, atol=1e-13)
    assert (c_transform(x, y, np.full(m, -np.inf), metric=metric) == np.inf).all()


@pytest.mark.parametrize("dim", [3, 50])
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("n", [1, 3, FEWEST + 1, FEWEST + 3, 77])
def test_blocks_change_nothing(dim: int, p: float, n: int) -> None:
    """Of one row, of some and of all; where rows are many, the last block has one, three or some."""
    rng = np.random.default_rng(4)
    x, y, v = rng.standard_normal((n, dim)), rng.standard_normal((88, dim)), rng.standard_normal(88)
    whole = c_transform(x, y, v, p)
    for size in (1, 8 * 88 * 10, 8 * 88 * 30):
        np.testing.assert_allclose(c_transform(x, y, v, p, block_bytes=size), whole, rtol=1e-15, atol=1e-15)


# ---- where it is attained


@pytest.mark.parametrize("dim", [3, 30])
@pytest.mark.parametrize("metric", [*METRICS, upside_down])
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("sizes", [(5, 6), (90, 333)])
def test_it_is_attained_where_it_says(dim: int, metric: Metric, p: float, sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    n, m = sizes
    x, y = rng.standard_normal((n, dim)), 0.3 + rng.standard_normal((m, dim))
    terms = ground(x, y, metric) ** p
    for v in (np.zeros(m), terms.std() * rng.standard_normal(m), np.where(rng.random(m) < 0.5, -np.inf, 0.0)):
        u, at = attained_transform(x, y, v, p, metric)
        rows = np.arange(n)
        np.testing.assert_allclose(terms[rows, at] - v[at], u, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(u, (terms - v).min(axis=1), rtol=1e-11, atol=1e-12)
        np.testing.assert_array_equal(c_transform(x, y, v, p, metric), u)


@pytest.mark.parametrize("dim", [3, 30])
@pytest.mark.parametrize("metric", METRICS)
def test_a_hint_changes_nothing_be_it_good_or_bad(dim: int, metric: Metric) -> None:
    """One that is left out of the minimum neither."""
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((80, dim)), rng.standard_normal((130, dim))
    v = np.where(rng.random(130) < 0.2, -np.inf, 0.3 * rng.standard_normal(130))
    u, at = attained_transform(x, y, v, metric=metric)
    for near in (at, rng.integers(0, 130, 80), rng.integers(-1, 130, 80), np.full(80, np.isneginf(v).argmax())):
        hinted, place = attained_transform(x, y, v, metric=metric, near=near)
        np.testing.assert_array_equal(hinted, u)
        np.testing.assert_array_equal(place, at)


@pytest.mark.parametrize("dim", [8, 100])
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("most", [0, 1, 3])
def test_rows_that_float32_gives_up_have_the_same_minimum(
    dim: int, p: float, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Near the minimum are many: with no more than a few exact costs allowed, rows go to float64, all or some."""
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((90, dim)), rng.standard_normal((140, dim))
    v = 0.1 * rng.standard_normal(140)
    u, at = attained_transform(x, y, v, p)
    given_up: list[int] = []
    real = transforms._Exclusion.run

    def counted(self: Any, x: Array, near: Any, u: Array, at: Any, many: Any, *more: Any) -> None:
        real(self, x, near, u, at, many, *more)
        given_up.append(int(many.sum()))

    monkeypatch.setattr(transforms._Exclusion, "run", counted)
    for near in (None, at, rng.integers(0, 140, 90)):
        again, place = attained_transform(x, y, v, p, near=near, most=most)
        np.testing.assert_array_equal(again, u)
        np.testing.assert_array_equal(place, at)
    check(x, y, v, p)
    if most == 0:
        assert given_up[0] == 90
    assert given_up[1] == 0


@pytest.mark.parametrize("dim", [3, 30])
@pytest.mark.parametrize("metric", [*METRICS, upside_down])
@pytest.mark.parametrize("n", [5, 80])
def test_it_stops_when_it_is_told_to(dim: int, metric: Metric, n: int) -> None:
    rng = np.random.default_rng(8)
    x, y, v = rng.standard_normal((n, dim)), rng.standard_normal((n, dim)), np.zeros(n)
    stop = np.zeros(1, np.uint8)
    u, _ = attained_transform(x, y, v, metric=metric, stop=stop)
    np.testing.assert_array_equal(u, c_transform(x, y, v, metric=metric))
    stop[0] = 1
    with pytest.raises(Unfinished):
        attained_transform(x, y, v, metric=metric, stop=stop)


# ---- identities


@given(st.integers(0, 10**6), st.integers(-100, 100), st.sampled_from(POWERS))
@settings(max_examples=100)
def test_it_scales_with_the_points_and_goes_with_constants(seed: int, decade: int, p: float) -> None:
    rng = np.random.default_rng(seed)
    dim = int(rng.choice([2, 12]))
    x, y, v = rng.standard_normal((70, dim)), rng.standard_normal((65, dim)), rng.standard_normal(65)
    u = c_transform(x, y, v, p)
    factor = 10.0**decade
    scaled = c_transform(factor * x, factor * y, factor**p * v, p)
    np.testing.assert_allclose(scaled / factor**p, u, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(c_transform(x, y, v + 5, p), u - 5, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dim", [2, 20])
def test_points_that_all_coincide(dim: int) -> None:
    points = np.full((70, dim), 0.1)
    v = np.arange(70.0)
    np.testing.assert_array_equal(c_transform(points, points, v), np.full(70, -69.0))
