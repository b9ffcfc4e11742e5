"""Generators that map samples to samples: what shows one, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Mapping

from wganalyze.contracts.loader import Input, TensorSpec

ADVICE = (
    "it maps samples to samples and has no latent; say --input data, or --input SOURCE (named as --data names one) for "
    "what it was trained on, or store what it makes as samples (np.save) and analyse these; if it has a latent, say "
    "--latent SHAPE"
)
CHANNELS = (1, 3, 4)
"""Of images."""


def image_layer(keys: Mapping[str, TensorSpec]) -> tuple[str, int] | None:
    """The key and the channels of a first layer that can only be a convolution of images; None where it may be another.

    A Conv2d stores (out, in, h, w), a transposed one (in, out, h, w): which it is shows in the next one, which takes
    what the first gives. No transposed one gives an image's few channels before the last.
    """
    weights = [(key, spec.shape) for key, spec in keys.items() if len(spec.shape) > 1]
    if not weights or len(weights[0][1]) != 4:
        return None
    key, (out, channels, *_) = weights[0]
    following = [shape for _, shape in weights[1:] if len(shape) == 4]
    takes_what_it_gives = bool(following) and following[0][1] == out
    return (key, channels) if channels in CHANNELS and takes_what_it_gives else None


def takes_images(entry: Input) -> bool:
    """Is an input that a program states one of images: one, three or four planes of more than a pixel?"""
    axes = (entry.shape or ())[1:]
    if len(axes) != 3:
        return False
    (first, height, width), last = axes, axes[-1]
    return (first in CHANNELS and 1 not in (height, width)) or (last in CHANNELS and 1 not in (first, height))


def is_transposed(first: tuple[int, ...], following: tuple[int, ...] | None) -> bool:
    """Is a first convolution one of a latent, (in, out, ...), as its successor shows? Alone it may be."""
    return following is None or (following[0] == first[1] and following[1] != first[0])
