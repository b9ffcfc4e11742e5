"""Shared by the tests of the report: cells written as a run writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from wganalyze.report.schema import FINDINGS, MEASUREMENTS, table_of
from wganalyze.report.store import CellStore, CellTables, slot

WriteCell = Callable[..., str]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """An empty report folder."""
    folder = tmp_path / "ckpt-report"
    folder.mkdir()
    return folder


@pytest.fixture
def write_cell() -> WriteCell:
    """Writes one cell into a report and plans it; returns its name. ``numbers`` maps metrics to values, or to rows."""

    def write(
        report: Path,
        snapshot: str = "s",
        numbers: Mapping[str, float | Mapping[str, Any]] | None = None,
        *,
        analyzer: str = "a",
        key: str = "",
        status: str = "ok",
        findings: Sequence[Mapping[str, Any]] = (),
        details: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        **common: Any,
    ) -> str:
        store = CellStore(report)
        key = key or sha256(f"{snapshot}\t{analyzer}".encode()).hexdigest()[:32]
        store.choose({slot(snapshot, analyzer): key})
        name = store.next_name(key, status)  # type: ignore[arg-type]
        place = {"run_id": "r", "snapshot": snapshot, "step": 1, "analyzer": analyzer, "cell": name, **common}
        rows = [
            {**place, "status": status, "metric": metric, **(row if isinstance(row, Mapping) else {"value": row})}
            for metric, row in (numbers or {}).items()
        ]
        found = [{"level": "info", "code": "c", "message": "m", "evidence": [], **place, **f} for f in findings]
        tables = {}
        for table, records in (details or {}).items():
            kinds = {float: "float64", int: "int64", str: "string"}
            columns = {key: kinds[type(value)] for record in records for key, value in record.items()}
            prefix = {"run_id": "string", "snapshot": "string", "step": "int64", "cell": "string"}
            tables[f"{analyzer}.{table}"] = table_of({**prefix, **columns}, [{**place, **r} for r in records])
        store.commit(name, CellTables(table_of(MEASUREMENTS, rows), table_of(FINDINGS, found), tables))
        return name

    return write
