"""Every number of a report, by analyzer: what each metric is, and its values with snapshots as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wganalyze.report.format import number, spread
from wganalyze.report.holm import corrected_name

if TYPE_CHECKING:
    import pandas as pd

VARIANTS = ("n", "mode", "method", "space", "solver", "n_split", "seed", "data_id")
"""What may tell two numbers of one metric and snapshot apart."""
FACTS = {"n": "n", "space": "space", "method": "method", "ci_method": "interval", "certificate": "certificate"}
MOST_SAID = 2
BETTER = {"lower": "lower is better", "higher": "higher is better"}


@dataclass(frozen=True)
class Definition:
    """What a metric is, as its analyzer declares it, and how its numbers were made.

    ``facts``: (name, text). ``notes``: what a reader has to know beside its numbers.
    """

    metric: str
    anchor: str
    help: str = ""
    unit: str = ""
    better: str = ""
    source: str = ""
    facts: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Column:
    """Of a grid: a metric, and which of several numbers of it; ``anchor``: of its definition."""

    metric: str
    variant: str
    anchor: str


@dataclass(frozen=True)
class Cell:
    """A number as a reader sees it; no ``anchor``: there is none here."""

    text: str = ""
    interval: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Row:
    """A snapshot's numbers."""

    label: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Grid:
    """The numbers of an analyzer in one space ("": in none)."""

    space: str
    columns: Sequence[Column]
    rows: Sequence[Row]


@dataclass(frozen=True)
class AnalyzerTable:
    """All of one analyzer. ``plugin``: what it came with."""

    analyzer: str
    anchor: str
    plugin: str
    definitions: Sequence[Definition]
    grids: Sequence[Grid]
    count: int = 0
    columns: int = field(default=0)


def analyzer_tables(
    rows: pd.DataFrame, declared: Mapping[str, Sequence[Mapping[str, Any]]], labels: Sequence[str], prefix: str
) -> list[AnalyzerTable]:
    """One for each analyzer that has a number or the reason for none, in the order of run.json.

    ``rows``: measurements. ``declared``: metrics by analyzer. ``labels``: snapshots, in their order. ``prefix``: what
    anchors begin with.
    """
    rows = rows[(rows["metric"] != "") & rows["snapshot"].isin(labels)]
    there = [*rows["analyzer"].unique()]
    order = [*(name for name in declared if name in there), *(name for name in there if name not in declared)]
    groups = dict(iter(rows.groupby("analyzer", sort=False)))
    return [
        _table(str(name), groups[name], _metrics(declared.get(name, ())), labels, f"{prefix}-a{at}")
        for at, name in enumerate(order, 1)
    ]


def _metrics(declared: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """By name; a corrected one has a name of its own."""
    found: dict[str, Mapping[str, Any]] = {}
    for metric in declared:
        found[metric["name"]] = metric
        if metric.get("correction") == "holm":
            corrected = {"help": f"{metric['help']} Corrected by Holm over the snapshots of the run."}
            found[corrected_name(metric["name"])] = {**metric, **corrected}
    return found


def _table(
    name: str, rows: pd.DataFrame, metrics: Mapping[str, Mapping[str, Any]], labels: Sequence[str], anchor: str
) -> AnalyzerTable:
    there = [str(each) for each in rows["metric"].unique()]
    order = [*(each for each in metrics if each in there), *(each for each in there if each not in metrics)]
    anchors = {metric: f"{anchor}-m{at}" for at, metric in enumerate(order, 1)}
    by_metric = dict(iter(rows.groupby("metric", sort=False)))
    definitions = [_definition(metric, anchors[metric], by_metric[metric], metrics.get(metric, {})) for metric in order]
    numbers = rows[rows["status"] == "ok"]
    spaces = numbers["embedding"].fillna("")
    grids = [
        _grid(space, numbers[spaces == space], anchors, labels, f"{anchor}-{at}")
        for at, space in enumerate(spaces.unique(), 1)
    ]
    version = rows["plugin_version"].dropna()
    plugin = " ".join([*rows["plugin"].dropna().astype(str)[:1], *version.astype(str)[:1]])
    return AnalyzerTable(name, anchor, plugin, definitions, grids, len(numbers))


def _definition(metric: str, anchor: str, rows: pd.DataFrame, declared: Mapping[str, Any]) -> Definition:
    rows = rows[rows["status"] == "ok"]
    facts = []
    for column, title in FACTS.items():
        said = [_said(each) for each in rows[column].dropna().unique()]
        said = [each for each in said if each and each != "none"]
        if said:
            more = f" and {len(said) - MOST_SAID} more" if len(said) > MOST_SAID else ""
            facts.append((title, f"{'; '.join(said[:MOST_SAID])}{more}"))
    notes = [str(each) for each in rows["message"].dropna().unique() if each]
    notes = [*notes[:MOST_SAID], *([f"and {len(notes) - MOST_SAID} more notes"] if len(notes) > MOST_SAID else [])]
    return Definition(
        metric,
        anchor,
        str(declared.get("help", "")),
        str(declared.get("unit", "")),
        BETTER.get(str(declared.get("direction", "")), ""),
        str(declared.get("source", "")),
        facts,
        notes,
    )


def _said(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _grid(space: str, rows: pd.DataFrame, anchors: Mapping[str, str], labels: Sequence[str], prefix: str) -> Grid:
    records = rows[["snapshot", "metric", "value", "ci_low", "ci_high", *VARIANTS]].to_dict("records")
    kinds = _kinds(rows)
    columns: dict[tuple[str, str], Column] = {}
    numbers: dict[tuple[str, tuple[str, str]], Mapping[Any, Any]] = {}
    for record in records:
        metric = str(record["metric"])
        variant = ", ".join(f"{kind} {_said(record[kind])}" for kind in kinds.get(metric, ()))
        columns.setdefault((metric, variant), Column(metric, variant, anchors[metric]))
        numbers.setdefault((str(record["snapshot"]), (metric, variant)), record)
    place = {metric: at for at, metric in enumerate(anchors)}
    keys = sorted(columns, key=lambda key: place[key[0]])
    shown = [label for label in labels if any((label, key) in numbers for key in keys)]
    return Grid(
        space,
        [columns[key] for key in keys],
        [
            Row(
                label,
                [_cell(numbers.get((label, key)), f"{prefix}-{y}-{x}") for x, key in enumerate(keys, 1)],
            )
            for y, label in enumerate(shown, 1)
        ],
    )


def _kinds(rows: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Of each metric that a snapshot has several numbers of: the first columns that tell them apart."""
    several = rows[rows.duplicated(["snapshot", "metric"], keep=False)]
    found = {}
    for metric, group in several.groupby("metric", sort=False):
        kinds: tuple[str, ...] = ()
        for kind in VARIANTS:
            if not group.duplicated(["snapshot", *kinds]).any():
                break
            if group.groupby("snapshot")[kind].nunique(dropna=False).max() > 1:
                kinds = (*kinds, kind)
        found[str(metric)] = kinds
    return found


def _cell(record: Mapping[Any, Any] | None, anchor: str) -> Cell:
    if record is None:
        return Cell()
    return Cell(number(record["value"]), spread(record["ci_low"], record["ci_high"]), anchor)
