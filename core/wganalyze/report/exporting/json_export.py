"""``series.json``: columns of numbers by run and name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wganalyze.report.exporting.series import Exported, Series
from wganalyze.report.store import write_atomically

FILE = "series.json"


def write(exported: Exported, folder: Path) -> str:
    """Write FOLDER/series.json; an earlier one is replaced."""
    runs = {run: {each.name: _columns(each) for each in series} for run, series in exported.by_run().items()}
    document = {"report": exported.name, "facts": dict(exported.facts), "runs": runs}
    write_atomically(folder / FILE, json.dumps(document, indent=1, allow_nan=False).encode())
    return str(folder / FILE)


def _columns(each: Series) -> dict[str, Any]:
    return {
        "unit": each.unit,
        "direction": each.direction,
        "step": [point.step for point in each.points],
        "value": [point.value for point in each.points],
        "ci_low": [point.low for point in each.points],
        "ci_high": [point.high for point in each.points],
    }
