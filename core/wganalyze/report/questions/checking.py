"""Does a report hold conditions? For pipelines that train: passed, failed, or undecided within an interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from wganalyze.errors import UsageError
from wganalyze.exit_codes import ExitCode
from wganalyze.report.format import number
from wganalyze.report.one_setting import in_setting_of
from wganalyze.report.questions.asked import Asked, asked, meanings, with_direction
from wganalyze.report.questions.best import best
from wganalyze.report.questions.conditions import Absence, Bound, Condition, Outcome, parse
from wganalyze.report.questions.numbers import Number, missing, numbers
from wganalyze.report.questions.trajectories import trajectories
from wganalyze.report.source import Source

if TYPE_CHECKING:
    import pandas as pd

Which = Literal["last", "best", "all"]
Undecided = Literal["pass", "fail"]


@dataclass(frozen=True)
class Checked:
    """A condition at one snapshot.

    ``number``: that it was put to; None for a condition on findings, and where it was not measured.
    ``reason``: what was found, or why it is not known; "" where the number says all.
    """

    condition: Condition
    snapshot: str
    step: int | None
    number: Number | None
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """The answer.

    ``checked``: the conditions, at each snapshot in question.
    ``undecided``: does a condition that is undecided count as held ("pass") or not ("fail")?
    ``notes``: what a reader has to know, a line each.
    """

    checked: Sequence[Checked]
    undecided: Undecided
    notes: Sequence[str]

    def holds(self, each: Checked) -> bool:
        """Does this one count as held? What was not measured never does."""
        return each.outcome == "passed" or (each.outcome == "undecided" and self.undecided == "pass")

    @property
    def passed(self) -> bool:
        """Do all hold?"""
        return all(map(self.holds, self.checked))

    @property
    def exit_code(self) -> int:
        """Of the command: 0 where all hold, else 1."""
        return ExitCode.OK if self.passed else ExitCode.FAILED

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each condition and snapshot."""
        import pandas as pd

        rows = [
            {
                "condition": each.condition.text,
                "snapshot": each.snapshot,
                "step": each.step,
                "value": each.number.value if each.number else None,
                "ci_low": each.number.low if each.number else None,
                "ci_high": each.number.high if each.number else None,
                "n": each.number.n if each.number else None,
                "outcome": each.outcome,
                "holds": self.holds(each),
                "reason": each.reason,
            }
            for each in self.checked
        ]
        return pd.DataFrame(rows).astype({"step": "Int64", "n": "Int64"})

    def _repr_html_(self) -> str:
        return str(self.frame.to_html(index=False, float_format=number, na_rep="-", border=0))


def check(
    report: Source,
    conditions: Sequence[str],
    *,
    at: Which = "last",
    by: str = "",
    space: str = "",
    undecided: Undecided = "fail",
) -> Check:
    """Put conditions to the last snapshot of each trajectory, to its best ``by`` a metric, or to all snapshots.

    UsageError for a condition that cannot be read, and for a metric that the report does not know.
    """
    if not conditions:
        raise UsageError("there is no condition to check; write one, as 'METRIC < 3.5' or 'no fault'")
    wanted = [(each, _asked(report, each, space)) for each in map(parse, conditions)]
    runs = trajectories(report)
    notes: list[str] = []
    if at == "best":
        chosen = with_direction([report], by, space)
        answer = best(report, f"{chosen.analyzer}.{chosen.metric}", chosen.space or "")
        labels = [ranking.best.label for ranking in answer.trajectories]
        notes.append(f"Checked at the best by {chosen.name}, which was chosen on the samples that it is checked by.")
    else:
        labels = [label for run in runs for label in (run.steps if at == "all" else [run.last])]
    if not labels:
        raise UsageError(f"{report.path}: has no snapshot to check")
    steps = {label: step for run in runs for label, step in run.steps.items()}
    checked = [each for condition, metric in wanted for each in _checked(report, condition, metric, labels, steps)]
    notes += meanings([report], [metric for _, metric in wanted if metric is not None])
    if any(each.outcome == "undecided" for each in checked):
        notes.append(
            "Undecided: the bound lies within the interval, or a failed cell may hide a finding. It counts as "
            f"{'held' if undecided == 'pass' else 'not held'} (--undecided {undecided})."
        )
    return Check(checked, undecided, notes)


def _asked(report: Source, condition: Condition, space: str) -> Asked | None:
    return asked([report], condition.metric, space, "condition") if isinstance(condition, Bound) else None


def _checked(
    report: Source, condition: Condition, metric: Asked | None, labels: Sequence[str], steps: Mapping[str, int | None]
) -> Iterator[Checked]:
    if isinstance(condition, Absence):
        headlines = [each.metric for each in report.headlines]
        findings = in_setting_of(report.findings, report.measurements, headlines)
        yield from (_found(report, findings, condition, label, steps[label]) for label in labels)
        return
    assert metric is not None
    measured = numbers(report, metric)
    for label in labels:
        there = [each for each in measured.get(label, []) if each.value is not None]
        if not there:
            reason = missing(report, metric, label).reason
            yield Checked(condition, label, steps[label], None, "not measured", reason)
        for each in there:
            assert each.value is not None
            outcome = condition.judge(each.value, each.low, each.high)
            yield Checked(condition, label, steps[label], each, outcome, each.variant)


def _found(report: Source, findings: pd.DataFrame, condition: Absence, label: str, step: int | None) -> Checked:
    rows = findings[(findings["snapshot"] == label) & findings["level"].isin(condition.levels)]
    messages = list(dict.fromkeys(str(message) for message in rows["message"]))
    if messages:
        more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
        return Checked(condition, label, step, None, "failed", f"{messages[0]}{more}")
    cells = report.measurements
    broken = cells[(cells["snapshot"] == label) & (cells["status"] == "failed") & (cells["metric"] == "")]
    if len(broken):
        names = ", ".join(dict.fromkeys(str(name) for name in broken["analyzer"]))
        return Checked(condition, label, step, None, "undecided", f"{names} failed: what it would find is not known")
    return Checked(condition, label, step, None, "passed")
