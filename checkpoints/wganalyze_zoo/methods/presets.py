"""Sizes and rates of a training. Each method has two presets: as published, and as it works on toys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import nn


@dataclass(frozen=True)
class Optimiser:
    """Adam with ``betas``, or RMSProp without momentum, which ignores them."""

    rate: float
    betas: tuple[float, float] = (0.5, 0.9)
    kind: Literal["adam", "rmsprop"] = "adam"

    def __str__(self) -> str:
        return f"RMSProp {self.rate:g}" if self.kind == "rmsprop" else f"Adam {self.rate:g} {self.betas}"

    def of(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """For these parameters."""
        if self.kind == "rmsprop":
            return torch.optim.RMSprop(parameters, lr=self.rate)
        return torch.optim.Adam(parameters, lr=self.rate, betas=self.betas)


@dataclass(frozen=True)
class Preset:
    """How a method is trained.

    ``critic``, ``generator``: their optimisers; ``n_critic``: steps of the critic for each of the generator.
    ``width``: of an MLP's hidden layers; ``channels``: of a DCGAN next to the image.
    ``batch_norm``: in the MLP generator; DCGAN nets have their own switch.
    ``numbers``: constants of the loss; ``weights``: of constraints, by name.
    ``source``: where the values are from.
    """

    critic: Optimiser
    generator: Optimiser
    n_critic: int = 1
    batch: int = 64
    steps: int = 2000
    latent_dim: int = 32
    width: int = 256
    channels: int = 32
    batch_norm: bool = False
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    source: str = "tried on digits and ring8"

    def described(self, *, critic: bool) -> str:
        """In one line; ``critic``: is there one?"""
        same = "both" if self.critic == self.generator else "generator"
        rates = f"{same} {self.generator}" + ("" if self.critic == self.generator else f", critic {self.critic}")
        constants = [f"{name} {value:g}" for name, value in {**self.numbers, **self.weights}.items()]
        parts = [
            f"{rates}, n_critic {self.n_critic}" if critic else str(self.generator),
            f"batch {self.batch}",
            f"{self.steps} steps",
            *(["BatchNorm in G"] if self.batch_norm else []),
            *constants,
        ]
        return f"{', '.join(parts)} ({self.source})"


def adam(rate: float, beta1: float = 0.5, beta2: float = 0.9) -> Optimiser:
    """Adam."""
    return Optimiser(rate, (beta1, beta2))


def rmsprop(rate: float) -> Optimiser:
    """RMSProp."""
    return Optimiser(rate, kind="rmsprop")


TOY_WEIGHTS = {"clip": 0.05, "gp": 10.0, "lp": 10.0, "div": 2.0, "zero": 1.0}
"""Of constraints on small images in [-1, 1]."""

PLANE_WEIGHTS = {"clip": 0.05, "gp": 0.1, "lp": 10.0, "div": 2.0, "zero": 1.0}
"""Of constraints in the plane: a one-centred penalty of weight 10 holds ring8's critic to its inflated slope, and no
mode is met."""
