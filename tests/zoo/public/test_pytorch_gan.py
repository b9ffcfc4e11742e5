"""eriklindernoren/PyTorch-GAN: its published keys and shapes, and its formulas written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from tests.zoo.public.conftest import batch_norm, layer
from torch import Tensor, nn

from wganalyze_zoo.public.pytorch_gan import DcganDiscriminator, DcganGenerator, MlpDiscriminator, MlpGenerator

Check = Callable[..., nn.Module]
Shapes = dict[str, tuple[int, ...]]


def mlp_generator(latent: int, outputs: int) -> Shapes:
    return {
        **layer("model.0", 128, latent),
        **layer("model.2", 256, 128),
        **batch_norm("model.3", 256),
        **layer("model.5", 512, 256),
        **batch_norm("model.6", 512),
        **layer("model.8", 1024, 512),
        **batch_norm("model.9", 1024),
        **layer("model.11", outputs, 1024),
    }


def mlp_discriminator(inputs: int) -> Shapes:
    return {**layer("model.0", 512, inputs), **layer("model.2", 256, 512), **layer("model.4", 1, 256)}


def dcgan_generator(latent: int, first: int, channels: int) -> Shapes:
    return {
        **layer("l1.0", first, latent),
        **batch_norm("conv_blocks.0", 128),
        **layer("conv_blocks.2", 128, 128, 3, 3),
        **batch_norm("conv_blocks.3", 128),
        **layer("conv_blocks.6", 64, 128, 3, 3),
        **batch_norm("conv_blocks.7", 64),
        **layer("conv_blocks.9", channels, 64, 3, 3),
    }


def dcgan_discriminator(channels: int, last: int) -> Shapes:
    return {
        **layer("model.0", 16, channels, 3, 3),
        **layer("model.3", 32, 16, 3, 3),
        **batch_norm("model.6", 32),
        **layer("model.7", 64, 32, 3, 3),
        **batch_norm("model.10", 64),
        **layer("model.11", 128, 64, 3, 3),
        **batch_norm("model.14", 128),
        **layer("adv_layer.0", 1, last),
    }


class Formula:
    """The stored tensors as functions."""

    def __init__(self, net: nn.Module) -> None:
        self.state = net.state_dict()

    def linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def conv(self, x: Tensor, name: str, stride: int) -> Tensor:
        return F.conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], stride, 1)

    def norm(self, x: Tensor, name: str, eps: float = 0.8) -> Tensor:
        s: Any = {
            v: self.state[f"{name}.{v}"].view(1, -1, *[1] * (x.dim() - 2))
            for v in ("running_mean", "running_var", "weight", "bias")
        }
        result: Tensor = (x - s["running_mean"]) / (s["running_var"] + eps).sqrt() * s["weight"] + s["bias"]
        return result


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


@pytest.mark.parametrize(
    ("latent", "outputs", "image"), [(100, 784, (1, 28, 28)), (62, 3072, (3, 32, 32)), (100, 785, None)]
)
def test_the_mlp_generator(check: Check, latent: int, outputs: int, image: tuple[int, ...] | None) -> None:
    arguments = {"latent": latent, "outputs": outputs, "image": image}
    net = check("pytorch-gan-mlp-generator", mlp_generator(latent, outputs), arguments)
    f = Formula(net)
    z = torch.randn(3, latent, dtype=torch.float64)
    h = leaky(f.linear(z, "model.0"))
    for i in (2, 5, 8):
        h = leaky(f.norm(f.linear(h, f"model.{i}"), f"model.{i + 1}"))
    expected = f.linear(h, "model.11").tanh().reshape(3, *(image or (outputs,)))
    torch.testing.assert_close(net(z), expected)


@given(st.integers(0, 5000))
def test_an_image_is_square_and_of_one_or_three_channels_or_stays_flat(outputs: int) -> None:
    found = MlpGenerator().recognise(mlp_generator(10, outputs))
    assert found is not None
    possible = [(c, s, s) for c in (1, 3) for s in range(1, 72) if c * s * s == outputs]
    assert found["image"] == (possible[0] if possible else None)
    assert len(possible) <= 1  # never two readings
    (said,) = MlpGenerator().assumed(found)
    assert str(outputs) in said
    assert ("flat" in said) is not bool(possible)


@pytest.mark.parametrize("inputs", [784, 3072])
def test_the_mlp_discriminator(check: Check, inputs: int) -> None:
    net = check("pytorch-gan-mlp-discriminator", mlp_discriminator(inputs), {"inputs": inputs})
    f = Formula(net)
    x = torch.randn(3, inputs, dtype=torch.float64)
    expected = f.linear(leaky(f.linear(leaky(f.linear(x, "model.0")), "model.2")), "model.4")
    torch.testing.assert_close(net(x), expected)
    torch.testing.assert_close(net(x.reshape(3, 1, 2, -1)), expected)
    assert "logit" in MlpDiscriminator().assumed({"inputs": inputs})[0]


@pytest.mark.parametrize(("first", "side", "channels"), [(8192, 8, 1), (32768, 16, 3)])
def test_the_dcgan_generator(check: Check, first: int, side: int, channels: int) -> None:
    arguments = {"latent": 100, "side": side, "channels": channels}
    net = check("pytorch-gan-dcgan-generator", dcgan_generator(100, first, channels), arguments)
    f = Formula(net)
    z = torch.randn(2, 100, dtype=torch.float64)
    h = f.norm(f.linear(z, "l1.0").reshape(2, 128, side, side), "conv_blocks.0", 1e-5)
    for i in (2, 6):
        twice = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
        h = leaky(f.norm(f.conv(twice, f"conv_blocks.{i}", 1), f"conv_blocks.{i + 1}"))
    expected = f.conv(h, "conv_blocks.9", 1).tanh()
    assert expected.shape == (2, channels, 4 * side, 4 * side)
    torch.testing.assert_close(net(z), expected)


@pytest.mark.parametrize(("channels", "last", "side"), [(1, 512, 2), (3, 2048, 4)])
def test_the_dcgan_discriminator(check: Check, channels: int, last: int, side: int) -> None:
    arguments = {"channels": channels, "side": side}
    net = check("pytorch-gan-dcgan-discriminator", dcgan_discriminator(channels, last), arguments)
    f = Formula(net)
    x = torch.randn(2, channels, 16 * side, 16 * side, dtype=torch.float64)
    h = leaky(f.conv(x, "model.0", 2))
    for i in (3, 7, 11):
        h = f.norm(leaky(f.conv(h, f"model.{i}", 2)), f"model.{i + 3}")
    expected = f.linear(h.flatten(1), "adv_layer.0").sigmoid()
    torch.testing.assert_close(net(x), expected)


def test_a_grid_that_is_no_square_is_not_known() -> None:
    for width in (128 * 5, 128 * 4 + 1):
        assert DcganGenerator().recognise(dcgan_generator(100, width, 1)) is None
        assert DcganDiscriminator().recognise(dcgan_discriminator(1, width)) is None
