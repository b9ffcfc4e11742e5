"""The answer to a comparison: each metric with its entries, their differences, and what these rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from wganalyze.report.format import number
from wganalyze.report.questions.asked import Asked
from wganalyze.report.questions.telling_apart import Difference
from wganalyze.report.questions.trajectories import Trajectory
from wganalyze.report.source import Source

if TYPE_CHECKING:
    import pandas as pd

At = Literal["last", "best"] | int
Verdict = Literal["better", "worse", "higher", "lower", "not told apart", ""]


@dataclass(frozen=True)
class Contender:
    """A run at one of its snapshots; ``name``: of the run, under what its report is called beside the others."""

    name: str
    report: Source
    trajectory: Trajectory
    snapshot: str

    @property
    def step(self) -> int | None:
        """Of the snapshot."""
        return self.trajectory.steps[self.snapshot]


@dataclass(frozen=True)
class Setting:
    """Runs that differ by their training seed alone."""

    name: str
    members: Sequence[Contender]

    @property
    def seeds(self) -> list[int] | None:
        """The training seeds, as the trainers state them; None where one does not, or two are one."""
        seeds = [member.trajectory.seed for member in self.members if member.trajectory.seed is not None]
        return seeds if len(seeds) == len(self.members) == len({*seeds}) else None


@dataclass(frozen=True)
class Member:
    """A metric of one training seed of a setting; ``seed``: as its trainer states it."""

    name: str
    snapshot: str
    step: int | None
    seed: int | None
    value: float | None


@dataclass(frozen=True)
class Entry:
    """What is known of a metric of one run, or of one setting over its training seeds.

    ``value``: None where there is none, and ``reason`` says why. ``count``: replicates, or training seeds.
    ``members``: the training seeds; () for a run.
    """

    name: str
    snapshot: str
    step: int | None
    n: int | None
    value: float | None
    low: float | None
    high: float | None
    count: int
    reason: str = ""
    members: Sequence[Member] = ()


@dataclass(frozen=True)
class Compared:
    """An entry less another; ``pvalue``: after Holm's correction, None where there is no test."""

    entry: Entry
    against: Entry
    difference: Difference
    pvalue: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Answered:
    """One metric: its entries, and their differences."""

    asked: Asked
    entries: Sequence[Entry]
    compared: Sequence[Compared]


@dataclass(frozen=True)
class Comparison:
    """The answer, metric by metric.

    ``names``: of the runs or settings, the first is what the others are compared with (unless ``pairs``: all are).
    ``at``: at which snapshot of each run: "best", "last", or a step.
    ``of``: what the intervals are over, "replicates" or "training seeds".
    ``answers``: one for each metric.
    ``notes``: what a reader has to know, a line each.
    """

    names: Sequence[str]
    at: At
    of: str
    pairs: bool
    answers: Sequence[Answered]
    notes: Sequence[str]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each metric and run, and one more for each further difference of a run with ``pairs``."""
        import pandas as pd

        rows = [row for answer in self.answers for row in _rows(answer)]
        return pd.DataFrame(rows).astype({"step": "Int64", "n": "Int64"})

    def _repr_html_(self) -> str:
        return str(self.frame.to_html(index=False, float_format=number, na_rep="-", border=0))


def _rows(answer: Answered) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for entry in answer.entries:
        mine: Sequence[Compared | None] = [each for each in answer.compared if each.entry is entry] or [None]
        for each in mine:
            gap = each.difference if each else None
            rows.append(
                {
                    "metric": answer.asked.metric,
                    "space": answer.asked.space,
                    "direction": answer.asked.direction,
                    "run": entry.name,
                    "snapshot": entry.snapshot or None,
                    "step": entry.step,
                    "n": entry.n,
                    "count": entry.count,
                    "value": entry.value,
                    "ci_low": entry.low,
                    "ci_high": entry.high,
                    "against": each.against.name if each else None,
                    "difference": gap.value if gap else None,
                    "difference_low": gap.low if gap else None,
                    "difference_high": gap.high if gap else None,
                    "pvalue": gap.pvalue if gap else None,
                    "pvalue_holm": each.pvalue if each else None,
                    "method": gap.method or None if gap else None,
                    "verdict": each.verdict or None if each else None,
                }
            )
    return rows
