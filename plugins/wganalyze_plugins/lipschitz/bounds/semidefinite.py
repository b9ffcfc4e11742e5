"""An upper bound for small chains: LipSDP-Neuron by a first-order descent, checked by a Cholesky factorisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wganalyze_plugins.lipschitz.bounds.chains import Chain, matrix
from wganalyze_plugins.lipschitz.lower import OPEN, Deadline

STEPS = 90
RATE = 0.15
ROOM = 1e-6
"""By how much multipliers exceed what is just feasible, where that is best: at slopes in [-1, 1]."""
MOST = 4000
"""Numbers in all layers together: the check is a Cholesky factorisation of that side."""
WORK = 5e7
"""Multiplications of a step beyond which the descent without matrices finds as much, and sooner."""
SLACKS = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
SMOOTH = 32
"""Power mean of eigenvalues in the place of the largest one, while it is descended."""
UNIT = 2.0**-53
OUTWARD = 1 + 1e-9
"""Rounding of the layers' matrices: BatchNorm that was folded, layers that were composed."""


@dataclass(frozen=True)
class Checked:
    """``value``: no slope of the chain is larger; ``slack``: what the check took, of its square."""

    value: float
    slack: float
    steps: int


def fits(chain: Chain) -> bool:
    """Are the matrices small enough?"""
    return sum(chain.widths) <= MOST and 6 * sum(float(width) ** 3 for width in chain.widths) <= WORK


def semidefinite_bound(chain: Chain, steps: int = STEPS, until: Deadline = OPEN) -> Checked | str:
    """The least rho for which diagonal multipliers make the matrix of LipSDP-Neuron positive: K^2 <= rho.

    Fazlyab et al. 1906.04893, thm. 2, with one multiplier a neuron (the variant that couples neurons is unsound). The
    multipliers are found by Adam on their logarithms, through the Schur complements of the block-tridiagonal matrix,
    and then proved: that matrix, assembled from the layers, has a Cholesky factorisation after a shift that outweighs
    all rounding (Rump 2006). Exact where one layer of multipliers is tight, as for a single affine map. A reason where
    nothing could be proved.
    """
    matrices = [matrix(each) for each in chain.maps]
    found = _descend(matrices, chain.lows, steps, until)
    if found is None:
        return "no feasible multipliers were found"
    multipliers, taken = found
    for slack in SLACKS:
        # A layer's matrix grows with the multipliers behind it: those in front take more room.
        growth = [(1 + slack) ** power for power in range(len(multipliers), 0, -1)]
        roomy = [scale * more for scale, more in zip(multipliers, growth, strict=True)]
        rho = _rho(matrices, chain.lows, roomy)
        if rho is None:
            continue
        least = float(torch.linalg.eigvalsh(rho)[-1]) * (1 + slack)
        if is_positive(matrices, chain.lows, roomy, least):
            return Checked(math.sqrt(least) * chain.factor * OUTWARD, slack, taken)
    return "the Cholesky factorisation failed: no proof"


def is_positive(matrices: Sequence[Tensor], lows: Sequence[float], multipliers: Sequence[Tensor], rho: float) -> bool:
    """Is the matrix of LipSDP positive, proved in floating point?

    For f = W_m s_m W_(m-1) ... s_1 W_0, slopes in [a_i, 1], z_i = W_(i-1) y_(i-1), multipliers L_i: the quadratic form
    rho |y_0|^2 + sum_i (y_i - z_i)' L_i (y_i - a_i z_i) - |W_m y_m|^2.
    """
    sizes = [each.shape[1] for each in matrices]
    ends = [sum(sizes[:k]) for k in range(len(sizes) + 1)]
    whole = torch.zeros(ends[-1], ends[-1], dtype=torch.float64)
    doubt = torch.zeros_like(whole[0])
    blocks = [slice(ends[k], ends[k + 1]) for k in range(len(sizes))]
    whole[blocks[0], blocks[0]] += rho * torch.eye(sizes[0], dtype=torch.float64)
    for before, here, weight, low, scale in zip(blocks, blocks[1:], matrices, lows, multipliers, strict=False):
        weighted = scale[:, None] * weight
        whole[here, here] += scale.diag()
        whole[before, before] += low * (weight.T @ weighted)
        doubt[before] += abs(low) * (weight.abs().T @ weighted.abs()).sum(1)
        beside = -(1 + low) / 2 * weighted
        whole[here, before] += beside
        whole[before, here] += beside.T
    last = matrices[-1]
    whole[blocks[-1], blocks[-1]] -= last.T @ last
    doubt[blocks[-1]] += (last.abs().T @ last.abs()).sum(1)
    diagonal = whole.diagonal()
    if not bool((diagonal > 0).all()):
        return False
    size = len(whole)
    root = diagonal.rsqrt()
    scaled = root[:, None] * whole * root
    # Rump's shift for the factorisation, and the rounding of the entries themselves, by their absolute row sums.
    rounding = float((doubt * root).max() * root.max()) + float(scaled.abs().sum(1).max())
    shift = 4 * (size + 4) * UNIT * (size + rounding)
    scaled.diagonal().sub_(shift)
    return int(torch.linalg.cholesky_ex(scaled)[1]) == 0


def _descend(
    matrices: Sequence[Tensor], lows: Sequence[float], steps: int, until: Deadline
) -> tuple[list[Tensor], int] | None:
    """Feasible multipliers that make rho small, and the steps that were taken."""
    logs = [scale.log().requires_grad_() for scale in _feasible(matrices, lows)]
    rate, least, best, taken = RATE, math.inf, None, 0
    optimiser = torch.optim.Adam(logs, rate)
    for step in range(steps):
        if until.is_over and best is not None:
            break
        taken = step
        multipliers = [log.exp() for log in logs]
        rho = _rho(matrices, lows, multipliers)
        if rho is None:
            if best is None:
                return None
            # Over the edge: back, with smaller steps.
            rate /= 2
            with torch.no_grad():
                for log, good in zip(logs, best, strict=True):
                    log.copy_(good)
            optimiser = torch.optim.Adam(logs, rate)
            continue
        values = torch.linalg.eigvalsh(rho)
        top = float(values[-1].detach())
        if top < least:
            least, best = top, [log.detach().clone() for log in logs]
        smooth = values[-1].log() + ((values / values[-1].detach()).clamp(min=1e-30) ** SMOOTH).sum().log() / SMOOTH
        optimiser.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2 + rate / 50
        optimiser.zero_grad()
        smooth.backward()
        optimiser.step()
    return None if best is None else ([log.exp() for log in best], taken)


def _feasible(matrices: Sequence[Tensor], lows: Sequence[float]) -> list[Tensor]:
    """Multipliers, from the score back, each as far above what is just feasible as is best for one neuron a layer."""
    below = matrices[-1].T @ matrices[-1]
    found: list[Tensor] = []
    for weight, low in zip(reversed(matrices[:-1]), reversed(lows), strict=True):
        shape = weight.norm(dim=1).reciprocal()
        shape = torch.where(shape.isfinite(), shape, torch.ones_like(shape)) * below.diagonal().clamp(min=0).sqrt()
        shape = shape.clamp(min=1e-6 * float(shape.max().clamp(min=1e-300)))
        root = shape.rsqrt()
        largest = float(torch.linalg.eigvalsh(root[:, None] * below * root)[-1])
        scale = shape * max(largest, 1e-300) * (2 / max(1 - low, 1e-3) + ROOM)
        found.insert(0, scale)
        complement = _complement(below, weight, low, scale)
        if complement is None:
            break
        below = complement
    return found


def _rho(matrices: Sequence[Tensor], lows: Sequence[float], multipliers: Sequence[Tensor]) -> Tensor | None:
    """The matrix whose largest eigenvalue is the least rho for these multipliers; None where there is none."""
    below = matrices[-1].T @ matrices[-1]
    for weight, low, scale in zip(reversed(matrices[:-1]), reversed(lows), reversed(multipliers), strict=True):
        complement = _complement(below, weight, low, scale)
        if complement is None:
            return None
        below = complement
    return below


def _complement(below: Tensor, weight: Tensor, low: float, scale: Tensor) -> Tensor | None:
    """Schur complement of a layer: ((1 + a) / 2)^2 W' L (L - Q)^-1 L W - a W' L W."""
    factor, failed = torch.linalg.cholesky_ex(scale.diag() - below)
    if int(failed):
        return None
    weighted = scale[:, None] * weight
    solved = torch.linalg.solve_triangular(factor, (1 + low) / 2 * weighted, upper=False)
    result: Tensor = solved.T @ solved - low * (weight.T @ weighted)
    return (result + result.T) / 2
