"""A file within bounds: what is asked for is given, and what a lying header asks for is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.files.bounded import BoundedFile


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of ten bytes."""
    path = tmp_path_factory.mktemp("bounded") / "ten"
    path.write_bytes(b"0123456789")
    return path


@given(st.lists(st.integers(0, 4), max_size=6), st.integers(4, 100))
def test_within_the_bound_it_reads_as_any_file(ten: Path, sizes: list[int], most: int) -> None:
    with BoundedFile(ten, most) as bounded, ten.open("rb") as plain:
        assert [bounded.read(size) for size in sizes] == [plain.read(size) for size in sizes]


def test_more_at_once_is_no_zip(ten: Path) -> None:
    with BoundedFile(ten, 4) as file:
        assert file.read(4) == b"0123"
        with pytest.raises(zipfile.BadZipFile, match="1,000,000 bytes at once"):
            file.read(1_000_000)
        assert file.read(4) == b"4567"
