"""Ranges: whatever is read is what the file holds, and nothing is fetched twice."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.remote import ranges
from wganalyze.remote.ranges import Ranges

CONTENT = bytes(range(256)) * 40
STEPS = st.lists(st.tuples(st.integers(0, len(CONTENT) + 100), st.integers(0, 3000)), min_size=1, max_size=12)
_names = iter(range(10**9))


def opened(fetched: list[tuple[int, int]], content: bytes = CONTENT) -> Ranges:
    """A file, and what is fetched of it."""

    def fetch(begin: int, end: int) -> bytes:
        fetched.append((begin, end))
        assert 0 <= begin < end <= len(content)
        return content[begin:end]

    return Ranges(f"file {next(_names)}", len(content), fetch)


@given(STEPS)
def test_what_is_read_is_what_it_holds(steps: list[tuple[int, int]]) -> None:
    file, whole = io.BufferedReader(opened([]), 512), io.BytesIO(CONTENT)
    for place, length in steps:
        assert file.seek(place) == whole.seek(place)
        assert file.read(length) == whole.read(length)
    assert file.seek(-100, io.SEEK_END) == whole.seek(-100, io.SEEK_END)
    assert file.read() == whole.read()


@given(STEPS)
def test_no_block_is_fetched_twice_one_after_the_other(steps: list[tuple[int, int]]) -> None:
    fetched: list[tuple[int, int]] = []
    file = opened(fetched)
    for _ in range(2):
        before = len(fetched)
        for place, length in steps:
            file.seek(place)
            file.read(length)
    assert fetched[before:] == []


def test_a_second_opening_of_the_same_version_knows_what_the_first_read() -> None:
    fetched: list[tuple[int, int]] = []
    content = bytes(5000)
    for identity, count in (("a 1", 1), ("a 1", 1), ("a 2", 2)):
        file = Ranges(identity, len(content), lambda a, b: fetched.append((a, b)) or content[a:b])
        assert file.read(100) == bytes(100)
        assert len(fetched) == count


def test_a_header_costs_a_small_part() -> None:
    fetched: list[tuple[int, int]] = []
    content = bytes(4 * 2**20)
    file = opened(fetched, content)
    file.read(8)
    file.seek(-22, io.SEEK_END)
    file.read()
    assert sum(end - begin for begin, end in fetched) < 0.003 * len(content)


def test_what_is_long_is_fetched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "AT_ONCE", 2000)
    fetched: list[tuple[int, int]] = []
    assert opened(fetched).read() == CONTENT
    assert fetched == [(0, len(CONTENT))]


def test_there_is_nothing_before_the_beginning() -> None:
    with pytest.raises(ValueError, match="before the beginning"):
        opened([]).seek(-1)
