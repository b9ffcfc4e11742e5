"""A run: its cells, whoever computes them, each committed when it is done, and the plan that says which count."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

from wganalyze.cells.computing import Computed, Forbids, Looked, Workplace, nothing_forbidden
from wganalyze.cells.executors.board import Board
from wganalyze.cells.executors.claiming import by_claims
from wganalyze.cells.executors.events import Begun, Event, Lost, Task
from wganalyze.cells.executors.others import Others
from wganalyze.cells.executors.single import in_this_process
from wganalyze.cells.kept import sweep
from wganalyze.cells.loading import NOBODY, loading_cell
from wganalyze.cells.measuring import Question
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import WganalyzeError
from wganalyze.exit_codes import ExitCode
from wganalyze.report.reading import Report
from wganalyze.report.store import CellStore, slot
from wganalyze.report.views import Views
from wganalyze.running.budget import Plan
from wganalyze.running.elsewhere import Decided, Elsewhere
from wganalyze.running.memory import problem_bytes
from wganalyze.running.opened import Opened
from wganalyze.running.progress import Progress
from wganalyze.running.request import Request
from wganalyze.running.run_json import RunRecord, conclude, describe_run, now
from wganalyze.settings.facts import Said
from wganalyze.study.dealing import Deal
from wganalyze.study.sharing import Cache


def new_id() -> str:
    """Of a run: when it began, and something random."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(3)


@dataclass
class Known:
    """What is known of a snapshot that was loaded; ``left``: cells that are not done."""

    snapshot: Snapshot
    keys: Mapping[str, str]
    left: int
    assumptions: tuple[str, ...] = ()

    def assume(self, more: tuple[str, ...]) -> None:
        """What one process assumed by now; each knows of those things that its own cells took."""
        first, second = sorted([self.assumptions, more], key=len, reverse=True)
        self.assumptions = tuple(dict.fromkeys([*first, *second]))


@dataclass
class Run:
    """One execution of a request.

    ``others``: processes that compute its cells; None: this one. ``board``: where workers say what they have, of whom
    this process is one. ``forbids``: why a cell is not to be computed now.
    ``kept``: the views of earlier runs into the same report, which know what is in it; they are then written at most
    every 30 s. ``many``: snapshots of the report, where this run has a few of them.
    """

    request: Request
    opened: Opened
    snapshots: Sequence[Snapshot]
    questions: Sequence[Question]
    deal: Deal | None
    device: str
    progress: Progress
    plan: Plan | None = None
    run_id: str = field(default_factory=new_id)
    tally: dict[str, int] = field(default_factory=lambda: {"ok": 0, "failed": 0, "skipped": 0, "reused": 0})
    shared: Cache = field(default_factory=dict)
    forbids: Forbids = nothing_forbidden
    kept: Views | None = None
    many: int = 1
    others: Others | None = None
    board: Board | None = None
    known: dict[str, Known] = field(default_factory=dict)
    shown: tuple[str, str] = ("", "")
    hidden: int = 0
    """Good cells of earlier runs whose places failed or skipped ones took."""

    @cached_property
    def store(self) -> CellStore:
        """The cells of the report."""
        return CellStore(self.request.report_path)

    @cached_property
    def views(self) -> Views:
        """The views of the report."""
        return self.kept or Views(self.store)

    @cached_property
    def record(self) -> RunRecord:
        """run.json; UsageError where the folder of the report cannot take it."""
        content = describe_run(self.run_id, self.request, self.opened, self.deal, self.device, self.plan)
        content["planned"] = len(self._tasks)
        return RunRecord.open(self.store.report, self.request.source, content, self.questions)

    def execute(self) -> Report:
        """All cells, in the order of the snapshots."""
        path, record, tally = self.store.report, self.record, self.tally
        self.store.sweep()
        gone = record.gone(snapshot.label for snapshot in self.snapshots)
        if gone:
            more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
            self.progress.note(f"{gone[0]}{more}: the files are gone; what was measured earlier stays in the report")
        self.progress.begin(len(self.snapshots) * len(self.questions))
        status = "interrupted"
        try:
            self._snapshots()
            if self.board is not None:
                self._take_over(self.board)
            status = "complete"
        except OSError as error:
            status = f"stopped: {error.strerror or error}"
            raise WganalyzeError(
                f"{path}: writing stopped ({error.strerror or error}); {tally['ok']} cells of this run are kept, "
                "and the same command goes on from there"
            ) from error
        except WganalyzeError as error:
            status = f"stopped: {error}"
            raise
        finally:
            self._finish(status)
        if tally["reused"]:
            total = sum(tally.values())
            self.progress.note(f"{tally['reused']} of {total} cells were reused from {path}")
        if self.hidden:
            results = "results are" if self.hidden > 1 else "result is"
            self.progress.note(
                f"{self.hidden} earlier {results} kept in {path}, hidden by what failed or was skipped: the command "
                "that gave them shows them again"
            )
        good = tally["ok"] + tally["reused"] and not tally["failed"]
        return Report(path, ExitCode.OK if good else ExitCode.FAILED)

    @property
    def _tasks(self) -> list[Task]:
        """All cells, in the order of the snapshots."""
        return [Task(snapshot.label, question.name) for snapshot in self.snapshots for question in self.questions]

    def _events(self) -> Iterator[Event]:
        """The cells, computed by this process or by several."""
        tasks, many = self._tasks, max(self.many, len(self.snapshots))
        memory = problem_bytes(self.request.said, self.deal)
        if self.others is None:
            place = Workplace(
                self.store,
                self.questions,
                self.deal,
                self.device,
                self.run_id,
                many,
                self.shared,
                self.forbids,
                memory,
            )
            by_label = {snapshot.label: snapshot for snapshot in self.snapshots}
            if self.board is not None:
                return by_claims(self.board, place, by_label, tasks)
            return in_this_process(place, by_label, tasks)
        sweep(self.store.layout.data)
        decided = None if self.deal is None else Decided.of(self.deal)
        hurried = self.plan is not None and self.plan.hurried
        said = {name: value for name, value in self.request.said.items() if name not in ("jobs", "dask")}
        request = replace(self.request, said=cast(Said, said))
        elsewhere = Elsewhere(request, decided, self.device, self.run_id, many, hurried, memory)
        return self.others.compute(self.run_id, elsewhere, tasks, self.progress.note)

    def _snapshots(self) -> None:
        """Have all cells computed, and take in what becomes of them."""
        by_label = {snapshot.label: snapshot for snapshot in self.snapshots}
        with closing(self._events()) as events:  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Begun):
                    self._show(event.task.snapshot, event.task.question)
                elif isinstance(event, Looked):
                    self._looked(by_label[event.snapshot], event)
                elif isinstance(event, Lost):
                    self._take(by_label[event.task.snapshot], self._lost(by_label[event.task.snapshot], event))
                else:
                    self._take(by_label[event.snapshot], event)

    def _take_over(self, board: Board) -> None:
        """What other workers found, who may have been killed before they could say so in the record."""
        for snapshot in self.snapshots:
            tasks = [Task(snapshot.label, question.name) for question in self.questions]
            done = {task.question: found for task in tasks if (found := board.done(task)) is not None}
            known = self.known.setdefault(snapshot.label, Known(snapshot, {}, 0))
            known.keys = {**known.keys, **{name: found.key for name, found in done.items() if found.key}}
            for found in done.values():
                known.assume(found.assumptions)
            self._remember(known)
        self.tally |= board.tally(self._tasks)

    def _show(self, snapshot: str, question: str) -> None:
        """Say which cell the progress is about; with several processes, others may have begun since this one."""
        if self.shown != (snapshot, question):
            self.shown = (snapshot, question)
            self.progress.cell(snapshot, question)

    def _looked(self, snapshot: Snapshot, looked: Looked) -> None:
        known = self.known.setdefault(snapshot.label, Known(snapshot, looked.keys, len(self.questions)))
        known.assume(looked.assumptions)
        places = {slot(snapshot.label, name): key for name, key in looked.keys.items()}
        # An earlier result stays in view until there is another one to take its place.
        self.store.choose({place: key for place, key in places.items() if place not in self.store.plan})
        self._remember(known)

    def _lost(self, snapshot: Snapshot, lost: Lost) -> Computed:
        """A failed cell in the place of one that no process could compute."""
        place = Workplace(self.store, self.questions, self.deal, self.device, self.run_id)
        question = next(each for each in self.questions if each.name == lost.task.question)
        known = self.known.get(snapshot.label)
        key = None if known is None else known.keys[question.name]
        return place.lost(snapshot, question, key, WganalyzeError(lost.reason))

    def _take(self, snapshot: Snapshot, computed: Computed) -> None:
        """Give a cell its place in the plan, and the counts theirs."""
        place, outcome = slot(snapshot.label, computed.question), computed.outcome
        self._show(snapshot.label, computed.question)
        if outcome is not None:
            earlier = self.store.plan.get(place)
            if outcome.status != "ok" and earlier is not None and self.store.has(earlier):
                self.hidden += 1
        self.store.choose({place: computed.key})
        self.tally["reused" if outcome is None else outcome.status] += 1
        if outcome is not None:
            self.views.refresh()
        known = self.known.get(snapshot.label)
        if known is not None:
            known.assume(computed.assumptions)
            known.left -= 1
            if not known.left:
                self._remember(known)
        self.progress.done(outcome)

    def _remember(self, known: Known) -> None:
        """What loading the snapshot showed and what was assumed until now, in the report and in its record."""
        snapshot = known.snapshot
        cells = {name: key for name, key in known.keys.items() if self.store.has(key)}
        assumptions = self.record.assumptions(snapshot, known.assumptions, cells)
        key, tables = loading_cell(snapshot, assumptions, self.run_id)
        if not self.store.has(key):
            self.store.commit(key, tables)
        self.store.choose({slot(snapshot.label, NOBODY): key})
        self.record.remember(snapshot, assumptions, cells)

    def _finish(self, status: str) -> None:
        """Views and record as they stand; a disk that is full here has been reported already."""
        try:
            for known in self.known.values():
                if known.left:
                    self._remember(known)
            written = self.views.refresh(force=self.kept is None)
            self.record.write(status=status, cells=self.tally, finished=now())
            if written and not status.startswith("stopped"):
                conclude(Report(self.store.report), self.opened.host.analyzers.values(), self.progress.note)
        except OSError as error:
            if status == "complete":
                raise WganalyzeError(
                    f"{self.store.report}: the views could not be written ({error.strerror})"
                ) from error
