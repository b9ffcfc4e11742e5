"""Reports as evidence for claims: whose training run a row belongs to, and what its trainer says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.evidence import Evidence, Fact, TrainingRun

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

    places = [_runs(report, str(report.path) if len(reports) > 1 else "") for report in reports]
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


def _runs(report: Report, prefix: str) -> dict[str, TrainingRun]:
    """The training run of each snapshot, by its label: those of one folder, one method and one seed that have a step.

    A snapshot without a step stands for itself.
    """
    gathered: dict[tuple[str, object, object], list[Mapping[str, Any]]] = {}
    for entry in report.run.get("snapshots", []):
        facts = _named(entry)
        label = str(entry["label"])
        folder = label if entry.get("step") is None else label.rpartition("/")[0]
        key = (folder, facts.get("method"), facts.get("seed"))
        gathered.setdefault(key, []).append(entry)
    folders = [folder for folder, *_ in gathered]
    runs: dict[str, TrainingRun] = {}
    for (folder, method, seed), entries in gathered.items():
        entries.sort(key=lambda entry: entry.get("step") or 0)
        by_step = {int(entry["step"]): _named(entry) for entry in entries if entry.get("step") is not None}
        name = "/".join(filter(None, (prefix, folder))) or report.path.name
        if folders.count(folder) > 1:
            name += f" ({method}, seed {seed})"
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
