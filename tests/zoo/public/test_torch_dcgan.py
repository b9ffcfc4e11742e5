"""The DCGAN example of pytorch/examples: its published keys and shapes, for nz 10, ngf 4, ndf 5, nc 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.zoo.public.conftest import batch_norm
from torch import Tensor, nn

Check = Callable[..., nn.Module]


GENERATOR: dict[str, tuple[int, ...]] = {
    "main.0.weight": (10, 32, 4, 4),
    **batch_norm("main.1", 32),
    "main.3.weight": (32, 16, 4, 4),
    **batch_norm("main.4", 16),
    "main.6.weight": (16, 8, 4, 4),
    **batch_norm("main.7", 8),
    "main.9.weight": (8, 4, 4, 4),
    **batch_norm("main.10", 4),
    "main.12.weight": (4, 3, 4, 4),
}
DISCRIMINATOR: dict[str, tuple[int, ...]] = {
    "main.0.weight": (5, 3, 4, 4),
    "main.2.weight": (10, 5, 4, 4),
    **batch_norm("main.3", 10),
    "main.5.weight": (20, 10, 4, 4),
    **batch_norm("main.6", 20),
    "main.8.weight": (40, 20, 4, 4),
    **batch_norm("main.9", 40),
    "main.11.weight": (1, 40, 4, 4),
}


def normalised(x: Tensor, state: Any, name: str) -> Tensor:
    """BatchNorm in eval mode, eps 1e-5, as a formula."""
    mean, var, gamma, beta = (state[f"{name}.{v}"] for v in ("running_mean", "running_var", "weight", "bias"))
    axes = (1, -1, 1, 1)
    result: Tensor = (x - mean.view(axes)) / (var + 1e-5).sqrt().view(axes) * gamma.view(axes) + beta.view(axes)
    return result


def test_the_generator(check: Check) -> None:
    net = check("torch-dcgan-generator", GENERATOR, {"nz": 10, "ngf": 4, "nc": 3})
    state = net.state_dict()
    z = torch.randn(2, 10, 1, 1, dtype=torch.float64)
    h = z
    for i, (stride, padding) in zip((0, 3, 6, 9), ((1, 0), (2, 1), (2, 1), (2, 1)), strict=True):
        h = F.conv_transpose2d(h, state[f"main.{i}.weight"], None, stride, padding)
        h = normalised(h, state, f"main.{i + 1}").relu()
    expected = F.conv_transpose2d(h, state["main.12.weight"], None, 2, 1).tanh()
    assert expected.shape == (2, 3, 64, 64)
    torch.testing.assert_close(net(z), expected)


def test_the_discriminator(check: Check) -> None:
    net = check("torch-dcgan-discriminator", DISCRIMINATOR, {"ndf": 5, "nc": 3})
    state = net.state_dict()
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    h = F.leaky_relu(F.conv2d(x, state["main.0.weight"], None, 2, 1), 0.2)
    for i in (2, 5, 8):
        h = F.leaky_relu(normalised(F.conv2d(h, state[f"main.{i}.weight"], None, 2, 1), state, f"main.{i + 1}"), 0.2)
    expected = F.conv2d(h, state["main.11.weight"]).sigmoid().reshape(2, 1)
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize("nc", [1, 3])
def test_channels_are_read(check: Check, nc: int) -> None:
    check("torch-dcgan-generator", {**GENERATOR, "main.12.weight": (4, nc, 4, 4)}, {"nz": 10, "ngf": 4, "nc": nc})
    check("torch-dcgan-discriminator", {**DISCRIMINATOR, "main.0.weight": (5, nc, 4, 4)}, {"ndf": 5, "nc": nc})
