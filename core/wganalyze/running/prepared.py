"""A run that was prepared for workers: its plan in the report, and what one worker does of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wganalyze.cells.executors.board import Board
from wganalyze.cells.executors.events import Task
from wganalyze.cells.loading import NOBODY
from wganalyze.cells.measuring import Question
from wganalyze.contracts.samples import Preprocessing
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import StoreError, UsageError, WganalyzeError
from wganalyze.remote.path import location
from wganalyze.report.layout import Layout
from wganalyze.report.reading import Report, open_report
from wganalyze.report.store import CellStore, slot, write_atomically
from wganalyze.running.basis import find_basis, tell_problems
from wganalyze.running.choosing import choose_device
from wganalyze.running.elsewhere import Decided, Elsewhere
from wganalyze.running.opened import nothing_found, open_request
from wganalyze.running.progress import Progress, Silent
from wganalyze.running.request import Request
from wganalyze.running.run import Run, new_id
from wganalyze.settings import defaults
from wganalyze.settings.config import from_command_line

PREPARED = "prepared"


@dataclass(frozen=True)
class Prepared:
    """The plan of a run.

    ``path``, ``texts``, ``folder``: as the command line said it, and where. ``tasks``: all of its cells.
    """

    path: str
    texts: Mapping[str, Any]
    command: Sequence[str]
    folder: str
    run_id: str
    decided: Mapping[str, Any] | None
    hurried: bool
    tasks: Sequence[Task]

    @classmethod
    def read(cls, report: Path) -> Prepared:
        """That of a report; UsageError where there is none."""
        file = Layout.of(report).tasks
        try:
            content = json.loads(file.read_text())
            return cls(**{**content, "tasks": [Task(*task) for task in content["tasks"]]})
        except FileNotFoundError:
            raise UsageError(f"{report}: holds no prepared run; wganalyze run PATH --prepare makes one") from None
        except StoreError:
            raise
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(f"{file}: is damaged; prepare the run again") from None

    def write(self, report: Path) -> None:
        """Put the plan into the report."""
        content = {**asdict(self), "tasks": [[task.snapshot, task.question] for task in self.tasks]}
        write_atomically(Layout.of(report).tasks, json.dumps(content, indent=0, default=str).encode())

    def request(self, report: Path) -> Request:
        """What was asked for, with the report where this machine sees it."""
        texts = {name: tuple(text) if isinstance(text, list) else text for name, text in self.texts.items()}
        said = from_command_line({**texts, "out": str(report)})
        return Request(location(self.path), said, self.command)


def prepare(request: Request, texts: Mapping[str, Any], progress: Progress | None = None) -> Report:
    """Open a request, decide about its data, and leave the cells to workers. ``texts``: as the command line said it."""
    progress = progress or Silent()
    for flag in {"jobs", "dask"} & request.said.keys():
        raise UsageError(f"--prepare leaves the cells to workers, each of which is one process: leave --{flag} out")
    if request.said.get("infer", False):
        raise UsageError("--prepare: write the guesses of --infer down first, with wganalyze init --infer")
    opened = open_request(request)
    tell_problems(opened, request, progress)
    if not opened.snapshots:
        raise UsageError(nothing_found(request.path, opened))
    basis, snapshots = find_basis(request, opened, progress)
    run = Run(request, opened, snapshots, basis.questions, basis.deal, basis.device, progress, basis.plan, new_id())
    board = Board(run.store.layout.board)
    run.record.write(status=PREPARED)
    board.clear()
    tasks = [Task(snapshot.label, question.name) for snapshot in snapshots for question in basis.questions]
    decided = None if basis.deal is None else asdict(Decided.of(basis.deal))
    hurried = basis.plan is not None and basis.plan.hurried
    prepared = Prepared(
        str(request.path), texts, [*request.command], str(Path.cwd()), run.run_id, decided, hurried, tasks
    )
    prepared.write(run.store.report)
    return Report(run.store.report)


def work(report: Path, progress: Progress | None = None) -> Report:
    """Compute cells of a prepared run beside other workers, until all are done; the report knows how it went."""
    progress = progress or Silent()
    prepared = Prepared.read(report)
    report = report.resolve()
    request = prepared.request(report)
    try:
        os.chdir(prepared.folder)
    except OSError as error:
        raise WganalyzeError(
            f"{report}: was prepared in {prepared.folder}, which is not there ({error.strerror})"
        ) from None
    opened = open_request(request)
    device = choose_device(request.said.get("device", defaults.DEVICE))
    labels = {task.snapshot for task in prepared.tasks}
    elsewhere = Elsewhere(request, _decided(prepared), device, prepared.run_id, len(labels), prepared.hurried)
    place, by_label = elsewhere.settle(opened)
    tasks = [task for task in prepared.tasks if task.snapshot in by_label]
    if len(tasks) < len(prepared.tasks):
        gone = next(task.snapshot for task in prepared.tasks if task.snapshot not in by_label)
        raise WganalyzeError(f"{gone}: its files are gone since the run was prepared; prepare it again")
    snapshots: list[Snapshot] = [by_label[label] for label in dict.fromkeys(task.snapshot for task in tasks)]
    questions: list[Question] = [*place.questions]
    run = Run(
        request,
        opened,
        snapshots,
        questions,
        place.deal,
        device,
        progress,
        run_id=prepared.run_id,
        shared=place.shared,
        board=Board(Layout.of(report).board),
    )
    return run.execute()


@dataclass(frozen=True)
class Standing:
    """How far a run is. ``tally``: cells by status; ``at_work``: those being computed, by whom; ``cells``: of all."""

    status: str
    cells: int
    tally: Counter[str]
    at_work: Mapping[Task, str]

    @property
    def left(self) -> int:
        """Cells that nobody has begun."""
        return max(0, self.cells - sum(self.tally.values()) - len(self.at_work))


def standing(report: Path) -> Standing:
    """How far the last run of a report is; UsageError where the folder is none."""
    prepared = Prepared.read(report) if Layout.of(report).tasks.is_file() else None
    run = (Report(report) if prepared else open_report(report)).run
    status = str(run["status"])
    if prepared is None or run["run_id"] != prepared.run_id:  # another one has gone on since
        tally = _by_cell(report)
        return Standing(status, max(int(run.get("planned", 0)), sum(tally.values())), tally, {})
    board = Board(Layout.of(report).board)
    tally, at_work = board.tally(prepared.tasks), board.at_work(prepared.tasks)
    done = sum(tally.values()) == len(prepared.tasks)
    return Standing("complete" if done else status, len(prepared.tasks), tally, at_work)


def _by_cell(report: Path) -> Counter[str]:
    """The planned cells that are in the store, by status; one that is not ok has a single row, of no metric."""
    rows = open_report(report).measurements
    rows = rows[rows["metric"] == ""]
    others = {cell.partition("~")[0]: status for cell, status in zip(rows["cell"], rows["status"], strict=True)}
    store = CellStore(report)
    keys = [key for place, key in store.plan.items() if place != slot(place.partition("\t")[0], NOBODY)]
    found = ["ok" if store.has(key) else others.get(key) for key in keys]
    return Counter(status for status in found if status is not None)


def _decided(prepared: Prepared) -> Decided | None:
    if prepared.decided is None:
        return None
    scale = prepared.decided["preprocessing"]
    preprocessing = Preprocessing(tuple(scale["shift"]), tuple(scale["scale"]), scale["name"])
    assumptions = tuple(prepared.decided["assumptions"])
    return Decided(**{**prepared.decided, "preprocessing": preprocessing, "assumptions": assumptions})
