"""WGAN with weight clipping (1701.07875, algorithm 1) and with a gradient penalty (1704.00028, algorithm 1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor, nn


class WassersteinTrainer(ABC):
    """How a critic is kept Lipschitz, and what it is optimised with; the alternation is the same for all."""

    name: ClassVar[str]
    n_critic: ClassVar[int] = 5
    penalty: ClassVar[float] = 0.0
    """The weight lambda of a gradient penalty; 0: none."""

    @abstractmethod
    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """For either network."""

    def critic_loss(self, critic: nn.Module, real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
        """What the critic minimises: E f(fake) - E f(real), and more where there is a penalty.

        ``real``, ``fake``: (b, dim); ``alpha``: (b, 1), uniform on [0, 1], one for each sample.
        """
        return critic(fake).mean() - critic(real).mean()  # type: ignore[no-any-return]

    def constrain(self, critic: nn.Module) -> None:  # noqa: B027
        """After each step of the critic."""


class ClippedWgan(WassersteinTrainer):
    """Weights clipped to [-c, c] after every step (1701.07875, algorithm 1; RMSProp, n_critic 5)."""

    name: ClassVar[str] = "wgan"
    clip: ClassVar[float] = 0.05
    learning_rate: ClassVar[float] = 5e-4

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """RMSProp."""
        return torch.optim.RMSprop(parameters, lr=self.learning_rate)

    def constrain(self, critic: nn.Module) -> None:
        """Clip."""
        with torch.no_grad():
            for parameter in critic.parameters():
                parameter.clamp_(-self.clip, self.clip)


class WganGp(WassersteinTrainer):
    """lambda (|grad f| - 1)^2 on interpolates (1704.00028, algorithm 1; Adam (0, .9) there, (.5, .9) here)."""

    name: ClassVar[str] = "wgan-gp"
    penalty: ClassVar[float] = 10.0
    learning_rate: ClassVar[float] = 3e-4

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(parameters, lr=self.learning_rate, betas=(0.5, 0.9))

    def critic_loss(self, critic: nn.Module, real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
        """The dual's negative, plus the penalty."""
        between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
        loss: Tensor = super().critic_loss(critic, real, fake, alpha) + self.penalty * penalty
        return loss
