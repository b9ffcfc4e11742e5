"""A report's folder is read by plain pandas, and one of before is read and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.dataset as ds
import pytest

from wganalyze.report.layout import Layout
from wganalyze.report.reading import open_report
from wganalyze.report.store import CellStore
from wganalyze.report.views import Views

WriteCell = Callable[..., str]


def fill(report: Path, write_cell: WriteCell, snapshot: str = "s") -> None:
    """Numbers, findings and detail rows whose columns disagree with those of the numbers, and both JSON files."""
    write_cell(report, snapshot, {"m": 1.5, "o": 2.5}, findings=[{}], details={"rows": [{"value": "a text"}]})
    CellStore(report).layout.run.write_text("{}")
    Views(CellStore(report)).refresh(force=True)


def former(report: Path) -> None:
    """Rename everything to what it was called before."""
    for path in list(report.glob("_*")):
        path.rename(report / path.name.removeprefix("_"))


def test_pandas_reads_the_measurements_of_a_report_from_its_root(report: Path, write_cell: WriteCell) -> None:
    fill(report, write_cell)
    (report / "measurements" / ".part-0.parquet.1").write_text("a draft")
    root = pd.read_parquet(report)
    pd.testing.assert_frame_equal(root, pd.read_parquet(report / "measurements"))
    assert root["value"].tolist() == [1.5, 2.5]
    assert ds.dataset(report).count_rows() == 2


@pytest.mark.parametrize("folder", ["_runs", ".hidden", "lr=0.1/seed=1"])
def test_wherever_the_report_lies(folder: str, tmp_path: Path, write_cell: WriteCell) -> None:
    """Only names below the folder that is read count."""
    report = tmp_path / folder / "_report"
    report.mkdir(parents=True)
    fill(report, write_cell)
    assert pd.read_parquet(report)["value"].tolist() == [1.5, 2.5]


def test_why_everything_else_begins_with_an_underscore(report: Path, write_cell: WriteCell) -> None:
    """Were it not so: an error about a JSON; or, were those alone hidden, cells, findings and views in one table."""
    fill(report, write_cell)
    former(report)
    with pytest.raises(ValueError, match=r"(plan|run)\.json"):
        pd.read_parquet(report)
    for path in report.glob("*.json"):
        path.unlink()
    mixed = pd.read_parquet(report)
    assert len(mixed) == 8, "two numbers, one finding and one row, each in its cell and in its view"
    assert "value" not in mixed, "the columns are those of whichever file comes first"


def test_nothing_but_the_measurements_is_seen(report: Path, write_cell: WriteCell) -> None:
    fill(report, write_cell)
    assert {path.name for path in report.iterdir() if not path.name.startswith("_")} == {"measurements"}


def test_a_report_of_before_is_read_and_gone_on_with_where_it_lies(report: Path, write_cell: WriteCell) -> None:
    fill(report, write_cell)
    former(report)
    names = {path.name for path in report.iterdir()}
    assert names == {"cells", "findings", "measurements", "plan.json", "run.json", "tables"}
    opened = open_report(report)
    assert opened.measurements["value"].tolist() == [1.5, 2.5]
    assert len(opened.findings) == len(opened.table("a.rows")) == 1
    fill(report, write_cell, "later")
    assert {path.name for path in report.iterdir()} == names
    assert set(open_report(report).measurements["snapshot"]) == {"s", "later"}
    assert len(pd.read_parquet(report / "findings")) == 2


def test_a_strangers_run_json_beside_a_report_does_not_hide_it(report: Path, write_cell: WriteCell) -> None:
    fill(report, write_cell)
    (report / "run.json").write_text("{}")
    assert Layout.of(report).mark == "_"
    assert len(open_report(report).measurements) == 2
