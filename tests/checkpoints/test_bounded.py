"""What a zip's directory and a JSON document may take is bounded by what they are, not by what they claim."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.errors import CheckpointError
from wganalyze_checkpoints import bounded


def archive(*names: str) -> bytes:
    """A zip of empty records."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in names:
            made.writestr(name, b"")
    return buffer.getvalue()


def test_the_records_of_a_zip(write: Callable[..., Path]) -> None:
    path = write(archive("b", "a"))
    found = bounded.records(path)
    assert found is not None
    assert [info.filename for info in found] == ["b", "a"]
    assert bounded.records(path) is found


@pytest.mark.parametrize(
    "content", [b"", b"text", b"PK\x03\x04", archive("a")[:-1]], ids=["empty", "text", "begun", "cut"]
)
def test_what_is_no_zip_has_none(write: Callable[..., Path], content: bytes) -> None:
    assert bounded.records(write(content)) is None


def test_a_file_that_was_replaced_is_read_again(write: Callable[..., Path]) -> None:
    path = write(archive("a"))
    assert bounded.records(path) is not None
    path.write_bytes(archive("a", "b"))
    assert len(bounded.records(path) or ()) == 2


def test_a_directory_of_more_than_any_network_has_is_not_read(write: Callable[..., Path]) -> None:
    content = archive("a")
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entries = content[start:end] * 500_000
    assert len(entries) > bounded.MAX_DIRECTORY
    size = len(entries).to_bytes(4, "little")
    path = write(content[:start] + entries + content[end : end + 12] + size + content[end + 16 :])
    tracemalloc.start()
    try:
        assert bounded.records(path) is None
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_json_is_read_within_bounds() -> None:
    assert bounded.parse_json(b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    assert bounded.parse_json(b"[0,0,0,0,0,0,0,0,0,0]", most=10) == [0] * 10
    for content in (b"[0,0,0,0,0,0,0,0,0,0,0]", b"[[[[[[[[[[[]]]]]]]]]]]", b"{}," * 6):
        with pytest.raises(ValueError, match="more than 10 values"):
            bounded.parse_json(content, most=10)
    with pytest.raises(ValueError):
        bounded.parse_json(b"\xff")


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_record_is_what_was_written_or_refused(write: Callable[..., Path], packing: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as made:
        made.writestr("empty", b"")
        made.writestr("full", b"content " * 100)
    content = buffer.getvalue()
    path = write(content)
    empty, full = bounded.records(path) or ()
    with path.open("rb") as file:
        assert bounded.read_record(file, full) == b"content " * 100
        assert bounded.read_record(file, empty) == b""
    for i in range(full.header_offset + 30 + len("full"), full.header_offset + 30 + len("full") + full.compress_size):
        changed = bytearray(content)
        changed[i] ^= 0xFF
        with write(bytes(changed)).open("rb") as file, pytest.raises((zipfile.BadZipFile, zlib.error)):
            bounded.read_record(file, full)
    for cut in range(len(content[: full.header_offset + 40])):
        with write(content[:cut]).open("rb") as file, pytest.raises((zipfile.BadZipFile, zlib.error)):
            bounded.read_record(file, full)


def test_a_bomb_is_unpacked_no_further_than_it_states(write: Callable[..., Path]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("bomb", bytes(100_000_000))
    path = write(buffer.getvalue())
    (bomb,) = bounded.records(path) or ()
    bomb.file_size = 1000
    tracemalloc.start()
    try:
        with path.open("rb") as file, pytest.raises(zipfile.BadZipFile):
            bounded.read_record(file, bomb)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_a_state_of_a_file_is_read_once_and_damage_too(write: Callable[..., Path], tmp_path: Path) -> None:
    seen: list[int] = []

    @bounded.once
    def read(path: Path, size: int) -> str:
        seen.append(size)
        if size > 4:
            raise CheckpointError(f"{path}: too long")
        return path.read_text()

    assert read(tmp_path / "nowhere") is None
    path = write(b"abc")
    assert [read(path), read(path)] == ["abc", "abc"]
    path.write_bytes(b"longer")
    for _ in range(2):
        with pytest.raises(CheckpointError, match="too long"):
            read(path)
    assert seen == [3, 6]


def test_a_file_that_cannot_be_read_says_why(write: Callable[..., Path]) -> None:
    @bounded.once
    def read(path: Path, size: int) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with pytest.raises(CheckpointError, match=r"cannot be read \(Permission denied\); check the file and"):
        read(write(b"abc"))
