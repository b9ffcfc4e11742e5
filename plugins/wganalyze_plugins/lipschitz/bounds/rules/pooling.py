"""Pooling that is not affine: how many windows share a pixel, times how much a window can stretch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations as kind_of

from wganalyze_plugins.lipschitz.bounds.rules.names import targets
from wganalyze_plugins.lipschitz.bounds.rules.stretch import OUTWARD, Stretch

_MAX: Mapping[type[nn.Module], int] = {nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3}
_ADAPTIVE: Mapping[type[nn.Module], int] = {nn.AdaptiveMaxPool1d: 1, nn.AdaptiveMaxPool2d: 2, nn.AdaptiveMaxPool3d: 3}
_POWER: Mapping[type[nn.Module], int] = {nn.LPPool1d: 1, nn.LPPool2d: 2, nn.LPPool3d: 3}
_FUNCTIONS = targets(*(f"{name}{n}d" for name in ("max_pool", "adaptive_max_pool", "lp_pool") for n in (1, 2, 3)))


def of_module(module: Any, shape: Sequence[int]) -> Stretch | str | None:
    """The rule of a pooling layer; None where it is none. ``shape``: of its input, without the batch."""
    kind = kind_of(module)
    if kind in _MAX:
        return max_pool(_MAX[kind], module.kernel_size, module.stride, dilation=module.dilation)
    if kind in _ADAPTIVE:
        return adaptive_max_pool(_ADAPTIVE[kind], shape, module.output_size)
    if kind in _POWER:
        return power_pool(_POWER[kind], module.norm_type, module.kernel_size, module.stride, module.ceil_mode)
    return None


def of_call(
    target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], shape: Sequence[int]
) -> Stretch | str | None:
    """The same of a function."""
    name = _FUNCTIONS.get(target)
    if name is None:
        return None
    axes = int(name[-2])
    if name.startswith("adaptive"):
        return _adaptive(axes, shape, *arguments[1:], **keywords)
    rule = _max if name.startswith("max") else power_pool
    return rule(axes, *arguments[1:], **keywords)


def takes_maximum(pool: Any) -> bool:
    """Is a layer, or a function, a pooling that takes the largest number of each window?"""
    if isinstance(pool, nn.Module):
        return kind_of(pool) in _MAX or kind_of(pool) in _ADAPTIVE
    return "max" in _FUNCTIONS.get(pool, "")


def _each(value: Any, axes: int) -> tuple[int, ...]:
    return tuple(int(k) for k in value) if isinstance(value, tuple | list) else (int(value),) * axes


def _windows(axes: int, kernel: Any, stride: Any, dilation: Any = 1) -> int:
    """The most windows that a pixel is in: prod ceil(k gcd(d, s) / s) over the axes."""
    steps = _each(kernel if stride is None or stride == [] else stride, axes)
    sizes = zip(_each(kernel, axes), steps, _each(dilation, axes), strict=True)
    return math.prod(-(-k // (s // math.gcd(d, s))) for k, s, d in sizes)


def max_pool(axes: int, kernel: Any, stride: Any = None, dilation: Any = 1) -> Stretch:
    """sqrt of the largest number of windows that a pixel is in; attained (SCIENCE, sec. 3)."""
    windows = _windows(axes, kernel, stride, dilation)
    return Stretch(math.sqrt(windows) * OUTWARD, "MaxPool: sqrt of the windows that share a pixel")


def _max(
    axes: int, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Stretch:  # fmt: skip
    return max_pool(axes, kernel_size, stride, dilation)


def adaptive_max_pool(axes: int, shape: Sequence[int], output_size: Any) -> Stretch | str:
    """The same; window i of m on n pixels is [floor(i n / m), ceil((i + 1) n / m))."""
    if len(shape) < axes:
        return "no rule for AdaptiveMaxPool of an input of unknown shape"
    sizes = output_size if isinstance(output_size, tuple | list) else (output_size,) * axes
    most = 1
    for n, m in zip(shape[-axes:], sizes, strict=True):
        parts = n if m is None else int(m)
        counts = [0] * n
        for i in range(parts):
            for pixel in range(i * n // parts, -(-(i + 1) * n // parts)):
                counts[pixel] += 1
        most *= max(counts)
    return Stretch(math.sqrt(most) * OUTWARD, "AdaptiveMaxPool: sqrt of the windows that share a pixel")


def _adaptive(axes: int, shape: Sequence[int], output_size: Any, return_indices: bool = False) -> Stretch | str:
    return adaptive_max_pool(axes, shape, output_size)


def power_pool(
    axes: int, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Stretch | str:
    """Even p: a window's p-norm, at most its 2-norm. p = 1: its sum (signed), by Cauchy-Schwarz. Others: no bound.

    Odd p > 1: torch takes the root of a signed sum, which is steep without end where that vanishes. With ``ceil_mode``
    a window that sticks out is scaled up, by its size at most.
    """
    if norm_type != 1 and (norm_type != int(min(norm_type, 99)) or norm_type % 2 or norm_type < 2):
        return f"LPPool of p = {norm_type:g} has no largest slope: only p = 1 and even p have one"
    size = math.prod(_each(kernel_size, axes))
    inside = math.sqrt(size) if norm_type == 1 else 1.0
    scaled = size ** (1 / 2 if norm_type == 1 else 1 / norm_type) if ceil_mode else 1.0
    windows = _windows(axes, kernel_size, stride)
    rule = f"LPPool: sqrt of the windows that share a pixel, times {inside * scaled:.3g} in each"
    return Stretch(math.sqrt(windows) * inside * scaled * OUTWARD, rule)
