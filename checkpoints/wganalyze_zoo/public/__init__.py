"""Networks of known public sources, written afresh: recognised by their exact keys and shapes, they need no factory.

Keys show no activations, strides or paddings: those are the source's, and ``assumed`` says what else was taken for
granted.
"""

from __future__ import annotations

from collections.abc import Iterable

from wganalyze import Architecture, hookimpl
from wganalyze_zoo.public import mimicry, pytorch_gan, torch_dcgan, w1_benchmark


@hookimpl
def wganalyze_architectures() -> Iterable[type[Architecture]]:
    return [
        torch_dcgan.Generator,
        torch_dcgan.Discriminator,
        pytorch_gan.MlpGenerator,
        pytorch_gan.MlpDiscriminator,
        pytorch_gan.DcganGenerator,
        pytorch_gan.DcganDiscriminator,
        mimicry.Generator32,
        mimicry.Generator64,
        mimicry.SpectralDiscriminator32,
        mimicry.SpectralDiscriminator64,
        w1_benchmark.Critic,
        w1_benchmark.SortingCritic,
    ]
