"""Two hidden layers of ReLU: the nets of digits and of the laws in the plane."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from wganalyze_zoo.networks.critic import Critic
from wganalyze_zoo.networks.minibatch import KERNELS, MinibatchDiscrimination


def mlp(widths: list[int], *, batch_norm: bool = False) -> nn.Sequential:
    """Linear layers of these widths with ReLU between, and BatchNorm before each ReLU where that is asked for."""
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(widths):
        layers += [nn.Linear(wide, narrow), *([nn.BatchNorm1d(narrow)] if batch_norm else []), nn.ReLU()]
    return nn.Sequential(*layers[: -2 if batch_norm else -1])


class MlpGenerator(nn.Module):
    """z (b, latent) to samples (b, dim), through two hidden layers; in [-1, 1] by a tanh where they are bounded.

    The tanh has no weights to be recognised by, so that the name of the layers says whether there is one.
    """

    def __init__(
        self, latent: int, dim: int, width: int = 256, *, batch_norm: bool = False, bounded: bool = True
    ) -> None:
        super().__init__()
        self.bounded = bounded
        layers = mlp([latent, width, width, dim], batch_norm=batch_norm)
        self.add_module("zoo_generator" if bounded else "zoo_generator_unbounded", layers)

    def forward(self, z: Tensor) -> Tensor:
        """(b, latent) -> (b, dim)."""
        for layers in self.children():
            z = layers(z)
        return z.tanh() if self.bounded else z


class MlpCritic(Critic):
    """Samples (b, dim) to scores (b, 1), through two hidden layers; ``minibatch``: it compares samples of a batch."""

    def __init__(self, dim: int, width: int = 256, *, minibatch: bool = False) -> None:
        super().__init__()
        layers = [*mlp([dim, width, width, 1])]
        if minibatch:
            layers[-1:] = [MinibatchDiscrimination(width), nn.Linear(width + KERNELS, 1)]
        self.zoo_critic = nn.Sequential(*layers)

    def features(self, x: Tensor) -> Tensor:
        """(b, dim) -> (b, k), what the last layer reads."""
        features: Tensor = self.zoo_critic[:-1](x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """(b, dim) -> (b, 1)."""
        scores: Tensor = self.zoo_critic(x)
        return scores
