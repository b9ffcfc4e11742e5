"""A file of a store that is read in places: a little at a time, and no place twice."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

SHARE = 1000
"""A block is this part of its file, so that a header costs a small part of what it is the header of."""
LEAST, MOST = 2**10, 2**16
AT_ONCE = 2**20
"""What is longer is read at once, and not kept."""
FILES = 64
"""Whose blocks are kept."""
KEPT = 2**12
"""Blocks of a file."""

Fetch = Callable[[int, int], bytes]


class Ranges(io.RawIOBase):
    """A file to read from, of ``size`` bytes; ``fetch``: its bytes from one place to another."""

    def __init__(self, identity: str, size: int, fetch: Fetch):
        self._size = size
        self._fetch = fetch
        self._blocks = _blocks_of(identity)
        self._length = min(max(size // SHARE, LEAST), MOST)
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where it is read next."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Read there next; ValueError before the beginning."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning of the file")
        self._at = base + offset
        return self._at

    def readall(self) -> bytes:
        """The rest."""
        content = bytearray(max(0, self._size - self._at))
        return bytes(content[: self.readinto(memoryview(content))])

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer, as far as the file goes."""
        begin, end = self._at, min(self._at + len(buffer), self._size)
        if begin >= end:
            return 0
        content = self._fetch(begin, end) if end - begin > AT_ONCE else self._from_blocks(begin, end)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def _from_blocks(self, begin: int, end: int) -> bytes:
        first, last = begin // self._length, (end - 1) // self._length
        missing = [index for index in range(first, last + 1) if index not in self._blocks]
        if missing:  # in one request, though blocks between may be there
            start = missing[0] * self._length
            content = self._fetch(start, min((missing[-1] + 1) * self._length, self._size))
            if len(self._blocks) > KEPT:
                self._blocks.clear()
            for index in range(missing[0], missing[-1] + 1):
                self._blocks[index] = content[index * self._length - start : (index + 1) * self._length - start]
        if any(index not in self._blocks for index in range(first, last + 1)):
            return self._fetch(begin, end)
        whole = b"".join(self._blocks[index] for index in range(first, last + 1))
        return whole[begin - first * self._length : end - first * self._length]


def section(store: Any, key: str, begin: int, end: int) -> bytes:
    """The bytes of a file between two places, and no others: what opens it for that would read megabytes ahead."""
    from fsspec import AbstractFileSystem

    opens = getattr(store.cat_file, "__func__", None) is AbstractFileSystem.cat_file
    more = {"cache_type": "none"} if opens else {}
    return bytes(store.cat_file(key, start=begin, end=end, **more))


@lru_cache(FILES)
def _blocks_of(identity: str) -> dict[int, bytes]:
    """The blocks of a file that were read, by number."""
    return {}
