"""Files that are packed as a whole (``joblib.dump(..., compress=3)``, ``gzip.open``), unpacked within bounds.

What is packed unpacks into a temporary file, for tensors are read from places in it; nothing is believed about its
length, and no more is written than weights could take.
"""

from __future__ import annotations

import bz2
import lzma
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from wganalyze_checkpoints.pickles.inert import DamagedPickle

MAX_RATIO, SMALL = 100, 2**26
"""A file may unpack to so many times its size, and to so many bytes in any case; weights hardly pack at all."""

LZ4 = b"\x04\x22\x4d\x18"
"""A file packed by lz4 begins with this; Python's own library does not unpack it."""

_MEMORY = 2**28
_CHUNK = 2**16
_MAGICS: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b\x08", lambda: zlib.decompressobj(16 + zlib.MAX_WBITS)),
    *((b"\x78" + level, zlib.decompressobj) for level in (b"\x01", b"\x5e", b"\x9c", b"\xda")),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(memlimit=_MEMORY)),
    (b"\x5d\x00\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY)),
)


def is_packed(path: Path) -> bool:
    """Does the file begin as one that was packed as a whole? OSError where it cannot be read."""
    with path.open("rb") as file:
        return _decompressor(file.read(8)) is not None


def head_of(path: Path, most: int) -> bytes:
    """The first bytes of the content, as far as they can be unpacked."""
    with path.open("rb") as file:
        new = _decompressor(file.read(8))
        file.seek(0)
        if new is None:
            return file.read(most)
        pieces: list[bytes] = []
        with suppress(DamagedPickle):
            pieces.extend(_unpacked(file, new, most))
        return b"".join(pieces)[:most]


@contextmanager
def content_of(path: Path) -> Iterator[BinaryIO]:
    """The content, unpacked where the file is packed; DamagedPickle where it is damaged, or far longer than weights."""
    with path.open("rb") as file:
        new = _decompressor(file.read(8))
        file.seek(0)
        if new is None:
            yield file
            return
        most = max(SMALL, MAX_RATIO * path.stat().st_size)
        with tempfile.TemporaryFile() as unpacked:
            for chunk in _unpacked(file, new, most + 1):
                unpacked.write(chunk)
            if unpacked.tell() > most:
                raise DamagedPickle(f"it would unpack to more than {most:,} bytes")
            unpacked.seek(0)
            yield cast(BinaryIO, unpacked)


def length_of(file: BinaryIO) -> int:
    """The length of an open file, which is left where it stands."""
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end


def _decompressor(head: bytes) -> Callable[[], Any] | None:
    return next((new for magic, new in _MAGICS if head.startswith(magic)), None)


def _unpacked(file: BinaryIO, new: Callable[[], Any], most: int) -> Iterator[bytes]:
    """The content in pieces, until there are ``most`` bytes; members that follow one another are one."""
    unpacker, rest, left = new(), b"", most
    try:
        while left > 0:
            if unpacker.eof:
                rest = (unpacker.unused_data or file.read(_CHUNK)).lstrip(b"\0")  # members may be padded
                if not rest:
                    return
                unpacker = new()
            ended = False
            if not rest and getattr(unpacker, "needs_input", True):
                rest = file.read(_CHUNK)
                ended = not rest
            piece = unpacker.decompress(rest, min(left, _CHUNK * 16))
            rest = getattr(unpacker, "unconsumed_tail", b"")  # of zlib; the others keep it
            if ended and not piece and not unpacker.eof:
                raise DamagedPickle("it ends before its end")
            left -= len(piece)
            yield piece
    except (zlib.error, lzma.LZMAError, OSError, EOFError, MemoryError) as error:
        raise DamagedPickle(str(error) or "it cannot be unpacked") from error
