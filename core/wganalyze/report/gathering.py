"""Cells that failed or were skipped, each reason told once: for all analyzers, of all snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def troubles(rows: pd.DataFrame) -> Iterator[tuple[str, list[str], list[str], str]]:
    """Status, analyzers, labels and message of rows that stand for a whole cell, in their order.

    Analyzers that give one reason for the same snapshots are one line.
    """
    told: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (status, analyzer, message), group in rows.groupby(["status", "analyzer", "message"], sort=False, dropna=False):
        labels = tuple(dict.fromkeys(map(str, group["snapshot"])))
        told.setdefault((str(status), str(message), labels), []).append(str(analyzer))
    for (status, message, labels), analyzers in told.items():
        yield status, analyzers, list(labels), message
