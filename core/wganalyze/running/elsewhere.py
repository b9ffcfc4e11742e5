"""What another process needs to compute cells of a run: the request, and what was decided about its data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from wganalyze.cells.computing import Workplace
from wganalyze.cells.kept import Kept
from wganalyze.cells.key import core_digest, source_digest
from wganalyze.cells.measuring import Question, for_run
from wganalyze.contracts.samples import Preprocessing
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.contracts.terms import PIXELS
from wganalyze.networks.trust import Permission
from wganalyze.report.layout import Layout
from wganalyze.report.store import CellStore
from wganalyze.running.choosing import choose_analyzers
from wganalyze.running.feeds import find_feed
from wganalyze.running.given import find_source
from wganalyze.running.memory import problem_bytes
from wganalyze.running.opened import Opened, open_request
from wganalyze.running.request import Request
from wganalyze.running.spaces import asked_in, find_spaces
from wganalyze.settings.options import make_options
from wganalyze.study.dealing import Deal

CORE = "wganalyze"


@dataclass(frozen=True)
class Decided:
    """A deal without its sources, which every process finds for itself."""

    text: str
    preprocessing: Preprocessing
    n: int
    replicates: int
    seed: int
    held_out: bool | None
    assumptions: tuple[str, ...]
    size_note: str
    stored: int | None
    beside_training: bool

    @classmethod
    def of(cls, deal: Deal) -> Decided:
        """What was decided."""
        return cls(
            deal.text,
            deal.preprocessing,
            deal.n,
            deal.replicates,
            deal.seed,
            deal.held_out,
            deal.assumptions,
            deal.size_note,
            deal.stored,
            deal.trained_on is not None,
        )

    def deal(self, opened: Opened) -> Deal:
        """The same deal, of sources that are found anew."""
        said, host = opened.said, opened.host
        source = find_source(said.get("data"), host)
        training = find_source(said.get("training_data"), host, "--training-data") if self.beside_training else None
        return Deal(
            source,
            self.text,
            self.preprocessing,
            self.n,
            self.replicates,
            self.seed,
            self.held_out,
            self.assumptions,
            self.size_note,
            self.stored,
            training,
            find_feed(said, host, source),
        )


@dataclass(frozen=True)
class Elsewhere:
    """A run, told to another process.

    ``hurried``: are analyzers asked as for one snapshot (see ``Plan``)? ``memory``: what a problem may take there;
    None: as the request says of a process that is alone.
    """

    request: Request
    decided: Decided | None
    device: str
    run_id: str
    many: int
    hurried: bool
    memory: int | None = None

    def __call__(self) -> tuple[Workplace, Mapping[str, Snapshot]]:
        """The workplace there, and the snapshots by label. WganalyzeError where the files are not what they were."""
        return self.settle(open_request(self.request))

    def settle(self, opened: Opened) -> tuple[Workplace, Mapping[str, Snapshot]]:
        """The same, where the request is opened."""
        said = self.request.said
        questions, _ = choose_analyzers(opened.said, opened.host)
        permission = Permission(said.get("trust", False), tuple(said.get("allow", ())))
        spaces = find_spaces(opened.said.get("space", (PIXELS,)), opened.host, opened.snapshots, permission)
        questions = [*asked_in(questions, spaces)]
        if self.hurried:
            questions = [for_run(question, 1)[0] for question in questions]
        deal = None if self.decided is None else self.decided.deal(opened)
        store = CellStore(self.request.report_path)
        asked = [for_run(question, self.many)[0] for question in questions]
        kept = Kept(Layout.of(store.report).data, context(deal, asked, self.device), packages_of(questions))
        memory = problem_bytes(said, deal) if self.memory is None else self.memory
        workplace = Workplace(store, questions, deal, self.device, self.run_id, self.many, kept, memory=memory)
        return workplace, {snapshot.label: snapshot for snapshot in opened.snapshots}


def context(deal: Deal | None, questions: Sequence[Question], device: str) -> str:
    """A digest of what the quantities of the data depend on: data, sizes, options, the code of core and analyzers."""
    analyzers = sorted({source_digest(question.analyzer) for question in questions})
    usual = {question.name: make_options(question.analyzer, {}) for question in questions}
    options = sorted([q.name, repr(q.options)] for q in questions if q.options != usual[q.name])
    content: list[object] = [version(CORE), core_digest(), analyzers, options, device.partition(":")[0]]
    if deal is not None:
        held = None if deal.feed is None else deal.feed.start
        content += [deal.data_id, deal.n, deal.replicates, deal.seed, deal.fit_size, deal.training_id, held]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def packages_of(questions: Sequence[Question]) -> frozenset[str]:
    """The packages that what analyzers compute is made of."""
    return frozenset([CORE, *(question.analyzer.__module__.partition(".")[0] for question in questions)])
