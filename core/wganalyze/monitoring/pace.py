"""What fits into the time of a call: which analyzers, on how many samples; found once by trying, and kept."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from wganalyze.cells.measuring import Question, for_run, measure
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.report.store import write_atomically
from wganalyze.running.basis import Basis
from wganalyze.running.budget import FEW, FIRST, GROWTH, SMALLEST, SPARE, Cost, asked_for, choose
from wganalyze.running.sizes import largest_n
from wganalyze.settings.facts import Said
from wganalyze.study.study import SnapshotStudy


@dataclass(frozen=True)
class Pace:
    """What the calls of a monitor do.

    ``seconds``: of each analyzer on the fewest samples, by name, in the order in which they run. ``left_out``: of those
    that do not fit.
    ``n``, ``replicates``: 0 without data. ``asked``: a digest of what it was found for.
    """

    asked: str
    seconds: Mapping[str, float]
    left_out: Mapping[str, float] = field(default_factory=dict)
    n: int = 0
    replicates: int = 0

    def applied(self, basis: Basis, budget: float) -> Basis:
        """The basis with these analyzers and sizes."""
        questions = [question for question in basis.questions if question.name in self.seconds]
        deal = basis.deal
        if deal is not None:
            note = f"n = {self.n}, {self.replicates} replicates: what fits into {budget:g} s a call"
            deal = replace(deal, n=self.n, replicates=self.replicates, size_note=note)
        return replace(basis, questions=questions, deal=deal, shared={})  # what is shared is of one size


def find_pace(basis: Basis, snapshot: Snapshot, said: Said, budget: float, file: Path) -> Pace:
    """The pace of an earlier training into the same folder, where the same was asked; else a new one, kept in ``file``.

    Analyzers come in their order, as long as there is time for them on the fewest samples; then there are as many
    samples as fit, unless n was said.
    """
    asked = _asked(basis, said, budget)
    with suppress(OSError, ValueError, TypeError):
        earlier = Pace(**json.loads(file.read_text()))
        if earlier.asked == asked:
            return earlier
    pace = _tried(basis, snapshot, said, budget, asked)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(asdict(pace), indent=1).encode())
    return pace


def _asked(basis: Basis, said: Said, budget: float) -> str:
    if basis.deal is None:
        return repr([budget, [(question.name, repr(question.options)) for question in basis.questions], basis.device])
    return asked_for(Said(**{**said, "budget": budget}), basis.deal, basis.questions, basis.device)


def _tried(basis: Basis, snapshot: Snapshot, said: Said, budget: float, asked: str) -> Pace:
    deal, replicates = basis.deal, said.get("replicates")
    count = replicates or FEW
    free = deal is not None and said.get("n") in (None, "max")

    def most(replicates: int) -> int:
        return 0 if deal is None else largest_n(deal.source, said, deal.stored, replicates)

    def sized(n: int) -> Basis:
        return replace(basis, deal=None if deal is None else replace(deal, n=n, replicates=count), shared={})

    least = 0 if deal is None else min(SMALLEST, most(count)) if free else deal.n
    trial = sized(least)
    questions = [for_run(question, basis.many)[0] for question in basis.questions]
    first = _seconds(trial, snapshot, questions)  # with imports, compiling, and what is done once for all
    seconds: dict[str, float] = {}
    left_out: dict[str, float] = {}
    for name, again in _seconds(trial, snapshot, questions).items():
        spent = min(first[name], again)
        fits = sum(seconds.values()) + spent <= SPARE * budget
        (seconds if fits else left_out)[name] = spent
    fitting = [question for question in questions if question.name in seconds]
    if not free or not fitting:
        return Pace(asked, seconds, left_out, least, 0 if deal is None else count)
    trials = [(least, min(_together(trial, snapshot, fitting) for _ in range(2)))]
    larger = min(FIRST, most(count))
    if larger > least and trials[0][1] * (larger / least) ** GROWTH <= budget:
        trial = sized(larger)
        _together(trial, snapshot, fitting)
        trials.append((larger, min(_together(trial, snapshot, fitting) for _ in range(2))))
    plan = choose(Cost.of(trials), 0, budget, most, replicates)
    return Pace(asked, seconds, left_out, plan.n, plan.replicates)


def _together(basis: Basis, snapshot: Snapshot, questions: Sequence[Question]) -> float:
    return sum(_seconds(basis, snapshot, questions).values())


def _seconds(basis: Basis, snapshot: Snapshot, questions: Sequence[Question]) -> dict[str, float]:
    """What each takes behind those before it, which share their work; what fails here fails again in its cell."""
    deal = basis.deal
    study = SnapshotStudy(snapshot if deal is None else deal.marked(snapshot), deal, basis.shared, basis.device)
    seconds: dict[str, float] = {}
    try:
        for question in questions:
            begun = time.perf_counter()
            measure(study, question)
            seconds[question.name] = time.perf_counter() - begun
    finally:
        snapshot.release()
    return seconds
