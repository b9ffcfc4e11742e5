"""Arrays as NumPy's headers state them, in npy and npz files, checked against the file and not read."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from pathlib import Path

from wganalyze_checkpoints import bounded, numpy_headers
from wganalyze_checkpoints.samples.images import BYTES
from wganalyze_checkpoints.samples.kinds import SAMPLES

ERRORS = (ValueError, RuntimeError, EOFError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error)
MAGIC = b"\x93NUMPY"
_MOST_RECORDS = 1000


class Array(numpy_headers.Array):
    """An array that may hold samples."""

    @property
    def holds_samples(self) -> bool:
        """Two rows or more of numbers; one axis alone is a series (of losses), not samples."""
        return self.dtype.kind in "fiu" and len(self.shape) > 1 and self.shape[0] > 1 and math.prod(self.shape) > 0

    @property
    def value_range(self) -> tuple[float, float] | None:
        """For ``Part.value_range``."""
        return BYTES if self.dtype.name == "uint8" else None


def arrays_in(path: Path) -> dict[str, Array] | None:
    """The arrays of a file by name, "" where it is one; None where NumPy did not write it.

    One of ERRORS where it is damaged; OSError where it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(512)
        if head.startswith(MAGIC):
            head += file.read(numpy_headers.LONGEST - len(head))
    if head.startswith(MAGIC):
        return {"": numpy_headers.read_header(head, path.stat().st_size, Array)}
    return open_npz(path) if numpy_headers.is_npz(head) else None


def open_npz(path: Path) -> dict[str, Array]:
    """The headers of all arrays that are arrays of numbers."""
    infos = bounded.records(path)
    if infos is None:
        raise ValueError("a zip without its end, or of too many records")
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        if len({info.filename for info in infos}) < len(infos) or len(infos) > _MOST_RECORDS:
            raise ValueError("records of one name, or too many")
        arrays: dict[str, Array] = {}
        for info in infos:
            name = info.filename.removesuffix(".npy")
            if not info.filename.endswith(".npy") or not name.isprintable():
                continue
            numpy_headers.check_size(info)
            try:
                arrays[name] = numpy_headers.read_record_header(archive, info, Array)
            except ValueError:
                if name in SAMPLES:
                    raise
    return arrays
