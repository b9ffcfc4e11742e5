"""Fixed noise beside a generator is known by the latent's shape, where what is generated has another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.contracts.samples import Samples
from wganalyze.networks.factories import Net
from wganalyze.settings.facts import Said

Make = Callable[..., Any]


def generator(takes: int, gives: int) -> Part:
    """A network of two linear layers."""
    keys = {"0.weight": TensorSpec((16, takes), "float32"), "2.weight": TensorSpec((gives, 16), "float32")}
    return Part(Path("G.pt"), "test", keys=keys, read_tensors=dict)


def stored(*shape: int) -> Part:
    """An array."""
    keys = {"samples": TensorSpec(shape, "float32")}
    return Part(Path("fixed.npy"), "samples", keys=keys, read_samples=lambda: Samples(np.zeros((4, 2)), (2,)))


@pytest.mark.parametrize(
    ("ends", "shape", "noise"),
    [
        ((64, 2), (16, 64), True),
        ((64, 2), (16, 64, 1, 1), True),
        ((64, 2), (16, 2), False),
        ((2, 2), (16, 2), False),
        ((64, 2), (16, 8, 8), False),
    ],
)
def test_noise_has_the_shape_of_the_latent_and_not_of_samples(
    assembled: Make, ends: tuple[int, int], shape: tuple[int, ...], noise: bool
) -> None:
    folder = assembled(generator(*ends), stored(*shape), said=Said(generator=Net("a:b"), critic=Net("a:b")))
    assert len(folder.snapshots) == (1 if noise else 2)
    lines = [line for lines in folder.assembled.notes.values() for line in lines]
    assert lines == (["left out: fixed noise by its shape, that of the latent (64,)"] if noise else [])
