"""Shared by the tests of the report: cells and headlines written as a run writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.contracts.picture import Picture
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, PICTURES, table_of
from wganalyze.report.store import RUN_FILE, CellStore, CellTables, slot

WriteCell = Callable[..., str]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """An empty report folder."""
    folder = tmp_path / "ckpt-report"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def wgan_metrics() -> tuple[Metric, ...]:
    """Metrics with headlines of every kind: an interval, a correction, shares in one column, the ends of a bracket."""
    return (
        Metric("lipschitz_lower", "Low.", headline=Headline("Lipschitz K", end="low", rank=70)),
        Metric("lipschitz_upper", "High.", headline=Headline("Lipschitz K", end="high", rank=70)),
        Metric("w1", "W1.", headline=Headline("W1 [95% CI]", "W1: the distance", interval=True, rank=10)),
        Metric("w1_floor", "Floor.", headline=Headline("floor", "floor: W1 between two real samples", rank=20)),
        Metric("w1_pvalue", "p.", correction="holm", headline=Headline("p (Holm)", "p: told apart?", rank=30)),
        Metric("dual_raw", "Dual.", headline=Headline("dual", rank=40)),
        Metric("dual_ratio", "Ratio.", headline=Headline("dual/W1", rank=50)),
        Metric("dual_c_best_scale", "Best.", headline=Headline("best (f=0)", share_of="w1", rank=60)),
        Metric("dual_zero", "Zero.", headline=Headline("best (f=0)", share_of="w1", rank=60)),
        Metric("own", "No headline."),
    )


@pytest.fixture(scope="session")
def shot() -> Picture:
    """A picture of two by three pixels."""
    return Picture.of_pixels("shot", "A shot.", np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.fixture
def write_cell() -> WriteCell:
    """Writes one cell into a report and plans it; returns its name. ``numbers`` maps metrics to values, or to rows.

    ``metrics``: what run.json says that the analyzer declares.
    """

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
        metrics: Sequence[Metric] = (),
        pictures: Sequence[Picture] = (),
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
        plain = {"level": "info", "code": "c", "kind": "conclusion", "message": "m", "evidence": []}
        told = [{**plain, **place, **finding} for finding in findings]
        tables = {}
        for table, records in (details or {}).items():
            kinds = {float: "float64", int: "int64", str: "string"}
            columns = {key: kinds[type(value)] for record in records for key, value in record.items()}
            prefix = {"run_id": "string", "snapshot": "string", "step": "int64", "cell": "string"}
            tables[f"{analyzer}.{table}"] = table_of({**prefix, **columns}, [{**place, **r} for r in records])
        shots = [{**place, **asdict(shot), "width": shot.size[0], "height": shot.size[1]} for shot in pictures]
        shown = [{name: value for name, value in shot.items() if name in PICTURES} for shot in shots]
        drawn = table_of(PICTURES, shown) if shown else None
        store.commit(name, CellTables(table_of(MEASUREMENTS, rows), table_of(FINDINGS, told), tables, drawn))
        if metrics:
            path = report / RUN_FILE
            record = json.loads(path.read_text()) if path.exists() else {"snapshots": []}
            record.setdefault("metrics", {})[analyzer] = [asdict(metric) for metric in metrics]
            path.write_text(json.dumps(record))
        return name

    return write
