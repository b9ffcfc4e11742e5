"""What NumPy's headers say of arrays, in npy files and in the records of npz files; nothing is unpickled."""

from __future__ import annotations

import io
import math
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from wganalyze import TensorSpec

LONGEST = 10_012
"""Bytes that an array begins with, at most, before its values."""
_BOMB_RATIO, _SMALL = 100, 2**28
"""Equal numbers pack a thousandfold, so only what would fill the memory is taken for a bomb."""
_READERS: Mapping[tuple[int, int], Callable[..., Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class Array:
    """An array as its header states it; ``record``: of the archive that it lies in, "" where it is a file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int
    record: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of its values."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def spec(self) -> TensorSpec:
        """For ``Part.keys``."""
        return TensorSpec(self.shape, self.dtype.name)


A = TypeVar("A", bound=Array)


class NoNumbers(ValueError):
    """What was saved is sound, and no plain array of numbers."""


def read_header(head: bytes, size: int, kind: type[A], record: str = "") -> A:
    """What the first bytes of an npy file of ``size`` bytes say.

    NoNumbers for anything but a plain array of numbers, ValueError where the header or the file is damaged.
    """
    stream = io.BytesIO(head)
    reader = _READERS.get(np.lib.format.read_magic(stream))
    if reader is None:
        raise NoNumbers("not a plain array of numbers")
    try:
        with warnings.catch_warnings():  # of the compiler, about the text
            warnings.simplefilter("ignore")
            shape, fortran, dtype = reader(stream, max_header_size=LONGEST - 12)
    except ValueError:
        raise
    except Exception:  # of a text that only looks right the parser may raise anything
        raise ValueError("its header is not as np.save writes it") from None
    if dtype.hasobject:
        raise NoNumbers("it holds Python objects, which are not unpickled")
    if dtype.names is not None or dtype.subdtype is not None:
        raise NoNumbers("not a plain array of numbers")
    if any(n < 0 for n in shape):
        raise ValueError(f"a shape that cannot be, {shape}")
    array = kind(tuple(map(int, shape)), dtype, bool(fortran), stream.tell(), record)
    if array.offset + array.nbytes > size:
        raise ValueError(f"cut off: it should have {array.nbytes:,} bytes of values, it has {size - array.offset:,}")
    return array


def is_npz(head: bytes) -> bool:
    """Does this begin as a zip whose first record is an npy file?"""
    if len(head) < 30 or not head.startswith(b"PK\x03\x04"):
        return False
    return head[30 : 30 + struct.unpack("<H", head[26:28])[0]].endswith(b".npy")


def read_record_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, kind: type[A]) -> A:
    """Of a record of an npz; ValueError also where it would unpack to far more than it takes."""
    check_size(info)
    with archive.open(info) as record:
        return read_header(record.read(LONGEST), info.file_size, kind, info.filename)


def check_size(info: zipfile.ZipInfo) -> None:
    """ValueError where a record would fill the memory."""
    if info.file_size > max(_SMALL, _BOMB_RATIO * info.compress_size):
        raise ValueError(f"{info.filename} would unpack to {info.file_size:,} bytes")
