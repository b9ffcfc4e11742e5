"""Holm's correction over the snapshots of a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    corrected = [row for family in families(pvalues.to_pylist()) for row in family.rows()]
    return [pa.Table.from_pylist(corrected, schema=measurements.schema)] if corrected else []


@dataclass(frozen=True)
class Family:
    """The p-values of one metric, which are corrected together.

    ``members``: its rows. ``tests``: the p-value of each hypothesis; one that was tested once for all snapshots counts
    once.
    """

    members: Sequence[Mapping[str, Any]]
    tests: Mapping[Any, float]

    @property
    def corrected(self) -> dict[Any, float]:
        """The corrected p-value of each hypothesis."""
        return dict(zip(self.tests, holm([*self.tests.values()]), strict=True))

    @property
    def note(self) -> str:
        """Said where the correction by itself keeps every p-value above the level; else ""."""
        least, best = min(self.tests.values()), min(self.corrected.values())
        if not least <= LEVEL < best:
            return ""
        return (
            f"Holm: over {len(self.tests)} tests the least p of {least:.3g} becomes {best:.3g}, so that none is below "
            f"{LEVEL}: ask for more permutations"
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """The corrected rows."""
        corrected, note = self.corrected, self.note
        for row in self.members:
            yield {
                **row,
                "metric": corrected_name(row["metric"]),
                "correction": "none",
                "value": corrected[_test_of(row)],
                "method": f"Holm over {len(self.tests)} tests of {row['metric']}",
                "message": "; ".join(filter(None, (note, row["message"]))),
                "plugin": DERIVED,
                "ci_low": None,
                "ci_high": None,
                "ci_method": None,
                "values": None,
            }


def families(pvalues: Iterable[Mapping[str, Any]]) -> list[Family]:
    """Rows of p-values by analyzer, metric and space."""
    members: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in pvalues:
        members.setdefault((row["analyzer"], row["metric"], row.get("embedding") or ""), []).append(row)
    return [Family(rows, {_test_of(row): row["value"] for row in rows}) for rows in members.values()]


def corrected_name(metric: str) -> str:
    """What the rows call a metric after its correction."""
    return f"{metric}_holm"


def _test_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    if row["scope"] == "data":
        setting = (row[name] for name in ("value", "n", "seed", "data_id", "options"))
        return tuple(None if value != value else value for value in setting)  # NaN, a missing n, equals nothing
    return (row["cell"],)
