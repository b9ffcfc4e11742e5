"""MLP nets: shapes, ranges, and the composition that their keys state."""

from __future__ import annotations

import pytest
import torch
from tests.zoo.conftest import shapes
from torch import nn

from wganalyze_zoo.networks import MlpCritic, MlpGenerator


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("latent", "dim", "width"), [(32, 64, 256), (1, 2, 3)])
def test_a_generator_maps_z_into_the_cube_unless_it_is_unbounded(
    latent: int, dim: int, width: int, batch_norm: bool
) -> None:
    z = 100 * torch.randn(50, latent)
    samples = MlpGenerator(latent, dim, width, batch_norm=batch_norm)(z)
    assert samples.shape == (50, dim)
    assert samples.abs().max() <= 1
    assert MlpGenerator(latent, dim, width, bounded=False)(100 * z).abs().max() > 1


def test_a_critic_gives_one_unbounded_score() -> None:
    critic = MlpCritic(2, 8)
    assert critic(torch.randn(50, 2)).shape == (50, 1)
    # A ReLU network without an end to its range: it grows with its input.
    assert critic(1e6 * torch.randn(50, 2)).abs().max() > 1e3


@pytest.mark.parametrize(
    ("net", "name", "widths"),
    [
        (MlpGenerator(5, 3, 7), "zoo_generator", (5, 7, 7, 3)),
        (MlpGenerator(5, 3, 7, bounded=False), "zoo_generator_unbounded", (5, 7, 7, 3)),
        (MlpCritic(3, 7), "zoo_critic", (3, 7, 7, 1)),
    ],
)
def test_the_keys_say_whose_they_are(net: nn.Module, name: str, widths: tuple[int, ...]) -> None:
    expected: dict[str, tuple[int, ...]] = {}
    for i, layer in enumerate((0, 2, 4)):
        expected[f"{name}.{layer}.weight"] = (widths[i + 1], widths[i])
        expected[f"{name}.{layer}.bias"] = (widths[i + 1],)
    assert shapes(net) == expected


def test_the_networks_are_their_formulas() -> None:
    x = torch.randn(20, 4)
    nets = ((MlpGenerator(4, 3, 6), "zoo_generator", True), (MlpCritic(4, 6), "zoo_critic", False))
    for net, name, bounded in nets:
        w = net.state_dict()
        hidden = x
        for layer in (0, 2):
            hidden = (hidden @ w[f"{name}.{layer}.weight"].T + w[f"{name}.{layer}.bias"]).clamp(min=0)
        if isinstance(net, MlpCritic):
            assert torch.allclose(net.features(x), hidden, atol=1e-6)
        out = hidden @ w[f"{name}.4.weight"].T + w[f"{name}.4.bias"]
        assert torch.allclose(net(x), out.tanh() if bounded else out, atol=1e-6)
