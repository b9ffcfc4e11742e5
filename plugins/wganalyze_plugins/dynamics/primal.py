"""Primal training: the generated side of a batch moves towards its optimal partners; no critic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from wganalyze import NotMeasurable, Study
from wganalyze.transport import wasserstein_batch
from wganalyze_plugins.dynamics.networks import Generator, contained, stream
from wganalyze_plugins.dynamics.pools import real_pool

if TYPE_CHECKING:
    from wganalyze.transport import Transports

MOST = 20_000
"""Real samples that batches are drawn from."""
BEFORE = -1
"""The moment before a batch is trained on; 0: just after; k: after k later batches."""


class Said(Protocol):
    """The options of the analyzer."""

    @property
    def steps(self) -> int: ...
    @property
    def later_steps(self) -> int: ...
    @property
    def later(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def trials(self) -> int: ...
    @property
    def rate(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Batch:
    """Latents z (m, ...) and real samples x (m, d)."""

    z: Tensor
    x: Tensor

    def cost(self, generator: nn.Module) -> float:
        """Exact W1 between G(z) and x."""
        return float(self._matched(generator).value[0])

    def train(self, generator: nn.Module, optimiser: torch.optim.Optimizer, steps: int) -> None:
        """Descend on the mean distance of optimal partners, matched anew at every step."""
        for _ in range(steps):
            partners = self.x[torch.from_numpy(self._matched(generator).columns[0]).long().to(self.x.device)]
            optimiser.zero_grad(set_to_none=True)
            (generator(self.z) - partners).norm(dim=1).mean().backward()
            optimiser.step()

    def _matched(self, generator: nn.Module) -> Transports:
        with torch.no_grad():
            y = generator(self.z).double().cpu().numpy()
        return wasserstein_batch(y[None], self.x.double().cpu().numpy()[None])


@dataclass(frozen=True)
class Trial:
    """``costs``: of the batch, and of one that is never trained on, at every moment."""

    costs: Mapping[int, tuple[float, float]]

    def excess(self, moment: int) -> float:
        """Relative fall of the cost of the batch since the start, beyond that of the unseen one."""
        return self._fall(moment, 0) - self._fall(moment, 1)

    def fall_unseen(self, moment: int) -> float:
        """Relative fall of the cost of the unseen batch since the start."""
        return self._fall(moment, 1)

    def _fall(self, moment: int, which: int) -> float:
        return 1 - self.costs[moment][which] / self.costs[BEFORE][which]


def trials(study: Study, said: Said) -> list[Trial]:
    """One for each of ``said.trials`` batches, each from a fresh copy of the generator."""
    real = real_pool(study, MOST)
    if len(real) < 3 * said.batch:
        raise NotMeasurable(
            f"a batch, an unseen one and others need at least {3 * said.batch} real samples, there are "
            f"{len(real)}: choose a smaller forgetting.batch"
        )
    with contained(study):
        return [_trial(study, real, said, k) for k in range(said.trials)]


def _trial(study: Study, real: np.ndarray, said: Said, number: int) -> Trial:
    generator, rng = Generator(study), stream(study, "forgetting", number)
    order = rng.permutation(len(real))

    def batch(rows: np.ndarray) -> Batch:
        x = torch.from_numpy(np.ascontiguousarray(real[rows], np.float32)).to(study.device)
        return Batch(generator.draw(said.batch, rng), x)

    first, unseen = (batch(order[k * said.batch : (k + 1) * said.batch]) for k in range(2))
    rest = order[2 * said.batch :]
    optimiser = torch.optim.Adam(generator.parameters(), said.rate, fused=True)
    costs = {BEFORE: (first.cost(generator), unseen.cost(generator))}
    first.train(generator, optimiser, said.steps)
    for later in range(said.later + 1):
        if later:
            batch(rng.choice(rest, said.batch, replace=False)).train(generator, optimiser, said.later_steps)
        if later in (0, 1, 10, 100, 1000, said.later):
            costs[later] = (first.cost(generator), unseen.cost(generator))
    return Trial(costs)
