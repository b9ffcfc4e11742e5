"""A plain pickle (``pickle.dump`` or ``joblib.dump``, not ``torch.save``) with tensors or arrays in it, without torch.

Each storage lies in it as bytes, which are a legacy torch file of their own; they are passed over, so that a file of
any size takes as little as its structure. So are the arrays of numpy, in a pickle or behind it as joblib has them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal

from wganalyze import CheckpointError
from wganalyze_checkpoints import bounded
from wganalyze_checkpoints.pickles import packing
from wganalyze_checkpoints.pickles.inert import Inert, InertUnpickler, Skipped, Steps, Window
from wganalyze_checkpoints.pickles.numpy_values import FOLLOWED, MAKERS, FollowingArrays
from wganalyze_checkpoints.pickles.tensors import KNOWN, Storage, foreign
from wganalyze_checkpoints.torch.file import (
    ERRORS,
    MAX_PICKLE,
    TorchFile,
    damaged,
    has_legacy_magic,
    read_legacy,
)

_LONGEST_HEADER = 1024  # of a storage: torch writes about 400 bytes
_LONGEST_BEGINNING, _HEAD = 2**9, 2**16
_BEGINNING = re.compile(rb"\x80[\x02-\x05]|\(?c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n|\([dl]p\d+\n|[}\]]q")
"""Of a pickle: of protocols 2 to 5; of the older ones a global, or a dict or list that is remembered."""


def first_globals(path: Path) -> set[str]:
    """The globals that a pickle names in its first bytes; none where the file is no pickle. Never raises."""
    try:
        if not path.is_file():
            return set()
        with path.open("rb") as file:
            return _first_globals(file, path.stat().st_size) if file.read(1) == b"\x80" else set()
    except OSError:
        return set()


def _first_globals(file: BinaryIO, size: int) -> set[str]:
    file.seek(0)
    window, steps = Window(file, _HEAD, size), Steps()
    reader = InertUnpickler(window, skip=window.skip, steps=steps, built=FollowingArrays(window, steps))
    with suppress(*ERRORS):  # most often: it is longer
        reader.load()
    return reader.globals


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


@bounded.once
def find(path: Path, size: int) -> TorchFile | None:
    """The structure of ``path``, which may be packed; None where it is no pickle, or one that names no class at all.

    CheckpointError: it is damaged, and names torch in its first bytes; or packed in a way that is not read.
    """
    head = packing.head_of(path, _LONGEST_BEGINNING)
    if head.startswith(packing.LZ4):
        raise CheckpointError(
            f"{path}: packed by lz4, which Python's own library does not unpack; unpack it by lz4 -d, or save it with "
            "joblib.dump(value, path, compress=3)"
        )
    if not _BEGINNING.match(head):
        return None
    head = packing.head_of(path, _HEAD)
    names = _first_globals(io.BytesIO(head), max(size, packing.SMALL))
    of_torch = any(name.startswith("torch.") for name in names)
    try:
        if not packing.is_packed(path):
            return _read(path, size, path.stat().st_mtime_ns) if names else None
        with packing.content_of(path) as file:
            return _unpacked(path, file)
    except (CheckpointError, *ERRORS) as error:
        if not of_torch:
            return None
        raise error if isinstance(error, CheckpointError) else damaged(path, error) from error


def _unpacked(path: Path, file: BinaryIO) -> TorchFile:
    """What a packed file holds, plain pickles and the files of ``torch.save`` before 1.6 alike."""
    size = packing.length_of(file)
    if has_legacy_magic(file):
        root, names, places = read_legacy(file, min(size, MAX_PICKLE), size, Steps())
        return TorchFile(path, "legacy", False, root, names, places, packed=True)
    file.seek(0)
    return parse(path, file, size, Steps(), packed=True)


def parse(path: Path, file: BinaryIO, size: int, steps: Steps, packed: bool = False) -> TorchFile:
    """As ``read``, of the open file; its storages take their ``steps`` from those of the whole."""
    storages = _Storages(file, steps)
    window = Window(file, MAX_PICKLE, size)
    known: dict[str, Callable[..., object]] = {**KNOWN, "torch.storage._load_from_bytes": storages.load}
    unpickler = InertUnpickler(window, known, None, window.skip, steps, FollowingArrays(window, steps))
    try:
        root = unpickler.load()
    except ERRORS as error:
        raise damaged(path, error) from error
    names = foreign(unpickler.globals - MAKERS)
    form: Literal["plain", "joblib"] = "joblib" if unpickler.globals & {*FOLLOWED} else "plain"
    return TorchFile(path, form, False, root, names, storages.places, packed)


class _Storages:
    """``torch.storage._load_from_bytes`` for bytes that were passed over, each read once."""

    def __init__(self, file: BinaryIO, steps: Steps) -> None:
        self.places: dict[str, str | int] = {}
        self._file = file
        self._steps = steps
        self._found: dict[int, object] = {}

    def load(self, content: object) -> object:
        """The storage in ``content``; Inert where it is of a kind that no tensor here has."""
        if isinstance(content, str):  # as Python 2 called bytes
            content = content.encode("latin-1")
        if isinstance(content, bytes):
            return self._within(content)
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

    def _within(self, content: bytes) -> object:
        """Of an old protocol, which spells bytes out: they are read already."""
        self._steps.spend(len(content) // _LONGEST_HEADER)
        file = io.BytesIO(content)
        if not has_legacy_magic(file):
            raise ValueError("a storage that is no torch file")
        root, _, places = read_legacy(file, min(_LONGEST_HEADER, len(content)), len(content), self._steps)
        if not isinstance(root, Storage):
            return Inert("storage")
        start = int(places[root.key])
        return Storage(f"bytes {id(content)}", root.dtype, root.numel, content[start : start + root.nbytes])
