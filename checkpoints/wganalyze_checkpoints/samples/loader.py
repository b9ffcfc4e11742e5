"""Stored samples in place of networks: an array (.npy), arrays (.npz), or a folder of images of one size.

Values are handed out as stored, as float32, images channels first. Floats are taken to live in the space of the data
as the critic sees them. Bytes do not: their part states ``value_range``, and core maps them.
Weights, fixed noise, labels and losses are none (see ``kinds``). A file of real data looks the same: it is left out
where ``--data`` names it, or ``--role 'NAME=ignore'``.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from wganalyze import CheckpointError, Loader, Part, Samples, hookimpl
from wganalyze_checkpoints.samples import images as sample_images
from wganalyze_checkpoints.samples.headers import ERRORS, Array, arrays_in
from wganalyze_checkpoints.samples.kinds import chosen_from, told
from wganalyze_checkpoints.samples.others import OtherArrays
from wganalyze_checkpoints.wording import what_it_says

CHANNELS = (1, 3, 4)
LABELS = ("labels", "y")
_MAX_SCORES = 2**24
_CHUNK = 2**22


class StoredSamples(Loader):
    """The loader of kind "samples"."""

    name = "samples"
    folders = True

    def sniff(self, path: Path) -> float:
        """High for samples; low for arrays that are damaged, or hold no numbers, so that they say so."""
        try:
            if path.is_dir():
                return 0.9 if sample_images.images_of(path) else 0.0
            arrays = arrays_in(path)
            return 0.9 if arrays and chosen_from(path.stem, arrays) is not None else 0.0
        except ERRORS:
            return 0.3
        except OSError:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part, from headers."""
        if path.is_dir():
            return [sample_images.open_folder(path, self.name)]
        try:
            arrays = arrays_in(path)
        except OSError as error:
            raise _unreadable(path, error) from error
        except ERRORS as error:
            raise damaged(path, error) from error
        if arrays is None:
            raise CheckpointError(f"{path}: is neither npy nor npz, the formats of np.save and np.savez")
        chosen = chosen_from(path.stem, arrays)
        if chosen is None:
            raise CheckpointError(f"{path}: {told(path.stem, arrays)}")
        array, problems = arrays[chosen], []
        facts: dict[str, float | int | str | bool] = {}
        beside = next((name for name in (*LABELS, "arr_1") if name in arrays and name != chosen), "")
        labels = arrays[beside] if beside else None
        if labels is not None and not (labels.dtype.kind in "iu" and labels.shape == array.shape[:1]):
            if beside in LABELS:
                problems.append(f"its {beside} are not used: they are no integers of shape ({array.shape[0]},)")
            beside, labels = "", None
        if "scores" in arrays and chosen != "scores":
            problems.append(_scores(path, arrays["scores"], array.shape[0], facts))
        part = Part(
            path,
            self.name,
            keys={name or "samples": a.spec for name, a in arrays.items() if name in (chosen, beside, "scores")},
            facts=facts,
            read_samples=partial(_read, path, array, labels),
            problems=tuple(problems),
            value_range=array.value_range,
        )
        return [part]


def damaged(path: Path, reason: object) -> CheckpointError:
    """The error for arrays that cannot be read."""
    return CheckpointError(
        f"{path}: its samples cannot be read ({what_it_says(reason)}); save them again, as an array of numbers"
    )


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(f"{path}: cannot be read ({error.strerror or error}); copy or save it again")


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
    except ERRORS as error:
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
    """The loader of stored samples, and that of the arrays beside them."""
    return [StoredSamples, OtherArrays]
