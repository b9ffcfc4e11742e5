"""Reports as evidence for claims: whose training run a row belongs to, and what its trainer says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.evidence import Evidence, TrainingRun
from wganalyze.report.runs import training_runs

if TYPE_CHECKING:
    import pandas as pd

    from wganalyze.report.reading import Report

COLUMNS = ("run", "method")


def evidence_of(reports: Sequence[Report]) -> list[Evidence]:
    """One for each data set that the reports are about, in their order.

    Reports on the same data count together where they were measured alike: with as many samples, in the same range.
    """
    grouped: dict[tuple[object, ...], list[Report]] = {}
    for report in reports:
        grouped.setdefault(_setting(report), []).append(report)
    names = [str(key[0]) for key in grouped]
    return [
        _gathered(name if names.count(name) == 1 else f"{name}, {', '.join(map(str, key[1:]))}", group)
        for name, (key, group) in zip(names, grouped.items(), strict=True)
    ]


def _setting(report: Report) -> tuple[object, ...]:
    data: Mapping[str, Any] = report.run.get("data") or {}
    return (data.get("source", "no data"), f"n = {data.get('n')}", data.get("space"))


def _gathered(data: str, reports: Sequence[Report]) -> Evidence:
    import pandas as pd

    places = [
        training_runs(report.run.get("snapshots", ()), report.path.name, str(report.path) if len(reports) > 1 else "")
        for report in reports
    ]
    frames = [_placed(_of_last_run(report), runs) for report, runs in zip(reports, places, strict=True)]
    rows = pd.concat(frames, ignore_index=True)
    rows = rows[(rows["status"] == "ok") & rows["value"].notna()].reset_index(drop=True)
    runs = {run.name: run for place in places for run in place.values()}
    told = [_placed(report.findings, runs) for report, runs in zip(reports, places, strict=True)]
    findings = pd.concat(told, ignore_index=True)
    return Evidence(data, [*runs.values()], rows, partial(_table, reports, places), findings)


def _of_last_run(report: Report) -> pd.DataFrame:
    """Without rows that an earlier run left in the report, with other samples or of another size."""
    rows: pd.DataFrame = report.measurements
    data = report.run.get("data") or {}
    if not data:
        return rows
    sized = rows["n_split"].isna() | (rows["n_split"] == data["n"])
    kept: pd.DataFrame = rows[sized & (rows["seed"] == data["seed"])]
    return kept


def _placed(rows: pd.DataFrame, runs: Mapping[str, TrainingRun]) -> pd.DataFrame:
    of = [runs.get(str(label)) for label in rows["snapshot"]]
    names = [run.name if run else "" for run in of]
    methods = [run.method if run else "" for run in of]
    return rows.assign(**dict(zip(COLUMNS, (names, methods), strict=True)))


def _table(reports: Sequence[Report], places: Sequence[Mapping[str, TrainingRun]], name: str) -> pd.DataFrame:
    import pandas as pd

    found = [
        _placed(report.table(name), runs) for report, runs in zip(reports, places, strict=True) if name in report.tables
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()
