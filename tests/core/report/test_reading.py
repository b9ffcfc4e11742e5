"""A report is opened from its folder alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from wganalyze.contracts.picture import Picture
from wganalyze.errors import UsageError, WganalyzeError
from wganalyze.report.reading import Report, open_report
from wganalyze.report.schema import MEASUREMENTS, PICTURES

WriteCell = Callable[..., str]


def test_what_was_written_is_read(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "s", {"m": 1.5}, findings=[{"code": "x", "evidence": ["m"]}], details={"rows": [{"x": 2.0}]})
    write_cell(report, "t", {"m": 2.5}, details={"rows": [{"x": 3.0}]}, analyzer="b")
    opened = open_report(str(report))
    assert opened.measurements["value"].tolist() == [1.5, 2.5]
    assert [list(evidence) for evidence in opened.findings["evidence"]] == [["m"]]
    assert opened.tables == ["a.rows", "b.rows"]
    assert opened.table("b.rows")["x"].tolist() == [3.0]
    assert opened.exit_code == 0
    assert repr(opened) == f"<Report {report}: 2 snapshots, 2 numbers, 1 findings>"


def test_pictures_are_read_by_snapshot(report: Path, write_cell: WriteCell, shot: Picture) -> None:
    write_cell(report, "t", {"m": 1.5}, pictures=[shot, replace(shot, name="other")], step=2)
    write_cell(report, "s", {"m": 1.5})
    pictures = open_report(report).pictures
    assert list(pictures.columns) == list(PICTURES)
    assert pictures[["snapshot", "step", "name", "width", "height"]].to_numpy().tolist() == [
        ["t", 2, "shot", 3, 2],
        ["t", 2, "other", 3, 2],
    ]
    assert pictures["png"].tolist() == [shot.png, shot.png]


def test_without_pictures_the_frame_is_empty_and_has_its_columns(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "s", {"m": 1.5})
    assert open_report(report).pictures.empty
    assert list(open_report(report).pictures.columns) == list(PICTURES)


@pytest.mark.parametrize("rewritten", ["cells", "views"])
def test_a_report_from_before_a_column_still_opens(rewritten: str, report: Path, write_cell: WriteCell) -> None:
    """The values of replicates were not kept at first; nor were pictures."""
    name = write_cell(report, "s", {"m": 1.5})
    _ = open_report(report).measurements
    view = report / "measurements" / "part-0.parquet"
    path = view if rewritten == "views" else report / "_cells" / name / "measurements.parquet"
    pq.write_table(pq.ParquetFile(path).read().drop_columns(["values"]), path)
    if rewritten == "cells":
        view.unlink()
    opened = open_report(report)
    assert opened.measurements["value"].tolist() == [1.5]
    assert opened.measurements["values"].isna().tolist() == [True]
    assert set(opened.measurements.columns) == set(MEASUREMENTS)
    assert len(opened.summary) == 1


def test_opening_brings_the_views_up_to_date(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "s", {"m": 1.5})
    assert not (report / "measurements").exists()
    assert len(open_report(report).measurements) == 1
    assert len(pd.read_parquet(report / "measurements")) == 1
    write_cell(report, "t", {"m": 2.5})
    assert len(open_report(report).measurements) == 2
    assert len(pd.read_parquet(report / "measurements")) == 2


def test_a_report_is_read_once_and_a_view_gone_meanwhile_does_no_harm(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "s", {"m": 1.5})
    opened = open_report(report)
    assert len(opened.measurements) == 1
    write_cell(report, "t", {"m": 2.5})
    assert opened.findings.empty
    assert opened.measurements is opened.measurements
    assert len(opened.summary) == 1


def test_an_unknown_table_is_answered_with_those_that_there_are(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, details={"rows": [{"x": 2.0}], "more": [{"x": 2.0}]})
    with pytest.raises(UsageError, match=r"no table is called 'row'; there are: a\.more, a\.rows"):
        open_report(report).table("row")
    (report.parent / "bare").mkdir()
    write_cell(report.parent / "bare")
    with pytest.raises(UsageError, match="there are: none"):
        open_report(report.parent / "bare").table("row")


@pytest.mark.parametrize("kind", ["missing", "empty", "a file", "checkpoints"])
def test_what_is_no_report_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "place"
    if kind in ("empty", "checkpoints"):
        path.mkdir()
    if kind in ("a file", "checkpoints"):
        (path / "G.pt" if kind == "checkpoints" else path).write_text("x")
    with pytest.raises(UsageError) as caught:
        open_report(path)
    out = "" if kind in ("a file", "checkpoints") else f" --out {path}"  # nobody's file is written over
    assert str(caught.value) == f"{path}: no report (it has no _plan.json); wganalyze run PATH{out} makes one"


def test_the_report_beside_checkpoints_is_named(report: Path, write_cell: WriteCell) -> None:
    write_cell(report)
    checkpoints = report.with_name(report.name.removesuffix("-report"))
    with pytest.raises(UsageError, match=f"{checkpoints}: no report, but {report} is one"):
        open_report(checkpoints)


def test_a_report_that_is_planned_and_has_no_cells_yet_is_empty(report: Path, write_cell: WriteCell) -> None:
    write_cell(report)
    (report / "_plan.json").write_text('{"slots": {"s\\ta": "f"}}')
    opened = open_report(report)
    assert opened.measurements.empty
    assert opened.findings.empty
    assert opened.tables == []
    assert opened.summary.empty
    assert opened._repr_html_()
    with pytest.raises(UsageError, match="--metric w1: nothing in the report matches; there are: none"):
        opened.select(["w1"])


def test_damage_is_told_in_one_line(report: Path, write_cell: WriteCell) -> None:
    name = write_cell(report, "s", {"m": 1.5})
    path = report / "_cells" / name / "measurements.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WganalyzeError, match=r"cannot be read .* delete the folder .* and run again"):
        _ = open_report(report).measurements
    (report / "_plan.json").write_text("{")
    with pytest.raises(WganalyzeError, match="is damaged"):
        _ = open_report(report).measurements


def test_the_record_of_the_run_is_read_where_it_can_be(report: Path) -> None:
    assert Report(report).run == {}
    (report / "_run.json").write_text(json.dumps({"run_id": "x", "snapshots": []}))
    assert Report(report).run["run_id"] == "x"
    for damaged in ("{", "[]", "[" * 100_000, '{"snapshots": 3}', '{"metrics": {"a": [{"name": "x"}]}}'):
        (report / "_run.json").write_text(damaged)
        assert Report(report).run == {"status": "_run.json is damaged"}
