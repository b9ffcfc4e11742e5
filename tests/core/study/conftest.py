"""Shared by the tests of critics: one made ready, samples for it, and what it gives by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.samples import Samples
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.contracts.terms import Output
from wganalyze.study.critic import ReadyCritic, prepare_critic


@pytest.fixture(scope="session")
def ready() -> Callable[..., ReadyCritic]:
    """Makes a network ready as the critic of a snapshot; ``shapes``: those of the samples that it is tried on."""

    def make(
        module: nn.Module,
        latent: Latent | None = None,
        output: Output | None = None,
        shapes: list[tuple[int, ...]] | None = None,
    ) -> ReadyCritic:
        snapshot = Snapshot(
            "snap", 0, "step", (), make_critic=lambda: module.eval(), latent=latent or Latent(), output=output
        )
        return prepare_critic(snapshot, shapes or [(3,)], "cpu")

    return make


@pytest.fixture(scope="session")
def samples() -> Callable[..., Samples]:
    """Makes normal points, with labels 0 to 3 if wanted."""

    def make(n: int = 40, d: int = 3, labels: bool = False, seed: int = 0) -> Samples:
        rng = np.random.default_rng(seed)
        points = rng.standard_normal((n, d)).astype(np.float32)
        return Samples(points, (d,), rng.integers(0, 4, n) if labels else None)

    return make


@pytest.fixture(scope="session")
def plain_scores() -> Callable[[nn.Module, Samples], np.ndarray]:
    """What a network gives in float64."""

    def call(net: nn.Module, x: Samples) -> np.ndarray:
        with torch.no_grad():
            out: Tensor = copy.deepcopy(net).double().eval()(torch.from_numpy(x.points).double())
        flat: np.ndarray = out.reshape(-1).numpy()
        return flat

    return call
