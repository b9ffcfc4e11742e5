"""Tensors and storages as the pickles of torch describe them: what rebuilds one, and how its bytes are laid out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import mul
from typing import Any, TypeGuard

from wganalyze import TensorSpec
from wganalyze_checkpoints.pickles import numpy_values as numpy_pickle
from wganalyze_checkpoints.pickles.constructors import GETATTR, PLAIN
from wganalyze_checkpoints.pickles.inert import Global, Inert, Skipped

_MAX_AXES = 64
_MAX_EXPANDED = 2**24

ITEM_SIZE: Mapping[str, int] = {
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 8),
    **dict.fromkeys(("float32", "int32", "uint32", "complex32"), 4),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 2),
    **dict.fromkeys(("int8", "uint8", "bool"), 1),
    **dict.fromkeys(("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"), 1),
    "complex128": 16,
}
OLD_PARAMETERS = ("torch.nn.parameter.Parameter", "torch.nn.Parameter", "torch.autograd.variable.Variable")
"""What torch up to 0.3 pickled as a call with the tensor in it."""

STORAGE_DTYPE: Mapping[str, str] = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "UntypedStorage": "uint8",
    "QInt8Storage": "int8", "QUInt8Storage": "uint8", "QInt32Storage": "int32",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128",
}  # fmt: skip


@dataclass(slots=True)  # not frozen: a folder may hold a million of these, and that would take thrice the time
class Storage:
    """A run of ``numel`` numbers in the file; tensors are windows on it.

    ``content``: its bytes, or where they lie, for a storage that is not among the ``places`` of its file.
    """

    key: str
    dtype: str
    numel: int
    content: bytes | bytearray | Skipped | None = None
    swapped: bool = False
    """Written with the highest byte first?"""

    @property
    def nbytes(self) -> int:
        return self.numel * ITEM_SIZE[self.dtype]


@dataclass(slots=True)
class StoredTensor:
    """A tensor as its header states it; ``offset`` and ``stride`` count elements of its dtype.

    ``conjugate``, ``negative``: is it a lazy view, of which the storage holds the conjugate, or the negative?
    """

    storage: Storage
    spec: TensorSpec
    offset: int
    stride: tuple[int, ...]
    conjugate: bool = False
    negative: bool = False


def foreign(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the globals that no tensor needs."""
    return tuple(sorted(name for name in names if not _harmless(name)))


def natural(value: object) -> TypeGuard[int]:
    """Is it a length or a place that a file may have?"""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**48


def _naturals(values: tuple[Any, ...]) -> bool:
    return set(map(type, values)) == {int} and min(values) >= 0 and max(values) < 2**48


def _tensor(storage: object, offset: object, shape: object, stride: object, *rest: object) -> object:
    """``torch._utils._rebuild_tensor_v2``; ``_v3`` names a dtype after ``requires_grad`` and ``hooks``."""
    if not isinstance(storage, Storage):
        return Inert("torch._utils._rebuild_tensor", (storage, offset, shape, stride))
    if not isinstance(shape, tuple) or not isinstance(stride, tuple) or len(shape) != len(stride):
        raise ValueError("a tensor without shape")
    if not isinstance(offset, int) or len(shape) > _MAX_AXES or not _naturals((offset, *shape, *stride)):
        raise ValueError("a tensor with a shape that cannot be")
    dtype = storage.dtype
    if len(rest) > 2 and isinstance(rest[2], Global):
        dtype = rest[2].name.removeprefix("torch.")
    bits = rest[-1] if len(rest) > 2 and isinstance(rest[-1], dict) else {}
    if dtype not in ITEM_SIZE:
        return Inert("torch._utils._rebuild_tensor", (storage, offset, shape, stride))
    room = storage.nbytes // ITEM_SIZE[dtype]
    size = math.prod(shape)
    end = offset + sum(map(mul, shape, stride)) - sum(stride) + 1 if size else 0
    if end > room or size > max(room, _MAX_EXPANDED):
        raise ValueError(f"a tensor of shape {shape} in a storage of {room} elements")
    conjugate, negative = bits.get("conj") is True, bits.get("neg") is True
    return StoredTensor(storage, TensorSpec(shape, dtype), offset, stride, conjugate, negative)


def _parameter(*arguments: object) -> object:
    """``Parameter(data, ...)``, as which torch up to 0.3 pickled one: the tensor in it."""
    if arguments and isinstance(arguments[0], StoredTensor | Inert):
        return arguments[0]
    return Inert("torch.nn.parameter.Parameter", arguments)


def _tensor_of_type(function: object, kind: object, arguments: object, _state: object) -> object:
    if isinstance(function, Global) and function.name in _TENSORS and isinstance(arguments, tuple):
        return _TENSORS[function.name](*arguments)
    return Inert("torch._tensor._rebuild_from_type_v2", (function, kind, arguments))


_TENSORS: Mapping[str, Callable[..., object]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": lambda tensor, *_: tensor,
    **dict.fromkeys(OLD_PARAMETERS, _parameter),
}
KNOWN: Mapping[str, Callable[..., object]] = {
    **_TENSORS,
    **PLAIN,
    "torch._tensor._rebuild_from_type_v2": _tensor_of_type,
    "torch.Size": lambda shape: shape,
    "numpy.core.multiarray.scalar": numpy_pickle.scalar,
    "numpy._core.multiarray.scalar": numpy_pickle.scalar,
}
_HARMLESS = frozenset([
    "torch.Tensor", "torch.device", "torch.nn.parameter.Parameter", "torch.serialization._get_layout",
    "torch.storage._load_from_bytes", "numpy.dtype", "collections.Counter", "typing.Any",
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in (
        "object", "set", "frozenset", "dict", "list", "tuple", "str", "unicode", "bytes", "bytearray",
        "int", "long", "float", "bool", "complex",
    )),
])  # fmt: skip


def _harmless(name: str) -> bool:
    module, _, last = name.rpartition(".")
    rebuilds = module == "torch._utils" and last.startswith("_rebuild_")
    kind = module in ("torch", "torch.cuda", "torch.storage") and (last in ITEM_SIZE or last.endswith("Storage"))
    return (name in KNOWN and name not in GETATTR) or name in _HARMLESS or rebuilds or kind
