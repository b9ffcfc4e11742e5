"""A run: its cells, one snapshot after the other, each committed when it is done."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from wganalyze.cells.key import cell_key, unkeyed
from wganalyze.cells.loading import NOBODY, loading_cell
from wganalyze.cells.measuring import Question, failed, measure, tables_of
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import WganalyzeError
from wganalyze.exit_codes import ExitCode
from wganalyze.report.reading import Report
from wganalyze.report.store import CellStore, slot
from wganalyze.report.views import Views
from wganalyze.running.budget import Plan
from wganalyze.running.choosing import for_run
from wganalyze.running.opened import Opened
from wganalyze.running.progress import Progress
from wganalyze.running.request import Request
from wganalyze.running.run_json import RunRecord, conclude, describe_run, now
from wganalyze.study.dealing import Deal
from wganalyze.study.study import Cache, SnapshotStudy

Forbids = Callable[[Question], BaseException | None]
"""Why a cell is not to be computed now, where it is not."""


def nothing_forbidden(_: Question) -> None:
    """Every cell may be computed."""


def _new_id() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(3)


@dataclass
class Run:
    """One execution of a request.

    ``forbids``: why a cell is not to be computed now. ``kept``: the views of earlier runs into the same report, which
    know what is in it; they are then written at most every 30 s. ``many``: snapshots of the report, where this run has
    a few of them.
    """

    request: Request
    opened: Opened
    snapshots: Sequence[Snapshot]
    questions: Sequence[Question]
    deal: Deal | None
    device: str
    progress: Progress
    plan: Plan | None = None
    run_id: str = field(default_factory=_new_id)
    tally: dict[str, int] = field(default_factory=lambda: {"ok": 0, "failed": 0, "skipped": 0, "reused": 0})
    shared: Cache = field(default_factory=dict)
    forbids: Forbids = nothing_forbidden
    kept: Views | None = None
    many: int = 1

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
            for snapshot in self.snapshots:
                self._snapshot(snapshot)
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
        good = tally["ok"] + tally["reused"] and not tally["failed"]
        return Report(path, ExitCode.OK if good else ExitCode.FAILED)

    def _snapshot(self, snapshot: Snapshot) -> None:
        if self.deal is not None:
            snapshot = self.deal.marked(snapshot)
        study = SnapshotStudy(snapshot, self.deal, self.shared, self.device)
        questions = [for_run(question, max(self.many, len(self.snapshots))) for question in self.questions]
        keys = {question.name: self._key(study, question, fault) for question, fault in questions}
        places = {name: slot(snapshot.label, name) for name in keys}
        # An earlier result stays in view until there is another one to take its place.
        self.store.choose({places[name]: key for name, (key, _) in keys.items() if places[name] not in self.store.plan})
        self._remember(study, {name: key for name, (key, _) in keys.items()})
        try:
            for question, _ in questions:
                key, fault = keys[question.name]
                self._cell(study, question, key, fault)
        finally:
            self._remember(study, {name: key for name, (key, _) in keys.items()})
            snapshot.release()

    def _key(
        self, study: SnapshotStudy, question: Question, fault: BaseException | None
    ) -> tuple[str, BaseException | None]:
        """The key of a cell, or why there is none: it takes the user's networks, files and data to make it."""
        if fault is not None:
            return unkeyed(study, question.name), fault
        try:
            return cell_key(study, question.analyzer, question.options, question.space), None
        except (Exception, SystemExit) as error:
            return unkeyed(study, question.name), error

    def _cell(self, study: SnapshotStudy, question: Question, key: str, fault: BaseException | None) -> None:
        place = slot(study.snapshot.label, question.name)
        self.progress.cell(study.snapshot.label, question.name)
        if fault is None and self.store.has(key):
            self.store.choose({place: key})
            self.tally["reused"] += 1
            self.progress.done(None)
            return
        fault = fault or self.forbids(question)
        outcome = measure(study, question) if fault is None else failed(fault)
        name = self.store.next_name(key, outcome.status)
        try:
            tables = tables_of(outcome, study, question, self.run_id, name)
        except (Exception, SystemExit) as error:
            outcome = failed(error, outcome.seconds)
            name = self.store.next_name(key, outcome.status)
            tables = tables_of(outcome, study, question, self.run_id, name)
        self.store.commit(name, tables)
        self.store.choose({place: key})
        self.tally[outcome.status] += 1
        self.views.refresh()
        self.progress.done(outcome)

    def _remember(self, study: SnapshotStudy, keys: Mapping[str, str]) -> None:
        """What loading the snapshot showed and what was assumed until now, in the report and in its record."""
        snapshot = study.snapshot
        cells = {name: key for name, key in keys.items() if self.store.has(key)}
        assumptions = self.record.assumptions(snapshot, study.assumptions, cells)
        key, tables = loading_cell(snapshot, assumptions, self.run_id)
        if not self.store.has(key):
            self.store.commit(key, tables)
        self.store.choose({slot(snapshot.label, NOBODY): key})
        self.record.remember(snapshot, assumptions, cells)

    def _finish(self, status: str) -> None:
        """Views and record as they stand; a disk that is full here has been reported already."""
        try:
            written = self.views.refresh(force=self.kept is None)
            self.record.write(status=status, cells=self.tally, finished=now())
            if written and not status.startswith("stopped"):
                conclude(Report(self.store.report), self.opened.host.analyzers.values(), self.progress.note)
        except OSError as error:
            if status == "complete":
                raise WganalyzeError(
                    f"{self.store.report}: the views could not be written ({error.strerror})"
                ) from error
