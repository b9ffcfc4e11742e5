"""The columns of a report; a name is never reused for another meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from wganalyze.contracts.measurement import Table

SCHEMA_VERSION = "3"

MEASUREMENTS: Mapping[str, str] = {
    "run_id": "string",
    "snapshot": "string",
    "step": "int64",
    "step_unit": "string",
    "analyzer": "string",
    "metric": "string",
    "value": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "ci_method": "string",
    "replicates": "int64",
    "values": "list<float64>",
    "n": "int64",
    "dim": "int64",
    "unit": "string",
    "direction": "string",
    "space": "string",
    "embedding": "string",
    "mode": "string",
    "method": "string",
    "certificate": "string",
    "solver": "string",
    "status": "string",
    "message": "string",
    "scope": "string",
    "correction": "string",
    "seed": "int64",
    "options": "string",
    "digest": "string",
    "data_id": "string",
    "n_split": "int64",
    "plugin": "string",
    "plugin_version": "string",
    "device": "string",
    "seconds": "float64",
    "cell": "string",
}
FINDINGS: Mapping[str, str] = {
    "run_id": "string",
    "snapshot": "string",
    "step": "int64",
    "analyzer": "string",
    "embedding": "string",
    "level": "string",
    "code": "string",
    "kind": "string",
    "message": "string",
    "evidence": "list<string>",
    "cell": "string",
}
PICTURES: Mapping[str, str] = {
    "run_id": "string",
    "snapshot": "string",
    "step": "int64",
    "analyzer": "string",
    "embedding": "string",
    "name": "string",
    "caption": "string",
    "alt": "string",
    "width": "int64",
    "height": "int64",
    "png": "binary",
    "cell": "string",
}
_DETAIL_PREFIX: Mapping[str, str] = {
    "run_id": "string",
    "snapshot": "string",
    "step": "int64",
    "embedding": "string",
    "cell": "string",
}


def detail(table: Table) -> dict[str, str]:
    """Columns of an analyzer's detail table, behind those that say where a row belongs."""
    return {**_DETAIL_PREFIX, **table.columns}


def arrow(columns: Mapping[str, str], metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """The Arrow schema of ``columns``, with the schema's version in its metadata."""
    import pyarrow as pa

    fields = [pa.field(name, _type(kind)) for name, kind in columns.items()]
    return pa.schema(fields, metadata={"wganalyze_schema": SCHEMA_VERSION, **(metadata or {})})


def _type(kind: str) -> pa.DataType:
    import pyarrow as pa

    inner = kind.removeprefix("list<").removesuffix(">")
    return pa.type_for_alias(kind) if inner == kind else pa.list_(pa.type_for_alias(inner))


def table_of(columns: Mapping[str, str], records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Records as an Arrow table with every declared column, typed even where all are null."""
    import pyarrow as pa

    return pa.Table.from_pylist([dict(record) for record in records], schema=arrow(columns))
