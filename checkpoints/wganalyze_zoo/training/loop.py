"""The alternation that all methods share: a state that one step moves on, and that can be stored and restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from wganalyze_zoo.losses import Numbers
from wganalyze_zoo.methods.clusters import Strata
from wganalyze_zoo.methods.method import Method
from wganalyze_zoo.methods.presets import Preset
from wganalyze_zoo.training.nets import Nets

NOISE_ENDS = 0.75
"""The part of the training after which there is no instance noise any more."""


@dataclass
class Training:
    """A training between two steps. ``points``: (n, ...), on the device; ``numbers``: of the loss, as they stand.

    Random numbers are torch's, of the CPU, on whatever device the networks are.
    """

    method: Method
    preset: Preset
    nets: Nets
    points: Tensor
    steps: int
    seed: int
    step: int = 0
    numbers: Numbers = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        self.numbers = {**self.method.loss.numbers, **self.preset.numbers, **self.numbers}
        self._strata: Strata | None = None
        if self.method.stratified:
            self._strata = Strata.of(self.points, self.preset.batch, self.seed)
            self.points = self._strata.points
        self._ours = [*self.nets.generator.parameters()]
        self._theirs = [] if self.nets.critic is None else [*self.nets.critic.parameters()]
        self._optimisers = [
            optimiser.of(parameters)
            for optimiser, parameters in ((self.preset.generator, self._ours), (self.preset.critic, self._theirs))
            if parameters
        ]
        self._last: tuple[Tensor, Tensor] | None = None

    def advance(self) -> bool:
        """One step of the generator behind ``n_critic`` of the critic; False where a loss is no finite number.

        A generator that was fitted is left as it is.
        """
        for _ in range(self.preset.n_critic if self.nets.critic is not None else 0):
            with torch.no_grad():
                fake = self._noisy(self._fakes())
            real = self._noisy(self._reals())
            if not _descend(self._critic_loss(real, fake), self._optimisers[1], self._theirs):
                return False
            for constraint in self.method.constraints:
                if constraint.after is not None:
                    constraint.after(self._critic(), constraint.weight)
        real, fake = self._noisy(self._reals()), self._noisy(self._fakes())
        loss = self.method.loss.generator(self._critic(), real, fake, self.numbers)
        self._last = real, fake.detach()
        if self._ours and not _descend(loss, self._optimisers[0], self._ours):
            return False
        self.step += 1
        if self.method.loss.update is not None:
            with torch.no_grad():
                changed = self.method.loss.update(self._critic(), *self._last, self.numbers)
            self.numbers = {**self.numbers, **changed}
        return True

    def estimate(self) -> float:
        """What the method claims of its last batches, by the critic as it is now; NaN where it claims nothing."""
        if self.method.loss.estimate is None or self._last is None:
            return float("nan")
        critic = self._critic()
        critic.eval()  # a forward in train mode would move the state of spectral norm and BatchNorm
        with torch.no_grad():
            value = float(self.method.loss.estimate(critic, *self._last, self.numbers))
        critic.train()
        return value

    def is_finite(self) -> bool:
        """Are all weights?"""
        modules = [self.nets.generator, *([] if self.nets.critic is None else [self.nets.critic])]
        return all(bool(t.isfinite().all()) for module in modules for t in module.state_dict().values())

    def noise(self) -> float:
        """The standard deviation of instance noise at this step."""
        return self.method.noise * max(0.0, 1 - self.step / (NOISE_ENDS * self.steps))

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        critic = self.nets.critic
        return {
            "generator": self.nets.generator.state_dict(),
            "critic": {} if critic is None else critic.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "numbers": dict(self.numbers),
            "random": torch.get_rng_state(),
            "step": self.step,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.nets.generator.load_state_dict(state["generator"])
        if self.nets.critic is not None:
            self.nets.critic.load_state_dict(state["critic"])
        for optimiser, stored in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(stored)
        self.numbers, self.step = state["numbers"], state["step"]
        torch.set_rng_state(state["random"])

    def _critic(self) -> nn.Module:
        return NO_CRITIC if self.nets.critic is None else self.nets.critic

    def _critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        assert self.method.loss.critic is not None
        loss = self.method.loss.critic(self._critic(), real, fake, self.numbers)
        for constraint in self.method.constraints:
            if constraint.penalty is not None:
                alpha = torch.rand(len(real)).to(real.device)
                loss = loss + constraint.penalise(self._critic(), real, fake, alpha)
        return loss

    def _reals(self) -> Tensor:
        """(b, ...), at random, or in the shares of their clusters."""
        batch = self.preset.batch
        index = torch.randint(len(self.points), (batch,)) if self._strata is None else self._strata.draw(batch)
        return self.points[index.to(self.points.device)]

    def _fakes(self) -> Tensor:
        z = torch.randn(self.preset.batch, self.preset.latent_dim)
        fake: Tensor = self.nets.generator(z.to(self.points.device))
        return fake

    def _noisy(self, samples: Tensor) -> Tensor:
        noise = self.noise()
        return samples + noise * torch.randn(samples.shape).to(samples.device) if noise else samples


class _NoCritic(nn.Module):
    """Stands where a method has none, so that losses take the same arguments."""


NO_CRITIC = _NoCritic()


def _descend(loss: Tensor, optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> bool:
    if not bool(loss.isfinite()):
        return False
    optimiser.zero_grad()
    loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]
    optimiser.step()
    return True
