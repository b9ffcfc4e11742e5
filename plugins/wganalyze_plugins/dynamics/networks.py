"""Copies of a snapshot's networks that may be trained further, and what they eat; the snapshot's own never change."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.dropout import _DropoutNd

from wganalyze import NotMeasurable, Split, Study

CONDITIONAL = "a conditional snapshot: its networks are trained further without labels and conditions only"


class Critic(nn.Module):
    """A trainable float32 copy of a snapshot's critic: T (n,) of samples (n, d), real high, a logit where it has one.

    BatchNorm and dropout stay as they sample: T is a function of one sample. Spectral norm iterates in ``train()``.
    ``frozen``: which of the two there are, in words.
    A score is known up to a constant only; ``centre`` puts it where D = sigmoid(T) is fair.
    """

    def __init__(self, study: Study) -> None:
        super().__init__()
        if study.head.is_conditional:
            raise NotMeasurable(CONDITIONAL)
        self.net = _trainable(study.critic, "critic")
        self.shape, self.inverts, self.sign = study.critic_shape, study.head.invert, study.orientation
        self.is_score, self.middle = study.head.output == "score", 0.0
        self.frozen = _frozen(self.net)

    def forward(self, x: Tensor) -> Tensor:
        """T, (n,)."""
        output = _first(self.net(x.reshape(len(x), *self.shape))).reshape(-1)
        scores: Tensor = self.sign * (torch.logit(output, 1e-6) if self.inverts else output) - self.middle
        return scores

    def centre(self, x: Tensor, y: Tensor) -> Critic:
        """Half way between its means on x and y (n, d), where it gives scores; a logit stays as it is."""
        if self.is_score:
            with torch.no_grad():
                self.middle = float(sum(self(side).mean() for side in (x, y)) / 2)
        return self

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.parameters()).device

    def train(self, mode: bool = True) -> Critic:
        """Train mode, but for layers that would make T depend on its batch or on chance."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _NormBase | _DropoutNd) or _hides_batches(module):
                module.eval()
        return self


class Generator(nn.Module):
    """A trainable copy of a snapshot's generator, in the mode in which it samples: samples (n, d) of z."""

    def __init__(self, study: Study) -> None:
        super().__init__()
        if study.snapshot.latent.classes or study.sampler.is_conditional:
            raise NotMeasurable(CONDITIONAL)
        if study.sampler.takes_data:
            raise NotMeasurable("the generator maps samples to samples: it is trained further on a latent only")
        self.net = _trainable(study.sampler.module, "generator").to(study.device)
        self.net.train(study.snapshot.generator_mode == "train")
        self.latent, self.device = study.sampler.latent, study.device

    def forward(self, z: Tensor) -> Tensor:
        """Samples, (n, d)."""
        return _first(self.net(z)).flatten(1)

    def draw(self, n: int, rng: np.random.Generator) -> Tensor:
        """z (n, *shape) by the latent law."""
        return torch.from_numpy(self.latent.draw(n, rng, np.float64)).to(self.device)


def stream(study: Study, *what: str | int) -> np.random.Generator:
    """Random numbers of this purpose's own; the same at every snapshot."""
    return Split("dynamics").rng(study.seed, *what)


@contextmanager
def contained(study: Study) -> Iterator[None]:
    """Gradients are on, networks that draw at random draw the same in every run, and the global state stays."""
    devices = [study.device] if study.device.startswith("cuda") else []
    with torch.enable_grad(), torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(study.seed)
        if devices:
            torch.cuda.manual_seed(study.seed)
        yield


def _trainable(network: nn.Module, role: str) -> nn.Module:
    copied: nn.Module = copy.deepcopy(network).float().requires_grad_(True)
    if not any(True for _ in copied.parameters()):
        raise NotMeasurable(f"the {role} has no parameters that could be trained")
    return copied


def _frozen(network: nn.Module) -> str:
    """What would make a score depend on its batch or on chance in train mode; "": nothing."""
    modules = list(network.modules())
    norms = any(isinstance(module, _BatchNorm) or _hides_batches(module) for module in modules)
    drops = any(isinstance(module, _DropoutNd) and module.p > 0 for module in modules)
    said = ["BatchNorm keeps the statistics of the snapshot"] if norms else []
    return " and ".join([*said, *(["dropout is off"] if drops else [])])


def _hides_batches(module: nn.Module) -> bool:
    """A program with BatchNorm among layers that cannot be seen."""
    return bool(getattr(module, "uses_batch_statistics", False))


def _first(output: Any) -> Tensor:
    """The first tensor of what a network returns (some return a tuple with an auxiliary head)."""
    while isinstance(output, tuple | list):
        output = output[0]
    return output  # type: ignore[no-any-return]
