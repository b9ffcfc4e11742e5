"""The DCGAN example of pytorch/examples, 64x64: z (n, nz, 1, 1), transposed convolutions without biases."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wganalyze import Architecture, Shapes
from wganalyze_zoo.public.signature import Shape, axis, batch_norm, convolution, fits

if TYPE_CHECKING:
    from torch.nn import Module

_FACTORS = (8, 4, 2, 1)


class Generator(Architecture):
    """nz to nc x 64 x 64: ReLU inside, Tanh at the end."""

    name = "torch-dcgan-generator"
    role = "generator"

    def build(self, nz: int, ngf: int, nc: int) -> Module:
        """``nz``: width of z; ``ngf``: width before the image; ``nc``: channels."""
        from torch import nn

        layers: list[nn.Module] = []
        wide, stride, padding = nz, 1, 0
        for factor in _FACTORS:
            layers += [
                nn.ConvTranspose2d(wide, factor * ngf, 4, stride, padding, bias=False),
                nn.BatchNorm2d(factor * ngf),
                nn.ReLU(),
            ]
            wide, stride, padding = factor * ngf, 2, 1
        main = nn.Sequential(*layers, nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False), nn.Tanh())
        return nn.Sequential(OrderedDict(main=main))

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """Widths from the first and the last layer."""
        nz, ngf, nc = (axis(keys, *at) for at in (("main.0.weight", 0), ("main.12.weight", 0), ("main.12.weight", 1)))
        expected: dict[str, Shape] = {}
        wide = nz
        for i, factor in enumerate(_FACTORS):
            expected |= convolution(f"main.{3 * i}", factor * ngf, wide, 4, bias=False)
            expected |= batch_norm(f"main.{3 * i + 1}", factor * ngf)
            wide = factor * ngf
        expected |= convolution("main.12", nc, ngf, 4, bias=False)
        return {"nz": nz, "ngf": ngf, "nc": nc} if fits(keys, expected) else None


class Discriminator(Architecture):
    """nc x 64 x 64 to a probability, (n, 1): LeakyReLU .2 inside, a sigmoid at the end."""

    name = "torch-dcgan-discriminator"
    role = "critic"

    def build(self, ndf: int, nc: int) -> Module:
        """``ndf``: width behind the image; ``nc``: channels."""
        from torch import nn

        layers: list[nn.Module] = [nn.Conv2d(nc, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for wide in (ndf, 2 * ndf, 4 * ndf):
            layers += [nn.Conv2d(wide, 2 * wide, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * wide), nn.LeakyReLU(0.2)]
        main = nn.Sequential(*layers, nn.Conv2d(8 * ndf, 1, 4, 1, 0, bias=False), nn.Sigmoid())
        return nn.Sequential(OrderedDict(main=main, flat=nn.Flatten()))

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """Widths from the first layer."""
        ndf, nc = axis(keys, "main.0.weight", 0), axis(keys, "main.0.weight", 1)
        expected = convolution("main.0", nc, ndf, 4, bias=False)
        for i, wide in enumerate((ndf, 2 * ndf, 4 * ndf)):
            expected |= convolution(f"main.{3 * i + 2}", wide, 2 * wide, 4, bias=False)
            expected |= batch_norm(f"main.{3 * i + 3}", 2 * wide)
        expected |= convolution("main.11", 8 * ndf, 1, 4, bias=False)
        return {"ndf": ndf, "nc": nc} if fits(keys, expected) else None

    def assumed(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What keys do not show."""
        return ("it ends in a sigmoid, as the published one; its logit is the same without",)
