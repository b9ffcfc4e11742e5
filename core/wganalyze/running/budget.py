"""--budget: as many samples and replicates as a whole run can take in a given time, found by trying a few."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wganalyze.cells.measuring import Question, measure
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import WganalyzeError
from wganalyze.settings import defaults
from wganalyze.settings.facts import Said
from wganalyze.study.dealing import Deal
from wganalyze.study.sharing import Cache
from wganalyze.study.study import SnapshotStudy

SMALLEST, FIRST, LATER = 64, 250, 1000
"""Samples of the trials."""
FEW = 3
"""Replicates below which there are no intervals."""
WANTED = 500
"""Samples that come before more replicates than FEW."""
SHARE = 0.2
"""Of the time, that trials may take."""
SPARE = 0.8
"""Of the time that is left, that the run is planned for."""
ENDLESS = 1e12
GROWTH = 1.5
"""The exponent over n of what grows: networks have 1, solvers up to 2."""


@dataclass(frozen=True)
class Cost:
    """Seconds of a snapshot: those that do not depend on n, and those of n = 1 and FEW replicates, which grow."""

    fixed: float
    growing: float

    @classmethod
    def of(cls, trials: Sequence[tuple[int, float]]) -> Cost:
        """From (n, seconds) with FEW replicates, the least and the largest n; from one of them as if all of it grew."""
        (smallest, less), (n, seconds) = trials[0], trials[-1]
        if n == smallest:
            return cls(0.0, seconds / n**GROWTH)
        growing = max(0.0, (seconds - less) / (n**GROWTH - smallest**GROWTH))
        return cls(max(0.0, less - growing * smallest**GROWTH), growing)

    def run(self, snapshots: int, n: int, replicates: int) -> float:
        """Of a run; what is done once for its data counts as one snapshot more."""
        each: float = self.fixed + self.growing * n**GROWTH * replicates / FEW
        return (snapshots + 1) * each

    def largest(self, snapshots: int, replicates: int, seconds: float) -> int:
        """The largest n for which a run takes so long; 0 where there is none."""
        each = (seconds / (snapshots + 1) - self.fixed) * FEW / replicates
        if each <= 0:
            return 0
        return int(min(each / self.growing, ENDLESS) ** (1 / GROWTH)) if self.growing > 0 else int(ENDLESS)


@dataclass(frozen=True)
class Plan:
    """Sizes of a run. ``fits``: does it end in time? Where it does not, these are the least.

    ``hurried``: are they smaller than one would like, so that analyzers had better do no more than for one snapshot?
    ``note``: what was chosen and why, in a line. ``asked``: a digest of what it was chosen for, see ``asked_for``.
    """

    n: int
    replicates: int
    fits: bool
    hurried: bool
    note: str = ""
    asked: str = ""

    def applied(self, deal: Deal) -> Deal:
        """The deal in these sizes."""
        return replace(deal, n=self.n, replicates=self.replicates, size_note=self.note)

    def told(self, snapshots: int, budget: float, asked: str) -> Plan:
        """The same with its note, as a plan for so many snapshots of this budget."""
        note = f"n = {self.n}, {self.replicates} replicates{', the fewest permutations' if self.hurried else ''}: "
        if self.fits:
            note += f"what {snapshots} snapshots can take in the {budget:g} s of --budget here"
        else:
            note += f"the least that tells something, though {snapshots} snapshots may take over {budget:g} s here"
        return replace(self, note=note, asked=asked)


def choose(cost: Cost, snapshots: int, seconds: float, most: Callable[[int], int], replicates: int | None) -> Plan:
    """The sizes for ``seconds``: n up to what ``most`` gives for a number of replicates, the default of which gives way
    to FEW where that brings n nearer to WANTED; ``replicates``: where their number was said."""

    def n_of(count: int) -> int:
        return min(most(count), cost.largest(snapshots, count, SPARE * seconds))

    counts = [replicates] if replicates is not None else [defaults.REPLICATES, FEW]
    chosen = next((count for count in counts if n_of(count) >= min(WANTED, most(count))), counts[-1])
    least = min(SMALLEST, most(chosen))
    hurried = n_of(chosen) < min(WANTED, most(chosen))
    return Plan(max(n_of(chosen), least), chosen, n_of(chosen) >= least, hurried)


def asked_for(said: Said, deal: Deal, questions: Sequence[Question], device: str) -> str:
    """A digest of what a plan depends on, but for the snapshots: a few more of them keep the sizes of the others."""
    options = [(question.name, repr(question.options)) for question in questions]
    content = [said.get("budget"), said.get("n"), said.get("replicates"), deal.data_id, options, device]
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def within_budget(
    deal: Deal,
    most: Callable[[int], int],
    replicates: int | None,
    budget: float,
    snapshots: Sequence[Snapshot],
    questions: Sequence[Question],
    device: str,
    asked: str = "",
) -> Plan:
    """Sizes with which a run over ``snapshots`` ends in ``budget`` seconds, from now on.

    ``most``: the largest n for a number of replicates; ``replicates``: where their number was said.
    WganalyzeError where no analyzer could measure anything in the trials.
    """
    begun = time.perf_counter()
    top = most(FEW)

    middle = snapshots[len(snapshots) // 2]  # the last may have diverged

    def attempt(n: int) -> tuple[int, float]:
        shared: Cache = {}
        sized = replace(deal, n=n, replicates=FEW)
        _seconds(sized, middle, questions, shared, device)  # imports and compiles, and does what is for all snapshots
        for snapshot in (snapshots[-1], middle):
            seconds, fine = _seconds(sized, snapshot, questions, shared, device)
            if fine:
                return n, seconds
        raise WganalyzeError("--budget: no analyzer could measure anything in the trials; --n 100 instead shows why")

    trials = [attempt(min(SMALLEST, top))]
    for n in (FIRST, LATER):
        smaller, seconds = trials[-1]
        spent = time.perf_counter() - begun
        if smaller >= top or spent + 2 * seconds * (min(n, top) / smaller) ** 0.5 > SHARE * budget:
            break
        trials.append(attempt(min(n, top)))
    left = budget - (time.perf_counter() - begun)
    plan = choose(Cost.of(trials), len(snapshots), left, most, replicates)
    return plan.told(len(snapshots), budget, asked)


def _seconds(
    deal: Deal, snapshot: Snapshot, questions: Sequence[Question], shared: Cache, device: str
) -> tuple[float, bool]:
    """What a snapshot takes, and whether anything could be measured of it."""
    start = time.perf_counter()
    study = SnapshotStudy(deal.marked(snapshot), deal, shared, device)
    try:
        outcomes = [measure(study, question) for question in questions]  # what fails here fails again in its cell
    finally:
        snapshot.release()
    return time.perf_counter() - start, any(outcome.status == "ok" for outcome in outcomes)
