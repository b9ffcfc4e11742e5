"""Strides and paddings of a chain's convolutions: all usual ones that lead from a latent to a sample, or to a score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from math import prod
from typing import NamedTuple

from wganalyze import Role
from wganalyze_zoo.chain.reading import Chain, side_of

MOST = 2000
USUAL = ((1, 2), (1,))
RARER = (((1, 2, 3, 4), (1,)), ((1, 2), (1, 2)))
Size = tuple[int, ...]
"""Height and width, or length; () of a vector."""


class Setting(NamedTuple):
    """What is assumed of one convolution; ``scale``: of an upsampling before it."""

    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    scale: int = 1


Way = tuple[Setting, ...]


def ways(chain: Chain, marks: Sequence[bool], role: Role, sample_shape: tuple[int, ...]) -> list[Way]:
    """Settings of the convolutions; other strides, then upsampling, only where no usual ones arrive.

    ValueError where there are too many.
    """
    for strides, scales in (USUAL, *RARER):
        fitting = _ways(chain, marks, role, sample_shape, strides, scales if role == "generator" else (1,))
        if fitting:
            return fitting
    return []


def _ways(
    chain: Chain,
    marks: Sequence[bool],
    role: Role,
    sample_shape: tuple[int, ...],
    strides: Sequence[int],
    scales: Sequence[int],
) -> list[Way]:
    layers = chain.layers
    ends = [layer.channels(mark) for layer, mark in zip(layers, marks, strict=True)]

    @cache
    def onward(i: int, size: Size) -> list[Way]:
        """All ways from layer ``i``, which is given this size, to the end."""
        if i == len(layers):
            return [()] if _arrived(role, ends[-1][1], size, sample_shape, chain.axes) else []
        if i and i - 1 in chain.reshapes:
            reshaped = _reshaped(chain.is_flat(i), ends[i - 1][1], ends[i][0], size, chain.axes)
            if reshaped is None:
                return []
            size = reshaped
        if layers[i].kind != "conv":
            return onward(i + 1, size)
        kernel, transposed = layers[i].kernel, marks[i]
        tails = [
            (setting, *tail)
            for setting, after in _settings(kernel, transposed, size, role, strides, scales)
            for tail in onward(i + 1, after)
        ]
        if len(tails) > MOST:
            raise ValueError(f"more than {MOST} choices of strides and paddings lead to samples of {sample_shape}")
        return tails

    start = _start(chain, role, ends[0][0], sample_shape)
    return [] if start is None else onward(0, start)


def _start(chain: Chain, role: Role, takes: int, sample_shape: tuple[int, ...]) -> Size | None:
    """The size that the first layer is given: of a latent of one pixel, or of a sample."""
    if chain.is_flat(0):
        return () if role == "generator" or takes == prod(sample_shape) else None
    return (1,) * chain.axes if role == "generator" else _size(takes, sample_shape, chain.axes)


def _size(channels: int, shape: tuple[int, ...], axes: int) -> Size | None:
    """Height and width (or length) of a sample of so many channels; a flat one is taken to be square (or a series)."""
    if len(shape) == 1:
        side = side_of(shape[0], channels, axes)
        return (side,) * axes if side else None
    return shape[-axes:] if prod(shape[:-axes]) == channels else None


def _reshaped(flat: bool, gives: int, takes: int, size: Size, axes: int) -> Size | None:
    """What a flattening, or the opposite, makes of a size."""
    if flat:
        return () if gives * prod(size) == takes else None
    side = side_of(gives, takes, axes)
    return (side,) * axes if side else None


def _arrived(role: Role, gives: int, size: Size, sample_shape: tuple[int, ...], axes: int) -> bool:
    if role == "critic":
        return gives * prod(size) == 1
    return gives == prod(sample_shape) if size == () else size == _size(gives, sample_shape, axes)


def _settings(
    kernel: int, transposed: bool, size: Size, role: Role, strides: Sequence[int], scales: Sequence[int]
) -> Iterator[tuple[Setting, Size]]:
    """Settings of one convolution with the size that each gives; of those that do the same, the first."""
    seen = set()
    for scale in (1,) if transposed else scales:
        for stride in strides if transposed or role == "critic" else (1,):
            usual = {0, 1, (kernel - 1) // 2} | ({kernel // 2} if stride == 1 else set())
            for padding in sorted(p for p in usual if 2 * p <= kernel):
                for extra in (0, 1) if transposed and stride > 1 and kernel % 2 else (0,):
                    after = tuple(_after(side * scale, kernel, transposed, stride, padding, extra) for side in size)
                    # From one pixel, and to one pixel, the stride does nothing.
                    still = max(size if transposed else after) == 1
                    same = (0 if still else stride, padding, scale, after)
                    if min(after) > 0 and stride <= kernel and same not in seen:
                        seen.add(same)
                        yield Setting(stride, padding, extra, scale), after


def _after(side: int, kernel: int, transposed: bool, stride: int, padding: int, extra: int) -> int:
    if transposed:
        return (side - 1) * stride + kernel - 2 * padding + extra
    return (side + 2 * padding - kernel) // stride + 1
