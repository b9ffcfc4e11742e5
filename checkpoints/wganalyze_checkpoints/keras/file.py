"""The structure of a Keras file, ``.keras`` zip or HDF5, read from its headers without Keras and without h5py.

Layouts: Keras's ``saving/saving_lib.py`` (``.keras``, ``.weights.h5``) and ``legacy/saving/legacy_h5_format.py``.
No size is believed before it is checked against the file's.
"""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Literal

from wganalyze import CheckpointError, TensorSpec, one_line
from wganalyze_checkpoints import bounded
from wganalyze_checkpoints.keras import weights as keras_weights
from wganalyze_checkpoints.keras.hdf5 import MAGIC, MAX_TEXT, Array
from wganalyze_checkpoints.keras.weights import Layers
from wganalyze_checkpoints.wording import what_it_says

Kind = Literal["keras-model", "keras-weights"]

INSTALL = "pip install 'wganalyze[keras]'"

_ZIP_MAGIC = b"PK\x03\x04"
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MAX_UNPACKED = 64 * 2**20
_BOMB_RATIO = 100
_HEAD = 2**20

# DamagedKeras is a ValueError; RuntimeError: zipfile on encryption, and RecursionError.
_ERRORS = (ValueError, RuntimeError, EOFError, LookupError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error)


class DamagedKeras(ValueError):
    """What is wrong with a file, for the one line of a CheckpointError."""


@dataclass(frozen=True, slots=True)
class KerasFile:
    """What a Keras file holds. ``config``: of a full model. ``arrays``: its weights, without those of an optimizer.

    ``suffix``: the end of the name by which Keras tells layouts apart. ``layers``: of a legacy file, the layers in
    order, each with its keys: they belong to those of a model by order. ``record``: of the HDF5 file in a zip.
    ``inside``: of several networks in the file, the one that this is; keys as its own model has them.
    """

    path: Path
    kind: Kind
    suffix: Literal[".keras", ".h5", ".weights.h5"]
    arrays: Mapping[str, Array]
    config: Mapping[str, Any] | None
    version: str
    layers: Layers = ()
    record: str | None = None
    inside: str = ""

    @property
    def keys(self) -> dict[str, TensorSpec]:
        """The layout of the weights."""
        return {key: TensorSpec(array.shape, array.dtype) for key, array in self.arrays.items()}

    def numbers(self) -> Iterator[tuple[str, Any]]:
        """The weights, read now, as numpy arrays."""
        import numpy as np

        with self.path.open("rb") as file, _hdf5(file, self.record) as (source, start, _):
            for key, array in self.arrays.items():
                source.seek(start + array.offset)
                data = source.read(array.nbytes)
                if len(data) < array.nbytes:
                    raise damaged(self.path, f"{key} ends early")
                if array.dtype == "bfloat16":
                    import ml_dtypes

                    yield key, np.frombuffer(data, ml_dtypes.bfloat16).reshape(array.shape)
                else:
                    kind = np.dtype(array.dtype).newbyteorder(array.byteorder)
                    yield key, np.frombuffer(data, kind).astype(array.dtype).reshape(array.shape)


def damaged(path: Path, reason: object) -> CheckpointError:
    """The error for a Keras file that cannot be what it says it is."""
    return CheckpointError(f"{path}: damaged Keras file ({what_it_says(reason)}); copy or save it again")


def installed(name: str) -> bool:
    """Is an optional library there? It is not imported."""
    try:
        return name in sys.modules or find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def choose_backend() -> None:
    """Keras reads its backend from the environment when it is first imported, here or in the user's factory."""
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"


@bounded.once
def read(path: Path, size: int) -> KerasFile | None:
    """The structure of ``path``; None where Keras did not write it; CheckpointError where it is damaged."""
    with path.open("rb") as file:
        magic = file.read(8)
        file.seek(0)
        try:
            if magic.startswith(_ZIP_MAGIC):
                return _read_zip(path, file, size)
            return _read_hdf5(path, file) if magic == MAGIC else None
        except _ERRORS as error:
            raise damaged(path, error) from error


def _read_zip(path: Path, file: BinaryIO, size: int) -> KerasFile | None:
    infos = bounded.records(path)
    if infos is None:
        head = file.read(512)
        if _METADATA.encode() in head and b"keras_version" in head:
            raise DamagedKeras("a zip without its end: it was cut off")
        return None
    records = {info.filename: info for info in infos}
    if _CONFIG not in records or _METADATA not in records:
        return None
    with zipfile.ZipFile(file) as archive:
        metadata = _json(archive, records[_METADATA])
        if "keras_version" not in metadata:
            return None
        _check_archive(infos, size)
        config = _json(archive, records[_CONFIG])
    if not isinstance(config.get("class_name"), str):
        raise DamagedKeras("its config.json describes no model")
    if _WEIGHTS not in records:
        raise DamagedKeras(f"it has no {_WEIGHTS}")
    with _hdf5(file, _WEIGHTS) as place:
        header = keras_weights.read(*place)
    version = one_line(metadata["keras_version"], 40)
    return KerasFile(path, "keras-model", ".keras", header.arrays, config, version, record=_WEIGHTS)


def _json(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> dict[str, Any]:
    if info.file_size > MAX_TEXT:
        raise DamagedKeras(f"{info.filename} of {info.file_size:,} bytes")
    with archive.open(info) as record:  # archive.read() would unpack a bomb that states a small size
        return keras_weights.object_of(record.read(info.file_size), info.filename)


def _check_archive(infos: Sequence[zipfile.ZipInfo], size: int) -> None:
    names = [info.filename for info in infos]
    if len(set(names)) < len(names):
        raise DamagedKeras("two records of one name")
    for name in names:
        if "\\" in name or name.startswith("/") or ".." in name.split("/"):
            raise DamagedKeras(f"a record that would lie outside: {name}")
    for info in infos:
        if info.file_size > max(2**20, _BOMB_RATIO * info.compress_size):
            raise DamagedKeras(f"{info.filename} would unpack to {info.file_size:,} bytes")
    if sum(info.compress_size for info in infos) > size:
        raise DamagedKeras("its records overlap")


@contextmanager
def _hdf5(file: BinaryIO, record: str | None) -> Iterator[tuple[BinaryIO, int, int]]:
    """Where the HDF5 file lies: an open file, the place in it, and the size."""
    if record is None:
        yield file, 0, file.seek(0, os.SEEK_END)
        return
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo(record)
        if info.compress_type == zipfile.ZIP_STORED:
            file.seek(info.header_offset)
            name, extra = struct.unpack_from("<HH", file.read(30), 26)
            yield file, info.header_offset + 30 + name + extra, info.file_size
            return
        if info.file_size > _MAX_UNPACKED:
            raise DamagedKeras(f"{record} is packed, which Keras does not do, and too large to unpack in memory")
        with archive.open(info) as packed:
            data = packed.read(info.file_size)
        yield io.BytesIO(data), 0, len(data)


def _read_hdf5(path: Path, file: BinaryIO) -> KerasFile | None:
    kind = _guess(file.read(_HEAD))
    try:
        with _hdf5(file, None) as place:
            header = keras_weights.read(*place)
    except _ERRORS:
        if kind is None:
            return None
        raise
    version = one_line(header.version, 40)
    if header.config is not None:
        if not isinstance(header.config.get("class_name"), str):
            raise DamagedKeras("its model_config describes no model")
        return KerasFile(path, "keras-model", ".h5", header.arrays, header.config, version, header.layers)
    if header.layout is None:
        return None
    suffix: Literal[".h5", ".weights.h5"] = ".h5" if header.layout == "legacy" else ".weights.h5"
    return KerasFile(path, "keras-weights", suffix, header.arrays, None, version, header.layers)


def guess(path: Path) -> Kind:
    """The kind of a damaged Keras file."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            return (_guess(head) if head.startswith(MAGIC) else None) or "keras-model"
    except OSError:
        return "keras-model"


def _guess(head: bytes) -> Kind | None:
    """The kind of an HDF5 file that cannot be read as one, by the names that stand in it as plain text."""
    if b"model_config\0" in head:
        return "keras-model"
    if b"layer_names\0" in head or b"layer_names0\0" in head or b"\0vars\0" in head:
        return "keras-weights"
    return None
