"""Where cells are computed: one snapshot after the other, each cell committed to the report when it is done.

Any process may do so for any cell; what becomes of it is told to the one that keeps the report's plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wganalyze.cells.key import cell_key, unkeyed
from wganalyze.cells.measuring import Outcome, Question, failed, for_run, measure, tables_of
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.report.store import CellStore
from wganalyze.study.dealing import Deal
from wganalyze.study.sharing import Cache
from wganalyze.study.study import SnapshotStudy
from wganalyze.transport.limits import MEMORY_BYTES, within_memory

Forbids = Callable[[Question], BaseException | None]
"""Why a cell is not to be computed now, where it is not."""


def nothing_forbidden(_: Question) -> None:
    """Every cell may be computed."""


@dataclass(frozen=True)
class Looked:
    """A snapshot was loaded: the keys of its cells by question, and what is assumed of it until now."""

    snapshot: str
    keys: Mapping[str, str]
    assumptions: tuple[str, ...]


@dataclass(frozen=True)
class Computed:
    """A cell is in the store. ``outcome``: what became of it, without its numbers; None: it was there already."""

    snapshot: str
    question: str
    key: str
    outcome: Outcome | None
    assumptions: tuple[str, ...]


@dataclass
class Workplace:
    """What the cells of a run stand on, and the snapshot that is being looked at.

    ``many``: snapshots of the report. ``shared``: what is computed once for the data. ``memory``: bytes that a
    transport problem may take.
    """

    store: CellStore
    questions: Sequence[Question]
    deal: Deal | None
    device: str
    run_id: str
    many: int = 1
    shared: Cache = field(default_factory=dict)
    forbids: Forbids = nothing_forbidden
    memory: int = MEMORY_BYTES
    _study: SnapshotStudy | None = None
    _asked: Mapping[str, tuple[Question, BaseException | None]] = field(default_factory=dict)
    _keys: Mapping[str, tuple[str, BaseException | None]] = field(default_factory=dict)

    @property
    def current(self) -> str:
        """The label of the snapshot that is loaded; "" for none."""
        return "" if self._study is None else self._study.snapshot.label

    def look(self, snapshot: Snapshot) -> Looked:
        """Load a snapshot in the place of the one before it, and find the keys of its cells."""
        self.leave()
        if self.deal is not None:
            snapshot = self.deal.marked(snapshot)
        self._study = study = SnapshotStudy(snapshot, self.deal, self.shared, self.device)
        asked = [for_run(question, self.many) for question in self.questions]
        self._asked = {question.name: (question, fault) for question, fault in asked}
        self._keys = {name: _key(study, question, fault) for name, (question, fault) in self._asked.items()}
        return Looked(snapshot.label, {name: key for name, (key, _) in self._keys.items()}, study.assumptions)

    def compute(self, name: str) -> Computed:
        """The cell of a question about the snapshot that was looked at; OSError where it cannot be written."""
        assert self._study is not None
        study, (question, _), (key, fault) = self._study, self._asked[name], self._keys[name]
        outcome: Outcome | None = None
        if fault is not None or not self.store.has(key):
            fault = fault or self.forbids(question)
            with within_memory(self.memory):
                outcome = measure(study, question) if fault is None else failed(fault)
            outcome = self._committed(study, question, key, outcome)
        return Computed(study.snapshot.label, name, key, outcome, study.assumptions)

    def leave(self) -> None:
        """Forget the snapshot and its networks."""
        if self._study is not None:
            self._study.snapshot.release()
        self._study = None

    def lost(self, snapshot: Snapshot, question: Question, key: str | None, error: BaseException) -> Computed:
        """A failed cell, for one whose process died; no network is touched, since that may have been the reason."""
        bare = replace(snapshot, make_generator=None, make_critic=None)
        study = SnapshotStudy(bare, self.deal, {}, self.device)
        key = key or unkeyed(study, question.name)
        outcome = self._committed(study, question, key, failed(error))
        return Computed(snapshot.label, question.name, key, outcome, ())

    def _committed(self, study: SnapshotStudy, question: Question, key: str, outcome: Outcome) -> Outcome:
        """The outcome, in the store: failed where its tables cannot be made."""
        name = self.store.next_name(key, outcome.status)
        try:
            tables = tables_of(outcome, study, question, self.run_id, name)
        except (Exception, SystemExit) as error:
            outcome = failed(error, outcome.seconds)
            name = self.store.next_name(key, outcome.status)
            tables = tables_of(outcome, study, question, self.run_id, name)
        self.store.commit(name, tables)
        return replace(outcome, measurements=[], findings=[], rows={}, pictures=[])


def _key(study: SnapshotStudy, question: Question, fault: BaseException | None) -> tuple[str, BaseException | None]:
    """The key of a cell, or why there is none: it takes the user's networks, files and data to make it."""
    if fault is not None:
        return unkeyed(study, question.name), fault
    try:
        return cell_key(study, question.analyzer, question.options, question.space), None
    except (Exception, SystemExit) as error:
        return unkeyed(study, question.name), error
