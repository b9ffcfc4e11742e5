"""Arrays of HDF5 files: which one, in what shape, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wganalyze.errors import DataError
from wganalyze_plugins.hdf5 import Hdf5

h5py = pytest.importorskip("h5py")
pytestmark = pytest.mark.formats

IMAGES = np.arange(2 * 6 * 5 * 3, dtype="u1").reshape(2, 6, 5, 3)


def saved(path: Path, **arrays: object) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        make()
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_an_array_is_named_by_its_key(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", train__images=IMAGES, train__points=np.ones((7, 3)), scale=2.0)
    source = Hdf5(f"{path}#train/images")
    assert (source.shape, source.size, source.value_range) == ((3, 6, 5), 2, (0.0, 255.0))
    np.testing.assert_array_equal(source.load().values.reshape(2, 3, 6, 5), IMAGES.transpose(0, 3, 1, 2))
    assert Hdf5(f"{path}#/train/points").shape == (3,)


def test_the_only_array_needs_no_key(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", x=np.ones((7, 3)))
    assert Hdf5(str(path)).digest == Hdf5(f"{path}#x").digest


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "name one of its arrays by #KEY: names, x, y"),
        ("#z", "name one of its arrays by #KEY: names, x, y"),
        ("#y", "samples are numbers of shape (n, ...), not float64 (7,)"),
        ("#names", "names holds no numbers"),
    ],
)
def test_wrong_keys_name_those_there_are(tmp_path: Path, key: str, reason: str) -> None:
    path = saved(tmp_path / "a.h5", x=np.ones((7, 3)), y=np.ones(7), names=[b"a", b"bc"])
    assert reason in refusal(lambda: Hdf5(f"{path}{key}"))


def test_many_arrays_are_a_few_names(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", **{f"x{i}": np.ones((2, 2)) for i in range(30)})
    assert "x0, x1, x10, x11, x12, x13, x14, x15 and 22 more" in refusal(lambda: Hdf5(str(path)))


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "No such file" in refusal(lambda: Hdf5(f"{tmp_path / 'none.h5'}#x"))
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert "cannot be read" in refusal(lambda: Hdf5(f"{tmp_path / 'a.h5'}#x"))
    assert "holds none" in refusal(lambda: Hdf5(str(saved(tmp_path / "b.h5", scale=1.0))))
    path = saved(tmp_path / "c.h5", x=np.full((3, 2), np.nan))
    assert "NaN or infinity among the values" in refusal(lambda: Hdf5(str(path)))
