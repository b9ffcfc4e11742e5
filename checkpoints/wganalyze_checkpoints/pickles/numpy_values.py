"""Numbers and arrays of numpy in a pickle, as the inert reader sees them."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from wganalyze import TensorSpec
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Global, Inert, InertUnpickler, Steps, Window

_EMPTY = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")  # filled by its state
_FILLED = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")  # in protocol 5
FOLLOWED = ("joblib.numpy_pickle.NumpyArrayWrapper", "sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper")
ARRAYS = (*_EMPTY, *_FILLED, *FOLLOWED)
_OF_JAX = "jax._src.array._reconstruct_array"  # of how numpy makes its own, and that
MAKERS = frozenset([*ARRAYS, _OF_JAX, "numpy.ndarray"])
"""What pickles of arrays call; none of it is needed to read them."""

_MAX_AXES = 64
_LAYOUTS: Mapping[str, tuple[str, str]] = {
    "f8": ("d", "float64"), "f4": ("f", "float32"), "f2": ("e", "float16"), "b1": ("?", "bool"),
    "i8": ("q", "int64"), "i4": ("i", "int32"), "i2": ("h", "int16"), "i1": ("b", "int8"),
    "u8": ("Q", "uint64"), "u4": ("I", "uint32"), "u2": ("H", "uint16"), "u1": ("B", "uint8"),
    "c8": ("", "complex64"), "c16": ("", "complex128"),
}  # fmt: skip
_SHORT_FLOATS: Mapping[str, int] = {  # of JAX, and their bytes
    f"ml_dtypes.{name}": 2 if name == "bfloat16" else 1
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
}


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
    kind = _dtype(dtype)
    if not kind.layout or not isinstance(data, bytes) or kind.size != len(data):
        return Inert("numpy.core.multiarray.scalar", (dtype, data))
    return struct.unpack(kind.order + kind.layout, data)[0]


def array_of(value: object) -> Array | None:
    """The array that ``value`` is, if it is one of numbers; ValueError where shape and length disagree."""
    if isinstance(value, Inert) and value.name == _OF_JAX and isinstance(value.arguments, tuple):
        value = Inert(_EMPTY[0], state=value.arguments[2] if len(value.arguments) > 2 else None)
    if not isinstance(value, Inert) or value.name not in ARRAYS:
        return None
    if value.name in FOLLOWED:
        told, content = value.attributes, value.arguments
        turned: object
        data = content[0] if isinstance(content, tuple) and content else None
        shape, dtype, turned = told.get("shape"), told.get("dtype"), told.get("order") == "F"
    else:
        match value.state if value.name in _EMPTY else value.arguments:
            case (_, shape, dtype, turned, data) if value.name in _EMPTY:
                pass
            case (data, dtype, shape, letter):
                turned = letter == "F"
            case _:
                return None
    kind = _dtype(dtype)
    length = getattr(data, "__len__", lambda: -1)()
    if not kind.name or not isinstance(shape, tuple) or len(shape) > _MAX_AXES:
        return None
    if not all(isinstance(k, int) and 0 <= k < 2**48 for k in shape):
        return None
    if length != math.prod(shape) * kind.size:
        raise ValueError(f"an array of shape {shape} in {length} bytes")
    return Array(TensorSpec(shape, kind.name), kind.order, bool(turned), data)


@dataclass(frozen=True)
class FollowingArrays:
    """joblib writes the bytes of an array behind the object that describes it: for ``built`` of the inert reader."""

    window: Window
    steps: Steps

    def __call__(self, described: Inert) -> None:
        """Pass over the bytes of an array; what stands for them becomes the argument of its description."""
        if described.name not in FOLLOWED:
            return
        kind, shape = _dtype(described.attributes.get("dtype")), described.attributes.get("shape")
        if kind.code == "O":  # objects follow as a pickle of their own
            described.arguments = (InertUnpickler(self.window, skip=self.window.skip, steps=self.steps).load(),)
            return
        sizes = shape if isinstance(shape, tuple) else ()
        if not kind.size or not isinstance(shape, tuple) or len(sizes) > _MAX_AXES:
            raise DamagedPickle("an array of a kind that is not read")
        if not all(isinstance(k, int) and 0 <= k < 2**48 for k in sizes):
            raise DamagedPickle("an array without a shape")
        if described.attributes.get("numpy_array_alignment_bytes") is not None:
            self.window.read(self.window.read(1)[0])
        described.arguments = (self.window.skip(math.prod(sizes) * kind.size),)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A ``numpy.dtype``: ``layout`` (of struct) and ``name`` are empty where it is not of numbers."""

    order: Literal["<", ">"]
    code: str
    layout: str
    name: str
    size: int


def _dtype(value: object) -> _Kind:
    arguments = value.arguments if isinstance(value, Inert) else ()
    code = arguments[0] if isinstance(arguments, tuple) and arguments else ""
    if isinstance(code, Global) and code.name in _SHORT_FLOATS:
        name = code.name.rpartition(".")[2]
        return _Kind("<", "V", "", name, _SHORT_FLOATS[code.name])
    if not isinstance(value, Inert) or not isinstance(code, str):
        return _Kind("<", "", "", "", 0)
    state = value.state if isinstance(value.state, tuple) else ()
    order: Literal["<", ">"] = ">" if state[1:2] == (">",) else "<"
    if code in _LAYOUTS:
        return _Kind(order, code, *_LAYOUTS[code], size=int(code[1:]))
    stated = state[5] if code[:1] in ("U", "S") and len(state) > 5 else 8 if code in ("M8", "m8") else 0
    return _Kind(order, code[:1], "", "", stated if isinstance(stated, int) and 0 < stated < 2**31 else 0)
