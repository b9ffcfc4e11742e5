"""Convolutional nets after DCGAN (1511.06434), for square images of an even side."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from wganalyze_zoo.networks.critic import Critic
from wganalyze_zoo.networks.minibatch import KERNELS, MinibatchDiscrimination

HALVINGS, LEAST = 3, 2


def halvings(side: int) -> int:
    """How often an image is halved: up to three times, while its side is even and more than two.

    8 pixels end at 2, 28 at 7, 32 at 4.
    """
    count = 0
    while count < HALVINGS and side % 2 == 0 and side > LEAST:
        side, count = side // 2, count + 1
    return count


def bottom(side: int) -> int:
    """The side of the smallest grid."""
    return side >> halvings(side)


def widths_of(channels: int, side: int, width: int) -> list[int]:
    """Channels at each size, from the image inwards: ``width`` behind the first halving, doubled at each other."""
    return [channels, *(width << i for i in range(halvings(side)))]


def code_width(side: int, width: int) -> int:
    """How many features the smallest grid has."""
    return (width << (halvings(side) - 1)) * bottom(side) ** 2


def down(channels: int, side: int, width: int, *, batch_norm: bool = False) -> list[nn.Module]:
    """Convolutions that halve an image, flattened to ``code_width`` features; no BatchNorm next to the image."""
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(widths_of(channels, side, width)):
        normed = batch_norm and layers
        layers += [nn.Conv2d(wide, narrow, 4, 2, 1), *([nn.BatchNorm2d(narrow)] if normed else []), nn.LeakyReLU(0.2)]
    return [*layers, nn.Flatten()]


def up(latent: int, channels: int, side: int, width: int, *, batch_norm: bool = False) -> list[nn.Module]:
    """A linear layer and transposed convolutions that double, up to an image; no BatchNorm at its end."""
    pairs = [*pairwise(widths_of(channels, side, width)[::-1])]
    deepest, grid = pairs[0][0], bottom(side)
    layers: list[nn.Module] = [nn.Linear(latent, deepest * grid**2), nn.Unflatten(1, (deepest, grid, grid))]
    for wide, narrow in pairs:
        layers += [
            *([nn.BatchNorm2d(wide)] if batch_norm else []),
            nn.ReLU(),
            nn.ConvTranspose2d(wide, narrow, 4, 2, 1),
        ]
    return layers


class DcganGenerator(nn.Module):
    """z (b, latent) to images (b, channels, side, side); in [-1, 1] by a tanh where they are bounded."""

    def __init__(
        self,
        latent: int,
        channels: int,
        side: int,
        width: int = 64,
        *,
        batch_norm: bool = True,
        bounded: bool = True,
    ) -> None:
        super().__init__()
        self.bounded = bounded
        layers = nn.Sequential(*up(latent, channels, side, width, batch_norm=batch_norm))
        self.add_module("zoo_dcgan_generator" if bounded else "zoo_dcgan_generator_unbounded", layers)

    def forward(self, z: Tensor) -> Tensor:
        """(b, latent) -> (b, channels, side, side)."""
        for layers in self.children():
            z = layers(z)
        return z.tanh() if self.bounded else z


class DcganCritic(Critic):
    """Images (b, channels, side, side) to scores (b, 1); LeakyReLU .2 inside."""

    def __init__(
        self, channels: int, side: int, width: int = 64, *, batch_norm: bool = True, minibatch: bool = False
    ) -> None:
        super().__init__()
        features = code_width(side, width)
        last = [MinibatchDiscrimination(features), nn.Linear(features + KERNELS, 1)]
        layers = [
            *down(channels, side, width, batch_norm=batch_norm),
            *(last if minibatch else [nn.Linear(features, 1)]),
        ]
        self.zoo_dcgan_critic = nn.Sequential(*layers)

    def features(self, x: Tensor) -> Tensor:
        """(b, channels, side, side) -> (b, k), what the last layer reads."""
        features: Tensor = self.zoo_dcgan_critic[:-1](x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, side, side) -> (b, 1)."""
        scores: Tensor = self.zoo_dcgan_critic(x)
        return scores
