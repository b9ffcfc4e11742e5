"""The walker over protobuf fields: what it reads it reads right, and what it is told it does not believe."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checkpoints.onnx.conftest import varint

from wganalyze_checkpoints.onnx.wire import MAX_FIELDS, DamagedModel, Span, Wire


def wire(content: bytes, most: int = MAX_FIELDS) -> Wire:
    """A walker over these bytes."""
    return Wire(io.BytesIO(content), len(content), most)


def fields(content: bytes, most: int = MAX_FIELDS) -> list[tuple[int, int, int | Span]]:
    """The fields of these bytes."""
    return list(wire(content, most).fields(Span(0, len(content))))


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 2**20))
def test_a_number_is_read_as_it_was_written(value: int, number: int) -> None:
    assert fields(varint(number << 3) + varint(value)) == [(number, 0, value)]


@given(st.binary(max_size=300), st.binary(max_size=10).map(len))
def test_a_span_is_the_bytes_behind_its_length(content: bytes, more: int) -> None:
    start = 1 + len(varint(len(content)))
    stored = b"\x12" + varint(len(content)) + content + b"\x08\x01" * more
    assert fields(stored)[0] == (2, 2, Span(start, start + len(content)))
    assert len(fields(stored)) == 1 + more


def test_numbers_of_fixed_length_are_passed_over() -> None:
    assert fields(b"\x0d" + bytes(4) + b"\x11" + bytes(8) + b"\x18\x07") == [(1, 5, 0), (2, 1, 0), (3, 0, 7)]


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_packed_numbers(values: list[int]) -> None:
    content = b"".join(map(varint, values))
    assert list(wire(content).numbers(Span(0, len(content)))) == values
    assert list(wire(b"").numbers(5)) == [5]


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=50))
def test_a_text_is_read(text: str) -> None:
    content = text.encode()
    assert wire(content).text(Span(0, len(content))) == text
    assert wire(content).shown(Span(0, len(content))) == text


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\nb", b"\x1b[2J", b"x" * 1001])
def test_what_is_no_name(content: bytes) -> None:
    with pytest.raises(DamagedModel, match="a name"):
        wire(content).text(Span(0, len(content)))
    assert wire(content).shown(Span(0, len(content))).isprintable()


@pytest.mark.parametrize(
    "content",
    [
        b"\x0b",  # the beginning of a group, which nobody writes any more
        b"\x0f",
        b"\x00\x01",  # the field 0
        b"\x08" + b"\xff" * 11,
        b"\x08",
        b"\x12\x05abc",
        b"\x12" + varint(2**40),
        b"\x12" + varint(2**63) + b"x",
        b"\x12" + varint(-1) + b"x",
        b"\x09" + bytes(7),
        b"\x0d" + bytes(3),
    ],
)
def test_fields_that_cannot_be(content: bytes) -> None:
    with pytest.raises(DamagedModel):
        fields(content)


def test_a_field_ends_with_its_message_and_not_with_the_file() -> None:
    content = b"\x0a\x02\x12\x05" + b"abcde"
    with pytest.raises(DamagedModel, match="cut off"):
        list(wire(content).fields(Span(2, 4)))


def test_the_number_of_fields_is_bounded() -> None:
    assert len(fields(b"\x08\x01" * 100, 100)) == 100
    with pytest.raises(DamagedModel, match="more than 100 fields"):
        fields(b"\x08\x01" * 101, 100)
    with pytest.raises(DamagedModel, match="more than 100 fields"):
        list(wire(b"\x01" * 101, 100).numbers(Span(0, 101)))


def test_what_is_passed_over_is_not_loaded() -> None:
    class Sparse(io.RawIOBase):
        """A file of 10 GB, most of them zeros that nobody should read."""

        def __init__(self) -> None:
            self.place, self.read_bytes = 0, 0

        def seek(self, place: int, whence: int = 0, /) -> int:
            self.place = place
            return place

        def read(self, size: int = -1, /) -> bytes:
            self.read_bytes += size
            head = b"\x0a" + varint(10**10) if self.place == 0 else b"\x10\x07"
            return head + bytes(size - len(head)) if self.place == 0 else head

    file = Sparse()
    size = 1 + len(varint(10**10)) + 10**10 + 2
    tracemalloc.start()
    try:
        found = list(Wire(file, size).fields(Span(0, size)))  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()
    assert found[1] == (2, 0, 7)
    assert file.read_bytes < 200_000
