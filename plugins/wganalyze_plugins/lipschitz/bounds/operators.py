"""Norms of linear operators given as functions, as brackets: dense, by Lanczos, or by a convolution's symbol."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

DENSE_SIDE = 1024
DENSE_ELEMENTS = 2 * 10**7
DENSE_BATCH = 64
LANCZOS_STEPS = 128
DELTA = 1e-9
"""Probability with which a Lanczos bound may fail."""
OUTWARD = 1 + 1e-10
"""Rounding of float64 matrix norms, with room to spare: their error is below 1e-12 for sides of a thousand."""
FAR = 2.0**100
"""Scale at which a linear part is read off: beside it a constant part is below rounding. A power of two is exact."""
GRID = 32
"""Points of a symbol's grid, for each degree of its polynomial: the bound is at most .25% too large in 2-D."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class NormBracket:
    """``lower`` <= operator norm <= ``upper``; the upper end fails with probability ``delta`` at most (0: proved)."""

    lower: float
    upper: float
    method: str
    delta: float = 0.0

    @property
    def certificate(self) -> str:
        """As in the report's column."""
        return f"probabilistic({self.delta:g})" if self.delta else "checked"


@dataclass(frozen=True)
class Operator:
    """The linear part x -> apply(x) - apply(0) of an affine map on batches (b, *shape_in) -> (b, *shape_out)."""

    apply: Callable[[Tensor], Tensor]
    shape_in: Shape
    shape_out: Shape
    device: str = "cpu"
    dtype: torch.dtype = torch.float64
    _zeros: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def _at_zero(self, batch: int) -> tuple[Tensor, Tensor]:
        """A batch of zeros and its value, with the graph between them."""
        if batch not in self._zeros:
            zero = torch.zeros(batch, *self.shape_in, dtype=self.dtype, device=self.device, requires_grad=True)
            with torch.enable_grad():
                self._zeros[batch] = zero, self.apply(zero)
        return self._zeros[batch]

    def forward(self, x: Tensor) -> Tensor:
        """(b, n_in) -> (b, n_out)."""
        zero, value = self._at_zero(len(x))
        with torch.no_grad():
            return (self.apply(FAR * x.reshape(zero.shape)) - value).reshape(len(x), -1) / FAR

    def adjoint(self, y: Tensor) -> Tensor:
        """(b, n_out) -> (b, n_in): the vector-Jacobian product, which for a linear map is its adjoint."""
        zero, value = self._at_zero(len(y))
        with torch.enable_grad():
            product = (value * y.reshape(value.shape)).sum()  # with a vector autograd imports sympy: a second
        (x,) = torch.autograd.grad(product, zero, retain_graph=True)
        return x.reshape(len(y), -1)

    @property
    def sides(self) -> tuple[int, int]:
        """(n_in, n_out)."""
        return math.prod(self.shape_in), math.prod(self.shape_out)

    def check(self) -> str:
        """Why the map is not affine, or mixes the samples of a batch; "" where it does neither (on random points)."""
        generator = torch.Generator().manual_seed(0)
        x, y = torch.randn(2, 2, self.sides[0], dtype=torch.float64, generator=generator).to(self.device)
        constant = self._at_zero(2)[1]
        if tuple(constant.shape) != (2, *self.shape_out):
            return "mixes the samples of a batch"
        fx, fy, both = self.forward(x), self.forward(y), self.forward(x - 2 * y)
        # Where one sample of two is zero, nothing of the other one may show in its place.
        keep = torch.eye(2, dtype=torch.float64, device=self.device)[:, :, None]
        leaked = torch.stack([self.forward(x * keep[i])[1 - i] for i in (0, 1)])
        scale = float(torch.stack([fx, fy]).abs().max())
        if not (bool(constant.isfinite().all()) and math.isfinite(scale)):
            return "gives NaN or infinity"
        if float((both - fx + 2 * fy).abs().max()) > 1e-9 * scale:
            return "is not affine"
        return "" if float(leaked.abs().max()) <= 1e-12 * scale else "mixes the samples of a batch"


def operator_norm(operator: Operator, seed: int = 0) -> NormBracket:
    """The norm of an operator: its matrix where that is small, else a Lanczos bracket."""
    small = min(operator.sides)
    if small <= DENSE_SIDE and math.prod(operator.sides) <= DENSE_ELEMENTS:
        norm = matrix_norm(dense(operator))
        return NormBracket(norm / OUTWARD, norm * OUTWARD, "dense")
    return lanczos(operator, seed=seed)


def dense(operator: Operator) -> Tensor:
    """The matrix, (smaller side, larger side): forward or adjoint of the identity, in batches."""
    n_in, n_out = operator.sides
    side, act = (n_in, operator.forward) if n_in <= n_out else (n_out, operator.adjoint)
    identity = torch.eye(side, dtype=torch.float64, device=operator.device)
    return torch.cat([act(rows) for rows in torch.split(identity, DENSE_BATCH)])


def matrix_norm(matrix: Tensor) -> float:
    """The largest singular value, in float64; by the smaller Gram matrix, ten times as fast as an SVD."""
    rows = matrix.double()
    largest = float(rows.abs().max())
    if not 0 < largest < math.inf:
        return largest
    rows = rows / largest
    gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    return largest * math.sqrt(max(0.0, float(torch.linalg.eigvalsh(gram)[-1])))


def lanczos(operator: Operator, steps: int = LANCZOS_STEPS, delta: float = DELTA, seed: int = 0) -> NormBracket:
    """Lanczos with full reorthogonalisation on A'A, or AA' where that is smaller.

    The Ritz value is a lower bound; the upper one holds with probability 1 - delta over the random start, by
    P[theta < (1 - eps) lambda] <= 1.648 sqrt(n) exp(-sqrt(eps) (2k - 1)) (Kuczynski and Wozniakowski 1992, thm. 4.2).
    """
    n_in, n_out = operator.sides
    size = min(n_in, n_out)
    steps = min(steps, size)

    def gram(v: Tensor) -> Tensor:
        if n_in <= n_out:
            return operator.adjoint(operator.forward(v[None]))[0]
        return operator.forward(operator.adjoint(v[None]))[0]

    v = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(operator.device)
    basis = torch.empty(steps, size, dtype=torch.float64, device=operator.device)
    diagonal: list[float] = []
    beside: list[float] = []
    v = v / v.norm()
    exhausted = False
    for k in range(steps):
        basis[k] = v
        w = gram(v)
        diagonal.append(float(w @ v))
        for _ in range(2):
            w = w - basis[: k + 1].T @ (basis[: k + 1] @ w)
        length = float(w.norm())
        if length <= 1e-14 * max(max(diagonal), 1e-300) or k + 1 == size:
            exhausted = True
            break
        beside.append(length)
        v = w / length
    top = math.sqrt(max(0.0, _largest_ritz(diagonal, beside)))
    if exhausted:
        return NormBracket(top / OUTWARD, top * OUTWARD, f"Lanczos, {len(diagonal)} steps to the end", delta)
    root = math.log(1.648 * math.sqrt(size) / delta) / (2 * len(diagonal) - 1)
    upper = top / math.sqrt(1 - root**2) if root < 1 else math.inf
    return NormBracket(top / OUTWARD, upper * OUTWARD, f"Lanczos, {len(diagonal)} steps", delta)


def _largest_ritz(diagonal: list[float], beside: list[float]) -> float:
    from scipy.linalg import eigvalsh_tridiagonal

    beside = beside[: len(diagonal) - 1]
    last = len(diagonal) - 1
    return float(eigvalsh_tridiagonal(np.array(diagonal), np.array(beside), select="i", select_range=(last, last))[0])


def symbol_bound(kernel: Tensor, stride: tuple[int, int] = (1, 1), groups: int = 1) -> float:
    """An upper bound of the norm of a zero-padded 2-D convolution of any size, dilation 1.

    The largest norm of its symbol on a grid of N points an axis, times prod 1 / cos(pi (k - 1) / (2N)) over the axes of
    the kernel after polyphase (Pfister and Bresler 1807.11194; strides by polyphase, groups by their maximum).
    ``kernel``: (out, in / groups, h, w).
    """
    phases = [_polyphase(part, stride) for part in kernel.double().chunk(groups)]
    degrees = [k - 1 for k in phases[0].shape[2:]]
    down, right = (max(1, GRID * degree) for degree in degrees)
    largest = 0.0
    for part in phases:
        # The kernel is real, so half of the columns tell all; one at a time, for the memory.
        for column in torch.fft.rfft(part, n=right).unbind(-1):
            symbol = torch.fft.fft(column, n=down).permute(2, 0, 1)
            gram = symbol @ symbol.mH if symbol.shape[1] <= symbol.shape[2] else symbol.mH @ symbol
            largest = max(largest, float(torch.linalg.eigvalsh(gram)[:, -1].max().clamp(min=0).sqrt()))
    factor = math.prod(1 / math.cos(math.pi / (2 * GRID)) for degree in degrees if degree)
    return largest * factor * OUTWARD


def symbol_work(kernel: Tensor, stride: tuple[int, int] = (1, 1), groups: int = 1) -> int:
    """Multiplications that symbol_bound takes, roughly."""
    out, channels, height, width = _polyphase(kernel, stride).shape
    points = math.prod(max(1, GRID * (k - 1)) for k in (height, width))
    narrow, wide = sorted((out // groups, channels))
    return groups * points * narrow**2 * wide


def _polyphase(kernel: Tensor, stride: tuple[int, int]) -> Tensor:
    """A strided convolution as an unstrided one on stride^2 times as many channels."""
    out, channels, height, width = kernel.shape
    down, right = stride
    padded = torch.nn.functional.pad(kernel, (0, -width % right, 0, -height % down))
    tall, wide = padded.shape[2] // down, padded.shape[3] // right
    phases = padded.reshape(out, channels, tall, down, wide, right).permute(0, 1, 3, 5, 2, 4)
    return phases.reshape(out, channels * down * right, tall, wide)


def reshaped_norm(kernel: Tensor) -> float:
    """Norm of a kernel as the matrix (out, rest): what spectral normalisation bounds, and not the operator's norm."""
    return matrix_norm(kernel.detach().reshape(len(kernel), -1))
