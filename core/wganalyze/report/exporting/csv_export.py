"""``series.csv``: one row for each number, which any table reads."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from wganalyze.report.exporting.series import Exported
from wganalyze.report.store import write_atomically

FILE = "series.csv"
COLUMNS = ("run", "step", "name", "value", "ci_low", "ci_high", "unit", "direction")


def write(exported: Exported, folder: Path) -> str:
    """Write FOLDER/series.csv, in the order of runs, names and steps; an earlier one is replaced."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in exported.series:
        for p in each.points:
            writer.writerow((each.run, p.step, each.name, p.value, p.low, p.high, each.unit, each.direction))
    write_atomically(folder / FILE, text.getvalue().encode())
    return str(folder / FILE)
