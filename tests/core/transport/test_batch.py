"""Many mini-batches at once are the same problems solved one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.transport.conftest import uphill

from wganalyze.transport import METRICS, batch, cost_matrix, wasserstein
from wganalyze.transport.batch import Transports, wasserstein_batch
from wganalyze.transport.certificate import CertificateError
from wganalyze.transport.costs.metrics import Metric

Array = npt.NDArray[np.float64]
POWERS = (1, 2, 1.5, 3)


def check(found: Transports, xs: Array, ys: Array, p: float = 1, metric: Metric = "euclidean") -> None:
    """Each is the value of ``wasserstein``, proved by potentials that are feasible, and paid by a bijection."""
    assert len(found) == len(xs) == len(found.value)
    assert found.exact.all()
    assert (found.lower <= found.value).all()
    assert (found.gap >= 0).all()
    n = xs.shape[1]
    for k, (x, y) in enumerate(zip(xs, ys, strict=True)):
        alone = wasserstein(x, y, p, metric=metric)
        costs = cost_matrix(x, y, metric) ** p
        top = float(costs.max()) or 1.0
        assert found.value[k] ** p / top == pytest.approx(alone.value**p / top, rel=1e-12, abs=1e-15)
        u, v = found.potentials[0][k], found.potentials[1][k]
        assert (costs - u[:, None] - v[None]).min() >= -1e-13 * top
        assert sorted(found.columns[k]) == list(range(n))
        paid = costs[np.arange(n), found.columns[k]].mean()
        assert found.value[k] ** p == pytest.approx(paid, rel=1e-12, abs=1e-15 * top)
        assert found.lower[k] ** p == pytest.approx(u.mean() + v.mean(), rel=1e-9, abs=1e-13 * top)


@pytest.mark.parametrize("metric", [*METRICS, uphill])
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_each_is_what_it_is_alone(metric: Metric, p: float, kind: Any) -> None:
    rng = np.random.default_rng(0)
    xs, ys = rng.standard_normal((6, 13, 21)).astype(kind), (0.4 + rng.standard_normal((6, 13, 21))).astype(kind)
    found = wasserstein_batch(xs, ys, p, metric)
    check(found, xs, ys, p, metric)
    assert (found.p, found.metric) == (p, metric if isinstance(metric, str) else "uphill")


@given(st.integers(0, 10**6), st.sampled_from(POWERS), st.booleans(), st.integers(-12, 12))
@settings(max_examples=60)
def test_any_shape_ties_and_scales(seed: int, p: float, gridded: bool, decade: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(size) for size in rng.integers(1, 10, 3))
    xs, ys = rng.standard_normal(shape), rng.standard_normal(shape)
    if gridded:
        xs, ys = np.round(xs), np.round(ys)
    xs, ys = xs * 10.0**decade, ys * 10.0**decade
    check(wasserstein_batch(xs, ys, p), xs, ys, p)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 5), (5, 1, 3), (1, 7, 2)])
def test_one_batch_and_one_point(shape: tuple[int, int, int]) -> None:
    xs, ys = np.random.default_rng(1).standard_normal((2, *shape))
    check(wasserstein_batch(xs, ys), xs, ys)
    if shape[1] == 1:
        np.testing.assert_allclose(wasserstein_batch(xs, ys).value, np.linalg.norm(xs - ys, axis=2)[:, 0], rtol=1e-14)


def test_equal_batches_in_another_order_are_at_distance_0() -> None:
    xs = np.random.default_rng(2).standard_normal((4, 20, 6))
    found = wasserstein_batch(xs, xs[:, ::-1])
    assert (found.value == 0).all()
    assert (found.lower == 0).all()
    assert found.exact.all()
    np.testing.assert_array_equal(found.columns, np.tile(np.arange(20)[::-1], (4, 1)))


def test_float32_points_have_the_cost_of_float64() -> None:
    rng = np.random.default_rng(3)
    xs = (100 + rng.standard_normal((3, 10, 50))).astype(np.float32)
    ys = xs + 1e-4 * rng.standard_normal(xs.shape).astype(np.float32)
    narrow, wide = wasserstein_batch(xs, ys), wasserstein_batch(xs.astype(float), ys.astype(float))
    np.testing.assert_allclose(narrow.value, wide.value, rtol=1e-14)


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_data_at_an_offset(offset: float) -> None:
    rng = np.random.default_rng(4)
    xs, ys = offset + rng.standard_normal((2, 3, 15, 40))
    check(wasserstein_batch(xs, ys), xs, ys)


def test_parts_change_nothing() -> None:
    xs, ys = np.random.default_rng(5).standard_normal((2, 9, 8, 3))
    whole = wasserstein_batch(xs, ys)
    parted = wasserstein_batch(xs, ys, chunk_bytes=2 * 16 * 8 * 8)
    np.testing.assert_array_equal(parted.value, whole.value)
    np.testing.assert_array_equal(parted.lower, whole.lower)
    np.testing.assert_array_equal(parted.columns, whole.columns)


def test_tensors_and_views_give_what_arrays_give() -> None:
    xs, ys = np.random.default_rng(6).standard_normal((2, 4, 6, 5))
    expected = wasserstein_batch(xs, ys).value
    np.testing.assert_array_equal(
        wasserstein_batch(torch.tensor(xs).requires_grad_(), torch.tensor(ys)).value, expected
    )
    np.testing.assert_array_equal(wasserstein_batch(xs.tolist(), ys.tolist()).value, expected)
    np.testing.assert_array_equal(wasserstein_batch(np.asfortranarray(xs), ys[::-1][::-1]).value, expected)


def test_a_value_below_its_certificate_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    real = batch._solve_all

    def wrong(*arguments: Any) -> None:
        real(*arguments)
        arguments[4][:] *= 0.999

    monkeypatch.setattr(batch, "_solve_all", wrong)
    with pytest.raises(CertificateError, match="exceeds the cost"):
        wasserstein_batch(*np.random.default_rng(7).standard_normal((2, 2, 6, 4)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"xs": np.zeros((4, 2))}, r"xs: batches are \(B, n, d\) with at least one of each, not \(4, 2\)"),
        ({"ys": np.zeros((2, 0, 2))}, r"ys: batches are \(B, n, d\)"),
        ({"ys": np.ones((2, 4, 2))}, "two .* of one shape"),
        ({"xs": np.ones((1, 3, 2))}, "two .* of one shape"),
        ({"xs": np.full((2, 3, 2), np.nan)}, "xs: NaN or infinity"),
        ({"ys": np.full((2, 3, 2), np.inf)}, "ys: NaN or infinity"),
        ({"p": 0.5}, "p = 0.5"),
        ({"p": np.inf}, "p = inf"),
        ({"metric": "chebyshev"}, "metric 'chebyshev': choose one of"),
        ({"xs": np.zeros((2, 3, 2)), "metric": "cosine"}, "a zero vector has no direction"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"xs": np.ones((2, 3, 2)), "ys": np.ones((2, 3, 2))}
    with pytest.raises(ValueError, match=message):
        wasserstein_batch(**{**good, **arguments})


def test_one_problem_that_does_not_fit_is_refused_before_it_starts() -> None:
    """128 MiB at a time hold no problem of n = 50,000, whose two matrices are 40 GB."""
    xs, ys = np.random.default_rng(8).standard_normal((2, 3, 50, 2))
    assert wasserstein_batch(xs, ys, memory=16 * 50 * 50).exact.all()
    with pytest.raises(MemoryError, match="50"):
        wasserstein_batch(xs, ys, memory=16 * 50 * 50 - 1)
