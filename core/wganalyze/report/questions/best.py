"""The best snapshot of each trajectory and of a report, and all that cannot be told from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from wganalyze.errors import WganalyzeError
from wganalyze.report.format import number, where
from wganalyze.report.holm import LEVEL
from wganalyze.report.questions.asked import Asked, with_direction
from wganalyze.report.questions.numbers import (
    Number,
    first_numbers,
    latest_draw,
    missing,
    which_of_several,
    why_without_replicates,
)
from wganalyze.report.questions.telling_apart import chosen_by_others, not_among_the_best
from wganalyze.report.questions.trajectories import Trajectory, trajectories
from wganalyze.report.source import Source

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Candidate:
    """A snapshot among those of which the best is sought.

    ``behind``: by how much it is worse than the best, >= 0.
    ``pvalue``: of "it is as good as the best", corrected over all candidates; None where nothing was tested.
    """

    number: Number
    step: int | None
    behind: float
    pvalue: float | None

    @property
    def label(self) -> str:
        """Of the snapshot."""
        return self.number.snapshot

    @property
    def as_good(self) -> bool | None:
        """Can it not be told from the best? None where nothing was tested."""
        return None if self.pvalue is None else self.pvalue > LEVEL


@dataclass(frozen=True)
class Ranking:
    """Candidates, the best first.

    ``name``: of their trajectory; "" for those of all.
    ``replicates``: that they were told apart by; 0: by their values alone.
    ``honest``: the value of a best candidate that did not choose itself (None without replicates).
    """

    name: str
    candidates: Sequence[Candidate]
    replicates: int
    honest: float | None

    @property
    def best(self) -> Candidate:
        """The one with the best value."""
        return self.candidates[0]

    @property
    def alike(self) -> Sequence[Candidate]:
        """Those that cannot be told from the best."""
        return [each for each in self.candidates[1:] if each.as_good]

    @property
    def worse(self) -> Sequence[Candidate]:
        """Those that are worse than the best."""
        return [each for each in self.candidates[1:] if each.as_good is False]


@dataclass(frozen=True)
class Best:
    """The answer: ``overall`` over all snapshots, ``trajectories`` one for each trajectory.

    ``asked``: the metric that they are ranked by.
    ``notes``: what a reader has to know, a line each.
    """

    asked: Asked
    overall: Ranking
    trajectories: Sequence[Ranking]
    notes: Sequence[str]

    @property
    def label(self) -> str:
        """The best snapshot."""
        return self.overall.best.label

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each snapshot, by trajectory and from the best; ``overall``: as good as the best of all?"""
        import pandas as pd

        of_all = {each.label: each for each in self.overall.candidates}
        rows = [
            {
                "trajectory": ranking.name,
                "snapshot": each.label,
                "step": each.step,
                "metric": self.asked.metric,
                "space": self.asked.space,
                "value": each.number.value,
                "ci_low": each.number.low,
                "ci_high": each.number.high,
                "best": each is ranking.best,
                "behind": each.behind,
                "pvalue": each.pvalue,
                "as_good": each.as_good,
                "overall_best": each.label == self.label,
                "overall_pvalue": of_all[each.label].pvalue,
                "overall_as_good": of_all[each.label].as_good,
            }
            for ranking in self.trajectories
            for each in ranking.candidates
        ]
        return pd.DataFrame(rows).astype({"step": "Int64", "as_good": "boolean", "overall_as_good": "boolean"})

    def _repr_html_(self) -> str:
        return str(self.frame.to_html(index=False, float_format=number, na_rep="-", border=0))


def best(report: Source, by: str = "", space: str = "") -> Best:
    """The best snapshots of a report by a metric (the first headline that has a direction), and those as good.

    UsageError where the metric has no direction; WganalyzeError where no snapshot has a number of it.
    """
    asked = with_direction([report], by, space)
    found = {label: each for label, each in first_numbers(report, asked).items() if each.value is not None}
    draw = latest_draw(report, found.values())
    runs = trajectories(report)
    if draw is None:
        reason = missing(report, asked, runs[-1].last).reason if runs else "it is empty"
        raise WganalyzeError(f"{report.path}: no snapshot has {asked.name} ({reason})")
    one = {label: each for label, each in found.items() if each.draw == draw}
    ranked = [_ranking(run.name, mine, run.steps, asked) for run in runs if (mine := _of(run, one))]
    steps = {label: step for run in runs for label, step in run.steps.items()}
    overall = ranked[0] if len(ranked) == 1 else _ranking("", [*one.values()], steps, asked)
    labels = [*steps]
    other = [label for label in labels if label in found and label not in one]
    absent = [label for label in labels if label not in found]
    notes = [_basis(report, overall, asked), *_flattery(overall, asked)]
    notes += which_of_several(asked, one.values())
    if other:
        notes.append(f"Measured on other samples in an earlier run, and not compared: {where(other)}.")
    if absent:
        reason = missing(report, asked, absent[0]).reason
        notes.append(f"No {asked.name} of {where(absent)}: {reason}.")
    return Best(asked, overall, ranked, notes)


def _of(run: Trajectory, found: Mapping[str, Number]) -> list[Number]:
    return [found[label] for label in run.steps if label in found]


def _ranking(name: str, found: Sequence[Number], steps: Mapping[str, int | None], asked: Asked) -> Ranking:
    sign = 1.0 if asked.direction == "lower" else -1.0
    ordered = sorted(found, key=lambda each: sign * (each.value or 0.0))
    counts = {len(each.values) for each in ordered}
    tested = len(ordered) > 1 and len(counts) == 1 and all(each.replicated for each in ordered)
    pvalues: Sequence[float | None] = [None] * len(ordered)
    honest = None
    if tested:
        values = sign * np.array([each.values for each in ordered])
        pvalues, honest = not_among_the_best(values), sign * chosen_by_others(values)
    first = ordered[0].value or 0.0
    candidates = [
        Candidate(each, steps.get(each.snapshot), sign * ((each.value or 0.0) - first), pvalue)
        for each, pvalue in zip(ordered, pvalues, strict=True)
    ]
    return Ranking(name, candidates, len(ordered[0].values) if tested else 0, honest)


def _basis(report: Source, ranking: Ranking, asked: Asked) -> str:
    """What "cannot be told" rests on, or why nothing was tested."""
    if ranking.replicates:
        return (
            f"Not told apart: its distance from the best may be chance, by a paired t over {ranking.replicates} "
            f"replicates, corrected for {len(ranking.candidates)} snapshots (Bonferroni for the choice, "
            f"Holm; level {LEVEL:.0%})."
        )
    if len(ranking.candidates) == 1:
        return "There is no other snapshot with this number."
    counts = sorted({len(each.number.values) for each in ranking.candidates})
    if counts == [0]:
        why = f"{asked.name}: {why_without_replicates(report)}"
    elif len(counts) > 1:
        why = "its snapshots have different numbers of replicates"
    else:
        why = f"{counts[0]} replicates are too few, run with --replicates 5"
    return f"By value alone: {why}. Nothing says which snapshots differ."


def _flattery(ranking: Ranking, asked: Asked) -> list[str]:
    """The best of many is chosen by the noise of its samples too, unless it is told from all others."""
    if len(ranking.candidates) < 2 or (ranking.replicates and not ranking.alike):
        return []
    value, honest = ranking.best.number.value or 0.0, ranking.honest
    flattering = honest is not None and (honest > value if asked.direction == "lower" else honest < value)
    anew = f" (chosen on the other replicates each time: {number(honest)})" if flattering else ""
    return [
        f"The best of {len(ranking.candidates)} was chosen by the samples that it is measured on: its {number(value)} "
        f"flatters it{anew}; --seed measures it on fresh ones."
    ]
