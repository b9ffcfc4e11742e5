"""A plain pickle (``pickle.dump``, not ``torch.save``) with tensors in it, read from its headers without torch.

Each storage lies in it as bytes, which are a legacy torch file of their own; they are passed over, so that a file of
any size takes as little as its structure.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from wganalyze import CheckpointError
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Inert, InertUnpickler, Skipped, Steps, Window
from wganalyze_checkpoints.torch.file import (
    ERRORS,
    KNOWN,
    MAX_PICKLE,
    Storage,
    TorchFile,
    damaged,
    foreign,
    has_legacy_magic,
    read_legacy,
)

_LONGEST_HEADER = 1024  # of a storage: torch writes about 400 bytes
_HEAD = 2**16


def first_globals(path: Path) -> set[str]:
    """The globals that a pickle names in its first bytes; none where the file is no pickle. Never raises."""
    try:
        if not path.is_file():
            return set()
        with path.open("rb") as file:
            if file.read(1) != b"\x80":
                return set()
            file.seek(0)
            window = Window(file, _HEAD, path.stat().st_size)
            reader = InertUnpickler(window, skip=window.skip)
            with suppress(DamagedPickle):  # most often: it is longer
                reader.load()
            return reader.globals
    except OSError:
        return set()


def read(path: Path) -> TorchFile:
    """The structure of ``path``; CheckpointError where it is damaged, or no pickle."""
    try:
        status = path.stat()
        return _read(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}); check the file and its permissions"
        ) from error


@lru_cache(maxsize=4)
def _read(path: Path, size: int, _changed: int) -> TorchFile:
    with path.open("rb") as file:
        return parse(path, file, size, Steps())


def parse(path: Path, file: BinaryIO, size: int, steps: Steps) -> TorchFile:
    """As ``read``, of the open file; its storages take their ``steps`` from those of the whole."""
    storages = _Storages(file, steps)
    window = Window(file, MAX_PICKLE, size)
    known: dict[str, Callable[..., object]] = {**KNOWN, "torch.storage._load_from_bytes": storages.load}
    unpickler = InertUnpickler(window, known, None, window.skip, steps)
    try:
        root = unpickler.load()
    except ERRORS as error:
        raise damaged(path, error) from error
    return TorchFile(path, "plain", False, root, foreign(unpickler.globals), storages.places)


class _Storages:
    """``torch.storage._load_from_bytes`` for bytes that were passed over, each read once."""

    def __init__(self, file: BinaryIO, steps: Steps) -> None:
        self.places: dict[str, str | int] = {}
        self._file = file
        self._steps = steps
        self._found: dict[int, object] = {}

    def load(self, content: object) -> object:
        """The storage in ``content``; Inert where it is of a kind that no tensor here has."""
        if not isinstance(content, Skipped):
            raise ValueError("a storage without bytes")
        if content.offset not in self._found:
            here = self._file.tell()
            self._file.seek(content.offset)
            self._found[content.offset] = self._read(content)
            self._file.seek(here)
        return self._found[content.offset]

    def _read(self, content: Skipped) -> object:
        if not has_legacy_magic(self._file):
            raise ValueError("a storage that is no torch file")
        header = min(_LONGEST_HEADER, content.length)
        root, _, places = read_legacy(self._file, header, content.offset + content.length, self._steps)
        if not isinstance(root, Storage):
            return Inert("storage")
        key = str(content.offset)
        self.places[key] = places[root.key]
        return Storage(key, root.dtype, root.numel)
