"""A page that is kept current: whole at every moment, and nothing that goes wrong with it ends anything else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wganalyze.errors import UsageError
from wganalyze.monitoring.keeping import REFRESH, KeptPage

HINT = '<meta http-equiv="refresh"'


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """An empty one."""
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "_plan.json").write_text('{"slots": {}}')
    return folder


def test_it_loads_itself_anew_while_more_is_to_come(report: Path, tmp_path: Path) -> None:
    told: list[str] = []
    kept = KeptPage(tmp_path / "run.html", told.append)
    kept.write(report, more=True)
    text = kept.path.read_text()
    assert text.count(f'{HINT} content="{REFRESH}">') == 1
    assert f"every {REFRESH} seconds" in text
    kept.write(report, more=False)
    text = kept.path.read_text()
    assert HINT not in text
    assert "seconds" not in text
    assert "Made by <code>wganalyze watch</code>" in text
    assert told == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are another matter on Windows")
def test_where_there_is_no_room_the_page_of_before_stays(report: Path, tmp_path: Path) -> None:
    import resource

    told: list[str] = []
    kept = KeptPage(tmp_path / "run.html", told.append)
    kept.write(report, more=True)
    before = kept.path.read_text()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        kept.write(report, more=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told == [f"--page {kept.path}: cannot be written (File too large); name another file; it is tried again"]
    assert kept.path.read_text() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    kept.write(report, more=False)
    assert HINT not in kept.path.read_text()


def test_a_report_that_no_page_can_be_made_of_is_a_line(report: Path, tmp_path: Path) -> None:
    told: list[str] = []
    (report / "_plan.json").write_text('{"slots": 3}')
    KeptPage(tmp_path / "run.html", told.append).write(report, more=True)
    (line,) = told
    assert line.startswith(f"--page {tmp_path / 'run.html'}: could not be made (WganalyzeError: ")


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--page .*run.html: there is no folder .*nowhere; make it"):
        KeptPage(tmp_path / "nowhere" / "run.html", print)
