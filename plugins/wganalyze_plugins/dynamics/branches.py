"""A snapshot's critic trained on against its frozen generator, once by each objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from wganalyze import Estimate, Study
from wganalyze_plugins.batches import conditional, ratio_of_means, student
from wganalyze_plugins.dynamics.constraints import Constraint
from wganalyze_plugins.dynamics.gradient import Gradient, gradients
from wganalyze_plugins.dynamics.held_out import Batches, Reading
from wganalyze_plugins.dynamics.moments import gained
from wganalyze_plugins.dynamics.networks import Critic, Generator, contained, stream
from wganalyze_plugins.dynamics.objectives import LossName, ObjectiveName, Schedule, continued
from wganalyze_plugins.dynamics.pools import fake_pool, real_pool

if TYPE_CHECKING:
    from wganalyze.transport import Array

POOL = 4096
"""Samples a side that a critic is trained on."""
CENTRED = 512
"""Samples a side between whose means a score is 0."""
BATCHES = 4
"""Of latents in a replicate, for the generator's gradient."""


@dataclass(frozen=True, eq=False)
class Trained:
    """The critic after ``steps`` further steps: on held-out batches, and the gradients that it gives the generator.

    ``penalties``: (B,), what the constraint takes from the objective on each of the batches.
    """

    steps: int
    held: Reading
    gradients: Mapping[LossName, Gradient]
    penalties: Array


@dataclass(frozen=True, eq=False)
class Branch:
    """All that was seen along the training by one objective."""

    objective: ObjectiveName
    noise: float
    all: Sequence[Trained]

    @property
    def first(self) -> Trained:
        """At the snapshot."""
        return self.all[0]

    @property
    def last(self) -> Trained:
        """After all steps."""
        return self.all[-1]

    @property
    def zero(self) -> Reading:
        """f = 0 on the held-out batches."""
        return self.first.held.batches.zero()

    def share(self, trained: Trained) -> Array:
        """|gradient of E log(1 - D)| / |gradient of -E T| of one discriminator, (R,), whatever its scale; NaN: 0/0."""
        above, below = (trained.gradients[loss].norms for loss in ("saturating", "wasserstein"))
        return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)

    @property
    def diverged(self) -> bool:
        """Did training end in NaN or infinity?"""
        return not all(trained.held.finite for trained in self.all)

    def estimate(self, reading: Reading) -> Array | None:
        """What the objective claims W1 to be, (B,); None for the logistic one, which claims nothing."""
        by_name = {"penalised": "raw_dual", "c-transform": "transformed"}
        return getattr(reading, by_name[self.objective]) if self.objective in by_name else None

    @property
    def rise(self) -> Array:
        """What the objective gains from the snapshot to its best step, (B,) on the held-out batches; see ``gained``."""
        estimates = [self.estimate(trained.held) for trained in self.all]
        reached = np.array(
            [t.held.value if e is None else e - t.penalties for t, e in zip(self.all, estimates, strict=True)]
        )
        return gained(reached)

    @property
    def relative_rise(self) -> Estimate | None:
        """The rise as a share of W1, means over batches; None where W1 is 0."""
        w1 = self.first.held.batches.w1
        return conditional(ratio_of_means(self.rise, w1), "this critic") if w1.mean() > 0 else None

    def error(self, estimates: Array) -> Estimate | None:
        """Mean |estimate - W1| / W1 over batches; None where one of them is 0."""
        w1 = self.first.held.batches.w1
        return conditional(student(np.abs(estimates - w1) / w1), "this critic") if w1.min() > 0 else None


def continue_all(
    study: Study, *, steps: Sequence[int], batch: int, rate: float, constraint: Constraint, noise: float
) -> tuple[Branch, Branch, Branch, Branch]:
    """Train copies of the critic: logistic, logistic with noise, penalised, by c-transform; see ``Schedule``.

    ``noise``: in deviations of the data.
    """
    with contained(study):
        generator = Generator(study)
        x, y = real_pool(study, POOL), fake_pool(study, POOL)
        m = min(batch, study.n)
        held = Batches.of(study, m)
        real, fake = (torch.from_numpy(np.asarray(side, np.float32)).to(study.device) for side in (x, y))
        rng = stream(study, "gradients")
        latents = [[generator.draw(m, rng) for _ in range(BATCHES)] for _ in range(study.replicates)]
        deviation = noise * float(x.std(axis=0).mean())

        def branch(name: ObjectiveName, losses: Sequence[LossName], noise: float = 0.0) -> Branch:
            critic, draws = Critic(study).to(study.device).eval(), torch.Generator().manual_seed(study.seed)
            critic.centre(real[:CENTRED], fake[:CENTRED])
            schedule = Schedule(steps, m, rate, constraint, noise)
            seen = [
                Trained(
                    k,
                    held.read(critic, noise),
                    gradients(generator, critic, losses, latents, noise),
                    held.penalties(critic, constraint) if name == "penalised" else np.zeros(len(held.w1)),
                )
                for k in continued(critic, name, real, fake, schedule, draws)
            ]
            return Branch(name, noise, seen)

        every: tuple[LossName, ...] = ("saturating", "non-saturating", "wasserstein")
        return (
            branch("logistic", every),
            branch("logistic", every, deviation),
            branch("penalised", ("wasserstein",)),
            branch("c-transform", ()),
        )
