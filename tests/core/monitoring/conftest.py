"""Shared by the tests of monitoring: a training that is small, and analyzers in one line."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

DATA = torch.randn(600, 2, generator=torch.Generator().manual_seed(1))
WritePlugin = Callable[..., Path]


def train(watch: Callable[[int, nn.Module, nn.Module], Any], steps: int = 12) -> dict[str, Tensor]:
    """All numbers that a training ends with: weights, buffers, optimizers, and the next draws of every generator.

    It draws from every generator at every step: with torch for z and dropout, with NumPy for batches, with Python for
    the number of the critic's steps; BatchNorm stores what it sees.
    """
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    generator = nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
    critic = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(2, 16)), nn.ReLU(), nn.Linear(16, 1))
    adam = [torch.optim.Adam(net.parameters(), 1e-3) for net in (generator, critic)]
    for step in range(steps):
        for _ in range(random.randint(1, 3)):
            real = DATA[np.random.randint(0, len(DATA), 32)]  # noqa: NPY002
            adam[1].zero_grad()
            (critic(generator(torch.randn(32, 3)).detach()).mean() - critic(real).mean()).backward()
            adam[1].step()
        adam[0].zero_grad()
        (-critic(generator(torch.randn(32, 3))).mean()).backward()
        watch(step, generator, critic)  # with gradients that are yet to be used
        adam[0].step()
    found = {f"G.{key}": value for key, value in generator.state_dict().items()}
    found |= {f"D.{key}": value for key, value in critic.state_dict().items()}
    for i, optimizer in enumerate(adam):
        for j, state in optimizer.state_dict()["state"].items():
            found |= {f"adam{i}.{j}.{key}": value for key, value in state.items()}
    draws = [torch.rand(2), torch.tensor([random.random()]), torch.tensor([np.random.rand()])]  # noqa: NPY002
    modes = torch.tensor([generator.training, critic.training, all(p.requires_grad for p in generator.parameters())])
    return {**found, **{f"draw{i}": draw for i, draw in enumerate(draws)}, "modes": modes}


@pytest.fixture(scope="session")
def training() -> Callable[..., dict[str, Tensor]]:
    """The training, with what is called at each step."""
    return train


@pytest.fixture
def write_analyzers(write_plugin: WritePlugin) -> Callable[..., None]:
    """Installs a plugin with these analyzers; each body may yield the metric "value", and 1.0 comes behind it."""

    def write(**bodies: str) -> None:
        classes = [
            f"class {name.capitalize()}(Analyzer):\n"
            f"    '''Answers.'''\n\n    name = '{name}'\n    metrics = (Metric('value', 'A value.'),)\n\n"
            f"    def measure(self, study):\n        {body}\n        yield Measurement('value', 1.0)\n"
            for name, body in bodies.items()
        ]
        head = "import time\n\nfrom wganalyze import *\nfrom wganalyze import Analyzer, hookimpl\n"
        given = ", ".join(name.capitalize() for name in bodies)
        hook = f"@hookimpl\ndef wganalyze_analyzers():\n    return [{given}]\n"
        write_plugin("_".join(bodies) + "_plugin", "\n\n".join([head, *classes, hook]))

    return write
