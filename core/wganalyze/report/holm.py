"""Holm's correction over the snapshots of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wganalyze.statistics import holm

if TYPE_CHECKING:
    import pyarrow as pa


LEVEL = 0.05
DERIVED = "wganalyze.report"


def corrected_rows(measurements: pa.Table) -> list[pa.Table]:
    """Holm's correction of every metric that asks for it, over the snapshots of the report."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pvalues = measurements.filter((pc.field("correction") == "holm") & pc.field("value").is_valid())
    families: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in pvalues.to_pylist():
        families.setdefault((row["analyzer"], row["metric"]), []).append(row)
    corrected = [row for rows in families.values() for row in _corrected(rows)]
    return [pa.Table.from_pylist(corrected, schema=measurements.schema)] if corrected else []


def _corrected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Corrected rows of one metric; a hypothesis that was tested once for all snapshots counts once."""
    tests: dict[Any, float] = {_test_of(row): row["value"] for row in rows}
    corrected = dict(zip(tests, holm([*tests.values()]), strict=True))
    least, best = min(tests.values()), min(corrected.values())
    note = ""
    if least <= LEVEL < best:
        note = (
            f"Holm: over {len(tests)} tests the least p of {least:.3g} becomes {best:.3g}, so that none is below "
            f"{LEVEL}: ask for more permutations"
        )
    return [
        {
            **row,
            "metric": corrected_name(row["metric"]),
            "correction": "none",
            "value": corrected[_test_of(row)],
            "method": f"Holm over {len(tests)} tests of {row['metric']}",
            "message": "; ".join(filter(None, (note, row["message"]))),
            "plugin": DERIVED,
            "ci_low": None,
            "ci_high": None,
            "ci_method": None,
        }
        for row in rows
    ]


def corrected_name(metric: str) -> str:
    """What the rows call a metric after its correction."""
    return f"{metric}_holm"


def _test_of(row: dict[str, Any]) -> tuple[Any, ...]:
    if row["scope"] == "data":
        return tuple(row[name] for name in ("value", "n", "seed", "data_id", "options"))
    return (row["cell"],)
