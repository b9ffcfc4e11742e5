"""What loading a snapshot showed, as a cell of its own: it belongs to the report, whichever analyzers run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from wganalyze.cells.key import loading_key
from wganalyze.cells.measuring import finding_row
from wganalyze.contracts.measurement import Finding
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, table_of
from wganalyze.report.store import CellTables

NOBODY = ""
"""In the place of an analyzer: core itself says it."""


def loading_cell(snapshot: Snapshot, assumptions: Sequence[str], run_id: str) -> tuple[str, CellTables]:
    """Key and content: the findings of the files, and everything that was assumed."""
    content = {"findings": [asdict(finding) for finding in snapshot.findings], "assumptions": [*assumptions]}
    key = loading_key(snapshot.label, {"step": snapshot.step, **content})
    place: dict[str, Any] = {"run_id": run_id, "snapshot": snapshot.label, "step": snapshot.step, "cell": key}
    assumed = [Finding("info", "assumed", f"assumed: {text}") for text in assumptions]
    told = [finding_row(finding, place, NOBODY) for finding in snapshot.findings]
    told += [finding_row(finding, place, NOBODY, "assumption") for finding in assumed]
    return key, CellTables(table_of(MEASUREMENTS, []), table_of(FINDINGS, told), {})
