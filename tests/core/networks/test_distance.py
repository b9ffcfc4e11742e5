"""Norms of a difference are those of linear algebra, whatever the types and whatever is not a number."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.networks.distance import DENSE, distance, spectral_norm

SHAPES = st.sampled_from([(3, 5), (5, 3), (4, 2, 3, 3), (1, 7), (6, 1)])
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.complex64)
WHOLE = (torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.int64, torch.uint64, torch.bool)


@given(SHAPES, st.integers(0, 2**31), st.sampled_from([1e-200, 1e-3, 1.0, 1e150]))
def test_norms_are_those_of_numpy(shape: tuple[int, ...], seed: int, scale: float) -> None:
    a, b = np.random.default_rng(seed).standard_normal((2, *shape))
    far = distance(torch.tensor(a * scale), torch.tensor(b * scale))
    flat, difference = a.reshape(len(a), -1), (b - a).reshape(len(a), -1)
    assert far.relative == pytest.approx(np.linalg.norm(difference) / np.linalg.norm(flat), rel=1e-9)
    assert far.norm == pytest.approx(np.linalg.norm(difference) * scale, rel=1e-9)
    assert far.spectral_relative == pytest.approx(np.linalg.norm(difference, 2) / np.linalg.norm(flat, 2), rel=1e-6)
    assert far.largest == pytest.approx(np.abs(difference).max() * scale, rel=1e-9)
    assert far.changed == a.size


@given(st.integers(1, 4), st.integers(0, 2**31), st.floats(-3, 3))
def test_a_multiple_differs_by_its_factor(rank: int, seed: int, factor: float) -> None:
    torch.manual_seed(seed)
    a = torch.randn(*[3] * rank, dtype=torch.float64)
    far = distance(a, a * factor)
    assert far.relative == pytest.approx(abs(factor - 1), abs=1e-12)
    if rank >= 2:
        assert far.spectral_relative == pytest.approx(abs(factor - 1), rel=1e-6, abs=1e-12)
    else:
        assert far.spectral is far.spectral_relative is None


@pytest.mark.parametrize("shape", [(DENSE + 40, DENSE + 60), (DENSE + 1, 2 * DENSE), (3, 2000)])
def test_large_matrices(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(*shape, dtype=torch.float64)
    assert spectral_norm(matrix) == pytest.approx(float(torch.linalg.matrix_norm(matrix, 2)), rel=1e-8)


@pytest.mark.parametrize("dtype", [*FLOATS, *WHOLE])
def test_every_type(dtype: torch.dtype) -> None:
    a = torch.tensor([[1.0, 0.0], [1.0, 1.0]]).to(dtype)
    b = torch.tensor([[1.0, 1.0], [1.0, 1.0]]).to(dtype)
    assert distance(a, a).changed == 0
    far = distance(a, b)
    assert (far.changed, far.largest, far.norm) == (1, 1.0, 1.0)
    assert far.relative == pytest.approx(1 / math.sqrt(3))
    assert distance(b, b.to(torch.float64 if dtype != torch.complex64 else dtype)).changed == 0


def test_large_integers_differ_where_float64_cannot_see_it() -> None:
    a = torch.tensor([2**60])
    assert distance(a, a + 1).changed == 1


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 0, 3)])
def test_scalars_and_empty_tensors(shape: tuple[int, ...]) -> None:
    far = distance(torch.ones(shape), torch.ones(shape))
    assert (far.changed, far.relative, far.largest) == (0, 0.0, 0.0)


def test_what_is_not_finite_is_counted_and_left_out() -> None:
    nan, inf = math.nan, math.inf
    far = distance(torch.tensor([[nan, 1.0], [2.0, inf]]), torch.tensor([[nan, 1.0], [2.0, inf]]))
    assert (far.changed, far.relative, far.nonfinite, far.spectral) == (0, 0.0, (2, 2), None)
    far = distance(torch.tensor([3.0, 4.0, 1.0, inf]), torch.tensor([3.0, 5.0, nan, -inf]))
    assert (far.changed, far.norm, far.relative, far.nonfinite) == (3, 1.0, 0.2, (1, 2))


def test_from_zero_there_is_no_relative_distance() -> None:
    far = distance(torch.zeros(2, 2), torch.eye(2))
    assert (far.norm, far.relative, far.spectral_relative) == (pytest.approx(math.sqrt(2)), None, None)
    assert distance(torch.zeros(2, 2), torch.zeros(2, 2)).relative == 0.0


def test_sparse_tensors_are_refused() -> None:
    with pytest.raises(ValueError, match="sparse"):
        distance(torch.eye(2).to_sparse(), torch.eye(2))
