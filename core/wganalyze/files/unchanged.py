"""Files are read as they were when they were opened, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from wganalyze.errors import CheckpointError
from wganalyze.remote.path import RemotePath, fresh

T = TypeVar("T")
State = tuple[int, int, int, int, bytes]
HEAD, TAIL = 4096, 65536
"""Bytes of either end that are digested: the tail of a ZIP archive holds the checksums of all that is in it."""


@dataclass(frozen=True)
class Seen:
    """What files looked like: size, times of the last changes, number on the disk, digest of their ends; None: no file.

    A digest of all of a checkpoint would cost as much as reading it. Code can set back the time of a content's last
    change, not that of the file's (ctime); where a disk tells seconds only, the ends tell what was written.
    """

    states: Mapping[Path, State | None]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Seen:
        """As they are now."""
        return cls({path: _state(path) for path in paths})

    def held(self, read: Callable[[], T]) -> Callable[[], T]:
        """``read``, which then raises CheckpointError where a file was changed before it came to its end."""
        return partial(self._read, read)

    def _read(self, read: Callable[[], T]) -> T:
        try:
            value = read()
        except (Exception, SystemExit):
            self._check()  # which is why, then
            raise
        self._check()
        return value

    def _check(self) -> None:
        for path, state in self.states.items():
            if _state(path) != state:
                gone = "was removed" if state is not None and _state(path) is None else "was changed"
                raise CheckpointError(
                    f"{path}: {gone} after it was opened, by a training that still runs or by code that was called: "
                    "see what writes it, and run again"
                )


def _state(path: Path) -> State | None:
    try:
        path = fresh(path)
        status = path.stat()
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, _ends(path, status.st_size)
    except OSError:
        return None


def _ends(path: Path, size: int) -> bytes:
    if isinstance(path, RemotePath) or not path.is_file():  # a store gives each version a number of its own
        return b""
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(max(len(head), size - TAIL))
        return hashlib.blake2b(head + file.read(TAIL), digest_size=16).digest()
