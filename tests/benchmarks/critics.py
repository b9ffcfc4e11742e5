"""Critics to bound: small ones trained with a gradient penalty, and networks of kinds that bounds go wrong on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from samples import SAMPLES
from torch import Tensor, nn

from wganalyze_zoo.losses.wasserstein import critic_loss
from wganalyze_zoo.methods.constraints import CONSTRAINTS, clip
from wganalyze_zoo.networks.dcgan import DcganCritic
from wganalyze_zoo.networks.mlp import mlp

AROUND = 64
"""Points that a critic is looked at around."""


@dataclass(frozen=True)
class Case:
    """``critic`` in eval mode, and the points ``x``, (n, *shape), that it belongs to."""

    name: str
    critic: nn.Module
    x: Tensor


class Sum(nn.Module):
    """x + f(x), then one layer: a residual block at the input."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))
        self.last = nn.Linear(dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, dim) -> (n, 1)."""
        scores: Tensor = self.last(x + self.f(x))
        return scores


class Skip(nn.Module):
    """f(x) + w x: the input goes to the score as well."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.skip = nn.Linear(dim, 1)
        nn.init.constant_(self.skip.weight, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """(n, dim) -> (n, 1)."""
        scores: Tensor = self.f(x) + self.skip(x)
        return scores


def cases() -> Iterator[Case]:
    """One after the other; all of them on the same seeds in every run."""
    yield _trained("64-256-256-1, trained", lambda: mlp([64, 256, 256, 1]), "patches", (64,))
    yield _trained("2-64-64-1, trained", lambda: mlp([2, 64, 64, 1]), "mixture", (2,))
    yield _trained("2-128-128-128-1, trained", lambda: mlp([2, 128, 128, 128, 1]), "mixture", (2,))
    yield _trained("DCGAN, 8 x 8, trained", lambda: DcganCritic(1, 8, batch_norm=False), "patches", (1, 8, 8), batch=32)
    big = partial(DcganCritic, 3, 32, batch_norm=False)
    yield _trained("DCGAN, 32 x 32, trained", big, "patches", (3, 32, 32), steps=40, batch=16)
    yield _fresh("residual at the input", lambda: Sum(16, 64), (16,))
    yield _fresh("skip from the input", lambda: Skip(16, 64), (16,))
    yield _fresh("depthwise convolution, clipped", _depthwise, (8, 8, 8))
    yield _fresh("convolution inside an MLP", _inside, (16,))
    yield _fresh("GELU", lambda: _activated(nn.GELU), (16,))
    yield _fresh("GELU, one unit", lambda: nn.Sequential(nn.Linear(2, 1), nn.GELU(), nn.Linear(1, 1)), (2,))
    yield _fresh("LeakyReLU, slope 3", lambda: _activated(lambda: nn.LeakyReLU(3.0)), (16,))
    yield _fresh("reflect padding", _reflected, (1, 8, 8))


def _trained(
    name: str, make: Callable[[], nn.Module], data: str, shape: tuple[int, ...], steps: int = 300, batch: int = 64
) -> Case:
    """WGAN-GP between two fixed laws, weight 10."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        critic = make()
        x, y = _sides(data, shape)
        optimiser = torch.optim.Adam(critic.parameters(), 1e-3, betas=(0.5, 0.9))
        for _ in range(steps):
            real, fake = (side[torch.randint(len(side), (batch,))] for side in (x, y))
            penalty = CONSTRAINTS["gp"].penalise(critic, real, fake, torch.rand(batch))
            optimiser.zero_grad()
            (critic_loss(critic, real, fake, {}) + penalty).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return Case(name, critic.eval(), torch.cat([x[: AROUND // 2], y[: AROUND // 2]]))


@cache
def _sides(data: str, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    size = torch.Size(shape).numel()
    x, y = (torch.from_numpy(side) for side in SAMPLES[data](4096, size, 0))
    if len(shape) == 1:
        return x, y
    # Patches are flat, with their channels last.
    channels, height, width = shape
    x, y = (side.reshape(-1, height, width, channels).permute(0, 3, 1, 2).contiguous() for side in (x, y))
    return x, y


def _fresh(name: str, make: Callable[[], nn.Module], shape: tuple[int, ...]) -> Case:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Case(name, make().eval(), torch.randn(AROUND, *shape))


def _activated(activation: Callable[[], Any]) -> nn.Module:
    return nn.Sequential(nn.Linear(16, 64), activation(), nn.Linear(64, 64), activation(), nn.Linear(64, 1))


def _depthwise() -> nn.Module:
    layer = nn.Conv2d(8, 8, 3, padding=1, groups=8)
    clip(layer, 0.1)
    return nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.Linear(8 * 8 * 8, 1))


def _inside() -> nn.Module:
    layer = nn.Conv2d(4, 4, 3, padding=1)
    nn.init.normal_(layer.weight)
    parts = (nn.Linear(16, 64), nn.ReLU(), nn.Unflatten(1, (4, 4, 4)), layer, nn.ReLU(), nn.Flatten())
    return nn.Sequential(*parts, nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


def _reflected() -> nn.Module:
    layer = nn.Conv2d(1, 16, 3, padding=1, padding_mode="reflect")
    return nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.Linear(16 * 8 * 8, 1))
