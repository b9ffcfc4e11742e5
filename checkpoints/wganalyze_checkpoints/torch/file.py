"""The structure of a file that ``torch.save`` wrote, zip or legacy, read from its headers without torch.

Layouts: PyTorch's ``torch/serialization.py`` (``_save``, ``_legacy_save``) and ``docs/source/notes/serialization``.
Everything that the headers claim is checked against the file before anybody relies on it: every storage is there
and is as long as stated, every tensor lies within its storage, and nothing unpacks to much more than it takes.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from wganalyze import CheckpointError, one_line
from wganalyze_checkpoints import bounded
from wganalyze_checkpoints.pickles.inert import (
    DamagedPickle,
    Global,
    Inert,
    InertUnpickler,
    Skipped,
    Steps,
    Stream,
    Window,
)
from wganalyze_checkpoints.pickles.packing import content_of
from wganalyze_checkpoints.pickles.tensors import (
    ITEM_SIZE,
    KNOWN,
    STORAGE_DTYPE,
    Storage,
    StoredTensor,
    foreign,
    natural,
)
from wganalyze_checkpoints.wording import LONGEST, what_it_says

if TYPE_CHECKING:
    from torch import Tensor

MAX_PICKLE = 32 * 2**20
"""Bytes of structure (names, shapes, settings); that of a network with ten thousand tensors takes one million."""

# DamagedPickle is a ValueError; RuntimeError: zipfile on encryption, torch on sizes that do not fit.
ERRORS = (ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error, struct.error)
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_BOMB_RATIO = 100


@dataclass(frozen=True, slots=True, eq=False)
class TorchFile:
    """What ``torch.load`` would return, as ``root``: StoredTensor for tensors, Inert for objects of classes.

    ``foreign``: the classes and functions that a full unpickling would call, beyond those that rebuild tensors.
    ``places``: where the bytes of each storage lie: a record of the zip, or an offset in the content.
    ``form``: what ``torch.save`` wrote, or a plain pickle, with arrays behind it as joblib has them.
    ``packed``: is the file as a whole packed, so that its content is what it unpacks to?
    """

    path: Path
    form: Literal["zip", "legacy", "plain", "joblib"]
    script: bool
    root: object
    foreign: tuple[str, ...]
    places: Mapping[str, str | int]
    packed: bool = False

    @property
    def is_plain_torch(self) -> bool:
        """Would ``torch.load(weights_only=True)`` read it?"""
        return self.by_torch and not self.packed and not self.foreign

    @property
    def by_torch(self) -> bool:
        """Did ``torch.save`` write it?"""
        return self.form in ("zip", "legacy")

    @property
    def asks_for(self) -> tuple[str, ...]:
        """``foreign``, for people."""
        return tuple(one_line(name, LONGEST) for name in self.foreign)

    def tensors(self, stored: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
        """These tensors, read straight from their bytes: nothing is unpickled; shared storages stay shared."""
        import torch

        flat: dict[tuple[str, str], Tensor] = {}
        result: dict[str, Tensor] = {}
        try:
            with content_of(self.path) as file, self._archive(file) as archive:
                for name, tensor in stored.items():
                    key = tensor.storage.key, tensor.spec.dtype
                    if key not in flat:
                        data = self._bytes(file, archive, tensor.storage)
                        dtype = getattr(torch, tensor.spec.dtype)
                        flat[key] = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
                    window = flat[key].as_strided(tensor.spec.shape, tensor.stride, tensor.offset)
                    window = window.conj().resolve_conj() if tensor.conjugate else window
                    result[name] = -window if tensor.negative else window
        except (OSError, KeyError, *ERRORS) as error:
            raise damaged(self.path, error) from error
        return result

    def _archive(self, file: BinaryIO) -> AbstractContextManager[zipfile.ZipFile | None]:
        return zipfile.ZipFile(file) if self.form == "zip" else nullcontext()

    def _bytes(self, file: BinaryIO, archive: zipfile.ZipFile | None, storage: Storage) -> bytearray:
        content = storage.content
        if isinstance(content, bytes | bytearray):
            data = bytes(content[: storage.nbytes])
        elif archive is None or isinstance(content, Skipped):
            file.seek(content.offset if isinstance(content, Skipped) else int(self.places[storage.key]))
            data = file.read(storage.nbytes)
        else:
            with archive.open(str(self.places[storage.key])) as record:
                data = record.read(storage.nbytes)
        if len(data) < storage.nbytes:
            raise ValueError(f"storage {storage.key} ends early")
        return bytearray(_swapped(data, storage.dtype) if storage.swapped else data)


def _swapped(data: bytes, dtype: str) -> bytes:
    import numpy as np

    width = ITEM_SIZE[dtype] // (2 if dtype.startswith("complex") else 1)
    return np.frombuffer(data, f"u{width}").byteswap().tobytes()


def damaged(path: Path, reason: object) -> CheckpointError:
    """The error for a torch file that cannot be what it says it is."""
    return CheckpointError(f"{path}: damaged torch file ({what_it_says(reason)}); copy or save it again")


@bounded.once
def read(path: Path, size: int) -> TorchFile | None:
    """The structure of ``path``; None where torch did not write it; CheckpointError where it is damaged."""
    with path.open("rb") as file:
        head = file.read(256)
        file.seek(0)
        try:
            if head.startswith(b"PK\x03\x04"):
                return _read_zip(path, file, size, head)
            return _read_legacy(path, file, size) if head.startswith(b"\x80") else None
        except ERRORS as error:
            raise damaged(path, error) from error


def _read_zip(path: Path, file: BinaryIO, size: int, head: bytes) -> TorchFile | None:
    infos = bounded.records(path)
    if infos is None:
        first = head[30 : 30 + struct.unpack("<H", head[26:28])[0]] if len(head) >= 28 else b""
        if first.endswith(b"/data.pkl"):
            raise DamagedPickle("a zip without its end: it was cut off")
        return None
    records = {info.filename: info for info in infos}
    pickles = [name for name in records if name.endswith("/data.pkl") and name.count("/") == 1]
    if not pickles:
        return None
    check_archive(infos, size)
    prefix = pickles[0].removesuffix("data.pkl")
    if len(pickles) > 1 or records[pickles[0]].file_size > MAX_PICKLE:
        raise DamagedPickle("not one data.pkl of a sensible size")
    byteorder = records.get(prefix + "byteorder")
    if byteorder is not None and (byteorder.file_size > 8 or bounded.read_record(file, byteorder) != b"little"):
        raise DamagedPickle("written on a big-endian machine, which this tool does not read")
    script = prefix + "constants.pkl" in records and any(n.startswith(prefix + "code/") for n in records)
    stream = io.BytesIO(bounded.read_record(file, records[pickles[0]]))
    root, names, storages = _unpickle(stream)
    for key, storage in storages.items():
        info = records.get(f"{prefix}data/{key}")
        if info is None or info.file_size < storage.nbytes:
            raise DamagedPickle(f"storage {key} is missing or too short")
    places: dict[str, str | int] = {key: f"{prefix}data/{key}" for key in storages}
    return TorchFile(path, "zip", script, root, names, places)


def check_archive(infos: Sequence[zipfile.ZipInfo], size: int) -> None:
    """DamagedPickle where records lie outside, over one another, or unpack to much more than they take."""
    names = [info.filename for info in infos]
    if len(set(names)) < len(names):
        raise DamagedPickle("two records of one name")
    for name in names:
        if "\\" in name or name.startswith("/") or ".." in name.split("/"):
            raise DamagedPickle(f"a record that would lie outside: {name}")
    for info in infos:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DamagedPickle(f"{info.filename} is packed in a way that torch does not know")
        if info.file_size > max(2**20, _BOMB_RATIO * info.compress_size):
            raise DamagedPickle(f"{info.filename} would unpack to {info.file_size:,} bytes")
    if sum(info.compress_size for info in infos) > size:
        raise DamagedPickle("its records overlap")


def _read_legacy(path: Path, file: BinaryIO, size: int) -> TorchFile | None:
    if not has_legacy_magic(file):
        return None
    root, names, places = read_legacy(file, min(size, MAX_PICKLE), size, Steps())
    return TorchFile(path, "legacy", False, root, names, places)


def has_legacy_magic(file: BinaryIO) -> bool:
    """Does a legacy file begin here?"""
    try:
        return InertUnpickler(Window(file, 64)).load() == _LEGACY_MAGIC
    except DamagedPickle:
        return False


def read_legacy(
    file: BinaryIO, header: int, end: int, steps: Steps
) -> tuple[object, tuple[str, ...], dict[str, str | int]]:
    """Root, foreign names and places of storages of what follows the magic number.

    ``header``: how long the pickles may be; ``end``: where in ``file`` the storages end at the latest.
    """
    stream = Window(file, header)
    if InertUnpickler(stream, steps=steps).load() != _LEGACY_PROTOCOL:
        raise DamagedPickle("a protocol other than 1001")
    system = InertUnpickler(stream, steps=steps).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise DamagedPickle("written on a big-endian machine, which this tool does not read")
    root, names, storages = _unpickle(stream, steps)
    keys = InertUnpickler(stream, steps=steps).load()
    if not isinstance(keys, list) or not all(isinstance(k, str) for k in keys) or set(keys) != set(storages):
        raise DamagedPickle("its list of storages does not match its tensors")
    places: dict[str, str | int] = {}
    for key in keys:
        (numel,) = struct.unpack("<q", file.read(8))
        places[key] = start = file.tell()
        if numel != storages[key].numel or start + storages[key].nbytes > end:
            raise DamagedPickle(f"storage {key} ends early")
        file.seek(start + storages[key].nbytes)
    return root, names, places


def _unpickle(stream: Stream, steps: Steps | None = None) -> tuple[object, tuple[str, ...], dict[str, Storage]]:
    storages: dict[str, Storage] = {}

    def persistent(identifier: object) -> object:
        if isinstance(identifier, tuple) and len(identifier) > 1 and identifier[0] == "module":
            return identifier[1]  # legacy: a class, with its source text
        if not isinstance(identifier, tuple) or len(identifier) < 5 or identifier[0] != "storage":
            raise DamagedPickle("a persistent id that is not a storage")
        _, kind, key, _, numel, *view = identifier
        dtype = STORAGE_DTYPE.get(kind.name.rpartition(".")[2]) if isinstance(kind, Global) else None
        if dtype is None:
            return Inert("storage")
        if not isinstance(key, str) or not natural(numel) or any(v is not None for v in view):
            raise DamagedPickle("a storage without key and length, or a view of one")
        storage = Storage(key, dtype, numel)
        if storages.setdefault(key, storage) != storage:
            raise DamagedPickle(f"storage {key} is described twice, differently")
        return storage

    unpickler = InertUnpickler(stream, KNOWN, persistent, steps=steps)
    root = unpickler.load()
    return root, foreign(unpickler.globals), storages


def path_in_file(parts: Iterable[object]) -> str:
    """Where in the file something lies, for people: "model.netD"; "" for the file as a whole."""
    return ".".join(map(str, parts))
