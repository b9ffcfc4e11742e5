"""Numbers and arrays of numpy in a pickle are what numpy would make of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.loader import TensorSpec
from wganalyze_checkpoints.pickles.inert import Inert, InertUnpickler, Window
from wganalyze_checkpoints.pickles.numpy_values import ARRAYS, array_of
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.file import KNOWN, TorchFile

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
