"""The residual nets of kwotsin/mimicry, at 32 and 64 pixels: its generators, and the discriminator of its SNGAN."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze import Architecture, Shapes, encodings, folded_keys
from wganalyze_zoo.public.signature import Shape, axis, batch_norm, convolution, fits, linear

if TYPE_CHECKING:
    from torch.nn import Module

BOTTOM = 4
_GENERATOR = {32: (1, 1, 1, 1), 64: (1, 2, 4, 8, 16)}
"""Widths before, between and behind the blocks, as ngf divided by these."""
_DISCRIMINATOR = {32: (1, 1, 1, 1), 64: (16, 8, 4, 2, 1)}
"""The same behind the blocks, as parts of ndf."""
_HALVING = {32: (True, False, False), 64: (True, True, True, True)}
"""Do the blocks behind the first halve the image?"""


class Generator(Architecture):
    """z (n, nz) to images (n, 3, size, size) in [-1, 1]: residual blocks with BatchNorm and bilinear upsampling.

    The nets of its SNGAN, WGAN-GP, DCGAN, SSGAN and InfoMax-GAN are this one.
    """

    role = "generator"
    size: ClassVar[int]

    def build(self, nz: int, ngf: int) -> Module:
        """``nz``: width of z; ``ngf``: of the first grid."""
        from torch import nn

        from wganalyze_zoo.public.layers import UpBlock

        widths = [ngf // factor for factor in _GENERATOR[self.size]]
        last = len(widths) + 1
        blocks = {f"block{i}": UpBlock(wide, narrow) for i, (wide, narrow) in enumerate(pairwise(widths), 2)}
        layers: dict[str, nn.Module] = {
            "l1": nn.Linear(nz, BOTTOM**2 * ngf),
            "grid": nn.Unflatten(1, (ngf, BOTTOM, BOTTOM)),
            **blocks,
            f"b{last}": nn.BatchNorm2d(widths[-1]),
            "relu": nn.ReLU(),
            f"c{last}": nn.Conv2d(widths[-1], 3, 3, padding=1),
            "tanh": nn.Tanh(),
        }
        return nn.Sequential(OrderedDict(layers))

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """Widths from the first layer."""
        nz, ngf = axis(keys, "l1.weight", 1), axis(keys, "block2.b1.weight", 0)
        widths = [ngf // factor for factor in _GENERATOR[self.size]]
        last = len(widths) + 1
        expected = linear("l1", nz, BOTTOM**2 * ngf) | batch_norm(f"b{last}", widths[-1])
        expected |= convolution(f"c{last}", widths[-1], 3, 3)
        for i, (wide, narrow) in enumerate(pairwise(widths), 2):
            expected |= convolution(f"block{i}.c1", wide, narrow, 3) | convolution(f"block{i}.c2", narrow, narrow, 3)
            expected |= batch_norm(f"block{i}.b1", wide) | batch_norm(f"block{i}.b2", narrow)
            expected |= convolution(f"block{i}.c_sc", wide, narrow, 1)
        return {"nz": nz, "ngf": ngf} if fits(keys, expected) else None


class Generator32(Generator):
    """At 32 pixels."""

    name = "mimicry-generator-32"
    size = 32


class Generator64(Generator):
    """At 64 pixels."""

    name = "mimicry-generator-64"
    size = 64


class SpectralDiscriminator(Architecture):
    """Images (n, 3, size, size) to scores (n, 1): residual blocks, the sum over all pixels, one linear layer.

    It is recognised by the keys of spectral norm alone, in every layer: without them, those of mimicry's DCGAN, which
    sums, and WGAN-GP, which averages, look alike.
    """

    role = "critic"
    size: ClassVar[int]

    def build(self, ndf: int) -> Module:
        """``ndf``: width of the last block. The layers are plain: they take folded weights."""
        from torch import nn

        from wganalyze_zoo.public.layers import DownBlock, FirstDownBlock, SumPool

        widths = [ndf // factor for factor in _DISCRIMINATOR[self.size]]
        layers: dict[str, nn.Module] = {"block1": FirstDownBlock(3, widths[0])}
        for i, (wide, narrow, halves) in enumerate(self._blocks(widths), 2):
            layers[f"block{i}"] = DownBlock(wide, narrow, halves=halves)
        layers |= {"relu": nn.ReLU(), "sum": SumPool(), f"l{len(widths) + 1}": nn.Linear(ndf, 1)}
        return nn.Sequential(OrderedDict(layers))

    def _blocks(self, widths: list[int]) -> list[tuple[int, int, bool]]:
        """Behind the first: width in, width out, and whether the image is halved."""
        return [(*pair, halves) for pair, halves in zip(pairwise(widths), _HALVING[self.size], strict=True)]

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The width of the last layer, where spectral norm, in any of its encodings, is in all of them."""
        plain = folded_keys(keys)
        widths_of = _DISCRIMINATOR[self.size]
        last = f"l{len(widths_of) + 1}"
        ndf = axis(plain, f"{last}.weight", 1)
        widths = [ndf // factor for factor in widths_of]
        expected: dict[str, Shape] = linear(last, ndf, 1)
        expected |= convolution("block1.c1", 3, widths[0], 3) | convolution("block1.c2", widths[0], widths[0], 3)
        expected |= convolution("block1.c_sc", 3, widths[0], 1)
        for i, (wide, narrow, halves) in enumerate(self._blocks(widths), 2):
            expected |= convolution(f"block{i}.c1", wide, wide, 3) | convolution(f"block{i}.c2", wide, narrow, 3)
            expected |= convolution(f"block{i}.c_sc", wide, narrow, 1) if halves or wide != narrow else {}
        # A weight, u, and v or sigma: two keys more for every weight.
        weights = sum(key.endswith(".weight") for key in plain)
        everywhere = len(keys) == len(plain) + 2 * weights and all("spectral" in text for text in encodings(keys))
        return {"ndf": ndf} if everywhere and fits(plain, expected) else None


class SpectralDiscriminator32(SpectralDiscriminator):
    """At 32 pixels."""

    name = "mimicry-sngan-discriminator-32"
    size = 32


class SpectralDiscriminator64(SpectralDiscriminator):
    """At 64 pixels."""

    name = "mimicry-sngan-discriminator-64"
    size = 64
