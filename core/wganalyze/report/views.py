"""Views: ``measurements/``, ``findings/`` and ``tables/*/``, a few large files made from the cells that count.

Findings and tables are replaced before measurements, so that a number is never visible without its finding.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.report.cells import FINDINGS_FILE, MEASUREMENTS_FILE, CellStore, sync_folder, write_table
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, arrow

if TYPE_CHECKING:
    import pyarrow as pa

INTERVAL_S = 30.0
DERIVED = "wganalyze.report"
_PART = "part-0.parquet"


class Views:
    """The views of a report, kept in memory between refreshes, so that each cell is read once."""

    def __init__(self, store: CellStore):
        self.store = store
        self.report = store.report
        self._tables: dict[str, pa.Table] = {}
        self._cells: set[str] = set()
        self._written = 0.0

    def behind(self) -> bool:
        """Do the files on disk lack committed cells, or hold cells that no longer count?"""
        return self._stamp_on_disk() != _stamp(self.store.current())

    def refresh(self, *, force: bool = False) -> None:
        """Bring the files up to date; without ``force`` at most every 30 s."""
        if force or time.monotonic() - self._written >= INTERVAL_S:
            cells = self.store.current()
            self.gather(cells)
            self._write(_stamp(cells))
            self._written = time.monotonic()

    def gather(self, cells: list[str]) -> Mapping[str, pa.Table]:
        """All views of ``cells`` by path under the report, in memory."""
        import pyarrow as pa

        wanted = set(cells)
        if self._cells - wanted:
            self._tables = {view: _only(table, wanted) for view, table in self._tables.items()}
            self._cells &= wanted
        fresh: dict[str, list[pa.Table]] = {}
        for cell in sorted(wanted - self._cells):
            for view, table in _read_cell(self.store.folder / cell):
                fresh.setdefault(view, []).append(table)
            self._cells.add(cell)
        for view, tables in fresh.items():
            old = [self._tables[view]] if view in self._tables else []
            self._tables[view] = pa.concat_tables([*old, *tables], promote_options="permissive").combine_chunks()
        empty = {"measurements": MEASUREMENTS, "findings": FINDINGS}
        return {**{view: arrow(columns).empty_table() for view, columns in empty.items()}, **self._tables}

    def complete(self, cells: list[str]) -> Mapping[str, pa.Table]:
        """As ``gather``, sorted by snapshot, and with the rows that only the run as a whole can give."""
        import pyarrow as pa

        tables = dict(self.gather(cells))
        tables["measurements"] = pa.concat_tables([tables["measurements"], *_holm(tables["measurements"])])
        order = [("snapshot", "ascending"), ("step", "ascending")]
        return {view: table.sort_by([o for o in order if o[0] in table.column_names]) for view, table in tables.items()}

    def _write(self, stamp: str) -> None:
        tables = self.complete(self.store.current())
        for view in sorted(tables, key=lambda name: (name == "measurements", name)):
            table = tables[view].replace_schema_metadata({**(tables[view].schema.metadata or {}), "cells": stamp})
            folder = self.report / view
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / f".{_PART}.{os.getpid()}"
            try:
                write_table(table, draft)
                draft.replace(folder / _PART)
                sync_folder(folder)
            finally:
                draft.unlink(missing_ok=True)

    def _stamp_on_disk(self) -> str:
        import pyarrow.parquet as pq

        stamps = set()
        for view in ("measurements", "findings"):
            path = self.report / view / _PART
            if not path.exists():
                return ""
            stamps.add((pq.read_schema(path).metadata or {}).get(b"cells", b"").decode())
        return stamps.pop() if len(stamps) == 1 else ""


def _stamp(cells: list[str]) -> str:
    return hashlib.sha256("\n".join(cells).encode()).hexdigest()


def _read_cell(folder: Path) -> list[tuple[str, pa.Table]]:
    import pyarrow.parquet as pq

    found = [
        ("measurements", pq.read_table(folder / MEASUREMENTS_FILE, partitioning=None)),
        ("findings", pq.read_table(folder / FINDINGS_FILE, partitioning=None)),
    ]
    details = sorted((folder / "tables").glob("*.parquet"))
    return [*found, *((f"tables/{path.stem}", pq.read_table(path, partitioning=None)) for path in details)]


def _only(table: pa.Table, cells: set[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table["cell"], pa.array(sorted(cells), pa.string())))


def _holm(measurements: pa.Table) -> list[pa.Table]:
    """Holm's correction of every metric of unit "p-value", over the snapshots of the report."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = measurements.filter(pc.and_(pc.equal(measurements["unit"], "p-value"), pc.is_valid(measurements["value"])))
    families: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in found.to_pylist():
        families.setdefault((row["analyzer"], row["metric"]), []).append(row)
    corrected = []
    for rows in families.values():
        values = holm([row["value"] for row in rows])
        for row, value in zip(rows, values, strict=True):
            corrected.append(
                {
                    **row,
                    "metric": f"{row['metric']}_holm",
                    "value": value,
                    "method": f"Holm over {len(rows)} snapshots of {row['metric']}",
                    "plugin": DERIVED,
                    "ci_low": None,
                    "ci_high": None,
                    "ci_method": None,
                }
            )
    return [pa.Table.from_pylist(corrected, schema=measurements.schema)] if corrected else []


def holm(pvalues: list[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given."""
    order = sorted(range(len(pvalues)), key=lambda i: pvalues[i])
    adjusted = [0.0] * len(pvalues)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(pvalues) - rank) * pvalues[index]))
        adjusted[index] = running
    return adjusted
