"""Norms of operators against explicit matrices and closed forms; brackets hold, and are narrow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_plugins.lipschitz.bounds import operators
from wganalyze_plugins.lipschitz.bounds.operators import (
    Operator,
    dense,
    lanczos,
    matrix_norm,
    operator_norm,
    reshaped_norm,
    symbol_bound,
    symbol_work,
)

LINEAR: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(7, 4), (7,)),
    "wide linear": (lambda: nn.Linear(3, 9), (3,)),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, padding=2), (2, 8)),
    "conv2d": (lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 6, 5)),
    "conv2d groups": (lambda: nn.Conv2d(4, 6, 3, groups=2), (4, 5, 5)),
    "conv2d dilation": (lambda: nn.Conv2d(2, 2, 3, dilation=2, padding=2), (2, 6, 6)),
    "conv2d reflect": (lambda: nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), (2, 5, 5)),
    "conv2d circular": (lambda: nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), (1, 5, 5)),
    "conv3d": (lambda: nn.Conv3d(1, 2, 2), (1, 3, 3, 3)),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), (2, 4, 4)),
    "batch norm": (lambda: normalised(nn.BatchNorm2d(3)), (3, 2, 2)),
    "average pool": (lambda: nn.AvgPool2d(3, 2, 1), (1, 6, 6)),
    "upsampling": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (1, 4, 4)),
    "padding": (lambda: nn.ReflectionPad2d(2), (1, 4, 4)),
}
seeds = st.integers(0, 2**32 - 1)


def normalised(layer: Any) -> nn.Module:
    """A BatchNorm layer with statistics and weights of its own."""
    generator = torch.Generator().manual_seed(1)
    for tensor in (layer.running_mean, layer.running_var, layer.weight.data, layer.bias.data):
        tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return layer  # type: ignore[no-any-return]


def of_layer(layer: nn.Module, shape: tuple[int, ...], seed: int = 0) -> Operator:
    """The linear part of a layer in eval mode, float64."""
    layer = layer.double().eval().requires_grad_(False)
    with torch.no_grad():
        out = layer(torch.zeros(1, *shape, dtype=torch.float64))
    return Operator(layer, shape, tuple(out.shape[1:]))


def of_matrix(matrix: Tensor) -> Operator:
    """x -> matrix x + 1."""
    return Operator(lambda x: x @ matrix.T + 1, (matrix.shape[1],), (matrix.shape[0],))


def unrolled(operator: Operator) -> np.ndarray[Any, Any]:
    """The matrix, one column for each unit vector, by differences and without the operator's own code."""
    n_in = math.prod(operator.shape_in)
    units = torch.eye(n_in, dtype=torch.float64).reshape(n_in, *operator.shape_in)
    zero = operator.apply(torch.zeros(1, *operator.shape_in, dtype=torch.float64))
    columns = [(operator.apply(unit[None]) - zero).flatten().detach().numpy() for unit in units]
    return np.stack(columns, axis=1)


def true_norm(operator: Operator) -> float:
    """By numpy's SVD of the unrolled matrix."""
    return float(np.linalg.svd(unrolled(operator), compute_uv=False)[0])


def gaussian(*shape: int, seed: int) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed % 2**63))


@dataclass
class Counter:
    """A map that counts how often it is applied."""

    layer: nn.Module
    batches: list[int] = field(default_factory=list)

    def __call__(self, x: Tensor) -> Tensor:
        self.batches.append(len(x))
        return self.layer(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", LINEAR)
def test_forward_and_adjoint_are_the_matrix_and_its_transpose(name: str) -> None:
    make, shape = LINEAR[name]
    torch.manual_seed(0)
    operator = of_layer(make(), shape)
    matrix = torch.from_numpy(unrolled(operator))
    assert operator.sides == (matrix.shape[1], matrix.shape[0])
    x, y = gaussian(5, matrix.shape[1], seed=1), gaussian(5, matrix.shape[0], seed=2)
    assert operator.check() == ""
    torch.testing.assert_close(operator.forward(x), x @ matrix.T, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(operator.adjoint(y), y @ matrix, rtol=1e-12, atol=1e-12)
    inner = (operator.forward(x) * y).sum(1), (x * operator.adjoint(y)).sum(1)
    torch.testing.assert_close(*inner, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LINEAR)
def test_dense_and_lanczos_bracket_the_norm_of_every_layer(name: str) -> None:
    make, shape = LINEAR[name]
    torch.manual_seed(0)
    operator = of_layer(make(), shape)
    norm = true_norm(operator)
    exact = operator_norm(operator)
    assert (exact.method, exact.delta, exact.certificate) == ("dense", 0.0, "checked")
    assert exact.lower <= norm <= exact.upper <= norm * (1 + 1e-9)
    probable = lanczos(operator)
    assert probable.lower <= norm * (1 + 1e-12)
    assert norm <= probable.upper
    assert probable.certificate == "probabilistic(1e-09)"


@settings(max_examples=40)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), decay=st.floats(0, 3), seed=seeds)
def test_lanczos_brackets_random_matrices(rows: int, columns: int, decay: float, seed: int) -> None:
    matrix = gaussian(rows, columns, seed=seed) * torch.exp(-decay * torch.arange(columns).double())
    norm = float(np.linalg.svd(matrix.numpy(), compute_uv=False)[0])
    for steps in (2, 5, 128):
        bracket = lanczos(of_matrix(matrix), steps=steps, seed=seed)
        assert bracket.lower <= norm * (1 + 1e-12)
        assert norm <= bracket.upper
    assert bracket.upper <= norm * (1 + 1e-9)  # with all steps taken, the Krylov space is everything
    assert float(np.linalg.svd(dense(of_matrix(matrix)).numpy(), compute_uv=False)[0]) == pytest.approx(norm, rel=1e-10)


def test_lanczos_on_a_large_convolution_agrees_with_another_solver() -> None:
    from scipy.sparse.linalg import LinearOperator, svds

    torch.manual_seed(0)
    operator = of_layer(nn.Conv2d(3, 8, 4, 2, 1), (3, 32, 32))
    n_in, n_out = operator.sides
    assert min(n_in, n_out) > operators.DENSE_SIDE

    def act(of: Callable[[Tensor], Tensor]) -> Callable[[Any], Any]:
        return lambda v: of(torch.from_numpy(np.ascontiguousarray(v.reshape(1, -1))))[0].numpy()

    other = LinearOperator((n_out, n_in), matvec=act(operator.forward), rmatvec=act(operator.adjoint), dtype=float)
    norm = float(svds(other, k=1, return_singular_vectors=False, tol=1e-12, random_state=0)[0])
    bracket = operator_norm(operator)
    assert bracket.delta > 0
    assert bracket.lower <= norm * (1 + 1e-9)
    assert norm <= bracket.upper
    assert bracket.lower == pytest.approx(norm, rel=1e-3)
    assert bracket.upper <= 1.01 * norm


def test_few_steps_promise_nothing() -> None:
    bracket = lanczos(of_matrix(gaussian(30, 30, seed=0)), steps=2)
    assert bracket.upper == math.inf


def test_zero_and_one_dimensional_operators() -> None:
    assert operator_norm(of_matrix(torch.zeros(3, 4, dtype=torch.float64))).upper == 0
    zero = lanczos(of_matrix(torch.zeros(3, 4, dtype=torch.float64)))
    assert (zero.lower, zero.upper) == (0, 0)
    assert matrix_norm(torch.tensor([[3.0, 4.0]])) == pytest.approx(5, rel=1e-15)


@settings(max_examples=30)
@given(rows=st.integers(1, 30), columns=st.integers(1, 30), scale=st.sampled_from([1e-200, 1.0, 1e200]), seed=seeds)
def test_matrix_norm_agrees_with_svd_at_any_scale(rows: int, columns: int, scale: float, seed: int) -> None:
    matrix = gaussian(rows, columns, seed=seed)
    expected = scale * float(np.linalg.svd(matrix.numpy(), compute_uv=False)[0])
    assert matrix_norm(scale * matrix) == pytest.approx(expected, rel=1e-12)


def test_a_large_constant_part_takes_no_digits() -> None:
    # Differences at unit vectors would be off by 1e-4 here.
    matrix = 1e-3 * gaussian(6, 4, seed=3)
    moved = Operator(lambda x: x @ matrix.T + 1e9, (4,), (6,))
    assert moved.check() == ""
    norm = float(np.linalg.svd(matrix.numpy(), compute_uv=False)[0])
    bracket = operator_norm(moved)
    assert bracket.lower <= norm <= bracket.upper
    torch.testing.assert_close(moved.forward(torch.eye(4).double()), matrix.T, rtol=1e-14, atol=0)


def test_an_operator_is_evaluated_at_zero_once_for_each_size_of_batch() -> None:
    counter = Counter(nn.Linear(5, 3).double().requires_grad_(False))
    operator = Operator(counter, (5,), (3,))
    for _ in range(4):
        operator.adjoint(gaussian(2, 3, seed=0))
    assert counter.batches == [2]


@pytest.mark.parametrize(
    ("apply", "reason"),
    [
        (lambda x: x * x, "is not affine"),
        (lambda x: x * x + 1e12, "is not affine"),
        (lambda x: 1e-9 * x.abs() + x, "is not affine"),
        (lambda x: 1 / x, "gives NaN or infinity"),
        (lambda x: 1e-12 / (x + 1) + 1, "is not affine"),
        (lambda x: x / x, "gives NaN or infinity"),
        (lambda x: x.log(), "gives NaN or infinity"),
        (lambda x: math.nan * x, "gives NaN or infinity"),
        (lambda x: x - x.mean(0), "mixes the samples of a batch"),
        (lambda x: x.mean(0, keepdim=True), "mixes the samples of a batch"),
        (lambda x: torch.ones(2, 2).double().triu() @ x if len(x) == 2 else x, "mixes the samples of a batch"),
        (lambda x: torch.ones(2, 2).double().tril() @ x if len(x) == 2 else x, "mixes the samples of a batch"),
        (lambda x: x.flip(0), "mixes the samples of a batch"),
        (lambda x: x.flip(0) + 1e12, "mixes the samples of a batch"),
    ],
)
def test_what_is_not_affine_or_not_of_one_sample_is_told(apply: Callable[[Tensor], Tensor], reason: str) -> None:
    assert Operator(apply, (3,), (3,)).check() == reason


# The symbol


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[nn.Conv2d, tuple[int, int, int]]:
    """A zero-padded convolution of dilation 1, and the shape of its input."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    wide, narrow = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    size = draw(st.tuples(st.integers(4, 7), st.integers(4, 7)))
    torch.manual_seed(draw(st.integers(0, 999)))
    layer = nn.Conv2d(groups * wide, groups * narrow, kernel, stride, padding, groups=groups)
    return layer, (groups * wide, *size)


@settings(max_examples=100)
@given(convolutions())
def test_the_symbol_bounds_zero_padded_convolutions(drawn: tuple[nn.Conv2d, tuple[int, int, int]]) -> None:
    layer, shape = drawn
    norm = true_norm(of_layer(layer, shape))
    stride = (layer.stride[0], layer.stride[1])
    assert norm <= symbol_bound(layer.weight, stride, layer.groups)


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(3, 1, 1), (4, 2, 1), (4, 2, 2), (3, 2, 1), (5, 3, 1)])
def test_the_symbol_is_tight_on_large_inputs(kernel: int, stride: int, groups: int) -> None:
    torch.manual_seed(kernel)
    layer = nn.Conv2d(2, 4, kernel, stride, kernel // 2, groups=groups, bias=False)
    norm = lanczos(of_layer(layer, (2, 64, 64))).lower
    bound = symbol_bound(layer.weight, (stride, stride), groups)
    assert norm <= bound <= 1.03 * norm


def test_the_symbol_of_a_difference_is_two() -> None:
    # |1 - exp(i w)| has its maximum 2 at w = pi; on n pixels the norm is 2 cos(pi / 2n).
    kernel = torch.tensor([[[[1.0, -1.0]]]])
    assert 2 <= symbol_bound(kernel) <= 2 * 1.0025
    assert symbol_bound(torch.tensor([[[[-3.0]]]])) == pytest.approx(3, rel=1e-9)


@settings(max_examples=30)
@given(height=st.integers(1, 3), width=st.integers(1, 3), seed=seeds)
def test_the_symbol_is_bounded_between_the_points_of_its_grid_too(height: int, width: int, seed: int) -> None:
    kernel = gaussian(2, 2, height, width, seed=seed)
    fine = torch.fft.fft2(kernel, s=(331, 331)).permute(2, 3, 0, 1).reshape(-1, 2, 2)
    assert float(torch.linalg.matrix_norm(fine, 2).max()) <= symbol_bound(kernel)


def test_groups_go_by_their_maximum_and_not_by_their_product() -> None:
    kernel = torch.tensor([2.0, 3.0])[:, None, None, None]
    assert symbol_bound(kernel, groups=2) == pytest.approx(3, rel=1e-9)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_a_strided_convolution_is_one_of_its_phases(height: int, width: int, down: int, right: int) -> None:
    kernel = gaussian(2, 3, height, width, seed=height + 10 * width)
    phases = operators._polyphase(kernel, (down, right))
    image = gaussian(1, 3, 6 * down, 6 * right, seed=1)
    expected = F.conv2d(F.pad(image, (0, right * 4, 0, down * 4)), kernel, stride=(down, right))
    padded = F.pad(image, (0, right * 4, 0, down * 4))
    parts = padded.reshape(1, 3, 10, down, 10, right).permute(0, 1, 3, 5, 2, 4).reshape(1, -1, 10, 10)
    found = F.conv2d(parts, phases)
    common = min(expected.shape[2], found.shape[2]), min(expected.shape[3], found.shape[3])
    torch.testing.assert_close(found[..., : common[0], : common[1]], expected[..., : common[0], : common[1]])


def test_the_work_of_a_symbol_grows_with_kernel_and_channels() -> None:
    assert symbol_work(torch.zeros(1, 1, 1, 1)) == 1
    assert symbol_work(torch.zeros(8, 4, 3, 3)) == (2 * 32) ** 2 * 4**2 * 8
    assert symbol_work(torch.zeros(8, 4, 3, 3), groups=2) == 2 * (2 * 32) ** 2 * 4**2 * 4
    assert symbol_work(torch.zeros(8, 4, 4, 4), (2, 2)) == 32**2 * 8**2 * 16


def test_the_norm_of_the_reshaped_kernel_is_not_the_operator_norm() -> None:
    torch.manual_seed(0)
    layer = nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 8, 3, padding=1), n_power_iterations=200)
    layer(torch.zeros(1, 1, 8, 8))
    assert reshaped_norm(layer.eval().weight) == pytest.approx(1, rel=1e-5)
    assert operator_norm(of_layer(layer, (1, 28, 28))).lower > 1.1
