"""The two passes over all pairs, pricing and the certificate's transform, on a GPU where torch is loaded and sees one.

The transform's products are taken in float64 there: float32 may mean TF32 or less, as the process has set it. Pricing
takes what float32 there is, since it decides nothing.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.metrics import Array
from wganalyze.transport.costs.working import Flag, heed

Indices = npt.NDArray[np.integer[Any]]


LEAST_WORK = 10**9
"""Multiplications, below which the way to a GPU and back takes longer."""


BLOCK_BYTES = 2**29


def gpu(work: int) -> Any:
    """The torch device for so many multiplications; None where the CPU is to do them."""
    torch: Any = sys.modules.get("torch")
    if work < LEAST_WORK or torch is None or not torch.cuda.is_available():
        return None
    return torch.device("cuda")


def full() -> tuple[type[Exception], ...]:
    """What torch raises where a GPU has no room left: then the CPU does it."""
    return (sys.modules["torch"].OutOfMemoryError,)


def nearest(x: Array, y: Array, v: Array, exponent: float, size: int, device: Any, stop: Flag) -> tuple[Indices, Array]:
    """For each row the ``size`` columns of least |x - y| ** exponent - v, (n, size), and the next value (n,)."""
    import torch

    n, m = len(x), len(y)
    index, limit = np.empty((n, size), np.int32), np.full(n, np.inf)
    columns, taken = torch.from_numpy(y).to(device), torch.from_numpy(v.astype(y.dtype)).to(device)
    squares = (columns * columns).sum(1)
    height = max(1, BLOCK_BYTES // (3 * y.itemsize * m))
    for start in range(0, n, height):
        heed(stop)
        rows = slice(start, min(start + height, n))
        points = torch.from_numpy(np.ascontiguousarray(x[rows])).to(device)
        values = _powers(points, columns, (points * points).sum(1), squares, exponent)
        values -= taken
        best = torch.topk(values, min(size + 1, m), largest=False, sorted=True)
        index[rows] = best.indices[:, :size].int().cpu().numpy()
        if size < m:
            limit[rows] = best.values[:, size].double().cpu().numpy()
    return index, limit


def _powers(x: Any, y: Any, x_squares: Any, y_squares: Any, exponent: float) -> Any:
    values = x @ y.T
    values.mul_(-2).add_(x_squares[:, None]).add_(y_squares).clamp_(min=0)
    return values.sqrt_() if exponent == 1 else values if exponent == 2 else values.pow_(0.5 * exponent)


class Exclusion:
    """What ``transforms`` has prepared, on a GPU: see there for ``offset``, ``slack`` and the scaled points."""

    def __init__(
        self, y: Array, points: Array, offset: Array, v: Array, slack: float, exponent: float, unit: float, device: Any
    ):
        import torch

        self._given, self._points, self._offset, self._v = (
            torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in (y, points, offset, v)
        )
        self._rounded = self._v.to(self._points.dtype)
        self._slack, self._exponent, self._unit, self._device = slack, exponent, unit, device

    def run(
        self, given: Array, points: Array, squares: Array, near: Indices, most: int
    ) -> tuple[Array, Indices, Array]:
        """u (b,), the columns that attain it, and the rows where more than ``most`` pairs were left open."""
        import torch

        there = torch.from_numpy(np.ascontiguousarray(given)).to(self._device)
        at = torch.from_numpy(near).to(self._device)
        least = self._exact(there[:, None], at[:, None])[:, 0]
        scaled = torch.from_numpy(np.ascontiguousarray(points)).to(self._device)
        own = torch.from_numpy(squares).to(self._device)
        bounds = _powers(scaled, self._points, own, self._offset, self._exponent)
        bounds -= self._rounded
        best = torch.topk(bounds, min(most + 1, bounds.shape[1]), largest=False, sorted=True)
        lower = best.values.double() - self._slack
        # A row whose last bound is still below its least value has more pairs open than were looked at.
        columns = best.indices[:, :most]
        values = self._exact(there[:, None], columns).where(lower[:, :most] < least[:, None], torch.inf)
        nearest_open = values.min(dim=1)
        closer = nearest_open.values < least
        at = at.where(~closer, columns.gather(1, nearest_open.indices[:, None])[:, 0])
        least = least.where(~closer, nearest_open.values)
        open_ = lower[:, -1] < least if bounds.shape[1] > most else torch.zeros_like(closer)
        return least.cpu().numpy(), at.cpu().numpy(), open_.cpu().numpy()

    def _exact(self, x: Any, columns: Any) -> Any:
        """(b, k): exact costs of x (b, 1, d) to some columns, less v."""
        difference = (x.double() - self._given[columns].double()) / self._unit
        squares = (difference * difference).sum(2)
        exponent = self._exponent
        costs = squares.sqrt() if exponent == 1 else squares if exponent == 2 else squares ** (0.5 * exponent)
        return costs - self._v[columns]
