"""Packed files unpack to what was packed, within bounds; what is cut off or unpacks without end is refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze_checkpoints.pickles import packing
from wganalyze_checkpoints.pickles.inert import DamagedPickle

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "zlib level 0": lambda content: zlib.compress(content, 0),
    "zlib level 9": lambda content: zlib.compress(content, 9),
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
}
packers = pytest.mark.parametrize("packer", PACKERS)


def content_of(path: Path) -> bytes:
    with packing.content_of(path) as file:
        content = file.read()
        assert packing.length_of(file) == len(content)
        return content


@packers
@given(content=st.binary(max_size=200), times=st.integers(0, 3000))
def test_what_was_packed_comes_out(write: Callable[..., Path], packer: str, content: bytes, times: int) -> None:
    content = content * times
    path = write(PACKERS[packer](content))
    assert packing.is_packed(path)
    assert content_of(path) == content
    assert packing.head_of(path, 1000) == content[:1000]


@packers
def test_a_file_cut_anywhere_is_refused(write: Callable[..., Path], packer: str) -> None:
    packed = PACKERS[packer](bytes(range(256)) * 3)
    for end in range(8, len(packed) - 1, 7):
        with pytest.raises(DamagedPickle):
            content_of(write(packed[:end]))
        packing.head_of(write(packed[:end]), 10)


@packers
def test_a_changed_byte_gives_other_content_or_a_refusal_of_ours(write: Callable[..., Path], packer: str) -> None:
    packed = bytearray(PACKERS[packer](bytes(range(256)) * 3))
    for place in range(8, len(packed), 11):
        packed[place] ^= 0x55
        path = write(bytes(packed))
        with suppress(DamagedPickle):
            content_of(path)
        packed[place] ^= 0x55


@pytest.mark.parametrize("packer", ["gzip", "bz2", "xz", "zlib"])
def test_bombs_are_refused(write: Callable[..., Path], packer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "SMALL", 2**20)
    path = write(PACKERS[packer](bytes(2**27)))
    limit = max(packing.SMALL, packing.MAX_RATIO * path.stat().st_size)
    assert limit < 2**27
    start = time.process_time()
    with pytest.raises(DamagedPickle, match=f"more than {limit:,} bytes"):
        content_of(path)
    assert packing.head_of(path, 100) == bytes(100)
    assert time.process_time() - start < 60


def test_a_file_that_is_not_packed_is_itself(write: Callable[..., Path]) -> None:
    for content in (b"", b"x", b"\x80\x04N.", b"PK\x03\x04" + bytes(20)):
        path = write(content)
        assert not packing.is_packed(path)
        assert content_of(path) == content
        assert packing.head_of(path, 2) == content[:2]


def test_members_that_follow_one_another_are_one(write: Callable[..., Path]) -> None:
    assert content_of(write(gzip.compress(b"one") + gzip.compress(b"two") + bytes(50))) == b"onetwo"
    assert content_of(write(bz2.compress(b"one") + bz2.compress(b"two"))) == b"onetwo"


def test_nothing_is_left_behind(write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert content_of(write(gzip.compress(b"content"))) == b"content"
    assert list(tmp_path.iterdir()) == []
