"""What reports measured of training runs, as claims and verdicts read it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.terms import PIXELS
from wganalyze.errors import NotMeasurable

if TYPE_CHECKING:
    import pandas as pd

Fact = float | int | str | bool


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """The snapshots of one training run, in order.

    ``name``: the folder of its snapshots, under its report.
    ``facts``: what its last snapshot says of its trainer, by name ("method", "seed", "arch" ...).
    ``by_step``: the facts of each of its snapshots that has a step, in order.
    """

    name: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    by_step: Mapping[int, Mapping[str, Fact]] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[int, ...]:
        """Of its snapshots."""
        return (*self.by_step,)

    @property
    def method(self) -> str:
        """Which method trained it ("wgan-gp", "gan+sn"); "" where nothing says."""
        return str(self.facts.get("method", ""))

    def said(self, name: str) -> dict[int, float]:
        """A number that its trainer recorded with its checkpoints ("estimate"), by step."""
        found = {step: facts.get(name) for step, facts in self.by_step.items()}
        return {step: float(value) for step, value in found.items() if isinstance(value, int | float)}

    @property
    def seed(self) -> int | None:
        """Of its training, where it is known."""
        seed = self.facts.get("seed")
        return int(seed) if isinstance(seed, int | float) and math.isfinite(seed) else None


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that reports measured on one data set.

    ``data``: its name.
    ``runs``: every training run.
    ``measurements``: the rows of the reports that are ok, with the columns ``run`` (the name of the training run) and
    ``method`` beside those of a report, by step.
    ``tables``: detail tables by name, with the same columns; called when one is needed.
    ``findings``: of the same snapshots, with the same columns; None where nobody has any.
    """

    data: str
    runs: Sequence[TrainingRun]
    measurements: pd.DataFrame
    tables: Callable[[str], pd.DataFrame]
    findings: pd.DataFrame | None = None

    def of(self, *methods: str, **facts: Fact) -> list[TrainingRun]:
        """The runs of any of these methods (of any method, without) whose trainers state these facts."""
        return [
            run
            for run in self.runs
            if (not methods or run.method in methods)
            and all(run.facts.get(name) == value for name, value in facts.items())
        ]

    def methods(self) -> list[str]:
        """Every method of a run, in order of first appearance."""
        return list(dict.fromkeys(run.method for run in self.runs if run.method))

    @cached_property
    def _by_metric(self) -> Mapping[tuple[str, str], pd.DataFrame]:
        grouped = self.measurements.groupby(["analyzer", "metric"], sort=False)
        return {(str(key[0]), str(key[1])): frame for key, frame in grouped}

    def rows(self, metric: str, space: str | None = None) -> pd.DataFrame:
        """The rows of ``analyzer.metric``; NotMeasurable says which analyzer, in which space, would give some.

        ``space``: as --space calls it; None: that of pixels, or of networks, which know no other.
        """
        analyzer, _, name = metric.rpartition(".")
        rows = self._by_metric.get((analyzer, name))
        if rows is not None:
            rows = rows[rows["embedding"].fillna(PIXELS) == (space or PIXELS)]
        if rows is None or rows.empty:
            where = f" --space {space}" if space else ""
            raise NotMeasurable(f"needs {metric}: wganalyze run PATH --only {analyzer}{where}")
        return rows

    def spaces(self, metric: str) -> list[str]:
        """The spaces in which ``analyzer.metric`` was measured, other than that of pixels."""
        analyzer, _, name = metric.rpartition(".")
        rows = self._by_metric.get((analyzer, name))
        return [] if rows is None else [str(each) for each in rows["embedding"].dropna().unique() if each != PIXELS]

    def series(self, metric: str, run: TrainingRun, space: str | None = None) -> pd.Series[float]:
        """Values of a run over its steps; empty where it has none."""
        rows = self.rows(metric, space)
        rows = rows[rows["run"] == run.name].drop_duplicates("step", keep="last")
        return rows.set_index("step")["value"].sort_index()

    def last(self, metric: str, runs: Iterable[TrainingRun], space: str | None = None) -> list[float]:
        """The value at the last step of each of these runs that has one."""
        found = [self.series(metric, run, space) for run in runs]
        return [float(series.iloc[-1]) for series in found if len(series)]

    def row(self, metric: str, run: TrainingRun, space: str | None = None) -> pd.Series[Any]:
        """The whole row of a metric at the last step of a run; NotMeasurable where it has none."""
        rows = self.rows(metric, space)
        rows = rows[rows["run"] == run.name].sort_values("step", kind="stable")
        if rows.empty:
            raise NotMeasurable(f"needs {metric} of {run.name}")
        return rows.iloc[-1]

    def found(self, analyzer: str, run: TrainingRun) -> Mapping[str, str]:
        """What an analyzer found at the last step of a run that it measured, in pixels: messages by code."""
        measured = self.measurements
        measured = measured[(measured["run"] == run.name) & (measured["analyzer"] == analyzer)]
        if self.findings is None or measured.empty:
            return {}
        last = measured.sort_values("step", kind="stable")["snapshot"].iloc[-1]
        rows = self.findings
        rows = rows[(rows["snapshot"] == last) & (rows["analyzer"] == analyzer) & (rows["run"] == run.name)]
        rows = rows[rows["embedding"].fillna(PIXELS) == PIXELS]
        return dict(zip(rows["code"], rows["message"], strict=True))

    def table(self, name: str) -> pd.DataFrame:
        """A detail table ("gradients.steps"); NotMeasurable says which analyzer would give it."""
        rows = self.tables(name)
        if rows.empty:
            raise NotMeasurable(f"needs the table {name}: wganalyze run PATH --only {name.partition('.')[0]}")
        return rows


@dataclass(frozen=True)
class Sentence:
    """One sentence of the verdict on a training run.

    ``text``: in plain words, with its numbers; it begins with a capital and ends with a full stop.
    ``rank``: sentences stand by it; those of strangers come behind ours.
    ``evidence``: the metrics that it rests on.
    """

    text: str
    rank: int = 100
    evidence: tuple[str, ...] = ()
