"""Distances of two laws by moments and by a kernel: Frechet's between Gaussians, and the kernel distance KID."""

from __future__ import annotations

import numpy as np

from wganalyze import Points
from wganalyze.transport import Array


def frechet(x: Points, y: Points) -> float:
    """Squared Frechet distance of the Gaussians fitted to ``x`` (n, d) and ``y`` (m, d), n, m >= 2.

    |mean_x - mean_y|^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2)), covariances with n - 1 (Dowson and Landau 1982; Heusel et
    al. 1706.08500, eq. 6). Where S_x = A'A and S_y = B'B, the last trace is the sum of the singular values of A B':
    no root of a matrix, and no more than min(n, d) by min(m, d).
    """
    a, b = _factor(x), _factor(y)
    shift = x.mean(axis=0, dtype=np.float64) - y.mean(axis=0, dtype=np.float64)
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(shift @ shift + (a**2).sum() + (b**2).sum() - 2 * cross)


def _factor(points: Points) -> Array:
    """A (min(n, d), d) with A'A the covariance of ``points`` (n, d)."""
    values = np.asarray(points, np.float64)
    centred = (values - values.mean(axis=0)) / np.sqrt(len(values) - 1)
    return centred if len(values) <= values.shape[1] else np.asarray(np.linalg.qr(centred, mode="r"))


def kernel_within(x: Points) -> float:
    """Mean of k(x_i, x_j) over i != j for ``x`` (n, d), n >= 2."""
    values = np.asarray(x, np.float64)
    own = _kernel(np.einsum("ij,ij->i", values, values), values.shape[1])
    total = _kernel(values @ values.T, values.shape[1]).sum()
    return float((total - own.sum()) / (len(values) * (len(values) - 1)))


def kernel_between(x: Points, y: Points) -> float:
    """Mean of k(x_i, y_j) for ``x`` (n, d) and ``y`` (m, d)."""
    return float(_kernel(np.asarray(x, np.float64) @ np.asarray(y, np.float64).T, x.shape[1]).mean())


def _kernel(products: Array, dim: int) -> Array:
    """(x.y / d + 1)^3 of inner products, in their place."""
    products /= dim
    products += 1
    products *= products * products  # a power of floats takes many times as long
    return products


def kid(x: Points, y: Points) -> float:
    """Unbiased estimate of MMD^2 between the laws of ``x`` (n, d) and ``y`` (m, d), n, m >= 2; it can be negative.

    With the kernel (x.y / d + 1)^3: Binkowski et al. 1801.01401, sec. 4; Gretton et al. 2012, lemma 6.
    """
    return kernel_within(x) + kernel_within(y) - 2 * kernel_between(x, y)
