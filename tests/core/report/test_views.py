"""Views: what the cells hold, no more and no less, in files that anybody reads."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wganalyze.contracts.picture import Picture
from wganalyze.errors import WganalyzeError
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, PICTURES, SCHEMA_VERSION, arrow, table_of
from wganalyze.report.store import CellStore, slot
from wganalyze.report.views import Views

WriteCell = Callable[..., str]
NO_UTF8 = b"\xb7napshot"


def views_of(report: Path) -> Views:
    """As a new process would make them."""
    return Views(CellStore(report))


@pytest.fixture
def full_disk(report: Path) -> Iterator[None]:
    """No byte can be written, by root neither."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ---- content


def test_plain_pandas_reads_what_the_cells_hold(report: Path, write_cell: WriteCell) -> None:
    first = write_cell(report, "b", {"m": 1.0, "n": {"value": 2.0, "ci_low": 1.5, "n": 7}}, findings=[{"code": "x"}])
    second = write_cell(report, "a", {"m": 3.0}, details={"rows": [{"x": 0.5, "label": "l"}]}, step=None)
    views_of(report).refresh(force=True)
    numbers = pd.read_parquet(report / "measurements")
    assert list(numbers.columns) == list(MEASUREMENTS)
    assert numbers[["snapshot", "metric", "value", "cell"]].to_numpy().tolist() == [
        ["a", "m", 3.0, second],
        ["b", "m", 1.0, first],
        ["b", "n", 2.0, first],
    ]
    assert numbers["n"].tolist()[2] == 7
    findings = pd.read_parquet(report / "_findings")
    assert list(findings.columns) == list(FINDINGS)
    assert findings[["code", "cell"]].to_numpy().tolist() == [["x", first]]
    details = pd.read_parquet(report / "_tables" / "a.rows")
    assert details[["snapshot", "x", "label", "cell"]].to_numpy().tolist() == [["a", 0.5, "l", second]]


@pytest.mark.parametrize("cells", [0, 1])
def test_views_have_the_typed_schema_and_its_version(cells: int, report: Path, write_cell: WriteCell) -> None:
    for _ in range(cells):
        write_cell(report, numbers={"m": 1.0}, step=None)
    views_of(report).refresh(force=True)
    for view, columns in (("measurements", MEASUREMENTS), ("findings", FINDINGS)):
        schema = pq.read_schema(views_of(report).layout.view(view) / "part-0.parquet")
        assert schema.equals(arrow(columns))
        assert (schema.metadata or {})[b"wganalyze_schema"] == SCHEMA_VERSION.encode()


def test_cells_of_an_older_schema_are_filled_with_nulls(report: Path, write_cell: WriteCell) -> None:
    name = write_cell(report, "old", {"m": 1.0})
    path = report / "_cells" / name / "measurements.parquet"
    pq.write_table(pq.ParquetFile(path).read().drop_columns(["device", "seconds"]), path)
    write_cell(report, "new", {"m": 2.0}, device="cpu")
    views_of(report).refresh(force=True)
    assert pd.read_parquet(report / "measurements").set_index("snapshot")["device"].to_dict() == {
        "new": "cpu",
        "old": pytest.approx(np.nan, nan_ok=True),
    }


# ---- behind, refreshed, stamped


def test_views_are_behind_until_refreshed(report: Path, write_cell: WriteCell) -> None:
    assert views_of(report).behind()
    views_of(report).refresh(force=True)
    assert not views_of(report).behind()
    write_cell(report)
    assert views_of(report).behind()
    views_of(report).refresh(force=True)
    assert not views_of(report).behind()
    CellStore(report).choose({slot("s", "a"): "f" * 32})
    assert views_of(report).behind()


@pytest.mark.parametrize("view", ["measurements", "findings"])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "of another time", "a name"])
def test_a_damaged_view_is_behind_and_is_made_again(
    view: str, damage: str, report: Path, write_cell: WriteCell
) -> None:
    path = views_of(report).layout.view(view) / "part-0.parquet"
    views_of(report).refresh(force=True)
    earlier = path.read_bytes()
    write_cell(report, numbers={"m": 1.0}, findings=[{}])
    views_of(report).refresh(force=True)
    whole = path.read_bytes()
    damaged = {
        "missing": b"",
        "empty": b"",
        "truncated": whole[:-9],
        "of another time": earlier,
        "a name": whole.replace(b"snapshot", NO_UTF8),
    }
    path.write_bytes(damaged[damage])
    if damage == "missing":
        path.unlink()
    assert views_of(report).behind()
    assert views_of(report).read()[view].num_rows == 1
    assert pd.read_parquet(path)["cell"].nunique() == 1


def test_a_view_that_is_damaged_inside_is_read_from_the_cells(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, numbers={"m": 1.0})
    views_of(report).refresh(force=True)
    path = report / "measurements" / "part-0.parquet"
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)
    with pytest.raises((OSError, pa.ArrowException)):
        pq.ParquetFile(path).read()
    assert views_of(report).read()["measurements"]["value"].to_pylist() == [1.0]
    assert pd.read_parquet(path)["value"].tolist() == [1.0]


def test_views_that_are_up_to_date_are_read_without_the_cells(report: Path, write_cell: WriteCell) -> None:
    name = write_cell(report, numbers={"m": {"value": 0.5, "correction": "holm"}}, details={"rows": [{"x": 1.0}]})
    made = views_of(report).read()
    (report / "_cells" / name / "measurements.parquet").write_bytes(b"")
    again = views_of(report).read()
    assert set(again) == set(made) == {"measurements", "findings", "tables/a.rows"}
    for view in made:
        assert again[view].equals(made[view]), view


def test_refreshes_without_force_are_rare(report: Path, write_cell: WriteCell, monkeypatch: pytest.MonkeyPatch) -> None:
    views = views_of(report)
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def shown() -> int:
        views.store.plan = CellStore(report).plan
        views.refresh()
        return len(pd.read_parquet(report / "measurements"))

    seen = []
    for now, snapshot in ((0.0, "a"), (29.0, "b"), (31.0, "c"), (60.0, "d"), (61.5, "e")):  # noqa: B007
        write_cell(report, snapshot, {"m": 1.0})
        seen.append(shown())
    # The first is written at once, also where the clock starts at 0.
    assert seen == [1, 1, 3, 3, 5]


def test_cells_that_leave_take_their_rows_and_tables_with_them(report: Path, write_cell: WriteCell) -> None:
    """Within one process, and in a new one, which has never read the cell that left."""
    write_cell(report, "kept", {"m": 1.0}, findings=[{}])
    write_cell(report, "s", {"m": 2.0}, findings=[{}], details={"rows": [{"x": 1.0}]}, key="0" * 32)
    views = views_of(report)
    views.refresh(force=True)
    views.store.choose({slot("s", "a"): "1" * 32})
    views.refresh(force=True)
    for view in ("measurements", "_findings"):
        assert pd.read_parquet(report / view)["snapshot"].tolist() == ["kept"]
    assert pd.read_parquet(report / "_tables" / "a.rows").empty
    CellStore(report).choose({slot("s", "a"): "0" * 32})
    views_of(report).refresh(force=True)
    assert len(pd.read_parquet(report / "_tables" / "a.rows")) == 1
    CellStore(report).choose({slot("s", "a"): "1" * 32})
    assert set(views_of(report).read()) == {"measurements", "findings"}
    assert not list(report.glob("_tables/*/*.parquet"))


def test_pictures_come_and_leave_with_their_cell(report: Path, write_cell: WriteCell, shot: Picture) -> None:
    """There is no view of them, which would hold them twice."""
    assert views_of(report).pictures().num_rows == 0
    write_cell(report, "kept", {"m": 1.0}, pictures=[shot])
    write_cell(report, "s", {"m": 2.0}, pictures=[replace(shot, name="gone")], key="0" * 32)
    views_of(report).refresh(force=True)
    frame = views_of(report).pictures().to_pandas()
    assert list(frame.columns) == list(PICTURES)
    assert frame[["snapshot", "name", "png"]].to_numpy().tolist() == [
        ["kept", "shot", shot.png],
        ["s", "gone", shot.png],
    ]
    CellStore(report).choose({slot("s", "a"): "1" * 32})
    assert views_of(report).pictures()["snapshot"].to_pylist() == ["kept"]
    assert {path.name for path in report.iterdir() if path.is_dir()} == {"measurements", "_findings", "_cells"}


def test_a_damaged_picture_names_its_cell(report: Path, write_cell: WriteCell, shot: Picture) -> None:
    name = write_cell(report, "s", {"m": 1.0}, pictures=[shot])
    path = report / "_cells" / name / "pictures.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(
        WganalyzeError, match=rf"{name}/pictures\.parquet: cannot be read .*; delete the folder .*{name} "
    ):
        views_of(report).pictures()


def test_findings_come_before_numbers_and_leave_after_them(
    report: Path, write_cell: WriteCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at after each replacement of a file, a number never stands without its finding."""
    write_cell(report, "s", {"m": 1.0}, findings=[{}], key="0" * 32)
    views_of(report).refresh(force=True)
    write_cell(report, "s", {"m": 2.0}, findings=[{}], key="1" * 32)
    move, seen = Path.replace, []

    def look(self: Path, target: Path) -> Path:
        done = move(self, target)
        cells = [set(pd.read_parquet(report / view)["cell"].str[0]) for view in ("_findings", "measurements")]
        seen.append("".join(sorted(cells[0])) + ">" + "".join(sorted(cells[1])))
        return done

    monkeypatch.setattr(Path, "replace", look)
    views_of(report).refresh(force=True)
    assert seen == ["01>0", "01>1", "1>1"]


def test_a_report_that_cannot_be_written_is_read_from_its_cells(
    report: Path, write_cell: WriteCell, request: pytest.FixtureRequest
) -> None:
    write_cell(report, "early", {"m": 1.0})
    views_of(report).refresh(force=True)
    write_cell(report, "late", {"m": 2.0}, findings=[{}], details={"rows": [{"x": 1.0}]})
    request.getfixturevalue("full_disk")
    with pytest.raises(OSError):
        views_of(report).refresh(force=True)
    read = views_of(report).read()
    assert read["measurements"]["value"].to_pylist() == [1.0, 2.0]
    assert read["findings"].num_rows == read["tables/a.rows"].num_rows == 1
    # What was there before is whole.
    assert pd.read_parquet(report / "measurements")["snapshot"].tolist() == ["early"]


# ---- cells that cannot be read


def with_value(path: Path, value: bytes) -> bytes:
    """The table in a file, with one row, whose snapshot has these bytes for its name."""
    table, sink = pq.read_table(path).slice(0, 1), pa.BufferOutputStream()
    if not table.num_rows:
        table = pa.Table.from_pylist([dict.fromkeys(table.column_names)], table.schema)
    name = pa.array([value], pa.binary()).view(pa.string())
    pq.write_table(table.set_column(table.column_names.index("snapshot"), "snapshot", name), sink)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("file", ["measurements.parquet", "findings.parquet", "tables/a.rows.parquet"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "a name", "a value"])
def test_a_damaged_cell_is_said_in_one_line(file: str, damage: str, report: Path, write_cell: WriteCell) -> None:
    name = write_cell(report, numbers={"m": 1.0}, details={"rows": [{"x": 1.0}]})
    path = report / "_cells" / name / file
    whole = path.read_bytes()
    damaged = {
        "truncated": whole[:-20],
        "empty": b"",
        "text": b"hello",
        "a name": whole.replace(b"snapshot", NO_UTF8),
        "a value": with_value(path, NO_UTF8),
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(WganalyzeError) as caught:
        views_of(report).read()
    message = str(caught.value)
    assert message.startswith(f"{path}: cannot be read (")
    assert f"delete the folder {report / '_cells' / name} and run again" in message
    assert "\n" not in message


def test_versions_of_a_table_that_disagree_are_said_in_one_line(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "one", details={"rows": [{"x": 1.0}]})
    write_cell(report, "two", details={"rows": [{"x": "text"}]})
    with pytest.raises(WganalyzeError, match=r"tables/a\.rows: cells of different versions") as caught:
        views_of(report).read()
    assert "\n" not in str(caught.value)
    assert "field x" in str(caught.value).lower() or "'x'" in str(caught.value) or " x " in str(caught.value)


# ---- size


def test_ten_thousand_cells_are_read_by_plain_pandas_at_once(report: Path) -> None:
    """The time that the issue states. To be quick, a hundred contents are linked into a hundred cells each."""
    cells, contents, each = 10_000, 100, 6
    for i in range(contents):
        place = {"run_id": "r", "snapshot": f"G_{i:05d}.pt", "step": i, "analyzer": "a", "status": "ok", "cell": f"{i}"}
        numbers = [
            {**place, "metric": f"m{j}", "value": float(j), "options": '{"metric": "euclidean", "permutations": 199}'}
            for j in range(each)
        ]
        pq.write_table(table_of(MEASUREMENTS, numbers), report / f"{i}.parquet")
    pq.write_table(table_of(FINDINGS, []), report / "none.parquet")
    for i in range(cells):
        folder = report / "_cells" / f"{i:032x}"
        folder.mkdir(parents=True)
        (folder / "measurements.parquet").hardlink_to(report / f"{i % contents}.parquet")
        (folder / "findings.parquet").hardlink_to(report / "none.parquet")
    CellStore(report).choose({slot(f"G_{i:05d}.pt", "a"): f"{i:032x}" for i in range(cells)})
    start = time.perf_counter()
    views_of(report).refresh(force=True)
    gathered = time.perf_counter() - start
    start = time.perf_counter()
    frame = pd.read_parquet(report / "measurements")
    took = time.perf_counter() - start
    assert len(frame) == cells * each
    assert frame["value"].sum() == cells * sum(range(each))
    assert took < gathered / 4
    assert len(list((report / "measurements").iterdir())) == 1
    # Opening it again reads the views, and not ten thousand cells.
    start = time.perf_counter()
    assert views_of(report).read()["measurements"].num_rows == cells * each
    assert time.perf_counter() - start < gathered / 4
