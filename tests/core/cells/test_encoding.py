"""Values as bytes without code: what is written is what is read, and nothing else is."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.sparse import csr_array

from wganalyze.cells.encoding import TREE, NotEncodable, decode, encode
from wganalyze.transport import wasserstein

HERE = {__name__.partition(".")[0]}
RAN: list[str] = []

PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8"))
)
NESTED = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(st.one_of(st.text("ab"), st.integers()), inner)
    ),
)


@dataclass(frozen=True)
class Point:
    """Its ``__post_init__`` is not to run when it is read."""

    name: str
    at: tuple[float, ...]
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        RAN.append(self.name)


class Plain:
    """No dataclass."""


@given(NESTED)
def test_what_is_written_is_what_is_read(value: Any) -> None:
    found = decode(encode(value), HERE)
    assert repr(found) == repr(value)  # of the same types, which == does not tell


@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0)))
def test_arrays_to_the_bit(value: npt.NDArray[Any]) -> None:
    found = decode(encode({"x": [value]}), HERE)["x"][0]
    assert (found.dtype, found.shape, found.tobytes()) == (value.dtype, value.shape, value.tobytes())


@pytest.mark.parametrize("value", [np.float32(0.1), np.int64(3), np.bool_(True), float("nan"), -0.0, 1e308, 10**40])
def test_numbers_to_the_bit(value: Any) -> None:
    found = decode(encode(value), HERE)
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_a_dataclass_whose_methods_do_not_run() -> None:
    value = Point("a", (0.1, 0.2), {"x": Point("b", ())})
    content = encode(value)
    RAN.clear()
    assert decode(content, HERE) == value
    assert RAN == []


def test_a_solved_transport() -> None:
    rng = np.random.default_rng(0)
    solved = wasserstein(rng.normal(size=(20, 2)), rng.normal(size=(20, 2)))
    found = decode(encode(solved), {"wganalyze"})
    assert (found.value, found.lower, found.exact) == (solved.value, solved.lower, solved.exact)
    assert isinstance(found.plan, csr_array)
    assert (found.plan != solved.plan).nnz == 0


@pytest.mark.parametrize("value", [Plain(), {1, 2}, lambda: 1, np.array([Plain()]), [Plain], Point])
def test_what_would_need_code_is_not_written(value: Any) -> None:
    with pytest.raises(NotEncodable):
        encode([value])


def crafted(tree: Any) -> bytes:
    """A file as somebody else might write it."""
    file = io.BytesIO()
    np.savez(file, **{TREE: np.array(json.dumps(tree))})  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize(
    "tree",
    [
        {"class": ["subprocess", "Popen"], "fields": {"args": "x"}},
        {"class": [__name__, "Plain"], "fields": {}},
        {"class": [__name__, "Point"], "fields": {"name": "a"}},
        {"class": [__name__, "RAN.append"], "fields": {}},
        {"class": [__name__, "nothing"], "fields": {}},
        {"class": [f"{__name__}.nowhere", "Point"], "fields": {}},
        {"eval": "1"},
        {"array": "a7"},
        {"csr": ["a", "b"]},
        {"float": "many"},
        {"class": 3, "fields": {}},
        {},
    ],
)
def test_what_is_not_ours_is_refused(tree: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(crafted(tree), HERE)


def test_a_pickle_is_not_read() -> None:
    file = io.BytesIO()
    np.savez(file, tree=np.array([Plain()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r".+"):
        decode(file.getvalue(), HERE)


def test_a_file_that_was_cut_short_or_changed_anywhere() -> None:
    """It is read as it was, or refused: what changes a value is seen by a checksum."""
    value = {"x": [1.5, 2.5, 3.5], "y": [Point("a", (1.0,))]}
    content = encode(value)
    changed = [content[:length] for length in range(len(content))]
    for place, bit in product(range(len(content)), range(8)):
        one = bytearray(content)
        one[place] ^= 1 << bit
        changed.append(bytes(one))
    refused = 0
    for each in changed:
        try:
            assert decode(each, HERE) == value
        except ValueError:
            refused += 1
    assert refused > len(changed) / 2
