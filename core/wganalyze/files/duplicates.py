"""Which files hold the same: found from sizes, samples and the directories of zips; only ties are read in full."""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from wganalyze.files.bounded import BoundedFile
from wganalyze.remote.path import RemotePath

_ZIP = b"PK\x03\x04"
_LARGEST_DIRECTORY = 4 * 2**20
"""Bytes of a zip's directory; that of a checkpoint with ten thousand tensors takes less than one million."""

_BLOCK = 2**20
_SAMPLES = 8
_SAMPLE_SIZE = 1024


# What zipfile raises, beside BadZipFile, on directories and records that lie.
_ERRORS = (OSError, EOFError, ValueError, RuntimeError, struct.error, zipfile.BadZipFile)


@dataclass(frozen=True)
class Equal:
    """Files that hold the same, in the order they were given in.

    ``identical``: byte for byte. Else they are zips of the same records under folders of different names: the same
    tensors, for ``torch.save`` names that folder after the file.
    """

    paths: tuple[Path, ...]
    identical: bool


def equal_files(paths: Iterable[Path]) -> list[Equal]:
    """The groups of two or more files that hold the same; empty files, and those that cannot be read, are in none.

    Where copies of one file also hold the same tensors as a third, there is a group of the copies, and one of all.
    """
    groups: list[Equal] = []
    for tie in _ties(dict.fromkeys(paths), _sketch):
        copies = _groups(tie, _digest)
        groups += [Equal(tuple(same), identical=True) for same in copies if len(same) > 1]
        firsts = {same[0]: same for same in copies}
        for alike in _ties(firsts, _records_digest):
            members = {path for first in alike for path in firsts[first]}
            groups.append(Equal(tuple(path for path in tie if path in members), identical=False))
    return groups


def _ties(paths: Iterable[Path], key: Callable[[Path], bytes | None]) -> list[list[Path]]:
    return [group for group in _groups(paths, key) if len(group) > 1]


def _groups(paths: Iterable[Path], key: Callable[[Path], bytes | None]) -> list[list[Path]]:
    """The paths by their keys; those without one are left out."""
    groups: dict[bytes, list[Path]] = {}
    for path in paths:
        try:
            value = key(path)
        except _ERRORS:
            continue
        if value is not None:
            groups.setdefault(value, []).append(path)
    return list(groups.values())


def _sketch(path: Path) -> bytes | None:
    """Equal for files that hold the same: of a zip its records, which state their CRCs, else the size and samples."""
    status = path.stat()
    if not status.st_size or not stat.S_ISREG(status.st_mode):
        return None
    with BoundedFile(path, _LARGEST_DIRECTORY) as file:
        if file.read(len(_ZIP)) == _ZIP:
            try:
                return _sketch_of_records(zipfile.ZipFile(file).infolist())
            except _ERRORS:
                pass  # it begins like a zip, and is none
        digest = hashlib.sha256(str(status.st_size).encode())
        for place in range(0, status.st_size, max(1, status.st_size // _SAMPLES)):
            file.seek(place)
            digest.update(file.read(_SAMPLE_SIZE))
    return digest.digest()


def _sketch_of_records(records: list[zipfile.ZipInfo]) -> bytes:
    """Their names without the folder that all lie in, sizes, kinds of packing and CRCs, in order."""
    folders = {record.filename.partition("/")[0] for record in records}
    start = len(folders.pop()) if len(folders) == 1 else 0
    lines = [repr((r.filename[start:], r.file_size, r.compress_type, r.CRC)) for r in records]
    return hashlib.sha256("\n".join(lines).encode()).digest()


def _digest(path: Path) -> bytes:
    if isinstance(path, RemotePath) and path.version:
        return path.version.encode()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _records_digest(path: Path) -> bytes | None:
    """Of the bytes of all records, in order; None for a zip whose records are packed or overlap: it may be a bomb."""
    if isinstance(path, RemotePath):  # it would be fetched for this alone
        return None
    with BoundedFile(path, _LARGEST_DIRECTORY) as file, zipfile.ZipFile(file) as archive:
        records = archive.infolist()
        packed = any(record.compress_type != zipfile.ZIP_STORED for record in records)
        if packed or sum(record.file_size for record in records) > path.stat().st_size:
            return None
        digest = hashlib.sha256()
        for record in records:
            with archive.open(record) as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
    return digest.digest()
