"""The networks that the reference trainers train; their keys say whose they are, so that they can be recognised."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


def _mlp(widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(widths):
        layers += [nn.Linear(wide, narrow), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class MlpGenerator(nn.Module):
    """z (b, latent) to samples (b, dim) in [-1, 1], through two hidden layers of ReLU."""

    def __init__(self, latent: int, dim: int, width: int = 256) -> None:
        super().__init__()
        self.zoo_generator = _mlp([latent, width, width, dim])

    def forward(self, z: Tensor) -> Tensor:
        """(b, latent) -> (b, dim)."""
        return self.zoo_generator(z).tanh()  # type: ignore[no-any-return]


class MlpCritic(nn.Module):
    """Samples (b, dim) to scores (b, 1), through two hidden layers of ReLU."""

    def __init__(self, dim: int, width: int = 256) -> None:
        super().__init__()
        self.zoo_critic = _mlp([dim, width, width, 1])

    def forward(self, x: Tensor) -> Tensor:
        """(b, dim) -> (b, 1)."""
        return self.zoo_critic(x)  # type: ignore[no-any-return]
