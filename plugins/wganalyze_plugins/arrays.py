"""Arrays in files: NumPy's npy and npz, and MNIST's idx, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze import DataError, DataSource, FiniteSource, Values, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CHANNELS = (1, 3, 4)
_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


class ArraySource(FiniteSource):
    """Samples along the first axis of an array; bytes span (0, 255), other numbers are used as stored."""

    def __init__(self, argument: str = "") -> None:
        if not argument:
            raise DataError(f"--data {self.name}: name a file: {self.help}")
        self.argument = argument
        array = self._array
        if array.dtype.kind not in "uif" or array.ndim < 2 or not array.size:
            raise DataError(
                f"--data {self.name}:{argument}: samples are numbers of shape (n, ...), not {array.dtype} {array.shape}"
            )
        self.value_range = (0.0, 255.0) if array.dtype.name == "uint8" else None
        self.shape = tuple(array.shape[1:])

    @abstractmethod
    def read(self) -> npt.NDArray[Any]:
        """The array as stored; raises, with the reason, where the file is not what it should be."""

    def labels(self) -> npt.NDArray[np.int64] | None:
        """(n,) labels, where the file has them."""
        return None

    @cached_property
    def _array(self) -> npt.NDArray[Any]:
        import numpy as np

        try:
            array = self.read()
        except Exception as error:  # a damaged file makes the parsers raise nearly anything
            raise DataError(f"--data {self.name}:{self.argument}: cannot be read ({_reason(error)})") from None
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"--data {self.name}:{self.argument}: NaN or infinity among the values")
        return channels_first(array)

    def load(self) -> Values:
        """(n, d) values, flattened channels first."""
        return Values(self._array.reshape(len(self._array), -1), self.labels())


def _reason(error: Exception) -> str:
    """Why a file cannot be read, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(map(str, error.args)) or type(error).__name__
    if text.startswith("Object arrays"):
        return "it holds Python objects, which are not unpickled; save an array of numbers"
    return " ".join(text.split())


def channels_first(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, H, W) grey images get a channel; (n, H, W, C) with C of 1, 3, 4 becomes (n, C, H, W).

    Images whose height could be a number of channels, too, are those that are square.
    """
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[-1] in CHANNELS:
        _, first, second, last = array.shape
        if first not in CHANNELS or first == second != last:
            return array.transpose(0, 3, 1, 2)
    return array


class Npy(ArraySource):
    """One array in NumPy's npy format, samples along the first axis."""

    name: ClassVar[str] = "npy"
    help: ClassVar[str] = "npy:FILE, samples along the first axis"

    def read(self) -> npt.NDArray[Any]:
        import numpy as np

        loaded = _load(self.argument)
        if not isinstance(loaded, np.ndarray):
            loaded.close()
            raise ValueError("an archive: use npz:FILE#KEY")
        return loaded


class Npz(ArraySource):
    """One array of an npz archive; ``#KEY`` may be left out where there is only one."""

    name: ClassVar[str] = "npz"
    help: ClassVar[str] = "npz:FILE#KEY, samples along the first axis"

    def read(self) -> npt.NDArray[Any]:
        import numpy as np

        path, _, key = self.argument.partition("#")
        archive = _load(path)
        if isinstance(archive, np.ndarray):
            raise ValueError("a single array: use npy:FILE")
        with archive:
            if not key and len(archive.files) == 1:
                key = archive.files[0]
            if key not in archive.files:
                raise ValueError(f"name one of its arrays by #KEY: {', '.join(archive.files) or 'it holds none'}")
            array = archive[key]
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{key} is no array")
        return array


def _load(path: str) -> Any:
    """What ``np.load`` makes of a file: an array or an open archive, and never an unpickled object."""
    import numpy as np

    file = Path(path).expanduser()
    with file.open("rb") as raw:
        # NumPy takes any other file for a pickle, and advises to trust it.
        if not raw.read(6).startswith((b"\x93NUMPY", b"PK")):
            raise ValueError("neither npy nor npz, the formats of np.save and np.savez")
    return np.load(file, allow_pickle=False)


class Idx(ArraySource):
    """MNIST's format, gzipped or not; the labels lie beside the images under the usual name."""

    name: ClassVar[str] = "idx"
    help: ClassVar[str] = "idx:FILE (t10k-images-idx3-ubyte.gz); labels are found beside it"

    def read(self) -> npt.NDArray[Any]:
        return read_idx(Path(self.argument).expanduser())

    def labels(self) -> npt.NDArray[np.int64] | None:
        path = Path(self.argument).expanduser()
        beside = path.with_name(path.name.replace("images-idx3", "labels-idx1").replace("images.idx3", "labels.idx1"))
        if beside == path or not beside.is_file():
            return None
        try:
            labels = read_idx(beside)
        except Exception as error:
            raise DataError(f"{beside}: the labels cannot be read ({_reason(error)})") from None
        if labels.shape != (len(self._array),):
            raise DataError(f"{beside}: {labels.shape} labels for {len(self._array)} images")
        return labels.astype("int64")


def read_idx(path: Path) -> npt.NDArray[Any]:
    """An idx array (http://yann.lecun.com/exdb/mnist): two zero bytes, type, number of axes, sizes, big-endian."""
    import numpy as np

    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    with gzip.open(path) if zipped else path.open("rb") as file:
        head = file.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _IDX_TYPES:
            raise ValueError("not an idx file")
        shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
        dtype = np.dtype(_IDX_TYPES[head[2]])
        wanted = math.prod(shape) * dtype.itemsize
        content = file.read()
    if len(content) != wanted:
        raise ValueError(f"{len(content)} bytes of values, its header says {wanted}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Npy, Npz, Idx]
