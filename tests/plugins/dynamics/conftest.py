"""Small networks of the tests of dynamics."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import Gaussian


class Shift(nn.Module):
    """G(z) = z + theta: a generator with one parameter for each coordinate, or with one for all."""

    def __init__(self, theta: float, count: int = 1) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.full((count,), float(theta)))

    def forward(self, z: Tensor) -> Tensor:
        return z + self.theta


@pytest.fixture(scope="session")
def mlp() -> Callable[..., nn.Module]:
    """Makes a small network, deterministic by its seed."""

    def make(*widths: int, seed: int = 0) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            layers: list[nn.Module] = []
            for first, second in pairwise(widths):
                layers += [nn.Linear(first, second), nn.LeakyReLU(0.2)]
            return nn.Sequential(*layers[:-1])

    return make


@pytest.fixture(scope="session")
def shifted(
    study_of: Callable[..., SnapshotStudy], change: Callable[..., SnapshotStudy], mlp: Callable[..., nn.Module]
) -> Callable[..., SnapshotStudy]:
    """Makes a study of N(0, I) in the plane against the same moved by theta along the diagonal; a logit critic."""

    def make(theta: float = 3.0, critic: nn.Module | None = None, **facts: Any) -> SnapshotStudy:
        study = study_of(Gaussian(2), Shift(theta), critic=critic or mlp(2, 16, 1), n=96, replicates=3)
        return change(study, **{"output": "logit", "orientation": 1, **facts})

    return make
