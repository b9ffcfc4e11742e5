"""From rows to what a person asks first: one line per snapshot, and the rows of chosen metrics."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.measurement import Headline
from wganalyze.errors import UsageError
from wganalyze.report.format import bracket, number, spread
from wganalyze.report.holm import corrected_name
from wganalyze.report.one_setting import anchors, in_setting_of

if TYPE_CHECKING:
    import pandas as pd

LONG = (
    "snapshot",
    "step",
    "analyzer",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "certificate",
    "status",
    "message",
)
MOST = 8
"""Metrics that a summary shows by name where none of them is a headline."""


@dataclass(frozen=True)
class Headlined:
    """A metric of the summary: what the rows call it (after its correction), and its place."""

    metric: str
    headline: Headline


def headlined(rows: pd.DataFrame, declared: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Headlined]:
    """The metrics of the summary, from the left: the headlines of what was measured; without any, metrics by name.

    ``rows``: the measurements of a report. ``declared``: the metrics of each analyzer, as run.json has them.
    """
    measured = {*rows["metric"].unique()} - {""}
    headlines = [
        Headlined(corrected_name(metric["name"]) if metric["correction"] == "holm" else metric["name"], headline)
        for metrics in declared.values()
        for metric in metrics
        if metric["headline"] is not None and (headline := Headline(**metric["headline"]))
    ]
    known = [each for each in headlines if each.metric in measured]
    if known:
        shown: dict[str, Headlined] = {}  # two analyzers may give one name
        for each in sorted(known, key=lambda each: each.headline.rank):
            shown.setdefault(each.metric, each)
        return [*shown.values()]
    numbers = rows.loc[(rows["status"] == "ok") & (rows["correction"] != "holm"), "metric"]
    return [Headlined(str(name), Headline(str(name))) for name in numbers.unique()[:MOST]]


def by_column(headlines: Sequence[Headlined]) -> dict[str, list[Headlined]]:
    """The metrics that stand in each column, by its title."""
    columns: dict[str, list[Headlined]] = {}
    for each in headlines:
        columns.setdefault(each.headline.title, []).append(each)
    return columns


def entry(row: Mapping[Hashable, Any], metrics: Sequence[Headlined]) -> str:
    """What a snapshot has in one column: a number, with its interval; a bracket; or a share, others of it behind."""
    ends = {each.headline.end: row[each.metric] for each in metrics if each.headline.end}
    if ends:
        return bracket(ends.get("low", math.nan), ends.get("high", math.nan))
    first, *others = (_single(row, each) for each in metrics)
    return f"{first} ({', '.join(others)})" if others and first != "-" and "-" not in others else first


def _single(row: Mapping[Hashable, Any], each: Headlined) -> str:
    value, whole = row[each.metric], row.get(each.headline.share_of, math.nan)
    if each.headline.share_of:
        return f"{value / whole:.0%}" if whole > 0 and not math.isnan(value) else "-"
    if each.headline.interval:
        ends = (row[f"{each.metric}_ci_low"], row[f"{each.metric}_ci_high"])
        return f"{number(value)} {spread(*ends)}".strip()
    return number(value)


def summarise(rows: pd.DataFrame, headlines: Sequence[Headlined]) -> pd.DataFrame:
    """One row for each snapshot: label, step, the headline metrics, intervals of those that show one, n and space."""
    order = rows.drop_duplicates("snapshot")[["snapshot", "step", "step_unit"]]
    # Folder by folder: "a/x" comes before "a-b/x".
    order = order.assign(_folder=[str(label).rpartition("/")[0].replace("/", "\0") for label in order["snapshot"]])
    order = order.sort_values(["_folder", "step", "snapshot"]).drop(columns="_folder").reset_index(drop=True)
    names = [each.metric for each in headlines]
    ends = [f"{each.metric}_ci_{end}" for each in headlines if each.headline.interval for end in ("low", "high")]
    columns = [*names, *ends, "n", "space"]
    if order.empty:  # which pandas cannot join
        return order.reindex(columns=[*order.columns, *columns])
    shown = of_one_setting(rows[rows["metric"].isin(names) & (rows["status"] == "ok")], rows, headlines)
    wide = shown.pivot_table(index="snapshot", columns="metric", values="value", aggfunc="first")
    for each in headlines:
        if each.headline.interval:
            own = shown[shown["metric"] == each.metric].drop_duplicates("snapshot").set_index("snapshot")
            wide[f"{each.metric}_ci_low"], wide[f"{each.metric}_ci_high"] = own["ci_low"], own["ci_high"]
    anchor = anchors(shown, names)
    wide["n"], wide["space"] = anchor["n"], anchor["space"]
    return order.join(wide.reindex(columns=columns), on="snapshot")


def of_one_setting(rows: pd.DataFrame, numbers: pd.DataFrame, headlines: Sequence[Headlined]) -> pd.DataFrame:
    """The rows that are about one setting with the first of these headlines (see ``in_setting_of``)."""
    return in_setting_of(rows, numbers, [each.metric for each in headlines])


def select(
    summary: pd.DataFrame, numbers: pd.DataFrame, metrics: Sequence[str] = (), snapshots: Sequence[str] = ()
) -> pd.DataFrame:
    """The summary, or (with ``metrics``) the long rows; both cut to ``snapshots``. Patterns may hold wildcards."""
    frame = summary
    if metrics:
        frame = numbers.loc[_matches(numbers["metric"], metrics, "--metric"), list(LONG)]
    if snapshots:
        frame = frame[_matches(frame["snapshot"], snapshots, "--snapshot")]
    return frame.reset_index(drop=True)


def _matches(names: pd.Series[str], patterns: Sequence[str], option: str) -> list[bool]:
    # A label may hold brackets itself, so that its own name comes first.
    hit = [name in patterns or any(fnmatch.fnmatchcase(str(name), pattern) for pattern in patterns) for name in names]
    if not any(hit):
        there = ", ".join(sorted({str(name) for name in names if name}))
        raise UsageError(f"{option} {','.join(patterns)}: nothing in the report matches; there are: {there or 'none'}")
    return hit
