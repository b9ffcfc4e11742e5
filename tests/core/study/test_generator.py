"""Samples from a generator: the latent follows its law, and what does not fit is explained."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from wganalyze.contracts.samples import Split
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.errors import CheckpointError
from wganalyze.study.generator import generate, latent_draw


def generator_of(module: nn.Module, latent: Latent) -> Snapshot:
    """A snapshot with this generator."""
    return Snapshot("snap", 0, "step", (), make_generator=lambda: module.eval(), latent=latent)


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_the_latent_follows_its_law(law: str) -> None:
    latent = Latent("normal" if law == "normal" else "uniform", (5, 1, 1), classes=3)
    z, labels = latent_draw(latent, 4000, Split("x"), 0)
    assert z.shape == (4000, 5, 1, 1)
    assert z.dtype == np.float32
    assert labels is not None
    assert set(labels.tolist()) == {0, 1, 2}
    spread = 1.0 if law == "normal" else 1 / math.sqrt(3)
    assert abs(z.mean()) < 0.03
    assert abs(z.std() - spread) < 0.03
    assert law == "normal" or np.abs(z).max() <= 1
    again = latent_draw(latent, 4000, Split("x"), 0)[0]
    np.testing.assert_array_equal(z, again)
    for split, seed in [(Split("x2"), 0), (Split("x", 1), 0), (Split("x"), 1)]:
        assert not np.array_equal(z, latent_draw(latent, 4000, split, seed)[0])


def test_generated_samples_are_flattened_with_their_shape() -> None:
    net = nn.Sequential(nn.Linear(2, 12), nn.Unflatten(1, (3, 2, 2)))
    made, shape = generate(generator_of(net, Latent(shape=(2,))), 300, Split("x"), seed=0, device="cpu")
    assert (made.shape, shape, len(made), made.dim) == ((3, 2, 2), "(3, 2, 2)", 300, 12)
    assert not made.shared
    z, _ = latent_draw(Latent(shape=(2,)), 300, Split("x"), 0)
    with torch.no_grad():
        np.testing.assert_allclose(made.points, net(torch.from_numpy(z)).reshape(300, -1).numpy(), rtol=1e-5, atol=1e-6)


def test_a_latent_that_does_not_fit_is_explained() -> None:
    snapshot = generator_of(nn.Linear(2, 3), Latent(shape=(5,)))
    with pytest.raises(
        CheckpointError,
        match=r"does not take a latent of shape \(5,\).*say --latent SHAPE \(or \[latent\] shape\), and --classes N",
    ):
        generate(snapshot, 4, Split("x"), seed=0, device="cpu")


def test_a_generator_that_takes_labels_is_not_said_to_take_no_latent() -> None:
    class Conditional(nn.Linear):
        def forward(self, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return super().forward(z)

    with pytest.raises(CheckpointError, match=r"takes more than z \(.*'labels'\): say --classes N with") as caught:
        generate(generator_of(Conditional(2, 3), Latent(shape=(2,))), 4, Split("x"), seed=0, device="cpu")
    assert "take a latent" not in str(caught.value)


def test_samples_that_are_no_numbers_are_refused() -> None:
    net = nn.Linear(2, 3)
    next(net.parameters()).data[1] = math.nan
    with pytest.raises(CheckpointError, match="snap: the generator yields NaN or infinity"):
        generate(generator_of(net, Latent(shape=(2,))), 4, Split("x"), seed=0, device="cpu")
