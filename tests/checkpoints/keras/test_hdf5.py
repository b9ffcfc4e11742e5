"""HDF5 as h5py writes it is read like h5py reads it; what leads out of the file, or has no end, is refused."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.keras.hdf5 import DamagedHdf5, Hdf5
from wganalyze_checkpoints.keras.loader import KerasModel, KerasWeights

h5py = pytest.importorskip("h5py")

pytestmark = pytest.mark.formats

NUMBERS = [
    *(np.arange(6).reshape(2, 3).astype(k) for k in ("f2", "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")),
    np.array([True, False]),
    np.float32(3),
    np.zeros((0, 4), np.float32),
    np.arange(3, dtype=">f4"),
    np.arange(3, dtype=">i8"),
]


def written(fill: Callable[[Any], None], **options: Any) -> bytes:
    """The file that ``fill`` fills."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        fill(file)
    return buffer.getvalue()


def opened(content: bytes, start: int = 0) -> Hdf5:
    """Read by ours."""
    return Hdf5(io.BytesIO(bytes(start) + content), start, len(content))


@pytest.mark.parametrize("values", NUMBERS, ids=str)
@pytest.mark.parametrize("start", [0, 77])
def test_an_array_is_found_where_it_lies(values: Any, start: int) -> None:
    content = written(lambda file: file.create_dataset("a/b/c", data=values))
    hdf5 = opened(content, start)
    array = hdf5.array(dict(hdf5.walk())["a/b/c"])
    assert array is not None
    assert (array.shape, array.dtype, array.nbytes) == (values.shape, values.dtype.name, values.nbytes)
    data = content[array.offset : array.offset + array.nbytes]
    kind = np.dtype(array.dtype).newbyteorder(array.byteorder)
    np.testing.assert_array_equal(np.frombuffer(data, kind).reshape(array.shape), values)


@pytest.mark.parametrize("value", ["text", b"bytes", "ü" * 10, "", "x" * 200_000, np.bytes_(b"fixed")])
def test_a_text_attribute(value: Any) -> None:
    def fill(file: Any) -> None:
        file.attrs["before"] = 3.0
        file.attrs["it"] = value
        file.attrs["after"] = "z"

    hdf5 = opened(written(fill))
    text = value.decode() if isinstance(value, bytes) else value
    assert (hdf5.texts(hdf5.root, "it"), hdf5.texts(hdf5.root, "not")) == ([text], None)
    assert hdf5.texts(hdf5.root, "before") == [], "a number is no text"


@pytest.mark.parametrize("names", [[], ["a"], [f"layer_{i}" for i in range(500)]])
@pytest.mark.parametrize("kind", ["fixed", "variable"])
def test_a_list_of_names(names: list[str], kind: str) -> None:
    def fill(file: Any) -> None:
        values = np.array(names, "S") if kind == "fixed" else names
        file.create_group("g").attrs.create("names", values, dtype=None if kind == "fixed" else h5py.string_dtype())

    hdf5 = opened(written(fill))
    assert hdf5.texts(dict(hdf5.walk())["g"], "names") == names


@pytest.mark.parametrize("count", [1, 9, 1000])
def test_a_group_of_any_size(count: int) -> None:
    def fill(file: Any) -> None:
        for i in range(count):
            file[f"layer_{i}/vars/0"] = np.float32(i)

    hdf5 = opened(written(fill))
    arrays = [path for path, address in hdf5.walk() if hdf5.array(address) is not None]
    assert sorted(arrays) == sorted(f"layer_{i}/vars/0" for i in range(count))
    assert arrays[:9] == [f"layer_{i}/vars/0" for i in range(min(count, 9))], "about in the order of writing"


def external_link(file: Any) -> None:
    """A link to a file of the machine."""
    file["vars/0"] = np.float32(1)
    file["link"] = h5py.ExternalLink("/etc/hostname", "/x")


def soft_link(file: Any) -> None:
    """A link by path."""
    file["vars/0"] = np.float32(1)
    file["soft"] = h5py.SoftLink("/vars")


def external_storage(file: Any) -> None:
    """Numbers of another file."""
    file.create_dataset("vars/0", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def virtual(file: Any) -> None:
    """Numbers of another file's dataset."""
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (4,))
    file.create_virtual_dataset("vars/0", layout)


def chunked(file: Any) -> None:
    """A bomb: 4 TB of zeros in a few bytes."""
    file.create_dataset("vars/0", (2**40,), "f4", chunks=(1024,), compression="gzip")


def unwritten(file: Any) -> None:
    """Claimed and never stored."""
    file.create_dataset("vars/0", (2**20,), "f4")


def circle(file: Any) -> None:
    """A group that holds itself."""
    file.create_group("vars")
    file["vars/again"] = file["vars"]


def diamonds(file: Any) -> None:
    """2^40 paths."""
    group = file.create_group("vars")
    for _ in range(40):
        below = group.create_group("a")
        group["b"] = below
        group = below


def shared(file: Any) -> None:
    """Many names of one array."""
    file["vars/0"] = np.zeros(1000, np.float32)
    for i in range(1, 2000):
        file[f"vars/{i}"] = file["vars/0"]


@pytest.mark.parametrize(
    ("fill", "reason"),
    [
        (external_link, "links of a kind|not followed"),
        (soft_link, "not followed"),
        (external_storage, "other files"),
        (virtual, "form|does not write"),
        (chunked, "in chunks"),
        (unwritten, "of shape"),
        (circle, "deeper ones"),
        (diamonds, "deeper ones|larger than"),
        (shared, "overlap"),
    ],
)
def test_what_leads_elsewhere_or_has_no_end_is_refused(
    write: Callable[..., Path], fill: Callable[[Any], None], reason: str
) -> None:
    path = write(written(fill), "x.h5")
    start = time.process_time()
    with pytest.raises(CheckpointError, match=reason) as caught:
        KerasWeights().open(path)
    assert str(caught.value).isprintable()
    assert KerasModel().sniff(path) == 0
    assert time.process_time() - start < 5


def test_a_form_of_hdf5_that_keras_does_not_write() -> None:
    content = written(lambda file: file.create_group("vars"), libver="latest")
    with pytest.raises(DamagedHdf5, match="form that Keras does not write"):
        opened(content)


def test_claims_beyond_the_file() -> None:
    content = written(lambda file: file.create_dataset("a", data=np.zeros((5, 7), np.float32)))
    shape = (5).to_bytes(8, "little") + (7).to_bytes(8, "little")
    for axes in (2**62, 2**40, 8):
        hdf5 = opened(content.replace(shape, axes.to_bytes(8, "little") * 2))
        with pytest.raises(DamagedHdf5, match="of shape"):
            hdf5.array(dict(hdf5.walk())["a"])
