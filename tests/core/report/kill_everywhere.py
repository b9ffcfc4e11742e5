"""Commits a cell and is killed before its first change on disk, then again before its second, and so on.

Run by test_store.py as a program of its own, which forks: ``kill_everywhere.py FOLDER``. Prints the number of kills.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from wganalyze.report.reading import open_report
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, PICTURES, table_of
from wganalyze.report.store import CellStore, CellTables, slot
from wganalyze.report.views import Views

OLD, NEW, OTHER = "0" * 32, "1" * 32, "2" * 32


def cell(key: str, snapshot: str) -> CellTables:
    """Two numbers with a finding, a row of details, and a picture."""
    place = {"run_id": "r", "snapshot": snapshot, "step": 1, "cell": key, "analyzer": "a"}
    numbers = [{**place, "metric": metric, "value": 0.5, "status": "ok", "correction": "holm"} for metric in ("m", "n")]
    finding = {**place, "level": "fault", "code": "c", "message": f"{key} is a warning", "evidence": ["m"]}
    details = {"a.rows": table_of({"cell": "string", "snapshot": "string"}, [place])}
    if key == OLD:
        details["a.dropped"] = details["a.rows"]
    pictures = table_of(PICTURES, [{**place, "name": "p", "caption": key, "png": b""}])
    return CellTables(table_of(MEASUREMENTS, numbers), table_of(FINDINGS, [finding]), details, pictures)


def step(report: Path, key: str, snapshot: str) -> None:
    """What a run does with one cell."""
    store = CellStore(report)
    store.sweep()
    store.choose({slot(snapshot, "a"): key})
    if not store.has(key):
        store.commit(store.next_name(key, "ok"), cell(key, snapshot))
    Views(store).refresh(force=True)


def check(report: Path) -> None:
    """What anybody finds afterwards: plain pandas at once, and whoever opens the report."""
    numbers, findings = (pd.read_parquet(report / view) for view in ("measurements", "_findings"))
    assert set(numbers["cell"]) <= set(findings["cell"]), "a number without its finding"
    assert OTHER in set(numbers["cell"]), "a cell of another slot is lost"
    opened = open_report(report)
    shown = set(opened.measurements["cell"])
    assert shown == set(opened.findings["cell"]) == set(opened.table("a.rows")["cell"])
    assert shown == set(opened.pictures["cell"]), "a number without its picture"
    assert ("a.dropped" in opened.tables) == (OLD in shown), "a table of a cell that left"
    # The slot holds the old cell, the new one, or (planned and not yet committed) none.
    assert shown in ({OLD, OTHER}, {NEW, OTHER}, {OTHER}), shown
    assert (NEW in shown) <= CellStore(report).has(NEW)
    assert CellStore(report).has(OLD)
    assert len(opened.measurements) == 4 * len(shown)
    plain = pd.read_parquet(report / "measurements")
    assert set(plain["cell"]) == shown, "opening brings the views up to date"


def finish(report: Path) -> None:
    """The next run computes what is missing, and leaves nothing behind."""
    step(report, NEW, "s")
    assert set(pd.read_parquet(report / "measurements")["cell"]) == {NEW, OTHER}
    drafts = list(report.rglob(".*"))
    assert not drafts, drafts


def in_child(work: Callable[[], object]) -> int:
    """The wait status of a forked process that does ``work``."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def killed_at(nth: int, work: Callable[[], object]) -> None:
    """Do ``work``, but die before the nth operation that changes a folder; between two of them nothing is visible."""
    changes = 0

    def audit(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        writes = name == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or name in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link"):
            changes += 1
            if changes == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)
    work()


def main(folder: Path) -> None:
    base, report = folder / "base", folder / "report"
    base.mkdir()
    step(base, OLD, "s")
    step(base, OTHER, "other")
    for nth in count(1):
        shutil.rmtree(report, ignore_errors=True)
        shutil.copytree(base, report)
        status = in_child(partial(killed_at, nth, partial(step, report, NEW, "s")))
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            assert in_child(partial(finish, report)) == 0
            print(nth - 1)
            return
        assert os.WTERMSIG(status) == signal.SIGKILL
        if in_child(partial(check, report)) or in_child(partial(finish, report)):
            raise SystemExit(f"killed before change {nth}: the report is not whole")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
