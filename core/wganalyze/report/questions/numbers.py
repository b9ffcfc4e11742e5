"""The numbers of a metric, snapshot by snapshot, with the values of their replicates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from wganalyze.report.questions.asked import Asked
from wganalyze.report.source import Source

LEAST = 3
"""Replicates below which nothing is said of their spread."""


@dataclass(frozen=True)
class Draw:
    """What decides the samples: numbers of one draw share z and reals, replicate by replicate."""

    seed: int | None
    data_id: str
    n: int | None


@dataclass(frozen=True)
class Number:
    """A measured number of a snapshot.

    ``value``: None where there is none, and ``reason`` says why.
    ``low``, ``high``: its interval, None without one.
    ``values``: one of each replicate; () where they were not kept, or it is no mean over replicates.
    ``variant``: what tells it from other numbers of the metric and snapshot ("n = 64"); "" for the only one.
    ``digest``: of the snapshot's files.
    """

    snapshot: str
    value: float | None
    low: float | None = None
    high: float | None = None
    values: tuple[float, ...] = ()
    draw: Draw = Draw(None, "", None)
    n: int | None = None
    variant: str = ""
    digest: str = ""
    reason: str = ""

    @property
    def replicated(self) -> bool:
        """Are there enough replicates for a test?"""
        return len(self.values) >= LEAST


def numbers(report: Source, asked: Asked) -> dict[str, list[Number]]:
    """Every number of the metric by snapshot; that of the run's own size first. Snapshots without one are not there."""
    rows = report.measurements
    rows = rows[(rows["analyzer"] == asked.analyzer) & (rows["metric"] == asked.metric)]
    if asked.space is not None:
        rows = rows[rows["embedding"] == asked.space]
    found: dict[str, list[dict[str, Any]]] = {}
    for row in cast("list[dict[str, Any]]", rows.to_dict("records")):
        found.setdefault(str(row["snapshot"]), []).append(row)
    return {snapshot: _told_apart(group) for snapshot, group in found.items()}


def first_numbers(report: Source, asked: Asked) -> dict[str, Number]:
    """One number of each snapshot that has any: that of the run's own size, or the largest."""
    return {snapshot: group[0] for snapshot, group in numbers(report, asked).items()}


def missing(report: Source, asked: Asked, snapshot: str) -> Number:
    """The number that a snapshot does not have, with the reason."""
    rows = report.measurements
    mine = rows[(rows["snapshot"] == snapshot) & (rows["analyzer"] == asked.analyzer) & (rows["status"] != "ok")]
    if asked.space is not None:
        mine = mine[mine["embedding"].isna() | (mine["embedding"] == asked.space)]
    mine = mine[mine["metric"].isin(["", asked.metric])]
    for row in mine.to_dict("records"):
        return Number(snapshot, None, reason=_reason(row))
    return Number(snapshot, None, reason=f"{asked.analyzer} did not measure it")


def why_without_replicates(report: Source) -> str:
    """Why a number of a report has no values by replicate."""
    if report.measurements["values"].isna().all():
        return "the report was written before values were kept by replicate; run it again"
    return "no mean over replicates"


def which_of_several(asked: Asked, found: Iterable[Number]) -> list[str]:
    """A line that says which number of a snapshot is meant, where it has several of the metric."""
    variants = list(dict.fromkeys(each.variant for each in found if each.variant))
    return [f"{asked.name} has several numbers of a snapshot: this is {' or '.join(variants)}."] if variants else []


def latest_draw(report: Source, found: Iterable[Number]) -> Draw | None:
    """The draw of the last run, where numbers have it; else that of most numbers; None without numbers."""
    counts = Counter(number.draw for number in found)
    data: Mapping[str, Any] = report.run.get("data") or {}
    of_run = [each for each in counts if (each.seed, each.n) == (data.get("seed"), data.get("n"))]
    ranked = [each for each, _ in counts.most_common()]
    return next((each for each in ranked if each in of_run), ranked[0] if ranked else None)


def differences_of_draws(one: Draw, other: Draw) -> list[str]:
    """In words, how two draws differ; [] where they are one."""
    told = []
    if one.data_id != other.data_id:
        told.append("other data")
    if one.seed != other.seed:
        told.append(f"seed {one.seed} and {other.seed}")
    if one.n != other.n:
        told.append(f"n = {one.n} and {other.n}")
    return told


def _told_apart(group: list[dict[str, Any]]) -> list[Number]:
    def order(row: Mapping[str, Any]) -> tuple[bool, bool, float]:
        size = row["n"] if _there(row["n"]) else -1.0
        return row["value"] is None or not _there(row["value"]), row["n"] != row["n_split"], -size

    ranked = sorted(group, key=order)
    several = [name for name in ("n", "dim", "mode", "method") if len({str(row[name]) for row in group}) > 1]
    return [_number(row, several) for row in ranked]


def _number(row: Mapping[str, Any], several: Sequence[str]) -> Number:
    ok = row["status"] == "ok" and _there(row["value"])
    ends = (row["ci_low"], row["ci_high"])
    has_interval = ok and all(_there(end) for end in ends)
    values = row.get("values")
    kept = tuple(float(v) for v in values) if ok and values is not None else ()
    return Number(
        str(row["snapshot"]),
        float(row["value"]) if ok else None,
        float(ends[0]) if has_interval else None,
        float(ends[1]) if has_interval else None,
        kept if all(map(math.isfinite, kept)) else (),
        Draw(_whole(row["seed"]), _text(row["data_id"]), _whole(row["n_split"])),
        _whole(row["n"]),
        ", ".join(_variant(name, row[name]) for name in several if _text(row[name])),
        _text(row["digest"]),
        "" if ok else _reason(row),
    )


def _variant(name: str, value: Any) -> str:
    if name in ("n", "dim"):
        return f"{name} = {_whole(value)}"
    return str(value)


def _reason(row: Mapping[Any, Any]) -> str:
    message = _text(row["message"]).removeprefix(f"{row['snapshot']}: ")
    place = f"{row['analyzer']} {row['status']}"
    return f"{place}: {message}" if message else place


def _there(value: Any) -> bool:
    return value is not None and value == value


def _whole(value: Any) -> int | None:
    return int(value) if _there(value) else None


def _text(value: Any) -> str:
    return str(value) if _there(value) else ""
