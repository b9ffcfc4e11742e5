"""Arrays in HDF5 files, read by h5py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze import DataSource, hookimpl
from wganalyze_plugins.arrays import ArraySource

if TYPE_CHECKING:
    import numpy.typing as npt

_SHOWN = 8
_MOST_NAMES = 10_000


class Hdf5(ArraySource):
    """One array of an HDF5 file, samples along the first axis; ``#KEY`` may be left out where there is only one."""

    name: ClassVar[str] = "h5"
    help: ClassVar[str] = "h5:FILE#KEY, samples along the first axis of an array of an HDF5 file"

    def read(self) -> npt.NDArray[Any]:
        """The array; ValueError names those that there are."""
        import numpy as np

        try:
            import h5py
        except ImportError:
            raise ValueError("h5py is not installed: pip install 'wganalyze[hdf5]'") from None
        path, _, key = self.argument.partition("#")
        with Path(path).expanduser().open("rb") as raw, h5py.File(raw, "r") as file:
            arrays = _arrays(file)
            if not key and len(arrays) == 1:
                (key,) = arrays
            if key.strip("/") not in arrays:
                raise ValueError(f"name one of its arrays by #KEY: {_few(arrays)}")
            stored: Any = file[arrays[key.strip("/")]]
            if stored.dtype.kind not in "uif":
                raise ValueError(f"{key} holds no numbers, but {stored.dtype}")
            return np.asarray(stored[()])


def _arrays(file: Any) -> dict[str, str]:
    """Paths of the arrays in a file."""
    found: dict[str, str] = {}

    def visit(name: str, item: Any) -> bool | None:
        if hasattr(item, "shape") and item.shape:
            found[name] = name
        return True if len(found) >= _MOST_NAMES else None

    file.visititems(visit)
    return found


def _few(names: dict[str, str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join([*names][:_SHOWN]) + more or "it holds none"


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Hdf5]
