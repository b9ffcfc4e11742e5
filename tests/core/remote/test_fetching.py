"""Fetched files: each version once, in bounded room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wganalyze.remote.fetching import fetched, folder


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WGANALYZE_CACHE", str(tmp_path))


def test_a_version_is_fetched_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    def fetch(draft: Path) -> None:
        calls.append(draft)
        draft.write_bytes(b"x")

    first, again, other = (fetched(identity, "G.pt", fetch) for identity in ("a 1", "a 1", "a 2"))
    assert first == again != other
    assert len(calls) == 2
    assert first.read_bytes() == b"x"
    assert first.name == "G.pt"


def test_what_could_not_be_fetched_is_not_there(tmp_path: Path) -> None:
    def fails(draft: Path) -> None:
        draft.write_bytes(b"half")
        raise OSError("cut off")

    with pytest.raises(OSError, match="cut off"):
        fetched("a 1", "G.pt", fails)
    assert [*folder().glob("*/*")] == []


def test_the_oldest_makes_room_and_the_newest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGANALYZE_CACHE_GB", str(250 / 1e9))
    places = []
    for i in range(4):
        places.append(fetched(str(i), "G.pt", lambda draft: draft.write_bytes(bytes(100)) and None))
        if i < 2:
            os.utime(places[-1].parent, (i, i))
    assert [place.exists() for place in places] == [False, False, True, True]
    large = fetched("large", "G.pt", lambda draft: draft.write_bytes(bytes(1000)) and None)
    assert large.exists()


def test_a_folder_is_one_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there as a whole or not at all, and makes room as a whole."""
    monkeypatch.setenv("WGANALYZE_CACHE_GB", str(250 / 1e9))

    def fetch(draft: Path) -> None:
        for name in ("a/b", "c"):
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_bytes(bytes(100))

    def fails(draft: Path) -> None:
        fetch(draft)
        raise OSError("cut off")

    with pytest.raises(OSError, match="cut off"):
        fetched("first", "checkpoint", fails)
    assert [path for path in folder().rglob("*") if path.is_file()] == []
    first = fetched("first", "checkpoint", fetch)
    assert sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file()) == ["a/b", "c"]
    os.utime(first.parent, (1, 1))
    assert fetched("second", "checkpoint", fetch).is_dir()
    assert not first.exists()
