"""The networks: shapes, ranges, and the composition that their keys state."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wganalyze_zoo.networks import MlpCritic, MlpGenerator


@pytest.mark.parametrize(("latent", "dim", "width"), [(32, 64, 256), (1, 2, 3)])
def test_a_generator_maps_z_into_the_cube(latent: int, dim: int, width: int) -> None:
    samples = MlpGenerator(latent, dim, width)(100 * torch.randn(50, latent))
    assert samples.shape == (50, dim)
    assert samples.abs().max() <= 1


def test_a_critic_gives_one_unbounded_score() -> None:
    critic = MlpCritic(2, 8)
    assert critic(torch.randn(50, 2)).shape == (50, 1)
    # A ReLU network without an end to its range: it grows with its input.
    assert critic(1e6 * torch.randn(50, 2)).abs().max() > 1e3


@pytest.mark.parametrize(
    ("net", "name", "widths"),
    [(MlpGenerator(5, 3, 7), "zoo_generator", (5, 7, 7, 3)), (MlpCritic(3, 7), "zoo_critic", (3, 7, 7, 1))],
)
def test_the_keys_say_whose_they_are(net: nn.Module, name: str, widths: tuple[int, ...]) -> None:
    shapes = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    expected: dict[str, tuple[int, ...]] = {}
    for i, layer in enumerate((0, 2, 4)):
        expected[f"{name}.{layer}.weight"] = (widths[i + 1], widths[i])
        expected[f"{name}.{layer}.bias"] = (widths[i + 1],)
    assert shapes == expected


def test_the_networks_are_their_formulas() -> None:
    x = torch.randn(20, 4)
    for net, name, end in ((MlpGenerator(4, 3, 6), "zoo_generator", torch.tanh), (MlpCritic(4, 6), "zoo_critic", None)):
        w = net.state_dict()
        hidden = x
        for layer in (0, 2):
            hidden = (hidden @ w[f"{name}.{layer}.weight"].T + w[f"{name}.{layer}.bias"]).clamp(min=0)
        out = hidden @ w[f"{name}.4.weight"].T + w[f"{name}.4.bias"]
        assert torch.allclose(net(x), out if end is None else end(out), atol=1e-6)
