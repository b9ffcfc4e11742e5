"""The files of a snapshot in another folder: as they are, or one line that says why not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from wganalyze.contracts.snapshot import content_digest
from wganalyze.errors import UsageError
from wganalyze.report.questions.copying import copy_snapshot


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    """run.json of two networks in folders of their own, named relative to where the run was started."""
    for role in ("G", "D"):
        (tmp_path / "ckpt" / role).mkdir(parents=True)
        (tmp_path / "ckpt" / role / "7.pt").write_text(role)
    files = ["ckpt/G/7.pt", "ckpt/D/7.pt"]
    return {"source": str(tmp_path / "ckpt"), "snapshots": [{"label": "7", "files": files}, {"label": "8"}]}


def test_files_of_one_name_stay_apart(record: dict[str, Any], tmp_path: Path) -> None:
    copies = copy_snapshot(record, "7", tmp_path / "best")
    assert {copy.relative_to(tmp_path / "best").as_posix(): copy.read_text() for copy in copies} == {
        "G/7.pt": "G",
        "D/7.pt": "D",
    }
    assert copy_snapshot(record, "7", tmp_path / "best") == copies  # the same once more does no harm


def test_a_file_that_is_gone(record: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "ckpt/D/7.pt").unlink()
    message = r"--copy-to .*: ckpt/D/7.pt, which 7 was read from, is not there any more"
    with pytest.raises(UsageError, match=message):
        copy_snapshot(record, "7", tmp_path / "best")
    assert not (tmp_path / "best").exists()


def test_a_file_that_changed_since_it_was_measured(record: dict[str, Any], tmp_path: Path) -> None:
    files = [tmp_path / "ckpt" / name for name in ("G/7.pt", "D/7.pt")]
    measured = content_digest(files)
    assert copy_snapshot(record, "7", tmp_path / "best", [measured])
    files[1].write_text("trained on")
    with pytest.raises(UsageError, match=r"D/7.pt: not as measured; run wganalyze run again, then best"):
        copy_snapshot(record, "7", tmp_path / "best", [measured])


def test_nothing_is_overwritten(record: dict[str, Any], tmp_path: Path) -> None:
    copy_snapshot(record, "7", tmp_path / "best")
    (tmp_path / "ckpt/G/7.pt").write_text("another")
    with pytest.raises(UsageError, match=re.escape("another 7.pt is there already; name another folder")):
        copy_snapshot(record, "7", tmp_path / "best")
    assert (tmp_path / "best/G/7.pt").read_text() == "G"


def test_a_snapshot_without_files(record: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not say which files 8 was read from"):
        copy_snapshot(record, "8", tmp_path / "best")


def test_a_target_that_is_a_file(record: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "best").write_text("")
    with pytest.raises(UsageError, match=r"--copy-to .*: cannot be written"):
        copy_snapshot(record, "7", tmp_path / "best")
