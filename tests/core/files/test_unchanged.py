"""A file that was written to after it was opened is not read silently."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from wganalyze.errors import CheckpointError
from wganalyze.files.unchanged import Seen, _ends


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with content."""
    path = tmp_path / "generator.pth"
    path.write_bytes(b"weights")
    return path


def test_what_is_as_it_was_is_read(file: Path) -> None:
    read = Seen.of([file, file.with_name("none.pth")]).held(file.read_bytes)
    assert read() == read() == b"weights"


@pytest.mark.parametrize("content", [b"other content", b"WEIGHTS"])
def test_what_was_overwritten_is_refused_also_where_the_size_is_the_same(file: Path, content: bytes) -> None:
    seen = Seen.of([file])
    before = file.stat().st_mtime_ns
    file.write_bytes(content)
    os.utime(file, ns=(before + 10**6, before + 10**6))  # not all disks tell moments this near to each other apart
    with pytest.raises(CheckpointError, match=r"generator\.pth: was changed after it was opened"):
        seen.held(file.read_bytes)()


def test_what_was_overwritten_is_refused_also_where_its_time_was_set_back(file: Path) -> None:
    seen, before = Seen.of([file]), file.stat()
    file.write_bytes(b"WEIGHTS")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(CheckpointError, match="was changed"):
        seen.held(file.read_bytes)()


def test_a_disk_that_tells_no_times_is_no_reason_to_read_what_was_overwritten(tmp_path: Path) -> None:
    first, second = tmp_path / "a.pth", tmp_path / "b.pth"
    for path, seed in ((first, 0), (second, 1)):
        torch.manual_seed(seed)
        torch.save({"weight": torch.randn(300, 300), "bias": torch.zeros(300)}, path)
    assert first.stat().st_size == second.stat().st_size
    assert _ends(first, first.stat().st_size) != _ends(second, second.stat().st_size)


def test_what_changes_while_it_is_read_is_refused(file: Path) -> None:
    def read() -> bytes:
        content = file.read_bytes()
        file.write_bytes(b"what a script left behind")
        return content

    with pytest.raises(CheckpointError, match="was changed"):
        Seen.of([file]).held(read)()


def test_another_file_in_its_place_and_none(file: Path) -> None:
    seen, status = Seen.of([file]), file.stat()
    other = file.with_name("other")
    other.write_bytes(b"weights")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)
    with pytest.raises(CheckpointError, match="was changed"):
        seen.held(file.read_bytes)()
    file.unlink()
    with pytest.raises(CheckpointError, match="was removed"):
        seen.held(file.read_bytes)()


def test_an_error_of_reading_stays_where_nothing_changed(file: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        Seen.of([file]).held(lambda: 1 / 0)()
