"""Archives that hold checkpoints: their names are listed from headers, within bounds; nothing is unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import IO

from wganalyze import BoundedFile, Naming
from wganalyze_checkpoints import bounded
from wganalyze_checkpoints.foreign.seen import Probe, Seen
from wganalyze_checkpoints.wording import few

MOST_MEMBERS = 2000
MOST_UNPACKED = 16 * 2**20
"""Bytes of a packed tar that are unpacked on the way to its names."""

MOST_READ = 2**20
"""Bytes that the header of one member may take."""

SHOWN = 4
SUFFIXES = {
    ".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".onnx", ".keras", ".h5", ".hdf5", ".pkl", ".pickle", ".p", ".npz",
    ".npy", ".joblib", ".msgpack", ".tar", ".jit", ".pt2", ".pdparams", ".pdmodel", ".params", ".t7", ".pb", ".tflite",
    ".index", ".mlmodel", ".caffemodel", ".weights", ".model", ".torch", ".chkpt", ".distcp",
}  # fmt: skip
"""Of names that checkpoints have."""

PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".lz4")
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
    b"\x04\x22\x4d\x18": "lz4",
}
"""Magics of archives whose names are packed too."""

_OF_TORCH = {"sys_info", "pickle", "storages", "tensors"}
_CONTENTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x89HDF")
_ERRORS = (
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, OverflowError, struct.error, zipfile.BadZipFile,
    tarfile.TarError, zlib.error,
)  # fmt: skip


def archive(seen: Seen) -> Naming | None:
    """An archive of checkpoints; one of other things counts, where it is called an archive."""
    for magic, kind in _OTHERS.items():
        if seen.head.startswith(magic):
            return Naming(f"a {kind} archive: unpack it")
    try:
        names = _names(seen)
    except _ERRORS:
        damaged = "an archive that is damaged, or cut off: copy or download it again"
        return Naming(damaged) if seen.suffix in PACKED else None
    if {*names} >= _OF_TORCH:
        return Naming(
            "a checkpoint of torch before 0.2, a tar: torch.save(torch.load(FILE, weights_only=False), 'x.pth') "
            "writes it anew (it runs the file's pickle)"
        )
    held = [os.path.basename(name) for name in names if os.path.splitext(name)[1].lower() in SUFFIXES]  # noqa: PTH119, PTH122
    if held and not _is_one_checkpoint(names):
        return Naming(f"an archive that holds {_listed(held)}: unpack it")
    return Naming("an archive without a checkpoint", "archives") if seen.suffix in PACKED else None


def _names(seen: Seen) -> list[str]:
    """Of the members, the first of them."""
    if seen.head.startswith(b"PK\x03\x04"):
        return [info.filename for info in (bounded.records(seen.path) or ())[:MOST_MEMBERS]]
    if seen.head[257:262] == b"ustar":
        with BoundedFile(seen.path, MOST_READ) as file:
            return _of_tar(file, "r:")
    if seen.head.startswith(b"\x1f\x8b"):
        return _of_packed(gzip.open(seen.path), _gzip_name(seen))
    if seen.head.startswith(b"BZh"):
        return _of_packed(bz2.open(seen.path), seen.path.stem)
    return []


def _of_tar(file: IO[bytes] | _Limited, mode: str) -> list[str]:
    """Names, up to where the file is cut off or enough was unpacked."""
    names: list[str] = []
    try:
        with tarfile.open(fileobj=file, mode=mode) as members:  # type: ignore[call-overload]
            names += (member.name for member in islice(members, MOST_MEMBERS) if member.isfile())
    except _ERRORS:
        if not names:
            raise
    return names


def _of_packed(packed: IO[bytes] | gzip.GzipFile | bz2.BZ2File, name: str) -> list[str]:
    """Of a packed tar its names; of another file that looks like a checkpoint its own."""
    with packed:
        start = packed.read(512)
        stream = _Limited(start, packed)
        if start[257:262] == b"ustar":
            return _of_tar(stream, "r|")
        return [name if _has_suffix(name) else f"{name}.pth"] if start.startswith(_CONTENTS) else [name]


class _Limited(io.RawIOBase):
    """A stream behind bytes that were read already; it ends after so many bytes."""

    def __init__(self, start: bytes, stream: IO[bytes] | gzip.GzipFile | bz2.BZ2File):
        self._start, self._stream, self._left = start, stream, MOST_UNPACKED

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes."""
        size = self._left if size < 0 else min(size, self._left)
        content, self._start = self._start[:size], self._start[size:]
        content += self._stream.read(size - len(content)) if len(content) < size else b""
        self._left -= len(content)
        return content


def _gzip_name(seen: Seen) -> str:
    """The name that its header states, else the file's without its ending."""
    flags, place = seen.head[3:4], 10
    if flags and flags[0] & 4:
        place += 2 + int.from_bytes(seen.head[10:12], "little")
    if flags and flags[0] & 8:
        stated = seen.head[place : place + 256].split(b"\0")[0].decode("latin-1")
        if stated and stated.isprintable():
            return stated
    return seen.path.stem


def _has_suffix(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _is_one_checkpoint(names: Sequence[str]) -> bool:
    """Is it a file of torch, Keras or NumPy, which are zips?"""
    tails = {name.rpartition("/")[2] for name in names}
    return "data.pkl" in tails or "model.weights.h5" in tails or all(name.endswith(".npy") for name in names)


def _listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and 7 more"."""
    unique = [*dict.fromkeys(names)]
    if len(unique) > SHOWN:
        return f"{few(unique[: SHOWN - 1], SHOWN)} and {len(unique) - SHOWN + 1} more"
    return " and ".join(filter(None, (few(unique[:-1], SHOWN), few(unique[-1:], 1))))


PROBES: tuple[Probe, ...] = (archive,)
