"""Cells: committed whole or not at all, whatever kills the process, and chosen by the plan."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wganalyze.contracts.picture import Picture
from wganalyze.errors import WganalyzeError
from wganalyze.report import store as store_module
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, PICTURES, table_of
from wganalyze.report.store import CellStore, CellTables, slot, write_atomically

WriteCell = Callable[..., str]
KEY, NEWER = "0" * 32, "1" * 32


def empty() -> CellTables:
    """A cell of no rows."""
    return CellTables(table_of(MEASUREMENTS, []), table_of(FINDINGS, []), {})


def names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {path.name for path in folder.iterdir()}


def dead_pid() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_a_kill_anywhere_in_a_commit_never_parts_a_number_from_its_finding(tmp_path: Path) -> None:
    """SIGKILL before each change on disk, from the first to the last; the program checks the report after each."""
    program = Path(__file__).with_name("kill_everywhere.py")
    run = subprocess.run([sys.executable, str(program), str(tmp_path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    # At least: sweep, plan, draft, two folders, three files, rename, four views.
    assert int(run.stdout) > 20


def test_a_cell_is_committed_with_all_its_tables(report: Path, write_cell: WriteCell) -> None:
    name = write_cell(report, numbers={"m": 1.0}, findings=[{}], details={"rows": [{"x": 2.0}]})
    folder = report / "_cells" / name
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
    assert files == {"measurements.parquet", "findings.parquet", "tables/a.rows.parquet"}
    assert pq.ParquetFile(folder / "measurements.parquet").read().to_pylist()[0]["value"] == 1.0
    assert names(report / "_cells") == {name}


def test_pictures_are_committed_with_the_numbers_of_their_cell(
    report: Path, write_cell: WriteCell, shot: Picture
) -> None:
    name = write_cell(report, numbers={"m": 1.0}, pictures=[shot])
    folder = report / "_cells" / name
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
    assert files == {"measurements.parquet", "findings.parquet", "pictures.parquet"}
    (row,) = pq.ParquetFile(folder / "pictures.parquet").read().to_pylist()
    assert (row["name"], row["png"], row["cell"]) == ("shot", shot.png, name)


def test_the_many_small_files_of_cells_hold_rows_and_little_else(report: Path, write_cell: WriteCell) -> None:
    name = write_cell(report, numbers={"m": 1.0})
    path = report / "_cells" / name / "measurements.parquet"
    store_module.write_table(pq.ParquetFile(path).read(), report / "large.parquet")
    assert path.stat().st_size < 0.8 * (report / "large.parquet").stat().st_size


def test_a_picture_that_cannot_be_written_leaves_no_number(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = store_module.write_table

    def refuse(table: pa.Table, path: Path, *, few: bool = False) -> None:
        if path.name == "pictures.parquet":
            raise OSError("the disk is full")
        write(table, path, few=few)

    monkeypatch.setattr(store_module, "write_table", refuse)
    store = CellStore(report)
    drawn = CellTables(table_of(MEASUREMENTS, []), table_of(FINDINGS, []), {}, table_of(PICTURES, []))
    with pytest.raises(OSError, match="full"):
        store.commit(KEY, drawn)
    assert names(report / "_cells") == set()


def test_a_failed_write_leaves_no_cell_and_no_draft(report: Path) -> None:
    store = CellStore(report)
    details = {"a.rows": table_of({"x": "float64"}, []), "no/such/folder": table_of({"x": "float64"}, [])}
    with pytest.raises(OSError):
        store.commit(KEY, CellTables(table_of(MEASUREMENTS, []), table_of(FINDINGS, []), details))
    assert names(report / "_cells") == set()
    assert not store.has(KEY)


def test_a_cell_never_changes_and_the_quicker_of_two_runs_wins(report: Path, write_cell: WriteCell) -> None:
    name = write_cell(report, numbers={"m": 1.0})
    write_cell(report, numbers={"m": 2.0})
    cell = pq.ParquetFile(report / "_cells" / name / "measurements.parquet").read().to_pylist()
    assert [row["value"] for row in cell] == [1.0]
    assert names(report / "_cells") == {name}


def test_failed_attempts_are_numbered_and_only_the_last_one_counts(report: Path, write_cell: WriteCell) -> None:
    store = CellStore(report)
    attempts = [write_cell(report, key=KEY, status="failed") for _ in range(3)]
    assert attempts == [f"{KEY}~001", f"{KEY}~002", f"{KEY}~003"]
    assert not store.has(KEY)
    store = CellStore(report)
    assert store.current() == [f"{KEY}~003"]
    assert store.next_name(KEY, "skipped") == f"{KEY}~004"
    write_cell(report, key=KEY)
    assert store.has(KEY)
    assert CellStore(report).current() == [KEY]


def test_the_thousandth_attempt_comes_after_the_999th(report: Path) -> None:
    store = CellStore(report)
    store.choose({slot("s", "a"): KEY})
    for attempt in ("999", "1000"):
        store.commit(f"{KEY}~{attempt}", empty())
    assert store.current() == [f"{KEY}~1000"]
    assert store.next_name(KEY, "failed") == f"{KEY}~1001"


def test_what_others_chose_stays_though_the_file_seems_the_same(report: Path) -> None:
    """As on a network's disk, whose sizes and times lag behind its contents."""
    store, plan = CellStore(report), report / "_plan.json"
    store.choose({slot("s", "a"): "1" * 32})
    seen = plan.stat()
    plan.write_text(plan.read_text().replace("1" * 32, "2" * 32))  # by another machine
    os.utime(plan, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    store.choose({slot("s", "b"): "3" * 32})
    assert CellStore(report).plan == {slot("s", "a"): "2" * 32, slot("s", "b"): "3" * 32}


def test_a_newer_key_leaves_the_views_and_not_the_disk(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, key=KEY)
    write_cell(report, "other", key="2" * 32)
    store = CellStore(report)
    store.choose({slot("s", "a"): NEWER})
    # Planned and not computed yet: the old numbers are not those of the plan.
    assert CellStore(report).current() == ["2" * 32]
    write_cell(report, key=NEWER)
    assert CellStore(report).current() == [NEWER, "2" * 32]
    assert CellStore(report).has(KEY)
    # And back: nothing is computed again.
    CellStore(report).choose({slot("s", "a"): KEY})
    assert CellStore(report).current() == [KEY, "2" * 32]


def test_the_plan_is_written_only_where_it_changes(report: Path) -> None:
    store = CellStore(report)
    store.choose({slot("s", "a"): KEY})
    before = (report / "_plan.json").stat()
    store.choose({slot("s", "a"): KEY})
    assert (report / "_plan.json").stat().st_ino == before.st_ino
    store.choose({slot("s", "b"): KEY})
    assert json.loads((report / "_plan.json").read_text()) == {"slots": {"s\ta": KEY, "s\tb": KEY}}
    # Two slots may share a cell.
    store.commit(KEY, empty())
    assert store.current() == [KEY]


def test_a_report_without_cells_has_none(report: Path) -> None:
    store = CellStore(report)
    assert store.current() == []
    assert not store.has(KEY)
    assert store.next_name(KEY, "failed") == f"{KEY}~001"
    store.sweep()


@pytest.mark.parametrize("text", ["", "{", '{"slots": 3}', "[]", '{"other": {}}'])
def test_a_damaged_plan_is_said_in_one_line(text: str, report: Path) -> None:
    (report / "_plan.json").write_text(text)
    with pytest.raises(WganalyzeError, match=r"plan\.json: is damaged; delete it and run again") as caught:
        CellStore(report)
    assert "\n" not in str(caught.value)


def test_a_deleted_plan_finds_the_cells_again(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, key=KEY)
    (report / "_plan.json").unlink()
    store = CellStore(report)
    assert store.has(KEY)
    store.choose({slot("s", "a"): KEY})
    assert store.current() == [KEY]


def test_the_drafts_of_dead_runs_are_swept(report: Path, write_cell: WriteCell) -> None:
    name = write_cell(report, key=KEY)
    for folder in ("measurements", "_findings", "_tables/a.rows"):
        (report / folder).mkdir(parents=True)
    dead = dead_pid()
    (report / "_cells" / f".{NEWER}.{dead}" / "tables").mkdir(parents=True)
    drafts = [
        f"_cells/.{NEWER}.{dead}/findings.parquet",
        f"._plan.json.{dead}",
        f"._run.json.{dead}",
        f"measurements/.part-0.parquet.{dead}",
        f"_tables/a.rows/.part-0.parquet.{dead}",
        # A draft of this very process's number was left by an earlier one that had it.
        f"_findings/.part-0.parquet.{os.getpid()}",
    ]
    for draft in drafts:
        (report / draft).write_text("half")
    CellStore(report).sweep()
    left = {path.relative_to(report).as_posix() for path in report.rglob(".*")}
    assert left == set()
    assert CellStore(report).current() == [name]


def test_what_others_own_is_not_swept(report: Path) -> None:
    (report / "_cells").mkdir()
    kept = [f"_cells/.{KEY}.{os.getppid()}", "_cells/.DS_Store", ".gitignore", f".notes.{dead_pid()}"]
    for name in kept:
        (report / name).write_text("mine")
    CellStore(report).sweep()
    assert {path.relative_to(report).as_posix() for path in report.rglob(".*")} == set(kept)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == {"file.json"}
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError):
        write_atomically(path, b"three")
    assert names(tmp_path) == {"file.json"}
