"""How far two stored tensors of one shape are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

DENSE = 512
"""Largest side of a Gram matrix whose eigenvalues are all computed; beyond it Lanczos finds the first."""


@dataclass(frozen=True)
class Distance:
    """B - A, entry by entry, in float64; norms are over the entries that are finite on both sides.

    ``changed``: entries that differ; NaN equals NaN.
    ``norm``, ``reference``: the Frobenius norms of B - A and of A.
    ``largest``: the largest modulus of an entry of B - A.
    ``spectral``, ``spectral_reference``: the spectral norms of B - A and of A, kernels as matrices of their first axis
    against the others; None below two axes, and where an entry is not finite.
    ``nonfinite``: entries that are NaN or infinite, of A and of B.
    """

    changed: int
    norm: float
    reference: float
    largest: float
    spectral: float | None
    spectral_reference: float | None
    nonfinite: tuple[int, int]

    @property
    def relative(self) -> float | None:
        """The Frobenius norm of B - A over that of A; None where A is zero and B is not."""
        return _ratio(self.norm, self.reference)

    @property
    def spectral_relative(self) -> float | None:
        """The spectral norm of B - A over that of A; None where there is none, or A is zero and B is not."""
        if self.spectral is None or self.spectral_reference is None:
            return None
        return _ratio(self.spectral, self.spectral_reference)


def distance(a: Tensor, b: Tensor) -> Distance:
    """Of two tensors of one shape, of any types; ValueError where one is sparse or quantized."""
    import torch

    for tensor in (a, b):
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise ValueError("sparse and quantized tensors are not compared")
    x, y = _numbers(a), _numbers(b)
    x, y = x.to(torch.promote_types(x.dtype, y.dtype)), y.to(torch.promote_types(x.dtype, y.dtype))
    changed = _whole(a) != _whole(b) if _is_whole(a) and _is_whole(b) else (x != y) & ~(x.isnan() & y.isnan())
    finite = x.isfinite() & y.isfinite()
    reference = x.where(finite, 0)
    difference = (y.where(finite, 0) - reference).where(changed, 0)
    matrices = x.ndim >= 2 and x.numel() > 0 and bool(finite.all())
    return Distance(
        changed=int(changed.sum()),
        norm=_norm(difference),
        reference=_norm(reference),
        largest=float(difference.abs().max()) if difference.numel() else 0.0,
        spectral=spectral_norm(difference.flatten(1)) if matrices else None,
        spectral_reference=spectral_norm(reference.flatten(1)) if matrices else None,
        nonfinite=(int((~x.isfinite()).sum()), int((~y.isfinite()).sum())),
    )


def spectral_norm(matrix: Tensor) -> float:
    """The largest singular value of a finite matrix (m, n), in its own precision."""
    import torch

    scale = float(matrix.abs().max()) if matrix.numel() else 0.0
    if scale == 0:
        return 0.0
    matrix = matrix / scale  # no square may overflow, or vanish
    matrix = matrix.T.conj() if matrix.shape[0] < matrix.shape[1] else matrix
    if matrix.shape[1] <= DENSE:
        largest = torch.linalg.eigvalsh(matrix.T.conj() @ matrix)[-1]
        return scale * float(largest.clamp(min=0).sqrt())
    import numpy as np
    from scipy.sparse.linalg import svds

    start = np.random.default_rng(0).standard_normal(matrix.shape[1])
    return scale * float(svds(matrix.numpy(), k=1, v0=start, return_singular_vectors=False)[0])


def _norm(tensor: Tensor) -> float:
    """Frobenius, without overflow on the way."""
    scale = float(tensor.abs().max()) if tensor.numel() else 0.0
    return scale * float((tensor / scale).abs().square().sum().sqrt()) if scale else 0.0


def _ratio(part: float, whole: float) -> float | None:
    if part == 0:
        return 0.0
    return part / whole if whole else None


def _numbers(tensor: Tensor) -> Tensor:
    import torch

    return tensor.detach().cpu().to(torch.complex128 if tensor.is_complex() else torch.float64)


def _is_whole(tensor: Tensor) -> bool:
    import torch

    return not tensor.is_floating_point() and not tensor.is_complex() and tensor.dtype != torch.uint64


def _whole(tensor: Tensor) -> Tensor:
    """Large integers differ before float64 sees it."""
    import torch

    return tensor.detach().cpu().to(torch.int64)
