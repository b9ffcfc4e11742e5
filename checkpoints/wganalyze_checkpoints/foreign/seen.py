"""What a probe sees of a file or folder: its name and size, its first and last bytes, and the names beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from wganalyze import Naming, scan

HEAD = 4096
"""Bytes that every probe sees."""

MOST_ENTRIES = 1000
"""Of a folder that are looked at."""


@dataclass(frozen=True)
class Seen:
    """A path with the first bytes of its file; of a folder, none."""

    path: Path
    head: bytes
    size: int

    @classmethod
    def of(cls, path: Path) -> Seen:
        """The path, looked at; OSError where it cannot be read."""
        if path.is_dir():
            return cls(path, b"", 0)
        with path.open("rb") as file:
            head = file.read(HEAD)
            return cls(path, head, path.stat().st_size)

    @cached_property
    def name(self) -> str:
        """Of the file, in small letters."""
        return self.path.name.lower()

    @cached_property
    def suffix(self) -> str:
        """Of its name, with the dot."""
        return os.path.splitext(self.name)[1]  # noqa: PTH122  (that of ".gitignore" is "")

    @cached_property
    def start(self) -> bytes:
        """The head without byte-order mark and white space, in small letters, for texts."""
        return self.head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()

    def tail(self, size: int) -> bytes:
        """The last bytes."""
        with self.path.open("rb") as file:
            file.seek(max(0, self.size - size))
            return file.read(size)

    def more(self, size: int) -> bytes:
        """The first bytes, more of them."""
        with self.path.open("rb") as file:
            return file.read(size)

    def entries(self, folder: Path | None = None) -> Mapping[str, bool]:
        """The names in a folder (its own, or the one that it lies in), each with: is it a folder?"""
        where = folder or (self.path if self.path.is_dir() else self.path.parent)
        with scan(where) as entries:
            return {entry.name: entry.is_dir() for entry in islice(entries, MOST_ENTRIES)}


Probe = Callable[[Seen], Naming | None]
"""What it is, or None."""
