"""What a stranger's file may take: the directory of a zip and JSON, read within bounds whatever they claim."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from wganalyze import BoundedFile, CheckpointError

T = TypeVar("T")

MAX_DIRECTORY = 8 * 2**20
"""Bytes of a zip's directory; that of a checkpoint with ten thousand tensors takes less than one million."""

MAX_VALUES = 1_000_000
"""Of a JSON document, where each takes some sixty bytes and more."""

_HEADER = 30  # of a record, without its name


def once(read: Callable[[Path, int], T]) -> Callable[[Path], T | None]:
    """``read(path, size)``, once for each state of a file: every loader sniffs, then one opens.

    A damaged file is not read again either: the same CheckpointError is raised anew. None where there is no file.
    """

    @lru_cache(maxsize=4)
    def attempt(path: Path, size: int, _changed: int) -> T | CheckpointError:
        try:
            return read(path, size)
        except CheckpointError as error:
            return CheckpointError(str(error))  # anew: a raised one keeps all that its frames held

    @wraps(read)
    def reading(path: Path) -> T | None:
        try:
            if not path.is_file():
                return None
            status = path.stat()
            outcome = attempt(path, status.st_size, status.st_mtime_ns)
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be read ({error.strerror}); check the file and its permissions"
            ) from error
        if isinstance(outcome, CheckpointError):
            raise CheckpointError(str(outcome))
        return outcome

    return reading


def records(path: Path) -> tuple[zipfile.ZipInfo, ...] | None:
    """What a zip says that it holds; None for another file, and for a zip of far more than a network has.

    One reading serves all loaders. BadZipFile, or another error of zipfile, where it is damaged.
    """
    status = path.stat()
    return _records(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _records(path: Path, _size: int, _changed: int) -> tuple[zipfile.ZipInfo, ...] | None:
    with BoundedFile(path, MAX_DIRECTORY) as file:
        if not zipfile.is_zipfile(file):
            return None
        try:
            with zipfile.ZipFile(file) as archive:
                return tuple(archive.infolist())
        except zipfile.BadZipFile:
            return None


def read_record(file: BinaryIO, info: zipfile.ZipInfo) -> bytes:
    """The content of a record, without reading the directory again; BadZipFile where it is not what it states."""
    file.seek(info.header_offset)
    head = file.read(_HEADER)
    if len(head) < _HEADER or not head.startswith(b"PK\x03\x04") or info.flag_bits & 1:
        raise zipfile.BadZipFile(f"{info.filename} is not there, or encrypted")
    name, extra = struct.unpack_from("<2H", head, 26)
    file.seek(name + extra, os.SEEK_CUR)
    if info.compress_type == zipfile.ZIP_STORED:
        content = file.read(info.file_size)
    else:
        packed = file.read(min(info.compress_size, 2 * info.file_size + 1000))
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, max(1, info.file_size))
    if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
    return content


def parse_json(
    content: bytes, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None, most: int = MAX_VALUES
) -> Any:
    """The document; ValueError where it is none, or has more than ``most`` values.

    ``pairs`` makes a table of its keys and values, in order.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > most:
        raise ValueError(f"a description of more than {most:,} values")
    return json.loads(content.decode(), object_pairs_hook=pairs)
