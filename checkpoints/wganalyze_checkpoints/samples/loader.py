"""Stored samples in place of networks: an array (.npy), arrays (.npz), or a folder of images of one size.

Values are handed out as stored, as float32, images channels first. Floats are taken to live in the space of the data
as the critic sees them. Bytes do not: their part states ``value_range``, and core maps them.
A file of real data that lies among the samples looks the same; ``--role 'NAME=ignore'`` leaves it out.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from wganalyze import CheckpointError, Loader, Part, Samples, TensorSpec, hookimpl, one_line
from wganalyze_checkpoints import bounded
from wganalyze_checkpoints.samples import images as sample_images
from wganalyze_checkpoints.wording import LONGEST, what_it_says

CHANNELS = (1, 3, 4)
SAMPLES = ("samples", "images", "fake", "fakes", "x", "arr_0")
LABELS = ("labels", "y")
_ERRORS = (ValueError, RuntimeError, EOFError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error)
_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000
_MAX_SCORES = 2**24
_CHUNK = 2**22
_BOMB_RATIO, _SMALL = 100, 2**28
"""Equal samples pack a thousandfold, so only what would fill the memory is taken for a bomb."""


@dataclass(frozen=True)
class Array:
    """An array as its header states it; ``record``: of the archive that it lies in, "" where it is a file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int
    record: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of its values."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def holds_samples(self) -> bool:
        """Two rows or more of numbers; one axis alone is a series (of losses), not samples."""
        return self.dtype.kind in "fiu" and len(self.shape) > 1 and self.shape[0] > 1 and math.prod(self.shape) > 0

    @property
    def value_range(self) -> tuple[float, float] | None:
        """For ``Part.value_range``."""
        return sample_images.BYTES if self.dtype.name == "uint8" else None

    @property
    def spec(self) -> TensorSpec:
        """For ``Part.keys``."""
        return TensorSpec(self.shape, self.dtype.name)


class StoredSamples(Loader):
    """The loader of kind "samples"."""

    name = "samples"
    folders = True

    def sniff(self, path: Path) -> float:
        """High for samples; low for arrays that are damaged, or hold no numbers, so that they say so."""
        try:
            if path.is_dir():
                return 0.9 if sample_images.images_of(path) else 0.0
            with path.open("rb") as file:
                head = file.read(512)
            if head.startswith(_MAGIC):
                array = _open_npy(path)
                return 0.9 if array.holds_samples else 0.0
            if not _is_npz(head):
                return 0.0
            return 0.9 if _chosen(_open_npz(path)) else 0.0
        except _ERRORS:
            return 0.3
        except OSError:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part, from headers."""
        if path.is_dir():
            return [sample_images.open_folder(path, self.name)]
        try:
            with path.open("rb") as file:
                head = file.read(512)
            if head.startswith(_MAGIC):
                return [self._npy(path)]
            if _is_npz(head):
                return [self._npz(path)]
        except OSError as error:
            raise _unreadable(path, error) from error
        except _ERRORS as error:
            raise damaged(path, error) from error
        raise CheckpointError(f"{path}: is neither npy nor npz, the formats of np.save and np.savez")

    def _npy(self, path: Path) -> Part:
        array = _open_npy(path)
        if not array.holds_samples:
            raise CheckpointError(f"{path}: {_no_samples(array)}")
        return Part(
            path,
            self.name,
            keys={"samples": array.spec},
            read_samples=partial(_read, path, array),
            value_range=array.value_range,
        )

    def _npz(self, path: Path) -> Part:
        arrays = _open_npz(path)
        chosen = _chosen(arrays)
        if chosen is None:
            there = one_line(", ".join(arrays), LONGEST) or "none"
            raise CheckpointError(
                f"{path}: none of its arrays ({there}) holds samples; call it 'samples', of shape (n, ...)"
            )
        array, problems = arrays[chosen], []
        facts: dict[str, float | int | str | bool] = {}
        beside = next((name for name in (*LABELS, "arr_1") if name in arrays and name != chosen), "")
        labels = arrays.get(beside)
        if labels is not None and not (labels.dtype.kind in "iu" and labels.shape == array.shape[:1]):
            if beside in LABELS:
                problems.append(f"its {beside} are not used: they are no integers of shape ({array.shape[0]},)")
            beside, labels = "", None
        if "scores" in arrays and chosen != "scores":
            problems.append(_scores(path, arrays["scores"], array.shape[0], facts))
        return Part(
            path,
            self.name,
            keys={name: a.spec for name, a in arrays.items() if name in (chosen, beside, "scores")},
            facts=facts,
            read_samples=partial(_read, path, array, labels),
            problems=tuple(problems),
            value_range=array.value_range,
        )


def _no_samples(array: Array) -> str:
    return f"samples are numbers of shape (n, ...) with n of 2 or more, not {array.dtype} {array.shape}"


def damaged(path: Path, reason: object) -> CheckpointError:
    """The error for arrays that cannot be read."""
    return CheckpointError(
        f"{path}: its samples cannot be read ({what_it_says(reason)}); save them again, as an array of numbers"
    )


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(f"{path}: cannot be read ({error.strerror or error}); copy or save it again")


# Headers


def _header(head: bytes) -> Array:
    """What the first bytes of an npy file say; ValueError for anything but an array of numbers."""
    stream = io.BytesIO(head)
    version = np.lib.format.read_magic(stream)
    readers: Mapping[tuple[int, int], Callable[..., Any]] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError("not a plain array of numbers")
    try:
        with warnings.catch_warnings():  # of the compiler, about the text
            warnings.simplefilter("ignore")
            shape, fortran, dtype = readers[version](stream, max_header_size=_MAX_HEADER)
    except ValueError:
        raise
    except Exception:  # of a text that only looks right the parser may raise anything
        raise ValueError("its header is not as np.save writes it") from None
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not unpickled")
    if dtype.names is not None or dtype.subdtype is not None:
        raise ValueError("not a plain array of numbers")
    if any(n < 0 for n in shape):
        raise ValueError(f"a shape that cannot be, {shape}")
    return Array(tuple(map(int, shape)), dtype, bool(fortran), stream.tell())


def _open_npy(path: Path) -> Array:
    with path.open("rb") as file:
        array = _header(file.read(_MAX_HEADER + 12))
    return _checked(array, path.stat().st_size)


def _checked(array: Array, size: int) -> Array:
    if array.offset + array.nbytes > size:
        raise ValueError(f"cut off: it should have {array.nbytes:,} bytes of values, it has {size - array.offset:,}")
    return array


def _is_npz(head: bytes) -> bool:
    """Does this begin as a zip whose first record is an npy file?"""
    if len(head) < 30 or not head.startswith(b"PK\x03\x04"):
        return False
    return head[30 : 30 + struct.unpack("<H", head[26:28])[0]].endswith(b".npy")


def _open_npz(path: Path) -> dict[str, Array]:
    """The headers of all arrays that are arrays of numbers."""
    infos = bounded.records(path)
    if infos is None:
        raise ValueError("a zip without its end, or of too many records")
    with zipfile.ZipFile(path) as archive:
        if len({info.filename for info in infos}) < len(infos) or len(infos) > 1000:
            raise ValueError("records of one name, or too many")
        arrays: dict[str, Array] = {}
        for info in infos:
            name = info.filename.removesuffix(".npy")
            if not info.filename.endswith(".npy") or not name.isprintable():
                continue
            if info.file_size > max(_SMALL, _BOMB_RATIO * info.compress_size):
                raise ValueError(f"{info.filename} would unpack to {info.file_size:,} bytes")
            with archive.open(info) as record:
                head = record.read(_MAX_HEADER + 12)
            try:
                arrays[name] = replace(_checked(_header(head), info.file_size), record=info.filename)
            except ValueError:
                if name in SAMPLES:
                    raise
    return arrays


def _chosen(arrays: Mapping[str, Array]) -> str | None:
    """The samples among the arrays: by name, else the only floats with two axes; statistics of FID are none."""
    for name in SAMPLES:
        if name in arrays and arrays[name].holds_samples:
            return name
    if {"mu", "sigma"} <= arrays.keys():
        return None
    floats = [name for name, array in arrays.items() if array.holds_samples and array.dtype.kind == "f"]
    return floats[0] if len(floats) == 1 else None


def _scores(path: Path, array: Array, n: int, facts: dict[str, float | int | str | bool]) -> str:
    """Put mean and spread of stored scores among the facts; what to say of them."""
    if array.dtype.kind not in "fiu" or math.prod(array.shape) != n or n > _MAX_SCORES:
        return f"its scores are not used: they are no numbers of shape ({n},)"
    scores = _content(path, array, _values).astype(np.float64)
    if not np.isfinite(scores).all():
        return "its scores are not used: NaN or infinity among them"
    facts |= {"scores": n, "score_mean": float(scores.mean()), "score_std": float(scores.std())}
    return "scores of generated samples alone do not make a critic; add the critic's own file for what needs one"


# Values


def _read(path: Path, array: Array, labels: Array | None = None) -> Samples:
    try:
        points = _content(path, array, _points)
        classes = None if labels is None else _content(path, labels, _values).astype(np.int64)
    except OSError as error:
        raise _unreadable(path, error) from error
    except MemoryError as error:
        raise CheckpointError(
            f"{path}: {array.nbytes:,} bytes of samples do not fit into memory; store fewer"
        ) from error
    except _ERRORS as error:
        raise damaged(path, error) from error
    shape = channels_first(np.empty((1, *array.shape[1:]), np.bool_)).shape[1:]
    return Samples(points, shape, classes)


def _content(path: Path, array: Array, read: Callable[[Array, IO[bytes]], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """What ``read`` makes of an array, in the file or in its record of the archive."""
    if not array.record:
        with path.open("rb") as file:
            return read(array, file)
    with zipfile.ZipFile(path) as archive, archive.open(array.record) as record:
        return read(array, record)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError("cut off")
    return data


def _values(array: Array, stream: IO[bytes]) -> npt.NDArray[Any]:
    """The whole array."""
    _exactly(stream, array.offset)
    flat = np.frombuffer(_exactly(stream, array.nbytes), array.dtype)
    return flat.reshape(array.shape, order="F" if array.fortran else "C")


def _points(array: Array, stream: IO[bytes]) -> npt.NDArray[np.float32]:
    """(n, d) float32, channels first; converted a few rows at a time, so that nothing is held twice."""
    n = array.shape[0]
    points = np.empty((n, math.prod(array.shape[1:])), np.float32)
    if array.fortran:
        blocks: Iterable[npt.NDArray[Any]] = [_values(array, stream)]
    else:
        _exactly(stream, array.offset)
        rows = max(1, _CHUNK // (array.nbytes // n))
        sizes = [min(rows, n - i) for i in range(0, n, rows)]
        blocks = (_values(Array((k, *array.shape[1:]), array.dtype, False, 0), stream) for k in sizes)
    start = 0
    for block in blocks:
        with np.errstate(over="ignore"):
            part = channels_first(block).reshape(len(block), -1).astype(np.float32)
        if not np.isfinite(part).all():
            raise ValueError("NaN or infinity among them")
        points[start : start + len(part)] = part
        start += len(part)
    return points


def channels_first(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, H, W) grey images get a channel; (n, H, W, C) with C of 1, 3, 4 becomes (n, C, H, W), as data do."""
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[-1] in CHANNELS and array.shape[1] not in CHANNELS:
        return array.transpose(0, 3, 1, 2)
    return array


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of stored samples."""
    return [StoredSamples]
