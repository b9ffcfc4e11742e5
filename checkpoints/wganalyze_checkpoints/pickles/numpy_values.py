"""Numbers and arrays of numpy in a pickle, as the inert reader sees them."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from wganalyze import TensorSpec
from wganalyze_checkpoints.pickles.inert import Inert

_EMPTY = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")  # filled by its state
_FILLED = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")  # in protocol 5
ARRAYS = (*_EMPTY, *_FILLED)
_MAX_AXES = 64
_LAYOUTS: Mapping[str, tuple[str, str]] = {
    "f8": ("d", "float64"), "f4": ("f", "float32"), "f2": ("e", "float16"), "b1": ("?", "bool"),
    "i8": ("q", "int64"), "i4": ("i", "int32"), "i2": ("h", "int16"), "i1": ("b", "int8"),
    "u8": ("Q", "uint64"), "u4": ("I", "uint32"), "u2": ("H", "uint16"), "u1": ("B", "uint8"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Array:
    """An array: its shape and dtype, and its bytes or what stands for them."""

    spec: TensorSpec
    order: Literal["<", ">"]
    """ "<" or ">", by which its numbers are written."""
    columns_first: bool
    data: object


def scalar(dtype: object, data: object) -> object:
    """``numpy.core.multiarray.scalar``: the number, as a plain one; trainers keep epochs and losses so."""
    order, layout, _ = _dtype(dtype)
    if not layout or not isinstance(data, bytes) or struct.calcsize(layout) != len(data):
        return Inert("numpy.core.multiarray.scalar", (dtype, data))
    return struct.unpack(order + layout, data)[0]


def array_of(value: object) -> Array | None:
    """The array that ``value`` is, if it is one of numbers; ValueError where shape and length disagree."""
    if not isinstance(value, Inert) or value.name not in ARRAYS:
        return None
    match value.state if value.name in _EMPTY else value.arguments:
        case (_, tuple(shape), dtype, columns_first, data) if value.name in _EMPTY:
            pass
        case (data, dtype, tuple(shape), letter):
            columns_first = letter == "F"
        case _:
            return None
    order, layout, name = _dtype(dtype)
    length = getattr(data, "__len__", lambda: -1)()
    if not layout or len(shape) > _MAX_AXES or not all(isinstance(k, int) and 0 <= k < 2**48 for k in shape):
        return None
    if length != math.prod(shape) * struct.calcsize(layout):
        raise ValueError(f"an array of shape {shape} in {length} bytes")
    return Array(TensorSpec(shape, name), order, bool(columns_first), data)


def _dtype(value: object) -> tuple[Literal["<", ">"], str, str]:
    """Byte order, the code of struct and the name of a ``numpy.dtype``; these are empty for another than of numbers."""
    if not isinstance(value, Inert) or not isinstance(value.arguments, tuple) or not value.arguments:
        return "<", "", ""
    code = value.arguments[0]
    layout, name = _LAYOUTS.get(code, ("", "")) if isinstance(code, str) else ("", "")
    state = value.state if isinstance(value.state, tuple) else ()
    return (">" if state[1:2] == (">",) else "<"), layout, name
