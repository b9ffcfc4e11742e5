"""ONNX operators that are layers in torch: linear maps, activations, normalisation, pooling, and resizing.

Semantics: https://onnx.ai/onnx/operators. Where an entry covers only a part of what an operator can say,
NoConversion names the rest.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganalyze_checkpoints.onnx.graph import Call, Conversion, NoConversion, Table, Value, axes_of, reshaped

LARGEST = 3.4e38
"""Of float32: what writers put where there is no end."""
_CONVOLUTIONS: Sequence[tuple[Any, Any]] = (
    (nn.Conv1d, nn.ConvTranspose1d),
    (nn.Conv2d, nn.ConvTranspose2d),
    (nn.Conv3d, nn.ConvTranspose3d),
)
_PADDINGS = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _layer(make: Callable[[Call], nn.Module]) -> Conversion:
    return lambda c: c.apply(make(c), c[0])


def _by_axes(*layers: Callable[[int], nn.Module]) -> Conversion:
    return lambda c: c.apply(layers[axes_of(c) - 1](1), c[0])


TABLE = Table(
    {
        "Relu": _layer(lambda c: nn.ReLU()),
        "LeakyRelu": _layer(lambda c: nn.LeakyReLU(c.attributes.get("alpha", 0.01))),
        "Elu": _layer(lambda c: nn.ELU(c.attributes.get("alpha", 1.0))),
        "Celu": _layer(lambda c: nn.CELU(c.attributes.get("alpha", 1.0))),
        "Selu": _layer(lambda c: nn.SELU()),
        "Gelu": _layer(lambda c: nn.GELU(c.attributes.get("approximate", "none"))),
        "Sigmoid": _layer(lambda c: nn.Sigmoid()),
        "Tanh": _layer(lambda c: nn.Tanh()),
        "Softplus": _layer(lambda c: nn.Softplus()),
        "Softsign": _layer(lambda c: nn.Softsign()),
        "HardSwish": _layer(lambda c: nn.Hardswish()),
        "Mish": _layer(lambda c: nn.Mish()),
        "ThresholdedRelu": _layer(lambda c: nn.Threshold(c.attributes.get("alpha", 1.0), 0.0)),
        "GlobalAveragePool": _by_axes(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
        "GlobalMaxPool": _by_axes(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    }
)


# Linear maps


def _linear(c: Call, x: Value, weight: Tensor, bias: Tensor | None) -> Value:
    """``weight`` (out, in)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    _fill(layer, weight=weight, bias=None if bias is None else bias.expand(len(weight)))
    return c.apply(layer, x)


def _fill(layer: nn.Module, **tensors: Tensor | None) -> None:
    """Put tensors into a layer, as they are."""
    for name, tensor in tensors.items():
        if tensor is not None:
            setattr(layer, name, nn.Parameter(tensor.double().clone(memory_format=torch.contiguous_format)))


@TABLE.entry("MatMul")
def _matmul(c: Call) -> Value:
    weight = c[1].at[0]
    if c[1].fixed and weight.dim() == 2 and weight.is_floating_point() and c[0].node is not None:
        return _linear(c, c[0], weight.T, None)
    return c.apply(torch.matmul, c[0], c[1])


@TABLE.entry("Gemm")
def _gemm(c: Call) -> Value:
    alpha, beta = c.attributes.get("alpha", 1.0), c.attributes.get("beta", 1.0)
    turned = [bool(c.attributes.get(key, 0)) for key in ("transA", "transB")]
    bias = c.optional(2)
    flat = bias is None or (bias.fixed and bias.at[0].numel() in (1, bias.at[0].shape[-1] if bias.at[0].dim() else 1))
    if c[1].fixed and flat and not turned[0] and c[0].node is not None:
        weight = c[1].at[0] if turned[1] else c[1].at[0].T
        return _linear(c, c[0], alpha * weight, None if bias is None else beta * bias.at[0].reshape(-1))
    factors = [c.apply(torch.t, c[i]) if turned[i] else c[i] for i in (0, 1)]
    product = c.apply(operator.mul, c.apply(torch.matmul, *factors), alpha)
    return product if bias is None else c.apply(operator.add, product, c.apply(operator.mul, bias, beta))


def _pads(
    c: Call, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Padding before and behind each spatial axis."""
    n = len(kernel)
    how = c.attributes.get("auto_pad", "NOTSET")
    if how in ("NOTSET", ""):
        pads = c.attributes.get("pads", [0] * 2 * n)
        return pads[:n], pads[n:]
    if how == "VALID":
        return [0] * n, [0] * n
    needed = [
        max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        for size, k, s, d in zip(c[0].at[0].shape[2:], kernel, stride, dilation, strict=True)
    ]
    less, more = [k // 2 for k in needed], [k - k // 2 for k in needed]
    return (less, more) if how == "SAME_UPPER" else (more, less)


def _padded(c: Call, x: Value, low: Sequence[int], high: Sequence[int], value: float = 0.0) -> Value:
    """Padding (or, where negative, a cut) of the last axes."""
    pads = [n for pair in zip(reversed(low), reversed(high), strict=True) for n in pair]
    return c.apply(F.pad, x, pads, "constant", value) if any(pads) else x


@TABLE.entry("Conv", "ConvTranspose")
def _conv(c: Call) -> Value:
    n, x, weight, bias = axes_of(c), c[0], c.constant(1), c.constant(2)
    turned = c.operator == "ConvTranspose"
    if weight is None or (
        turned and ("output_shape" in c.attributes or c.attributes.get("auto_pad", "NOTSET") != "NOTSET")
    ):
        raise NoConversion("ConvTranspose to a stated shape")
    kernel = list(weight.shape[2:])
    stride, dilation = (c.attributes.get(key, [1] * n) for key in ("strides", "dilations"))
    groups = c.attributes.get("group", 1)
    low, high = _pads(c, kernel, stride, dilation)
    even = low == high
    options: dict[str, Any] = {"output_padding": tuple(c.attributes.get("output_padding", [0] * n))} if turned else {}
    layer = _CONVOLUTIONS[n - 1][turned](
        weight.shape[0] if turned else weight.shape[1] * groups,
        weight.shape[1] * groups if turned else weight.shape[0],
        tuple(kernel),
        tuple(stride),
        tuple(low) if even else 0,
        dilation=tuple(dilation),
        groups=groups,
        bias=bias is not None,
        **options,
    )
    _fill(layer, weight=weight, bias=bias)
    if even:
        return c.apply(layer, x)
    if not turned:
        return c.apply(layer, _padded(c, x, low, high))
    return _padded(c, c.apply(layer, x), [-k for k in low], [-k for k in high])


@TABLE.entry("MaxPool", "AveragePool")
def _pool(c: Call) -> Value:
    n, x = axes_of(c), c[0]
    kernel = c.attributes["kernel_shape"]
    stride, dilation = (c.attributes.get(key, [1] * n) for key in ("strides", "dilations"))
    ceil, counted = bool(c.attributes.get("ceil_mode", 0)), bool(c.attributes.get("count_include_pad", 0))
    low, high = _pads(c, kernel, stride, dilation)
    highest = c.operator == "MaxPool"
    if c.outputs > 1:
        raise NoConversion("MaxPool with indices")
    if low != high:
        if not highest and not counted:
            raise NoConversion("AveragePool with uneven padding")
        x, low = _padded(c, x, low, high, -math.inf if highest else 0.0), [0] * n
    if highest:
        pool: nn.Module = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[n - 1](
            tuple(kernel), tuple(stride), tuple(low), tuple(dilation), ceil_mode=ceil
        )
    elif any(d != 1 for d in dilation):
        raise NoConversion("AveragePool with dilation")
    else:
        averages: Any = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[n - 1]
        pool = averages(tuple(kernel), tuple(stride), tuple(low), ceil_mode=ceil, count_include_pad=counted)
    return c.apply(pool, x)


# Normalisation


@TABLE.entry("BatchNormalization")
def _batch_norm(c: Call) -> Value:
    """With stored statistics it is an affine map for each channel: the file knows no train mode."""
    if c.attributes.get("training_mode", 0) or (c.outputs > 1 and c.version < 14):
        raise NoConversion("BatchNormalization by the statistics of the batch")
    weight, bias, mean, variance = (c[i] for i in (1, 2, 3, 4))
    spread = c.apply(torch.sqrt, c.apply(operator.add, variance, c.attributes.get("epsilon", 1e-5)))
    scale = c.apply(operator.truediv, weight, spread)
    shift = c.apply(operator.sub, bias, c.apply(operator.mul, mean, scale))
    shape = (-1, *[1] * axes_of(c))
    factors = (c.apply(torch.reshape, each, shape) for each in (scale, shift))
    return c.apply(operator.add, c.apply(operator.mul, c[0], next(factors)), next(factors))


@TABLE.entry("InstanceNormalization")
def _instance_norm(c: Call) -> Value:
    weight, bias = c.constant(1), c.constant(2)
    made: Any = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)[axes_of(c) - 1]
    layer = made(c[0].at[0].shape[1], c.attributes.get("epsilon", 1e-5), affine=True)
    _fill(layer, weight=weight, bias=bias)
    return c.apply(layer, c[0])


@TABLE.entry("LayerNormalization")
def _layer_norm(c: Call) -> Value:
    weight, bias, shape = c.constant(1), c.constant(2), c[0].at[0].shape
    axis = c.attributes.get("axis", -1) % len(shape)
    if c.outputs > 1 or weight is None or axis == 0:
        raise NoConversion("LayerNormalization of the batch, or with statistics")
    layer = nn.LayerNorm(shape[axis:], c.attributes.get("epsilon", 1e-5), bias=bias is not None)
    _fill(layer, weight=weight.expand(shape[axis:]), bias=None if bias is None else bias.expand(shape[axis:]))
    return c.apply(layer, c[0])


@TABLE.entry("GroupNormalization")
def _group_norm(c: Call) -> Value:
    weight, bias, groups, channels = c.constant(1), c.constant(2), c.attributes["num_groups"], c[0].at[0].shape[1]
    layer = nn.GroupNorm(groups, channels, c.attributes.get("epsilon", 1e-5))
    if weight is None or bias is None or channels % len(weight):
        raise NoConversion("GroupNormalization without weights")
    _fill(
        layer,
        weight=weight.repeat_interleave(channels // len(weight)),
        bias=bias.repeat_interleave(channels // len(bias)),
    )
    return c.apply(layer, c[0])


# Activations with arguments


@TABLE.entry("PRelu")
def _prelu(c: Call) -> Value:
    slope, shape = c.constant(1), c[0].at[0].shape
    channels = (shape[1], *[1] * axes_of(c))
    if slope is None or (slope.numel() > 1 and slope.shape not in (channels, (1, *channels))):
        raise NoConversion("PRelu with a slope that is not one for each channel")
    layer = nn.PReLU(slope.numel())
    _fill(layer, weight=slope.reshape(-1))
    return c.apply(layer, c[0])


@TABLE.entry("Clip")
def _clip(c: Call) -> Value:
    ends = [c.constant(1), c.constant(2)] if c.version >= 11 else [None, None]
    low, high = (
        float(c.attributes.get(key, default) if end is None else end)
        for end, key, default in zip(ends, ("min", "max"), (-math.inf, math.inf), strict=True)
    )
    if high >= LARGEST:  # float32's: no end at all
        return c.apply(nn.ReLU(), c[0]) if low == 0 else c.apply(torch.clamp, c[0], low)
    return c.apply(nn.Hardtanh(low, high), c[0]) if low > -LARGEST else c.apply(torch.clamp, c[0], max=high)


@TABLE.entry("HardSigmoid")
def _hard_sigmoid(c: Call) -> Value:
    scaled = c.apply(operator.mul, c[0], c.attributes.get("alpha", 0.2))
    return c.apply(nn.Hardtanh(0.0, 1.0), c.apply(operator.add, scaled, c.attributes.get("beta", 0.5)))


@TABLE.entry("Softmax", "LogSoftmax")
def _softmax(c: Call) -> Value:
    axis = c.attributes.get("axis", -1 if c.version >= 13 else 1)
    if c.version < 13 and axis % c[0].at[0].dim() != c[0].at[0].dim() - 1:
        raise NoConversion(f"{c.operator} over several axes")
    return c.apply(nn.Softmax(axis) if c.operator == "Softmax" else nn.LogSoftmax(axis), c[0])


@TABLE.entry("Dropout")
def _dropout(c: Call) -> Value:
    mode = c.constant(2)
    if c.outputs > 1 or (mode is not None and bool(mode)):
        raise NoConversion("Dropout in train mode, or with its mask")
    return c[0]


# Images


@TABLE.entry("Resize", "Upsample")
def _resize(c: Call) -> Value:
    """By torch's rule that is nearest to the file's; whether it is the same is seen when the results are compared."""
    size = c[0].at[0].shape
    position = 1 if c.operator == "Upsample" or c.version < 11 else 2
    scales = c.attributes.get("scales") if position >= len(c.arguments) else c.constant(position)
    scales = [] if scales is None else [float(scale) for scale in scales]
    stated = [n.at[0] for n in c.sizes(3)] if position == 2 and c.optional(3) is not None else None
    sizes = [math.floor(n * scale) for n, scale in zip(size, scales, strict=False)]
    sizes = stated or sizes
    if len(sizes) != len(size) or sizes[1] != size[1] or c.attributes.get("axes"):
        raise NoConversion("Resize of other axes than those of the image")
    mode = c.attributes.get("mode", "nearest")
    where = c.attributes.get("coordinate_transformation_mode", "half_pixel" if position == 2 else "asymmetric")
    n = len(size) - 2
    if mode == "nearest":
        plain = where == "asymmetric" or all(b % a == 0 for a, b in zip(size, sizes, strict=True))
        return c.apply(nn.Upsample(tuple(sizes[2:]), mode="nearest" if plain else "nearest-exact"), c[0])
    name = {"linear": ("linear", "bilinear", "trilinear")[n - 1], "cubic": "bicubic"}[mode]
    return c.apply(nn.Upsample(tuple(sizes[2:]), mode=name, align_corners=where == "align_corners"), c[0])


@TABLE.entry("Pad")
def _pad(c: Call) -> Value:
    pads, value = c.whole(1, "pads") or [], c.constant(2)
    filling = float(c.attributes.get("value", 0.0) if value is None else value)
    axes, rank = c.whole(3, "axes"), c[0].at[0].dim()
    n = len(pads) // 2
    low, high = [0] * rank, [0] * rank
    for i, axis in enumerate(range(rank) if axes is None else axes):
        low[axis], high[axis] = pads[i], pads[n + i]
    mode = _PADDINGS[c.attributes.get("mode", "constant")]
    if mode == "constant":
        return _padded(c, c[0], low, high, filling)
    if any(low[:2] + high[:2]):
        raise NoConversion(f"Pad by {mode} of other axes than those of the image")
    around = [k for pair in zip(reversed(low[2:]), reversed(high[2:]), strict=True) for k in pair]
    return c.apply(F.pad, c[0], around, mode)


@TABLE.entry("DepthToSpace", "SpaceToDepth")
def _depth_to_space(c: Call) -> Value:
    b, (channels, height, width) = c.attributes["blocksize"], c[0].at[0].shape[1:]
    if c.operator == "SpaceToDepth":
        parts = reshaped(c, c[0], (-1, channels, height // b, b, width // b, b))
        order = c.apply(torch.permute, parts, [0, 3, 5, 1, 2, 4])
        return reshaped(c, order, (-1, channels * b * b, height // b, width // b))
    if c.attributes.get("mode", "DCR") == "CRD":
        return c.apply(nn.PixelShuffle(b), c[0])
    parts = reshaped(c, c[0], (-1, b, b, channels // b**2, height, width))
    order = c.apply(torch.permute, parts, [0, 3, 4, 1, 5, 2])
    return reshaped(c, order, (-1, channels // b**2, height * b, width * b))
