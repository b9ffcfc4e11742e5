"""Shared by the tests of questions: a report whose numbers are given replicate by replicate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.report.layout import Layout
from wganalyze.report.reading import Report, open_report
from wganalyze.statistics import student_t

METRICS = (
    Metric("ugliness", "How ugly.", direction="lower", headline=Headline("ugliness", interval=True)),
    Metric("charm", "How charming.", direction="higher", headline=Headline("charm")),
    Metric("size", "How large.", headline=Headline("size")),
)
WriteReport = Callable[..., Report]


def of(values: Sequence[float], direction: str = "lower", **more: Any) -> dict[str, Any]:
    """The row of a mean over replicates."""
    estimate = student_t(values)
    ends = {"ci_low": estimate.interval.low, "ci_high": estimate.interval.high} if estimate.interval else {}
    row = {"value": estimate.value, "values": [*values], "replicates": len(values), "direction": direction, **ends}
    return {**row, "plugin": "stranger", "n": 50, **more}


@pytest.fixture
def write_report(tmp_path: Path, write_cell: Callable[..., str]) -> WriteReport:
    """Writes a report of a stranger's analyzer; ``snapshots``: label to metric to values, or to a row.

    ``facts``: of snapshots, by label. ``common``: of all rows.
    """

    def write(
        name: str,
        snapshots: Mapping[str, Mapping[str, Any]],
        facts: Mapping[str, Mapping[str, Any]] | None = None,
        **common: Any,
    ) -> Report:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        directions = {metric.name: metric.direction for metric in METRICS}
        setting = {"seed": 0, "data_id": "d", "n_split": 50, **common}
        entries = []
        for label, metrics in snapshots.items():
            digits = "".join(c for c in label.rpartition("/")[2] if c.isdigit())
            step = int(digits) if digits else None
            rows = {
                metric: row if isinstance(row, Mapping) else of(row, directions.get(metric, "none"))
                for metric, row in metrics.items()
            }
            write_cell(folder, label, rows, analyzer="beauty", metrics=METRICS, **{**setting, "step": step})
            said = (facts or {}).get(label, {})
            entries.append({"label": label, "step": step, "files": [], "assumptions": [], "facts": said})
        record = json.loads((Layout.of(folder).run).read_text())
        data = {"seed": setting["seed"], "n": setting["n_split"], "source": "made up"}
        (Layout.of(folder).run).write_text(json.dumps({**record, "snapshots": entries, "data": data}))
        return open_report(folder)

    return write
