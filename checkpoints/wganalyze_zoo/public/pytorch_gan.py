"""The nets of eriklindernoren/PyTorch-GAN: those of its gan, wgan, wgan_gp and wgan_div, and those of its dcgan.

BatchNorm's second argument there is 0.8, which is its eps.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from wganalyze import Architecture, Shapes
from wganalyze_zoo.public.signature import Shape, axis, batch_norm, convolution, fits, linear

if TYPE_CHECKING:
    from torch.nn import Module

EPS = 0.8
_WIDTHS = (128, 256, 512, 1024)
_CHANNELS = (16, 32, 64, 128)


class MlpGenerator(Architecture):
    """z to an image: Linear, BatchNorm, LeakyReLU .2, four times (the first without BatchNorm), Linear, Tanh."""

    name = "pytorch-gan-mlp-generator"
    role = "generator"

    def build(self, latent: int, outputs: int, image: tuple[int, int, int] | None = None) -> Module:
        """``outputs``: pixels, in all channels; ``image``: their shape, None to leave them flat."""
        from torch import nn

        layers: list[nn.Module] = [nn.Linear(latent, _WIDTHS[0]), nn.LeakyReLU(0.2)]
        for wide, narrow in pairwise(_WIDTHS):
            layers += [nn.Linear(wide, narrow), nn.BatchNorm1d(narrow, EPS), nn.LeakyReLU(0.2)]
        model = nn.Sequential(*layers, nn.Linear(_WIDTHS[-1], outputs), nn.Tanh())
        parts: OrderedDict[str, nn.Module] = OrderedDict(model=model)
        if image:
            parts["image"] = nn.Unflatten(1, image)
        return nn.Sequential(parts)

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """Widths at both ends; the image is square and of one or three channels, or it stays flat."""
        latent, outputs = axis(keys, "model.0.weight", 1), axis(keys, "model.11.weight", 0)
        expected = linear("model.0", latent, _WIDTHS[0]) | linear("model.11", _WIDTHS[-1], outputs)
        for i, (wide, narrow) in enumerate(pairwise(_WIDTHS)):
            expected |= linear(f"model.{3 * i + 2}", wide, narrow) | batch_norm(f"model.{3 * i + 3}", narrow)
        arguments = {"latent": latent, "outputs": outputs, "image": _image(outputs)}
        return arguments if fits(keys, expected) else None

    def assumed(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What keys do not show."""
        image = arguments.get("image")
        if image is None:
            return (f"its {arguments['outputs']} outputs are left flat: they make no square image of 1 or 3 channels",)
        shape = "x".join(map(str, image))
        return (f"its {arguments['outputs']} outputs are an image of {shape}: square, of 1 or 3 channels",)


def _image(outputs: int) -> tuple[int, int, int] | None:
    """(channels, side, side); no number is both a square and three times one."""
    for channels in (1, 3):
        side = math.isqrt(outputs // channels)
        if side and outputs == channels * side**2:
            return channels, side, side
    return None


class MlpDiscriminator(Architecture):
    """Flattened images to a score, (n, 1), through 512 and 256 with LeakyReLU .2.

    The discriminator of ``gan`` has the same keys and a sigmoid behind: of that one, the score here is the logit.
    """

    name = "pytorch-gan-mlp-discriminator"
    role = "critic"

    def build(self, inputs: int) -> Module:
        """``inputs``: pixels, in all channels."""
        from torch import nn

        layers = (nn.Linear(inputs, 512), nn.LeakyReLU(0.2), nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1))
        return nn.Sequential(OrderedDict(flat=nn.Flatten(), model=nn.Sequential(*layers)))

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The width of the input."""
        inputs = axis(keys, "model.0.weight", 1)
        expected = linear("model.0", inputs, 512) | linear("model.2", 512, 256) | linear("model.4", 256, 1)
        return {"inputs": inputs} if fits(keys, expected) else None

    def assumed(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What keys do not show."""
        return (
            "its output is taken as the score of wgan, wgan_gp and wgan_div; if it is that of gan, this is the logit "
            "(set [critic] output or --output)",
        )


class DcganGenerator(Architecture):
    """z to an image of four times ``side``: Linear, then two nearest upsamplings with convolutions, Tanh."""

    name = "pytorch-gan-dcgan-generator"
    role = "generator"

    def build(self, latent: int, side: int, channels: int) -> Module:
        """``side``: of the first grid, a quarter of the image's."""
        from torch import nn

        layers: list[nn.Module] = [nn.BatchNorm2d(128)]
        for narrow in (128, 64):
            convolved = nn.Conv2d(128, narrow, 3, padding=1)
            layers += [nn.Upsample(scale_factor=2), convolved, nn.BatchNorm2d(narrow, EPS), nn.LeakyReLU(0.2)]
        blocks = nn.Sequential(*layers, nn.Conv2d(64, channels, 3, padding=1), nn.Tanh())
        first = nn.Sequential(nn.Linear(latent, 128 * side**2))
        return nn.Sequential(OrderedDict(l1=first, grid=nn.Unflatten(1, (128, side, side)), conv_blocks=blocks))

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The grid from the first layer's width, channels from the last."""
        latent, channels = axis(keys, "l1.0.weight", 1), axis(keys, "conv_blocks.9.weight", 0)
        side = math.isqrt(axis(keys, "l1.0.weight", 0) // 128)
        expected = linear("l1.0", latent, 128 * side**2) | batch_norm("conv_blocks.0", 128)
        for i, narrow in ((2, 128), (6, 64)):
            expected |= convolution(f"conv_blocks.{i}", 128, narrow, 3) | batch_norm(f"conv_blocks.{i + 1}", narrow)
        expected |= convolution("conv_blocks.9", 64, channels, 3)
        return {"latent": latent, "side": side, "channels": channels} if fits(keys, expected) else None


class DcganDiscriminator(Architecture):
    """Images of 16 times ``side`` to a probability, (n, 1): four strided convolutions with dropout, a sigmoid."""

    name = "pytorch-gan-dcgan-discriminator"
    role = "critic"

    def build(self, channels: int, side: int) -> Module:
        """``side``: of the last grid, a sixteenth of the image's."""
        from torch import nn

        layers: list[nn.Module] = []
        wide = channels
        for narrow in _CHANNELS:
            layers += [nn.Conv2d(wide, narrow, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(0.25)]
            layers += [nn.BatchNorm2d(narrow, EPS)] if narrow > _CHANNELS[0] else []
            wide = narrow
        head = nn.Sequential(nn.Linear(128 * side**2, 1), nn.Sigmoid())
        return nn.Sequential(OrderedDict(model=nn.Sequential(*layers), flat=nn.Flatten(), adv_layer=head))

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """Channels from the first layer, the grid from the last."""
        channels, side = axis(keys, "model.0.weight", 1), math.isqrt(axis(keys, "adv_layer.0.weight", 1) // 128)
        expected: dict[str, Shape] = {}
        for i, wide, narrow in ((0, channels, 16), (3, 16, 32), (7, 32, 64), (11, 64, 128)):
            expected |= convolution(f"model.{i}", wide, narrow, 3)
            expected |= batch_norm(f"model.{i + 3}", narrow) if i else {}
        expected |= linear("adv_layer.0", 128 * side**2, 1)
        return {"channels": channels, "side": side} if fits(keys, expected) else None

    def assumed(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What keys do not show."""
        return ("it ends in a sigmoid, as that of dcgan; its logit is the same without",)
