"""Which numbers are meant by the name that somebody gives to a metric."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from wganalyze.errors import UsageError
from wganalyze.report.holm import DERIVED
from wganalyze.report.source import Source

SENSES = {"lower": "lower is better", "higher": "higher is better", "none": "no direction is better"}
CLOSE = 0.5
NAMED = 3
"""Metrics with a word in their descriptions, at most, for that to say what the word means."""
SHOWN = 12


@dataclass(frozen=True)
class Known:
    """A metric that reports know.

    ``spaces``: in which there are rows of it; () for one that is about no space, or that was never measured.
    ``comparable``: is it a number of a snapshot, and no p-value that is corrected over the others?
    ``measured``: are there rows of it?
    ``headline``: did its analyzer declare it one? ``help``: what it says that it is.
    """

    analyzer: str
    name: str
    direction: str
    unit: str
    spaces: tuple[str, ...]
    comparable: bool
    measured: bool
    headline: bool = False
    help: str = ""

    @property
    def full(self) -> str:
        """With its analyzer."""
        return f"{self.analyzer}.{self.name}"


@dataclass(frozen=True)
class Asked:
    """A metric of one analyzer in one space (None: it is about none); ``name``: as tables call it."""

    analyzer: str
    metric: str
    space: str | None
    direction: str
    unit: str
    name: str

    @property
    def sense(self) -> str:
        """Which way is better, in words."""
        return SENSES.get(self.direction, SENSES["none"])


def known(reports: Iterable[Source]) -> list[Known]:
    """Every metric that was measured or declared, those that were measured first."""
    found: dict[tuple[str, str], Known] = {}
    for report in reports:
        for each in (*_measured(report), *_declared(report)):
            key = (each.analyzer, each.name)
            earlier = found.get(key, each)
            spaces = tuple(dict.fromkeys([*earlier.spaces, *each.spaces]))
            measured, headline = earlier.measured or each.measured, earlier.headline or each.headline
            told = earlier.help or each.help
            found[key] = Known(
                *key, earlier.direction, earlier.unit, spaces, earlier.comparable, measured, headline, told
            )
    return list(found.values())


def _measured(report: Source) -> Iterator[Known]:
    rows = report.measurements
    rows = rows[rows["metric"] != ""]
    order = {space: place for place, space in enumerate(report.spaces)}
    for (analyzer, metric), group in rows.groupby(["analyzer", "metric"], sort=False):
        spaces = sorted((str(space) for space in group["embedding"].dropna().unique()), key=lambda s: order[s])
        row = group.iloc[0]
        pvalue = row["plugin"] == DERIVED or row["correction"] == "holm"
        comparable = not pvalue and not (group["scope"] == "data").all()
        direction, unit = _said(row["direction"]), _said(row["unit"])
        yield Known(str(analyzer), str(metric), direction, unit, tuple(spaces), comparable, measured=True)


def _declared(report: Source) -> Iterator[Known]:
    for analyzer, metrics in (report.run.get("metrics") or {}).items():
        for metric in metrics:
            headline = metric["headline"] is not None
            told = str(metric.get("help") or "")
            yield Known(analyzer, metric["name"], metric["direction"], metric["unit"], (), True, False, headline, told)


def _said(value: Any) -> str:
    return value if isinstance(value, str) else ""


def asked(reports: Sequence[Source], text: str, space: str = "", option: str = "--metric") -> Asked:
    """What ``text`` means, ``METRIC`` or ``ANALYZER.METRIC``, each with ``@SPACE``; else the space of the summary.

    UsageError where it is no metric of these reports (with close names), one of several analyzers, or where it was
    not measured in that space. ``option``: what the error calls the text.
    """
    name, _, own = text.partition("@")
    metrics = known(reports)
    hits = [each for each in metrics if name in (each.name, each.full)]
    hits = [each for each in hits if each.measured] or hits
    if not hits:
        raise UsageError(f"{option} {text}: no metric of the report is called so; {_near(name, metrics)}")
    if len(hits) > 1:
        names = " or ".join(sorted(each.full for each in hits))
        raise UsageError(f"{option} {text}: several analyzers give it; say {names}")
    return _in_space(reports, hits[0], metrics, own, space, f"{option} {text}")


def _in_space(
    reports: Sequence[Source], metric: Known, metrics: Sequence[Known], own: str, space: str, said: str
) -> Asked:
    alone = sum(each.name == metric.name for each in metrics) == 1
    name = metric.name if alone else metric.full
    first = next((s for report in reports for s in report.spaces[:1]), None)
    if not metric.spaces:
        if own:
            raise UsageError(f"{said}: {metric.name} is about no space; leave @{own} out")
        return Asked(metric.analyzer, metric.name, None, metric.direction, metric.unit, name)
    wanted = own or space
    if wanted and wanted not in metric.spaces:
        where = f"was measured in {', '.join(metric.spaces)}"
        raise UsageError(f"{said}: {metric.name} was not measured in the space {wanted!r}; it {where}")
    chosen = wanted or (first if first in metric.spaces else metric.spaces[0])
    shown = name if chosen == first else f"{name}@{chosen}"
    return Asked(metric.analyzer, metric.name, chosen, metric.direction, metric.unit, shown)


def _names(text: str, name: str) -> bool:
    """Is ``name`` a word of the text, as FID is where another metric is told by it?"""
    return bool(name) and re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) is not None


def _near(name: str, metrics: Sequence[Known]) -> str:
    names = list(dict.fromkeys([each.name for each in metrics] + [each.full for each in metrics]))
    told = list(dict.fromkeys(each.name for each in metrics if _names(each.help, name)))
    if 0 < len(told) <= NAMED:
        return f"what names it: {', '.join(told)}"
    near = difflib.get_close_matches(name, names, n=4, cutoff=CLOSE)
    if near:
        return f"close to it: {', '.join(near)}"
    plain = list(dict.fromkeys(each.name for each in sorted(metrics, key=lambda each: not each.headline)))
    more = f" and {len(plain) - SHOWN} more" if len(plain) > SHOWN else ""
    return f"there are: {', '.join(plain[:SHOWN])}{more}" if plain else "it has no numbers"


def meanings(reports: Sequence[Source], wanted: Iterable[Asked]) -> list[str]:
    """What each metric is, a line each: the first sentence of its analyzer; nothing of one that says nothing."""
    told = {(each.analyzer, each.name): each.help.partition(". ")[0].removesuffix(".") for each in known(reports)}
    lines = [(each.name, told.get((each.analyzer, each.metric), "")) for each in wanted]
    return [f"{name}: {text}." for name, text in dict.fromkeys(lines) if text]


def all_asked(reports: Sequence[Source], texts: Sequence[str], space: str = "") -> list[Asked]:
    """What each of ``texts`` means; * in one is a wildcard for the metrics that can be compared."""
    found: dict[Asked, None] = {}
    for text in texts:
        pattern, at, own = text.partition("@")
        wide = "*" in pattern
        where = own or space
        hits = [each for each in known(reports) if fnmatchcase(each.name, pattern)]
        hits = [each for each in hits if each.comparable and each.measured]
        names = [f"{each.full}{at}{own}" for each in hits if not (each.spaces and where) or where in each.spaces]
        for name in names if wide and names else [text]:
            found[asked(reports, name, space)] = None
    return list(found)


def headline_metrics(reports: Sequence[Source], space: str = "") -> list[Asked]:
    """The headlines of the reports, from the left, that are numbers of a snapshot and can be compared."""
    metrics = known(reports)
    found: dict[Asked, None] = {}
    for report in reports:
        for headlined in report.headlines:
            mine = [each for each in metrics if each.name == headlined.metric and each.comparable and each.measured]
            for each in sorted(mine, key=lambda each: not each.headline)[:1]:
                there = space if space in each.spaces else ""
                found.setdefault(_in_space(reports, each, metrics, "", there, ""))
    return list(found)


def with_direction(reports: Sequence[Source], by: str = "", space: str = "") -> Asked:
    """The metric that snapshots are ranked by: ``by``, or the first headline that has a direction.

    UsageError names the metrics that have one.
    """
    if by:
        chosen = asked(reports, by, space, "--by")
        if chosen.direction in ("lower", "higher"):
            return chosen
        raise UsageError(f"--by {by}: does not say which way is better; {_directed(reports)}")
    for each in headline_metrics(reports, space):
        if each.direction in ("lower", "higher"):
            return asked(reports, f"{each.analyzer}.{each.metric}", space, "--by")
    raise UsageError(f"--by: no headline of the report says which way is better; {_directed(reports)}")


def _directed(reports: Sequence[Source]) -> str:
    names = [each.name for each in known(reports) if each.comparable and each.direction in ("lower", "higher")]
    return f"these do: {', '.join(dict.fromkeys(names))}" if names else "no metric of the report does"
