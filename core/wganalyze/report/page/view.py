"""What a page shows of one report: read once, with the places that links lead to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.report.headlines import of_one_setting
from wganalyze.report.listing import listed
from wganalyze.report.page.tables import AnalyzerTable, analyzer_tables
from wganalyze.report.questions.trajectories import Trajectory as Run
from wganalyze.report.questions.trajectories import trajectories

if TYPE_CHECKING:
    import pandas as pd

    from wganalyze.report.reading import Report


@dataclass(frozen=True)
class Trajectory:
    """The snapshots of a training run, by step: of one folder, one method, one seed and one critic.

    ``name``: the run's, without the parents that all share. ``labels`` and ``steps`` are of one length.
    """

    name: str
    labels: tuple[str, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """One number with its interval; NaN where there is none."""

    value: float
    low: float
    high: float


NOTHING = Value(math.nan, math.nan, math.nan)


class View:
    """One report of a page. ``prefix``: what the anchors of its section begin with ("r1")."""

    def __init__(self, report: Report, prefix: str, name: str):
        self.report = report
        self.prefix = prefix
        self.name = name
        self._asked: dict[str, Mapping[str, Value]] = {}

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The measurements of the setting that the summary is about, in every space."""
        everything = self.report.measurements
        return of_one_setting(everything, everything, self.report.headlines)

    @cached_property
    def _numbers(self) -> Mapping[str, pd.DataFrame]:
        """By metric, in the space of the summary."""
        rows = self.rows[["snapshot", "metric", "value", "ci_low", "ci_high"]]
        spaces = self.rows["embedding"]
        rows = rows[(self.rows["status"] == "ok") & (spaces.isna() | spaces.isin(self.report.spaces[:1]))]
        return {str(metric): group for metric, group in rows.groupby("metric", sort=False)}

    def _values(self, metric: str) -> Mapping[str, Value]:
        """By snapshot."""
        if metric not in self._asked:
            self._asked[metric] = {}
            if metric in self._numbers:
                rows = self._numbers[metric].drop_duplicates("snapshot")
                numbers = rows[["value", "ci_low", "ci_high"]].astype(float).to_numpy().tolist()
                labels = rows["snapshot"].tolist()
                self._asked[metric] = {str(k): Value(*v) for k, v in zip(labels, numbers, strict=True)}
        return self._asked[metric]

    def value(self, label: str, metric: str) -> Value:
        """A number of a snapshot; NaN where there is none."""
        return self._values(metric).get(label, NOTHING)

    @cached_property
    def declared(self) -> Mapping[str, Mapping[str, Any]]:
        """What run.json says of each metric, by name; of two analyzers the first."""
        found: dict[str, Mapping[str, Any]] = {}
        for metrics in self.report.run.get("metrics", {}).values():
            for metric in metrics:
                found.setdefault(metric["name"], metric)
        return found

    @cached_property
    def labels(self) -> list[str]:
        """The snapshots, in the order of the summary."""
        return [str(label) for label in self.report.summary["snapshot"]]

    @cached_property
    def listed(self) -> list[str]:
        """Those of them that get a line of their own."""
        return listed(self.labels, (run.steps for run in self._runs))

    @property
    def left_out(self) -> int:
        """How many get none."""
        return len(self.labels) - len(self.listed)

    @cached_property
    def _runs(self) -> list[Run]:
        return trajectories(self.report)

    @cached_property
    def trajectories(self) -> list[Trajectory]:
        """The training runs whose snapshots have a step, in the order of the summary."""
        place = {label: at for at, label in enumerate(self.labels)}
        found: list[tuple[str, dict[str, int]]] = []
        for run in self._runs:
            steps = {label: step for label, step in run.steps.items() if step is not None and label in place}
            if steps:
                found.append((self._place(run), steps))
        found.sort(key=lambda each: min(place[label] for label in each[1]))
        names = short_names([where for where, _ in found], self.name)
        return [Trajectory(name, (*steps,), (*steps.values(),)) for name, (_, steps) in zip(names, found, strict=True)]

    def _place(self, run: Run) -> str:
        """The folder of a run; where it shares it, what tells it from the others is as a folder in it."""
        folder = run.last.rpartition("/")[0]
        apart = run.name.removeprefix(folder or self.report.path.name).strip(" ()").replace(") (", ", ")
        return "/".join(filter(None, (folder, apart)))

    @cached_property
    def tables(self) -> list[AnalyzerTable]:
        """Every number of the snapshots that are listed, by analyzer."""
        return analyzer_tables(self.rows, self.report.run.get("metrics", {}), self.listed, self.prefix)

    @cached_property
    def _places(self) -> Mapping[tuple[str, str], str]:
        places: dict[tuple[str, str], str] = {}
        for table in self.tables:
            for grid in table.grids:
                for row in grid.rows:
                    for column, cell in zip(grid.columns, row.cells, strict=True):
                        if cell.anchor:
                            places.setdefault((row.label, column.metric), cell.anchor)
        return places

    @cached_property
    def _definitions(self) -> Mapping[str, str]:
        places: dict[str, str] = {}
        for table in self.tables:
            for definition in table.definitions:
                places.setdefault(definition.metric, definition.anchor)
        return places

    def evidence(self, label: str, names: Sequence[str]) -> list[tuple[str, str]]:
        """What something rests on: (name, anchor of its number in a table); "" where it is no number of the page."""
        return [(name, self._places.get((label, name), self._definitions.get(name, ""))) for name in names]


def whole(step: Any) -> int | None:
    """A step as pandas has it; None where there is none."""
    return None if step is None or step != step else int(step)


def short_names(folders: Sequence[str], whole: str) -> list[str]:
    """Folders without the parents that they share; ``whole`` (or a dot) for the one that is left empty."""
    parts = [folder.split("/") for folder in folders]
    shared = 0
    while parts and len({(*each[: shared + 1],) for each in parts}) == 1 and all(len(p) > shared + 1 for p in parts):
        shared += 1
    names = ["/".join(each[shared:]) for each in parts]
    return [name or (whole if whole not in names else ".") for name in names]


def report_names(paths: Sequence[Path]) -> list[str]:
    """What the page calls each report: its folder, with as many parents as tell it from the others."""
    for depth in range(1, max([1, *(len(path.parts) for path in paths)]) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len({*names}) == len(names) and not any(name in ("report", "") for name in names):
            return names
    return [str(path) for path in paths]
