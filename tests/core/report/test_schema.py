"""Every table has every declared column, typed, and says which schema it follows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wganalyze.contracts.measurement import Table
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, SCHEMA_VERSION, arrow, detail, table_of

PROMISED = """
    run_id snapshot step step_unit analyzer metric value ci_low ci_high ci_method replicates values n dim unit direction
    space embedding mode method certificate solver status message scope correction seed options digest data_id n_split
    plugin plugin_version device seconds cell
"""


def test_the_columns_are_those_that_users_were_promised() -> None:
    assert list(MEASUREMENTS) == PROMISED.split()
    assert list(FINDINGS) == [
        "run_id",
        "snapshot",
        "step",
        "analyzer",
        "embedding",
        "level",
        "code",
        "kind",
        "message",
        "evidence",
        "cell",
    ]
    assert SCHEMA_VERSION == "3"


@pytest.mark.parametrize("columns", [MEASUREMENTS, FINDINGS])
def test_nulls_are_typed(columns: dict[str, str], tmp_path: Path) -> None:
    """A column that is null in every row is still a number or a text, so that tables can be joined."""
    table = table_of(columns, [{"snapshot": "s"}])
    assert table.column_names == list(columns)
    assert not [field.name for field in table.schema if pa.types.is_null(field.type)]
    assert table.schema.field("step").type == pa.int64()
    pq.write_table(table, tmp_path / "t.parquet")
    again = pq.read_table(tmp_path / "t.parquet")
    assert again.schema.equals(table.schema)
    assert again.to_pylist() == [{name: "s" if name == "snapshot" else None for name in columns}]


def test_a_table_without_rows_has_the_whole_schema() -> None:
    assert table_of(MEASUREMENTS, []).schema == table_of(MEASUREMENTS, [{"value": 1.0}]).schema


def test_the_version_of_the_schema_is_in_the_metadata() -> None:
    assert table_of(FINDINGS, []).schema.metadata[b"wganalyze_schema"] == SCHEMA_VERSION.encode()
    assert arrow(FINDINGS, {"more": "x"}).metadata == {b"wganalyze_schema": SCHEMA_VERSION.encode(), b"more": b"x"}


def test_a_detail_table_says_where_its_rows_belong() -> None:
    columns = detail(Table("layers", "Per layer.", {"layer": "string", "norm": "float64"}))
    assert list(columns) == ["run_id", "snapshot", "step", "embedding", "cell", "layer", "norm"]
    table = table_of(columns, [{"layer": "0", "norm": None}])
    assert table.schema.field("norm").type == pa.float64()


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(pa.ArrowException):
        table_of(MEASUREMENTS, [{"value": "12"}])
