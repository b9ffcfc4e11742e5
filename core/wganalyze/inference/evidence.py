"""What speaks for one reading of a network and against another: BatchNorm's memory, and nearness to the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

Floats = npt.NDArray[np.float64]
Batches = Sequence["Tensor"]

MARGIN = 50.0
"""A reading counts where it beats all others by this much in log-likelihood; see ``Evidence.over``."""
GOOD_STATISTICS = 0.1
"""Largest deviation of a BatchNorm's inputs from its memory: of means in standard deviations, and of log variances."""
GOOD_ENERGY = 0.02
"""Largest energy distance of samples to data, relative to twice the mean distance between the two."""
NEARER = 2.0
"""How much nearer to the data the samples of one reading must be: more than a wrong contrast gains."""
_COUNTED = 64
_FLOOR = 3e-3
_EPS = 1e-5


@dataclass(frozen=True)
class Evidence:
    """Deviations of a reading from what should come out; each stands for ``weights`` independent numbers."""

    deviations: tuple[float, ...]
    weights: tuple[float, ...]
    limit: float

    @property
    def is_good(self) -> bool:
        """Is every deviation small?"""
        return max(self.deviations) <= self.limit

    @property
    def error(self) -> float:
        """The typical (geometric mean) deviation."""
        return math.exp(self._total / sum(self.weights))

    def over(self, other: Evidence) -> float:
        """Log-likelihood of this reading over another's: that of normal deviations whose scale is what they show."""
        return other._total - self._total

    @property
    def _total(self) -> float:
        return sum(w * math.log(max(d, _FLOOR)) for w, d in zip(self.weights, self.deviations, strict=True))


def of_norms(module: Module, sides: Sequence[Batches]) -> Evidence | None:
    """How the inputs of every BatchNorm, in train mode, deviate from its running statistics; None where there is none.

    ``sides``: kinds of batches that training may have run it on, one kind at a time: the running statistics are taken
    to be that mean of theirs which fits best. Means count in running standard deviations, variances by logarithm.
    """
    stored = [(n.running_mean, n.running_var) for n in norms_of(module)]
    if not stored:
        return None
    mean, variance = (np.concatenate([_array(pair[i]) for pair in stored]) for i in (0, 1))
    seen = [_statistics(module, batches) for batches in sides]
    means, variances = (np.stack([side[i] for side in seen]) for i in (0, 1))
    if not (np.isfinite(means).all() and np.isfinite(variances).all()):
        return Evidence((math.inf,), (1.0,), GOOD_STATISTICS)
    scale = variance + _EPS
    shares = _shares(
        np.concatenate([means / np.sqrt(scale), variances / scale], axis=1),
        np.concatenate([mean / np.sqrt(scale), variance / scale]),
    )
    shift = (shares @ means - mean) / np.sqrt(scale)
    growth = np.log((shares @ variances + _EPS) / scale)
    ends = np.cumsum([len(pair[0]) for pair in stored])[:-1]
    layers = [layer for row in (shift, growth) for layer in np.split(row, ends)]
    return Evidence(
        tuple(float(np.sqrt((layer**2).mean())) for layer in layers),
        tuple(float(min(len(layer), _COUNTED)) for layer in layers),
        GOOD_STATISTICS,
    )


def of_samples(fake: Floats, real: Floats) -> Evidence:
    """The energy distance of samples to data in [0, 1], both brought to mean 0 and deviation 1 over all their values.

    A distance that halves of the data have from each other counts as none.
    """
    fake, real = ((points - points.mean()) / max(float(points.std()), 1e-9) for points in (fake, real))
    half = len(real) // 2
    noise = abs(_energy(real[:half], real[half:]))
    deviation = math.hypot(max(_energy(fake, real), 0.0), noise)
    return Evidence((deviation,), (MARGIN / math.log(NEARER),), GOOD_ENERGY)


def norms_of(module: Module) -> list[Any]:
    """Its BatchNorm layers with running statistics."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return [m for m in module.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


class _Seen(Exception):
    """All norms have been reached: what lies behind them need not be computed."""


def _statistics(module: Module, batches: Batches) -> tuple[Floats, Floats]:
    """Mean and variance of the inputs of all norms, one after the other, averaged over batches; nothing is updated."""
    import torch

    norms = norms_of(module)
    momenta = [norm.momentum for norm in norms]
    by_batch: list[dict[int, tuple[Tensor, Tensor]]] = []

    def watch(i: int) -> Any:
        def look(_: Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0]
            variance, mean = torch.var_mean(x, [axis for axis in range(x.ndim) if axis != 1])
            by_batch[-1][i] = mean, variance
            if len(by_batch[-1]) == len(norms):
                raise _Seen

        return look

    hooks = [norm.register_forward_pre_hook(watch(i)) for i, norm in enumerate(norms)]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            module.train()
            for norm in norms:
                norm.momentum = 0.0
            for batch in batches:
                by_batch.append({})
                with suppress(_Seen):
                    module(batch)
    finally:
        module.eval()
        for norm, momentum, hook in zip(norms, momenta, hooks, strict=True):
            norm.momentum = momentum
            hook.remove()
    by_norm = [[torch.stack([seen[i][k] for seen in by_batch]).mean(0) for i in range(len(norms))] for k in (0, 1)]
    means, variances = (_array(torch.cat(parts)) for parts in by_norm)
    return means, variances


def _shares(sides: Floats, target: Floats) -> Floats:
    """Weights of the rows, none negative and 1 together, whose mean is nearest to the target."""
    from scipy.optimize import nnls

    heavy = 1e3 * (1 + float(np.abs(sides).max()))
    shares, _ = nnls(np.concatenate([sides.T, np.full((1, len(sides)), heavy)]), np.append(target, heavy))
    return shares / shares.sum()  # type: ignore[no-any-return]


def _energy(x: Floats, y: Floats) -> float:
    """Energy distance over twice the mean distance between the two; its estimate from samples may be negative."""
    from scipy.spatial.distance import cdist, pdist

    between = float(cdist(x, y).mean())
    return 1 - (float(pdist(x).mean()) + float(pdist(y).mean())) / (2 * between) if between > 0 else 0.0


def _array(tensor: Tensor) -> Floats:
    return tensor.detach().double().cpu().numpy()
