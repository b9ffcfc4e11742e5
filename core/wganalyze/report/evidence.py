"""Reports as evidence for claims: whose training run a row belongs to, and what its trainer says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.claim import Evidence, Fact, TrainingRun

if TYPE_CHECKING:
    import pandas as pd

    from wganalyze.report.reading import Report

COLUMNS = ("run", "method")


def evidence_of(reports: Sequence[Report]) -> list[Evidence]:
    """One for each data set that the reports are about, in their order; reports of the same data count together."""
    grouped: dict[str, list[Report]] = {}
    for report in reports:
        grouped.setdefault(_data(report), []).append(report)
    return [_gathered(data, group) for data, group in grouped.items()]


def _data(report: Report) -> str:
    return str((report.run.get("data") or {}).get("source", "no data"))


def _gathered(data: str, reports: Sequence[Report]) -> Evidence:
    import pandas as pd

    places = [_runs(report, str(report.path) if len(reports) > 1 else "") for report in reports]
    frames = [_placed(report.measurements, runs) for report, runs in zip(reports, places, strict=True)]
    rows = pd.concat(frames, ignore_index=True)
    rows = rows[(rows["status"] == "ok") & rows["value"].notna()].reset_index(drop=True)
    runs = {run.name: run for place in places for run in place.values()}
    return Evidence(data, [*runs.values()], rows, partial(_table, reports, places))


def _runs(report: Report, prefix: str) -> dict[str, TrainingRun]:
    """The training run of each snapshot, by its label: snapshots of one folder are one."""
    folders: dict[str, list[Mapping[str, Any]]] = {}
    for entry in report.run.get("snapshots", []):
        folders.setdefault(str(entry["label"]).rpartition("/")[0], []).append(entry)
    runs: dict[str, TrainingRun] = {}
    for folder, entries in folders.items():
        entries.sort(key=lambda entry: entry.get("step") or 0)
        by_step = {int(entry["step"]): _named(entry) for entry in entries if entry.get("step") is not None}
        name = "/".join(filter(None, (prefix, folder))) or report.path.name
        run = TrainingRun(name, _named(entries[-1]), by_step)
        runs |= {str(entry["label"]): run for entry in entries}
    return runs


def _named(entry: Mapping[str, Any]) -> dict[str, Fact]:
    """The facts of a snapshot by the last part of their keys; of two, the one that lies less deep counts."""
    facts: Mapping[str, Fact] = entry.get("facts", {})
    return {key.rpartition(".")[2]: facts[key] for key in sorted(facts, key=lambda key: -key.count("."))}


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
