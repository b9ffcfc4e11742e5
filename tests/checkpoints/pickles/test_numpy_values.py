"""Numbers and arrays of numpy in a pickle are what numpy would make of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.loader import TensorSpec
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Inert, InertUnpickler, Skipped, Steps, Window
from wganalyze_checkpoints.pickles.numpy_values import ARRAYS, FOLLOWED, FollowingArrays, array_of
from wganalyze_checkpoints.pickles.tensors import KNOWN
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.file import TorchFile

PROTOCOLS = st.sampled_from([2, 3, 4, 5])
KINDS = ["float64", "float32", "float16", "bool", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint8"]
dtypes = st.sampled_from(KINDS).map(np.dtype) | st.sampled_from([">f4", ">i8", ">f8"]).map(np.dtype)


def load(data: bytes, tmp_path: Path) -> Any:
    """What the pickle says."""
    path = tmp_path / "numbers.pkl"
    path.write_bytes(data)
    with path.open("rb") as file:
        return InertUnpickler(Window(file, len(data), len(data)), KNOWN).load()


@given(dtypes, st.integers(0, 100), PROTOCOLS)
def test_a_scalar_is_a_plain_number(
    tmp_path_factory: pytest.TempPathFactory, dtype: np.dtype[Any], value: int, protocol: int
) -> None:
    number = np.array([value], dtype)[0]
    found = load(pickle.dumps(number, protocol), tmp_path_factory.getbasetemp())
    assert found == number.item()
    assert type(found) is type(number.item())


@given(dtypes, st.lists(st.integers(0, 5), max_size=3), st.booleans(), PROTOCOLS)
def test_an_array_shows_its_shape_and_bytes(
    tmp_path_factory: pytest.TempPathFactory, dtype: np.dtype[Any], shape: list[int], turned: bool, protocol: int
) -> None:
    array = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape)
    array = array.T.copy(order="F") if turned else array
    found = array_of(load(pickle.dumps(array, protocol), tmp_path_factory.getbasetemp()))
    assert found is not None
    assert found.spec == TensorSpec(array.shape, array.dtype.newbyteorder("=").name)
    assert isinstance(found.data, bytes | bytearray)
    flat = np.frombuffer(found.data, np.dtype(found.spec.dtype).newbyteorder(found.order))
    np.testing.assert_array_equal(flat.reshape(array.shape, order="F" if found.columns_first else "C"), array)


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([{}], object), np.datetime64("2020-01-01"), 5, "x", None])
def test_other_content_is_no_array_of_numbers(value: object, tmp_path: Path) -> None:
    assert array_of(load(pickle.dumps(value), tmp_path)) is None


DTYPE = Inert("numpy.dtype", ("f4", False, True), (3, "<"))


@pytest.mark.parametrize(
    ("shape", "data"), [((2,), b"1234567"), ((2**47,), b""), ((0,), b"1234"), ((2, 2), Inert("x")), ((1,), None)]
)
def test_an_array_that_is_not_as_long_as_its_shape(shape: object, data: object) -> None:
    with pytest.raises(ValueError, match="an array of shape"):
        array_of(Inert(ARRAYS[0], (), (1, shape, DTYPE, False, data)))


@pytest.mark.parametrize("shape", [(-1,), (2**60,), ("a",), 5, (1,) * 65, (0,) * 4_000_000])
def test_an_array_of_an_impossible_shape(shape: object) -> None:
    assert array_of(Inert(ARRAYS[0], (), (1, shape, DTYPE, False, b""))) is None


@pytest.mark.parametrize("dtype", [None, Inert("numpy.dtype"), Inert("numpy.dtype", (5,)), Inert("x", ([],))])
def test_a_dtype_that_is_none(dtype: object) -> None:
    assert array_of(Inert(ARRAYS[0], (), (1, (0,), dtype, False, b""))) is None
    found = KNOWN["numpy.core.multiarray.scalar"](dtype, b"1234")
    assert isinstance(found, Inert)


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_numbers_of_numpy_beside_tensors_are_read_and_need_no_code(save: Callable[..., Path], form: str) -> None:
    file = torch_file.read(save({"epoch": np.int64(7), "loss": np.float32(0.5), "best": np.bool_(True)}, form))
    assert isinstance(file, TorchFile)
    assert file.root == {"epoch": 7, "loss": 0.5, "best": True}
    assert file.foreign == ()


# Arrays behind the objects that describe them, as joblib has them


def load_joblib(value: object, path: Path) -> tuple[Any, bytes]:
    """What the file of joblib says, and its bytes."""
    joblib.dump(value, path)
    content = path.read_bytes()
    with path.open("rb") as file:
        window, steps = Window(file, 2**20, len(content)), Steps()
        reader = InertUnpickler(window, KNOWN, skip=window.skip, steps=steps, built=FollowingArrays(window, steps))
        return reader.load(), content


@given(dtypes | st.sampled_from(["complex64", "complex128"]).map(np.dtype), st.lists(st.integers(0, 5), max_size=3))
def test_arrays_behind_their_descriptions(
    tmp_path_factory: pytest.TempPathFactory, dtype: np.dtype[Any], shape: list[int]
) -> None:
    plain = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape)
    path = tmp_path_factory.getbasetemp() / "arrays.joblib"
    arrays = {
        "c": plain,
        "f": np.asfortranarray(plain),
        "turned": plain.T,
        "sliced": plain[..., ::2] if shape else plain,
    }
    found, content = load_joblib({**arrays, "after": "x"}, path)
    assert found["after"] == "x"
    for name, array in arrays.items():
        read = array_of(found[name])
        assert read is not None
        assert read.spec == TensorSpec(array.shape, array.dtype.newbyteorder("=").name)
        assert isinstance(read.data, Skipped)
        data = content[read.data.offset : read.data.offset + read.data.length]
        flat = np.frombuffer(data, np.dtype(read.spec.dtype).newbyteorder(read.order))
        np.testing.assert_array_equal(flat.reshape(array.shape, order="F" if read.columns_first else "C"), array)


@pytest.mark.parametrize(
    "value",
    [
        np.array([{}, "text", np.ones(3)], object),
        np.array(["some", "texts"]),
        np.array([b"some", b"bytes"]),
        np.array(["2020-01-01"], "datetime64[s]"),
    ],
)
def test_other_arrays_are_passed_over(value: object, tmp_path: Path) -> None:
    found, _ = load_joblib([value, np.ones(5), "after"], tmp_path / "file.joblib")
    assert array_of(found[0]) is None
    assert array_of(found[1]) is not None
    assert found[2] == "after"


def test_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedPickle, match="a kind that is not read"):
        load_joblib(np.zeros(3, [("a", "f4"), ("b", "O")]), tmp_path / "file.joblib")


def wrapper(shape: object, dtype: object = None, alignment: object = None) -> Inert:
    """The description of an array."""
    kind = Inert("numpy.dtype", ("f4", False, True), (3, "<", None, None, None, -1, -1, 0)) if dtype is None else dtype
    told = {"shape": shape, "dtype": kind, "order": "C", "numpy_array_alignment_bytes": alignment}
    return Inert(FOLLOWED[0], attributes=told)


@pytest.mark.parametrize(
    "described",
    [
        wrapper((2**47, 2**47)),
        wrapper((2**30,)),
        wrapper((-1,)),
        wrapper((1,) * 65),
        wrapper([2]),
        wrapper("2"),
        wrapper((2,), "f4"),
        wrapper((2,), Inert("numpy.dtype", ("U-5",), (3, "<", None, None, None, -20, 4, 0))),
        wrapper((2,), Inert("numpy.dtype", ("O8",))),
        wrapper((2,), alignment=16),
        wrapper((True, "x")),
    ],
)
def test_descriptions_that_lie(described: Inert, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xff" + bytes(20))
    with path.open("rb") as file:
        window = Window(file, 100, 21)
        with pytest.raises((ValueError, IndexError)):  # which the reader calls damage
            FollowingArrays(window, Steps())(described)


def test_short_floats_of_jax(tmp_path: Path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)
    found = array_of(load(pickle.dumps(array), tmp_path))
    assert found is not None
    assert found.spec == TensorSpec((2, 3), "bfloat16")
    assert found.data == array.tobytes()
