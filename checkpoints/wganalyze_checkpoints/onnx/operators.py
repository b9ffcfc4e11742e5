"""ONNX operators that compute with numbers and shapes, and their functions in torch.

Semantics: https://onnx.ai/onnx/operators. Where an entry covers only a part of what an operator can say,
NoConversion names the rest.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganalyze_checkpoints.onnx.graph import Call, Conversion, NoConversion, Size, Table, Value, reshaped


def _function(target: Callable[..., Tensor], count: int = 1) -> Conversion:
    return lambda c: c.apply(target, *(c[i] for i in range(count)))


def _fold(target: Callable[..., Tensor]) -> Conversion:
    """An operator of any number of arguments."""
    return lambda c: reduce(lambda a, b: c.apply(target, a, b), _all(c))


def _all(c: Call) -> list[Value]:
    return [c[i] for i in range(len(c.arguments))]


TABLE = Table(
    {
        "Identity": lambda c: c[0],
        "Neg": _function(torch.neg),
        "Abs": _function(torch.abs),
        "Exp": _function(torch.exp),
        "Log": _function(torch.log),
        "Sqrt": _function(torch.sqrt),
        "Reciprocal": _function(torch.reciprocal),
        "Erf": _function(torch.erf),
        "Sin": _function(torch.sin),
        "Cos": _function(torch.cos),
        "Floor": _function(torch.floor),
        "Ceil": _function(torch.ceil),
        "Round": _function(torch.round),
        "Sign": _function(torch.sign),
        "Not": _function(torch.logical_not),
        "Add": _function(operator.add, 2),
        "Sub": _function(operator.sub, 2),
        "Mul": _function(operator.mul, 2),
        "Pow": _function(torch.pow, 2),
        "Equal": _function(torch.eq, 2),
        "Greater": _function(torch.gt, 2),
        "GreaterOrEqual": _function(torch.ge, 2),
        "Less": _function(torch.lt, 2),
        "LessOrEqual": _function(torch.le, 2),
        "And": _function(torch.logical_and, 2),
        "Or": _function(torch.logical_or, 2),
        "Where": _function(torch.where, 3),
        "Max": _fold(torch.maximum),
        "Min": _fold(torch.minimum),
        "Sum": _fold(operator.add),
        "Concat": lambda c: c.apply(torch.cat, _all(c), c.attributes["axis"]),
        "Einsum": lambda c: c.apply(torch.einsum, c.attributes["equation"], *_all(c)),
    }
)


def _whole_quotient(a: Tensor, b: Tensor) -> Tensor:
    return torch.div(a, b, rounding_mode="trunc")


@TABLE.entry("Div")
def _div(c: Call) -> Value:
    return c.apply(operator.truediv if c[0].at[0].is_floating_point() else _whole_quotient, c[0], c[1])


@TABLE.entry("Mod")
def _mod(c: Call) -> Value:
    return c.apply(torch.fmod if c.attributes.get("fmod", 0) else torch.remainder, c[0], c[1])


# Shapes


@TABLE.entry("Shape", "Size")
def _shape(c: Call) -> Value:
    first, last = c.attributes.get("start", 0), c.attributes.get("end")
    shapes = [torch.tensor(at.shape[first:last], dtype=torch.int64) for at in c[0].at]
    return Value((shapes[0], shapes[1]) if c.operator == "Shape" else (shapes[0].prod(), shapes[1].prod()))


@TABLE.entry("Reshape")
def _reshape(c: Call) -> Value:
    if c.version < 5:
        raise NoConversion("Reshape of an old opset")
    sizes = c.sizes(1)
    if not c.attributes.get("allowzero", 0):
        sizes = [_kept(c, i) if size.at == (0, 0) else size for i, size in enumerate(sizes)]
    return reshaped(c, c[0], sizes)


def _kept(c: Call, axis: int) -> Size:
    first, second = (at.shape[axis] for at in c[0].at)
    return Size((first, second))


@TABLE.entry("Flatten")
def _flatten(c: Call) -> Value:
    rank, axis = c[0].at[0].dim(), c.attributes.get("axis", 1)
    axis += rank if axis < 0 else 0
    if axis == 1:
        return c.apply(nn.Flatten(), c[0])
    width = math.prod(c[0].at[0].shape[axis:])
    return reshaped(c, c[0], (1, -1) if axis == 0 else (-1, width))


@TABLE.entry("Transpose")
def _transpose(c: Call) -> Value:
    return c.apply(torch.permute, c[0], c.attributes.get("perm", list(range(c[0].at[0].dim()))[::-1]))


@TABLE.entry("Squeeze")
def _squeeze(c: Call) -> Value:
    axes = c.whole(1, "axes")
    return c.apply(torch.squeeze, c[0]) if axes is None else c.apply(torch.squeeze, c[0], tuple(axes))


@TABLE.entry("Unsqueeze")
def _unsqueeze(c: Call) -> Value:
    axes = c.whole(1, "axes") or []
    rank = c[0].at[0].dim() + len(axes)
    return reduce(lambda x, axis: c.apply(torch.unsqueeze, x, axis), sorted(axis % rank for axis in axes), c[0])


@TABLE.entry("Expand")
def _expand(c: Call) -> Value:
    sizes = c.sizes(1)
    shapes = [np.broadcast_shapes(at.shape, tuple(n.at[b] for n in sizes)) for b, at in enumerate(c[0].at)]
    return c.apply(torch.broadcast_to, c[0], [Size((a, b)) for a, b in zip(*shapes, strict=True)])


@TABLE.entry("Tile")
def _tile(c: Call) -> Value:
    return c.apply(torch.tile, c[0], c.sizes(1))


def _filled(x: Tensor, sizes: Sequence[int], value: float) -> Tensor:
    return x.new_full(tuple(sizes), value)


@TABLE.entry("ConstantOfShape")
def _constant_of_shape(c: Call) -> Value:
    value = c.attributes.get("value", torch.zeros(1, dtype=torch.float64)).reshape(())
    if value.is_floating_point():
        filled = c.apply(_filled, c.graph.x, c.sizes(0), float(value))
        return Value(filled.at) if Value(filled.at).fixed else filled
    return c.apply(torch.full, c.sizes(0), value.item(), dtype=value.dtype)


@TABLE.entry("Constant")
def _constant(c: Call) -> Value:
    (value,) = c.attributes.values()
    if isinstance(value, str):
        raise NoConversion("it computes with text")
    if not isinstance(value, Tensor):
        first = value[0] if isinstance(value, list) and value else value
        value = torch.tensor(value, dtype=torch.int64 if isinstance(first, int) else torch.float64)
    return Value((value, value))


@TABLE.entry("Range")
def _range(c: Call) -> Value:
    ends = [Size((int(c[i].at[0]), int(c[i].at[1]))) for i in (0, 1, 2)]
    if any(value is None or value.node is not None or value.at[0].is_floating_point() for value in c.arguments):
        raise NoConversion("Range of numbers that are computed")
    return c.apply(torch.arange, *ends)


def _like(value: Tensor, x: Tensor) -> Tensor:
    return value.to(x.dtype)


@TABLE.entry("Cast", "CastLike")
def _cast(c: Call) -> Value:
    """All real numbers have the precision that the module runs in, whatever the file says."""
    if c.operator == "CastLike":
        whole, boolean = not c[1].at[0].is_floating_point(), c[1].at[0].dtype == torch.bool
    else:
        kind = onnx.TensorProto.DataType.Name(c.attributes["to"])
        whole, boolean = "INT" in kind, kind == "BOOL"
        if kind in ("STRING", "COMPLEX64", "COMPLEX128"):
            raise NoConversion("it computes with complex numbers or text")
    if boolean or whole:
        return c.apply(Tensor.bool if boolean else Tensor.long, c[0])
    if c[0].at[0].is_floating_point():
        return c[0]
    return c.apply(Tensor.double, c[0]) if c[0].node is None else c.apply(_like, c[0], c.graph.x)


# Parts and sums


@TABLE.entry("Slice")
def _slice(c: Call) -> Value:
    starts, ends = (c.whole(i, key) or [] for i, key in ((1, "starts"), (2, "ends")))
    axes = c.whole(3, "axes") or list(range(len(starts)))
    steps = c.whole(4, "steps") or [1] * len(starts)
    parts, turned = [slice(None)] * c[0].at[0].dim(), []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = c[0].at[0].shape[axis]
        if step < 0:  # torch has no negative steps: the axis is turned round first
            start, end = (-1 - n if -size <= n < size else (0 if n > 0 else size) for n in (start, end))
            turned.append(axis)
        parts[axis] = slice(start, end, abs(step))
    x = c.apply(torch.flip, c[0], turned) if turned else c[0]
    return c.apply(operator.getitem, x, tuple(parts))


@TABLE.entry("Split")
def _split(c: Call) -> list[Value]:
    axis, stated = c.attributes.get("axis", 0), c.whole(1, "split")
    size = c[0].at[0].shape[axis]
    step = -(-size // c.outputs)
    widths = stated or [min(step, size - i * step) for i in range(c.outputs)]
    ends = list(itertools.accumulate(widths))
    before = (slice(None),) * (axis % c[0].at[0].dim())
    return [
        c.apply(operator.getitem, c[0], (*before, slice(end - width, end)))
        for end, width in zip(ends, widths, strict=True)
    ]


@TABLE.entry("Gather")
def _gather(c: Call) -> Value:
    axis = c.attributes.get("axis", 0) % c[0].at[0].dim()
    index: Any = c[1]
    if c[1].fixed and c[1].at[0].dim() == 0:
        index = int(c[1].at[0])
    return c.apply(operator.getitem, c[0], (*(slice(None),) * axis, index))


@TABLE.entry("GatherElements")
def _gather_elements(c: Call) -> Value:
    return c.apply(torch.gather, c[0], c.attributes.get("axis", 0), c[1])


@TABLE.entry("OneHot")
def _one_hot(c: Call) -> Value:
    depth, values = c.constant(1), c.constant(2)
    if depth is None or values is None or c.attributes.get("axis", -1) not in (-1, c[0].at[0].dim()):
        raise NoConversion("OneHot along another axis than the last")
    hot = c.apply(_like, c.apply(F.one_hot, c[0], int(depth)), c.graph.x)
    off, on = (float(value) for value in values.reshape(-1))
    return c.apply(operator.add, c.apply(operator.mul, hot, on - off), off)


@TABLE.entry("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2")
def _reduce(c: Call) -> Value:
    axes = c.whole(1, "axes")
    if not axes and c.attributes.get("noop_with_empty_axes", 0):
        return c[0]
    functions: dict[str, Callable[..., Tensor]] = {
        "ReduceMean": torch.mean,
        "ReduceSum": torch.sum,
        "ReduceMax": torch.amax,
        "ReduceMin": torch.amin,
        "ReduceL2": torch.linalg.vector_norm,
    }
    over = list(axes or range(c[0].at[0].dim()))
    return c.apply(functions[c.operator], c[0], dim=over, keepdim=bool(c.attributes.get("keepdims", 1)))
