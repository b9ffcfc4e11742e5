"""Trees that Flax writes: msgpack with arrays as an extension, read within bounds, without the bytes of the arrays.

Formats: https://github.com/msgpack/msgpack/blob/master/spec.md and flax.serialization.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wganalyze import CheckpointError, TensorSpec
from wganalyze_checkpoints import bounded

ARRAY, _COMPLEX, SCALAR = 1, 2, 3
"""Flax's types of extension."""

CHUNKED = "__msgpack_chunked_array__"
_MAX_VALUES = 200_000
_MAX_DEPTH = 60
_LONGEST_TEXT = 10_000
_SIZES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1,
    "bool": 1, "uint32": 4, "uint64": 8, "uint16": 2, "complex64": 8,
}  # fmt: skip
_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
    0xD3: ">q",
}  # fmt: skip
_LENGTHS = {1: ">B", 2: ">H", 4: ">I"}


@dataclass(frozen=True)
class Array:
    """An array: what it is, and where its bytes lie."""

    spec: TensorSpec
    offset: int


@dataclass(frozen=True)
class _Skipped:
    """Bytes that are passed over."""

    offset: int
    size: int


class _Strange(ValueError):
    """Not what Flax writes."""


@bounded.once
def read(path: Path, size: int) -> dict[str, Any] | None:
    """The tree of a file, with ``Array`` for its arrays and plain numbers; None where Flax did not write it.

    CheckpointError: it is one, and cut off or damaged.
    """
    with path.open("rb") as file:
        start = file.read(1)
        if not start or not (0x81 <= start[0] <= 0x8F or start[0] in (0xDE, 0xDF)):  # a table that is not empty
            return None
        reader = _Reader(file, size)
        try:
            tree = reader.value(0)
        except (EOFError, struct.error):
            if reader.arrays:
                raise CheckpointError(f"{path}: cut off: a Flax file that ends too early; copy it again") from None
            return None
        except (ValueError, OverflowError):
            return None
        whole = reader.place == size and reader.arrays and isinstance(tree, dict)
        return tree if whole else None


class _Reader:
    """Reads values one after the other; ``arrays``: how many there were."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._size = file, size
        self.place = self.arrays = self._count = 0
        file.seek(0)

    def _take(self, n: int) -> bytes:
        if self.place + n > self._size:
            raise EOFError
        if n > _LONGEST_TEXT:
            raise _Strange("a long text")
        self._file.seek(self.place)
        self.place += n
        return self._file.read(n)

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _skip(self, n: int) -> _Skipped:
        if self.place + n > self._size:
            raise EOFError
        skipped = _Skipped(self.place, n)
        self.place += n
        return skipped

    def value(self, depth: int) -> Any:
        """The next value; bytes as where they lie."""
        self._count += 1
        if depth > _MAX_DEPTH or self._count > _MAX_VALUES:
            raise _Strange("too deep, or too much")
        (mark,) = self._take(1)
        if mark <= 0x7F:
            return mark
        if mark >= 0xE0:
            return mark - 0x100
        if mark <= 0x8F:
            return self._table(mark & 0x0F, depth)
        if mark <= 0x9F:
            return self._list(mark & 0x0F, depth)
        if mark <= 0xBF:
            return self._take(mark & 0x1F).decode()
        if mark in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[mark]
        if mark in (0xC4, 0xC5, 0xC6):
            return self._skip(self._number(_LENGTHS[1 << (mark - 0xC4)]))
        if mark in (0xC7, 0xC8, 0xC9):
            return self._extension(self._number(_LENGTHS[1 << (mark - 0xC7)]), depth)
        if mark in _NUMBERS:
            return self._number(_NUMBERS[mark])
        if 0xD4 <= mark <= 0xD8:
            return self._extension(1 << (mark - 0xD4), depth)
        if 0xD9 <= mark <= 0xDB:
            return self._take(self._number(_LENGTHS[1 << (mark - 0xD9)])).decode()
        if mark in (0xDC, 0xDD):
            return self._list(self._number(_LENGTHS[2 << (mark - 0xDC)]), depth)
        if mark in (0xDE, 0xDF):
            return self._table(self._number(_LENGTHS[2 << (mark - 0xDE)]), depth)
        raise _Strange("a mark that is never used")

    def _list(self, n: int, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(n)]

    def _table(self, n: int, depth: int) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for _ in range(n):
            key = self.value(depth + 1)
            if not isinstance(key, str) or not key.isprintable() or key in table:
                raise _Strange("a key that is no name, or there twice")
            table[key] = self.value(depth + 1)
        return table

    def _extension(self, size: int, depth: int) -> Any:
        (kind,) = self._take(1)
        end = self.place + size
        if kind not in (ARRAY, SCALAR):
            return self._skip(size)
        parts = self.value(depth + 1)
        if self.place != end or not isinstance(parts, list) or len(parts) != 3:
            raise _Strange("an extension that is no array")
        shape, dtype, data = parts
        whole = isinstance(shape, list) and all(type(k) is int and 0 <= k < 2**40 for k in shape) and len(shape) < 32
        if not whole or dtype not in _SIZES or not isinstance(data, _Skipped):
            raise _Strange("an array of no known type")
        if math.prod(shape) * _SIZES[dtype] != data.size:
            raise _Strange("an array of another size")
        self.arrays += 1
        return Array(TensorSpec(tuple(shape), dtype), data.offset)
