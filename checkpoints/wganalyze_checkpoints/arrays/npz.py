"""The arrays of an npz file, from their headers; values are read when they are asked for, and nothing is unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze import CheckpointError
from wganalyze_checkpoints import bounded, numpy_headers
from wganalyze_checkpoints.numpy_headers import Array
from wganalyze_checkpoints.wording import what_it_says

MOST_ARRAYS = 10_000
_ERRORS = (ValueError, RuntimeError, EOFError, OverflowError, OSError, zipfile.BadZipFile, zlib.error)


@bounded.once
def read(path: Path, size: int) -> Mapping[str, Array] | None:
    """The arrays of numbers by name, in the file's order; None where this is no npz, or one that is damaged.

    What else lies in it (text, objects) is left out.
    """
    with path.open("rb") as file:
        # The name of the first entry tells most other archives apart before their lists are read.
        if not numpy_headers.is_npz(file.read(512)):
            return None
    try:
        infos = bounded.records(path)
        names = [info.filename for info in infos or ()]
        if not names or len(names) > MOST_ARRAYS or len({*names}) < len(names):
            return None
        if not all(name.endswith(".npy") and name.isprintable() for name in names):
            return None
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            found = {info.filename[:-4]: _header(archive, info) for info in infos or ()}
    except _ERRORS:
        return None
    return {name: array for name, array in found.items() if array is not None}


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array | None:
    """None of what is no array of numbers."""
    try:
        array = numpy_headers.read_record_header(archive, info, Array)
    except numpy_headers.NoNumbers:
        return None
    return array if array.dtype.kind in "fiub" else None


def values(path: Path, arrays: Mapping[str, Array], names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of these names; CheckpointError where they are not what their headers say."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _values(archive, arrays[name]) for name in names}
    except _ERRORS as error:
        raise CheckpointError(f"{path}: its arrays cannot be read ({what_it_says(error)}); save them again") from error


def _values(archive: zipfile.ZipFile, array: Array) -> npt.NDArray[Any]:
    with archive.open(array.record) as record:
        record.read(array.offset)
        content = record.read(array.nbytes)
    if len(content) < array.nbytes:
        raise ValueError("cut off")
    flat = np.frombuffer(content, array.dtype).astype(array.dtype.newbyteorder("="))
    return flat.reshape(array.shape, order="F" if array.fortran else "C")
