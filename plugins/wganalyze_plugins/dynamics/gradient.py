"""The gradient that a generator is trained by: its size, and how much of it is noise of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from wganalyze_plugins.dynamics.objectives import GENERATOR_LOSSES, LossName, noisy

if TYPE_CHECKING:
    from wganalyze.transport import Array

WHOLE: LossName = "wasserstein"
PARTS: tuple[LossName, LossName] = ("saturating", "non-saturating")
"""log(1 - D) - log D = -T: their gradients add up to that of the former, which costs no pass of its own."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """Of one loss with respect to all P parameters of a generator.

    ``norms`` (R,): of the mean over the batches of a replicate; ``deviations`` (R,): root of the total variance over
    them; ``mean`` (P,): over all of them.
    """

    norms: Array
    deviations: Array
    mean: Array

    @classmethod
    def of(cls, batches: Sequence[Sequence[Tensor]]) -> Gradient:
        """From one flat gradient (P,) for each batch of each replicate."""
        stacks = [torch.stack(list(replicate)).double() for replicate in batches]
        means = [stack.mean(dim=0) for stack in stacks]
        # Not var(dim=0), which is slow along so few rows.
        totals = [(stack - m).square().sum() / (len(stack) - 1) for stack, m in zip(stacks, means, strict=True)]
        spreads = [float(total.sqrt()) for total in totals]
        mean = torch.stack(means).mean(dim=0)
        return cls(np.array([float(m.norm()) for m in means]), np.array(spreads), mean.cpu().numpy())

    @property
    def norm(self) -> float:
        """Mean over replicates."""
        return float(self.norms.mean())

    @property
    def deviation(self) -> float:
        """Mean over replicates."""
        return float(self.deviations.mean())

    def cosine(self, other: Gradient) -> float | None:
        """With another gradient; None where one of them is 0."""
        lengths = float(np.linalg.norm(self.mean) * np.linalg.norm(other.mean))
        return float(self.mean @ other.mean) / lengths if lengths > 0 else None


def gradients(
    generator: nn.Module,
    critic: nn.Module,
    losses: Sequence[LossName],
    latents: Sequence[Sequence[Tensor]],
    noise: float = 0.0,
    seed: int = 0,
) -> Mapping[LossName, Gradient]:
    """The gradient of each loss with respect to the generator's parameters.

    ``latents``: z of every batch of every replicate. ``noise``: deviation of Gaussian noise on what the critic sees.
    """
    draws = torch.Generator().manual_seed(seed)
    parameters = list(generator.parameters())
    critic.requires_grad_(False)
    first, second = PARTS
    taken: set[LossName] = {*losses}
    if {*PARTS} <= taken:
        taken.discard(WHOLE)
    found: dict[LossName, list[list[Tensor]]] = {loss: [[] for _ in latents] for loss in losses}
    for replicate, batches in enumerate(latents):
        for z in batches:
            scores = critic(noisy(generator(z), noise, draws))
            slopes = {loss: _slope(GENERATOR_LOSSES[loss](scores), parameters) for loss in taken}
            for loss in losses:
                found[loss][replicate].append(slopes[loss] if loss in slopes else slopes[first] + slopes[second])
    critic.requires_grad_(True)
    return {loss: Gradient.of(batches) for loss, batches in found.items()}


def _slope(loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Of a loss with respect to all parameters, (P,); its graph stays."""
    slopes = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    flat = [torch.zeros_like(p) if slope is None else slope for slope, p in zip(slopes, parameters, strict=True)]
    return torch.cat([each.reshape(-1) for each in flat]).detach()
