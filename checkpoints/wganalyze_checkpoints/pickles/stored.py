"""What in a file is a tensor: those of torch, arrays of numbers, and those that are not read, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

from wganalyze import TensorSpec, one_line
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Global, Inert, Skipped
from wganalyze_checkpoints.pickles.numpy_values import array_of
from wganalyze_checkpoints.pickles.tensors import ITEM_SIZE, Storage, StoredTensor
from wganalyze_checkpoints.wording import LONGEST

_SAVE = "save it with"
_FROZEN = (".FrozenDict", ".FlatMapping")
_LONGEST_KEY = 1000
_COST = 10  # of an array, where a value that is only passed counts 1


@dataclass(frozen=True)
class Unread:
    """A tensor that is there and not read. ``reason``: what it is, and what to do."""

    spec: TensorSpec
    reason: str


def of_array(value: object) -> StoredTensor | None:
    """The tensor of an array's numbers; None for anything else."""
    try:
        array = array_of(value)
    except ValueError as error:
        raise DamagedPickle(str(error)) from error
    if array is None or array.spec.dtype not in ITEM_SIZE or not isinstance(array.data, bytes | bytearray | Skipped):
        return None
    shape = array.spec.shape
    key = f"array {array.data.offset if isinstance(array.data, Skipped) else id(array.data)}"
    storage = Storage(key, array.spec.dtype, array.spec.size, array.data, array.order == ">")
    steps = [1, *accumulate((max(k, 1) for k in (shape if array.columns_first else shape[::-1])), mul)][: len(shape)]
    return StoredTensor(storage, array.spec, 0, tuple(steps if array.columns_first else steps[::-1]))


def tree_of(value: object, spend: Callable[[int], None]) -> dict[str, StoredTensor]:
    """The arrays of a nest of dicts that holds nothing else (as Flax and Haiku keep weights), by their dotted keys.

    ``spend`` is told how much is looked at; it raises where that is enough.
    """
    found: dict[str, StoredTensor] = {}
    waiting: list[tuple[str, object]] = [("", value)]
    while waiting:
        prefix, table = waiting.pop()
        if isinstance(table, Inert) and table.name.endswith(_FROZEN) and isinstance(table.arguments, tuple):
            table = table.arguments[0] if table.arguments else None
        if not isinstance(table, dict) or len(prefix) > _LONGEST_KEY:
            return {}
        spend(1 + _COST * len(table))
        inner: list[tuple[str, object]] = []
        for key, child in table.items():
            if not isinstance(key, str) or not key.isprintable():
                return {}
            tensor = of_array(child)
            if tensor is None:
                inner.append((f"{prefix}{key}.", child))
            else:
                found[prefix + key] = tensor
        waiting += reversed(inner)
    return found


def unread(value: object) -> Unread | None:
    """Why a tensor is not read; None for what is read, and for what is no tensor."""
    if not isinstance(value, Inert):
        return None
    module, _, last = value.name.rpartition(".")
    arguments = value.arguments if isinstance(value.arguments, tuple) else ()
    if module in ("torch._utils", "torch._tensor") and last.startswith("_rebuild"):
        return _RULES.get(last, _other)(arguments)
    if last in ("DTensor", "ShardedTensor") and module.startswith("torch.distributed"):
        return Unread(TensorSpec((), last), f"a part of a tensor ({last}): {_SAVE} its full_tensor()")
    return None


def _quantized(arguments: tuple[object, ...]) -> Unread:
    storage, shape = arguments[0] if arguments else None, _shape(arguments[2] if len(arguments) > 2 else ())
    kinds = {"int8": "qint8", "uint8": "quint8", "int32": "qint32"}
    kind = kinds.get(storage.dtype, "quantized") if isinstance(storage, Storage) else "quantized"
    return Unread(TensorSpec(shape, kind), f"a quantized tensor ({kind}): dequantize before saving")


def _sparse(arguments: tuple[object, ...]) -> Unread:
    layout, data = (*arguments, None, None)[:2]
    name = _first_text(layout).removeprefix("torch.")
    parts = data if isinstance(data, tuple) else ()
    values = next((p for p in parts if isinstance(p, StoredTensor) and p.spec.dtype != "int64"), None)
    shape = _shape(next((p for p in reversed(parts) if isinstance(p, tuple)), ()))
    dtype = values.spec.dtype if values is not None else "sparse"
    return Unread(TensorSpec(shape, dtype), f"a sparse tensor ({name or 'sparse'}): {_SAVE} to_dense()")


def _meta(arguments: tuple[object, ...]) -> Unread:
    dtype, shape = (*arguments, None, None)[:2]
    name = dtype.name.removeprefix("torch.") if isinstance(dtype, Global) else "meta"
    return Unread(
        TensorSpec(_shape(shape), name), "a meta tensor, which has a shape and no numbers: save it when loaded"
    )


def _nested(arguments: tuple[object, ...]) -> Unread:
    return Unread(TensorSpec((), "nested"), f"a nested tensor: {_SAVE} to_padded_tensor(), or one by one")


def _of_class(arguments: tuple[object, ...]) -> Unread:
    kinds = [a.name for a in arguments if isinstance(a, Global) and not a.name.startswith("torch._")]
    kind = one_line(kinds[0], LONGEST) if kinds else "another class"
    return Unread(TensorSpec((), "tensor"), f"a tensor of the class {kind}: save a plain tensor")


def _other(arguments: tuple[object, ...]) -> Unread:
    return Unread(TensorSpec((), "tensor"), "a tensor of a kind that is not read: move it to the CPU before saving")


_RULES: Mapping[str, Callable[[tuple[object, ...]], Unread]] = {
    "_rebuild_qtensor": _quantized,
    "_rebuild_sparse_tensor": _sparse,
    "_rebuild_sparse_csr_tensor": _sparse,
    "_rebuild_meta_tensor_no_storage": _meta,
    "_rebuild_nested_tensor": _nested,
    "_rebuild_wrapper_subclass": _of_class,
    "_rebuild_from_type_v2": _of_class,
}


def _first_text(value: object) -> str:
    """The text that a call was given, as ``torch.serialization._get_layout`` is."""
    if isinstance(value, Inert) and isinstance(value.arguments, tuple) and value.arguments:
        value = value.arguments[0]
    return one_line(value, LONGEST) if isinstance(value, str) else ""


def _shape(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple) or len(value) > 64:
        return ()
    return tuple(k if isinstance(k, int) and 0 <= k < 2**48 else 0 for k in value)
