"""On a GPU the same is found as on the CPU; where there is none, the same code runs on torch's CPU device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from wganalyze.transport import wasserstein
from wganalyze.transport.costs import device, transforms
from wganalyze.transport.costs.transforms import attained_transform
from wganalyze.transport.costs.working import Unfinished
from wganalyze.transport.shortlist import pricing
from wganalyze.transport.shortlist.pricing import Products

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
GO = np.zeros(1, np.uint8)


@pytest.fixture(params=DEVICES)
def used(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """All work goes to the device; the list tells how much."""
    asked: list[int] = []

    def always(work: int) -> Any:
        asked.append(work)
        return torch.device(request.param)

    monkeypatch.setattr(transforms, "gpu", always)
    monkeypatch.setattr(pricing, "gpu", always)
    yield asked
    assert asked


@pytest.mark.parametrize("dim", [3, 40])
@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("size", [1, 5, 90])
def test_the_nearest_are_those_of_all(dim: int, exponent: float, size: int, used: list[int]) -> None:
    rng = np.random.default_rng(dim)
    x, y = rng.standard_normal((70, dim)), rng.standard_normal((90, dim))
    prices = Products.of(x, y, exponent, GO)
    costs = (cdist(x, y) / prices.unit) ** exponent
    v = costs.std() * rng.standard_normal(90)
    index, limit = prices.nearest(v, size)
    assert len(used) == 1
    expected = np.sort(costs - v, axis=1)
    np.testing.assert_allclose(
        np.sort(np.take_along_axis(costs - v, index, axis=1), axis=1), expected[:, :size], atol=1e-4 * costs.max()
    )
    if size < 90:
        np.testing.assert_allclose(limit, expected[:, size], atol=1e-4 * costs.max())
    else:
        assert (limit == np.inf).all()


@pytest.mark.parametrize("dim", [8, 64, 784])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("near", [1.0, 1e-6])
def test_the_transform_is_the_brute_force_minimum(dim: int, p: float, near: float, used: list[int]) -> None:
    """Near pairs are not told apart by float32: those rows are left to float64."""
    rng = np.random.default_rng(dim)
    x = 5 + rng.standard_normal((80, dim))
    y = np.concatenate([x + near * rng.standard_normal((80, dim)) for _ in range(2)])
    costs = cdist(x, y) ** p
    v = 0.5 * costs.min() * rng.standard_normal(160)
    v[7] = -np.inf
    hints = rng.integers(0, 160, 80)
    for hint in (None, hints):
        u, at = attained_transform(x, y, v, p, near=hint)
        values = costs - v
        np.testing.assert_allclose(u, values.min(axis=1), rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(np.take_along_axis(values, at[:, None], axis=1)[:, 0], u, rtol=1e-11, atol=1e-13)
    assert used


def test_the_certificate_multiplies_in_float64(used: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 may mean TF32 or bfloat16, as the process has set it: bounds for float32 could exclude the minimum."""
    kinds = []
    real = device._powers

    def seen(x: Any, y: Any, *more: Any) -> Any:
        kinds.extend([x.dtype, y.dtype])
        return real(x, y, *more)

    monkeypatch.setattr(device, "_powers", seen)
    x, y = np.random.default_rng(3).standard_normal((2, 100, 40)).astype(np.float32)
    attained_transform(x, y, np.zeros(100))
    assert used
    assert set(kinds) == {torch.float64}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_problem_is_solved_and_proved(kind: Any, metric: str, used: list[int]) -> None:
    rng = np.random.default_rng(0)
    x, y = (z.astype(kind) for z in (rng.standard_normal((300, 30)), 0.3 + rng.standard_normal((300, 30))))
    found = wasserstein(x, y, metric=metric, solver="shortlist")
    costs = cdist(x.astype(float), y.astype(float), "euclidean" if metric == "euclidean" else "cosine")
    assert found.value == pytest.approx(costs[linear_sum_assignment(costs)].mean(), rel=1e-12)
    assert found.exact
    assert len(used) > 3


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_device_without_room_leaves_all_to_the_cpu(
    metric: str, used: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: Any) -> Any:
        raise torch.OutOfMemoryError("of a GPU that others use")

    monkeypatch.setattr(device, "_powers", no_room)
    x, y = np.random.default_rng(2).standard_normal((2, 200, 30))
    found = wasserstein(x, y, metric=metric, solver="shortlist")
    assert found.exact
    assert found.value == pytest.approx(wasserstein(x, y, metric=metric, solver="dense").value, rel=1e-12)
    assert len(used) > 3


def test_small_work_stays_and_a_machine_without_one_has_none() -> None:
    assert device.gpu(device.LEAST_WORK - 1) is None
    assert (device.gpu(device.LEAST_WORK) is not None) == torch.cuda.is_available()


def test_it_hears_of_an_interruption(used: list[int]) -> None:
    x, y = np.random.default_rng(1).standard_normal((2, 100, 20))
    stop = np.ones(1, np.uint8)
    with pytest.raises(Unfinished):
        Products.of(x, y, 1.0, stop).nearest(np.zeros(100), 5)
    with pytest.raises(Unfinished):
        attained_transform(x, y, np.zeros(100), stop=stop)
    assert len(used) == 2
