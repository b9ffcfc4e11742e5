"""A report as series over training steps: one for each trajectory, analyzer, metric and space."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.terms import PIXELS
from wganalyze.errors import UsageError
from wganalyze.report.headlines import of_one_setting
from wganalyze.text import one_line

if TYPE_CHECKING:
    import pandas as pd

    from wganalyze.report.reading import Report

TOLD_APART_BY = ("mode", "n", "space", "method")
"""What tells the numbers apart that one metric has at one snapshot."""
LONGEST = 500
"""Characters of a fact."""


@dataclass(frozen=True)
class Point:
    """A number at a step; ``low``, ``high``: ends of its interval, None where it has none."""

    step: int
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """The numbers of one metric along one trajectory.

    ``run``: the trajectory, the folder that its snapshots share; the report's name where they lie in none.
    ``name``: "ANALYZER/METRIC", "ANALYZER/METRIC/SPACE" where samples were compared in another space than pixels, and
    what else tells it apart ("minibatch/mbwd/n-16").
    ``points``: by step, each step once.
    """

    run: str
    name: str
    unit: str
    direction: str
    points: Sequence[Point]

    @property
    def has_interval(self) -> bool:
        """Has any of its points one?"""
        return any(point.low is not None and point.high is not None for point in self.points)


@dataclass(frozen=True)
class Exported:
    """What an exporter is given.

    ``name``: of the report's folder. ``facts``: what was said of the run, flat. ``left_out``: snapshots without a step.
    """

    name: str
    series: Sequence[Series]
    facts: Mapping[str, str]
    left_out: Sequence[str] = ()

    def by_run(self) -> dict[str, list[Series]]:
        """The series of each trajectory."""
        runs: dict[str, list[Series]] = {}
        for each in self.series:
            runs.setdefault(each.run, []).append(each)
        return runs


def exported(report: Report, metrics: Sequence[str] = ()) -> Exported:
    """The series of a report; ``metrics``: patterns of names or metrics. UsageError where there is none."""
    name = report.path.resolve().name
    rows = report.measurements
    rows = of_one_setting(rows[(rows["status"] == "ok") & rows["value"].notna()], rows, report.headlines)
    steps = rows["step"].notna()
    left_out = sorted({*rows.loc[~steps, "snapshot"].map(str)} - {*rows.loc[steps, "snapshot"].map(str)})
    series = [each for each in _series(rows[steps], name) if not metrics or _wanted(each.name, metrics)]
    if not series:
        asked = f" of {', '.join(metrics)}" if metrics else ""
        raise UsageError(f"{report.path}: no number{asked} at a training step; wganalyze show {report.path} lists them")
    return Exported(name, series, _facts(report.run), left_out)


def safe(name: str) -> str:
    """A name of letters, digits and ``_ - . /``, which every tracker takes."""
    return re.sub(r"[^\w./-]", "_", name, flags=re.ASCII)


def columns(each: Series, point: Point) -> dict[str, float]:
    """A point as numbers by name: NAME, and NAME/ci_low and NAME/ci_high where it has an interval."""
    ends = {"ci_low": point.low, "ci_high": point.high}
    return {each.name: point.value, **{f"{each.name}/{end}": x for end, x in ends.items() if x is not None}}


def by_step(series: Iterable[Series]) -> dict[int, dict[str, float]]:
    """All numbers of some series at each step, in order."""
    steps: dict[int, dict[str, float]] = {}
    for each in series:
        for point in each.points:
            steps.setdefault(point.step, {}).update(columns(each, point))
    return dict(sorted(steps.items()))


def _series(rows: pd.DataFrame, name: str) -> Iterable[Series]:
    runs = rows.assign(_run=[str(label).rpartition("/")[0] or name for label in rows["snapshot"]])
    runs = runs.assign(_space=runs["embedding"].fillna("").replace(PIXELS, ""))
    for (analyzer, metric, space), group in runs.groupby(["analyzer", "metric", "_space"], sort=False):
        base = [str(part) for part in (analyzer, metric, space) if part]
        apart = _apart(group)
        for key, own in group.groupby(["_run", *apart], sort=False, dropna=False):
            told = [f"{column}-{_short(value)}" for column, value in zip(apart, key[1:], strict=True)]
            points = sorted((_point(row) for row in own.to_dict("records")), key=lambda point: point.step)
            once = {point.step: point for point in points}
            first = own.iloc[0]
            unit, direction = ("" if value is None else str(value) for value in (first["unit"], first["direction"]))
            yield Series(str(key[0]), "/".join([*base, *told]), unit, direction, tuple(once.values()))


def _apart(group: pd.DataFrame) -> list[str]:
    """The columns, as few as will do, in which the numbers of one snapshot differ."""
    chosen: list[str] = []
    for column in TOLD_APART_BY:
        if not group.duplicated(["snapshot", *chosen]).any():
            break
        if group.groupby(["snapshot", *chosen], dropna=False)[column].nunique(dropna=False).max() > 1:
            chosen.append(column)
    return chosen


def _point(row: Mapping[Any, Any]) -> Point:
    ends = [None if x is None or math.isnan(x) else float(x) for x in (row["ci_low"], row["ci_high"])]
    return Point(int(row["step"]), float(row["value"]), *ends)


def _short(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _wanted(name: str, patterns: Sequence[str]) -> bool:
    parts = name.split("/")
    return any(fnmatch.fnmatchcase(name, p) or fnmatch.fnmatchcase(parts[1], p) for p in patterns)


def _facts(run: Mapping[str, Any]) -> dict[str, str]:
    """What run.json says of the data and of the run, as short texts."""
    data = {f"data.{key}": value for key, value in (run.get("data") or {}).items()}
    plain = {
        "run_id": run.get("run_id"),
        "command": " ".join(run.get("command") or ()),
        "device": run.get("device"),
        "wganalyze": (run.get("versions") or {}).get("wganalyze"),
    }
    return {key: one_line(value, LONGEST) for key, value in {**plain, **data}.items() if value not in (None, "")}
