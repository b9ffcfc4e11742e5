"""What a critic says of held-out batches: its value, its dual, and what it claims W1 to be, beside the exact one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from wganalyze.transport import c_transform_duals, wasserstein_batch
from wganalyze_plugins.batches import blocks
from wganalyze_plugins.dynamics.constraints import Constraint
from wganalyze_plugins.dynamics.objectives import noisy

if TYPE_CHECKING:
    from wganalyze import Points, Study
    from wganalyze.transport import Array

BATCHES = 8
"""Of a replicate."""


def penalties(
    critic: nn.Module,
    constraint: Constraint,
    x: Iterable[Points],
    y: Iterable[Points],
    device: str | torch.device,
    seed: int = 0,
) -> Array:
    """What a constraint takes from the objective between each x (m, d) and y (m, d), (B,); drawn by ``seed``."""
    draws = torch.Generator().manual_seed(seed)
    found = []
    for sides in zip(x, y, strict=True):
        real, fake = (torch.from_numpy(np.asarray(side, np.float32)).to(device) for side in sides)
        alpha = torch.rand(len(real), 1, generator=draws).to(device)
        with torch.enable_grad():
            found.append(float(constraint.penalty(critic, real, fake, alpha).detach()))
    return np.array(found)


@dataclass(frozen=True, eq=False)
class Batches:
    """Held-out batches of real and generated samples, (B, m, d) each, and the exact W1 (B,) of each pair of them."""

    x: Array
    y: Array
    w1: Array
    device: str

    @classmethod
    def of(cls, study: Study, m: int) -> Batches:
        """Up to BATCHES of every replicate."""
        every = range(study.replicates)
        sides = (
            np.concatenate([blocks(side(replicate=r), m)[:BATCHES] for r in every]).astype(np.float64)
            for side in (study.real, study.fake)
        )
        x, y = sides
        return cls(x, y, wasserstein_batch(x, y).value, study.device)

    def read(self, critic: nn.Module, noise: float = 0.0, seed: int = 0) -> Reading:
        """What this critic says; ``noise``: deviation of Gaussian noise on both sides, drawn by ``seed``."""
        draws = torch.Generator().manual_seed(seed)
        on_x, on_y = (self._scores(critic, side, noise, draws) for side in (self.x, self.y))
        return Reading(self, on_x, on_y)

    def penalties(self, critic: nn.Module, constraint: Constraint, seed: int = 0) -> Array:
        """What the constraint takes from the objective on each pair, (B,); interpolates are drawn by ``seed``."""
        return penalties(critic, constraint, self.x, self.y, self.device, seed)

    def zero(self) -> Reading:
        """What f = 0 says."""
        nothing = np.zeros(self.x.shape[:2])
        return Reading(self, nothing, nothing)

    def _scores(self, critic: nn.Module, side: Array, noise: float, draws: torch.Generator) -> Array:
        with torch.no_grad():
            scores = [
                critic(noisy(torch.from_numpy(batch).float().to(self.device), noise, draws)).double().cpu().numpy()
                for batch in side
            ]
        return np.stack(scores)


@dataclass(frozen=True, eq=False)
class Reading:
    """Scores (B, m) of both sides of batches; every property is (B,)."""

    batches: Batches
    on_x: Array
    on_y: Array

    @property
    def finite(self) -> bool:
        """Did training not diverge?"""
        return bool(np.isfinite(self.on_x).all() and np.isfinite(self.on_y).all())

    @property
    def value(self) -> Array:
        """V(D) = E log D(x) + E log(1 - D(y)), D = sigmoid(T)."""
        with np.errstate(invalid="ignore"):  # of training that diverged
            return np.asarray(-np.logaddexp(0, -self.on_x).mean(axis=1) - np.logaddexp(0, self.on_y).mean(axis=1))

    @property
    def raw_dual(self) -> Array:
        """E f(x) - E f(y)."""
        return np.asarray(self.on_x.mean(axis=1) - self.on_y.mean(axis=1))

    @property
    def transformed(self) -> Array:
        """E f(x) + E f^c(y) inside each batch: at most its W1, for any f; NaN where training diverged."""
        if not self.finite:
            return np.full(len(self.on_x), np.nan)
        several: Any = zip(self.on_x, self.on_y, self.batches.x, self.batches.y, strict=True)
        return np.array([c_transform_duals(*batch)[0] for batch in several])

    @property
    def accuracy(self) -> Array:
        """Balanced, of T > 0 for real; ties count half."""
        return np.asarray((np.sign(self.on_x).mean(axis=1) - np.sign(self.on_y).mean(axis=1)) / 4 + 0.5)

    @property
    def saturated(self) -> Array:
        """Share of generated samples with D below .01."""
        return np.asarray((self.on_y < np.log(0.01 / 0.99)).mean(axis=1))
