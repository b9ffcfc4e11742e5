"""--budget: as many samples and replicates as a whole run can take in a given time, found by trying a few."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wganalyze.cells.measuring import Question, measure
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.settings import defaults
from wganalyze.study.dealing import Deal
from wganalyze.study.study import Cache, SnapshotStudy

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
    ``note``: what was chosen and why, in a line. ``budget``, ``data_id``: what it was chosen for.
    """

    n: int
    replicates: int
    fits: bool
    hurried: bool
    note: str = ""
    budget: float = 0.0
    data_id: str = ""

    def applied(self, deal: Deal) -> Deal:
        """The deal in these sizes."""
        return replace(deal, n=self.n, replicates=self.replicates, size_note=self.note)

    def told(self, snapshots: int, budget: float, data_id: str) -> Plan:
        """The same with its note, as a plan for so many snapshots of this budget and these data."""
        note = f"n = {self.n}, {self.replicates} replicates{', the fewest permutations' if self.hurried else ''}: "
        if self.fits:
            note += f"what {snapshots} snapshots can take in the {budget:g} s of --budget here"
        else:
            note += f"the least that tells something, though {snapshots} snapshots may take over {budget:g} s here"
        return replace(self, note=note, budget=budget, data_id=data_id)


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


def within_budget(
    deal: Deal,
    most: Callable[[int], int],
    replicates: int | None,
    budget: float,
    snapshots: Sequence[Snapshot],
    questions: Sequence[Question],
    device: str,
) -> Plan:
    """Sizes with which a run over ``snapshots`` ends in ``budget`` seconds, from now on.

    ``most``: the largest n for a number of replicates; ``replicates``: where their number was said.
    """
    begun = time.perf_counter()
    top = most(FEW)

    def attempt(n: int) -> tuple[int, float]:
        shared: Cache = {}
        sized = replace(deal, n=n, replicates=FEW)
        _seconds(sized, snapshots[0], questions, shared, device)  # imports and compiles, and what is for all snapshots
        return n, _seconds(sized, snapshots[-1], questions, shared, device)

    trials = [attempt(min(SMALLEST, top))]
    for n in (FIRST, LATER):
        smaller, seconds = trials[-1]
        spent = time.perf_counter() - begun
        if smaller >= top or spent + 2 * seconds * (min(n, top) / smaller) ** 0.5 > SHARE * budget:
            break
        trials.append(attempt(min(n, top)))
    left = budget - (time.perf_counter() - begun)
    plan = choose(Cost.of(trials), len(snapshots), left, most, replicates)
    return plan.told(len(snapshots), budget, deal.data_id)


def _seconds(deal: Deal, snapshot: Snapshot, questions: Sequence[Question], shared: Cache, device: str) -> float:
    start = time.perf_counter()
    study = SnapshotStudy(deal.marked(snapshot), deal, shared, device)
    try:
        for question in questions:
            measure(study, question)  # what fails here fails again in its cell
    finally:
        snapshot.release()
    return time.perf_counter() - start
