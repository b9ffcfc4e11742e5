"""What run.json has to look like, for those who read it: it may be damaged, of another version, or a stranger's."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypedDict, Union, get_args, get_origin, get_type_hints, is_typeddict

from wganalyze.contracts.figure import Series
from wganalyze.contracts.measurement import Metric

Text = str | None
DAMAGED = "is damaged"


class Labelled(TypedDict):
    """What every snapshot has."""

    label: str


class SnapshotRecord(Labelled, total=False):
    """One snapshot; ``cells``: their keys, by analyzer."""

    step: int | None
    files: list[str]
    designs: dict[str, str]
    missing: dict[str, str]
    facts: dict[str, Any]
    assumptions: list[str]
    cells: dict[str, str]


class DataRecord(TypedDict, total=False):
    """The reals, and how many of them in how many replicates."""

    source: Text
    space: Text
    n: int | None
    size_note: Text
    replicates: int | None
    seed: int | None
    held_out: bool | None
    training: Text


class PluginRecord(TypedDict):
    """What became of a plugin."""

    name: str
    distribution: str
    version: Text
    status: str
    reason: Text


class SentenceRecord(TypedDict):
    """As ``Sentence``."""

    text: str
    rank: int
    evidence: list[str]


class VerdictRecord(TypedDict):
    """As ``RunVerdict``."""

    run: str
    labels: list[str]
    sentences: list[SentenceRecord]


class Record(TypedDict, total=False):
    """All of it that a reader takes anything from."""

    run_id: Text
    source: Text
    status: str
    command: list[str]
    started: Text
    finished: Text
    python: Text
    platform: Text
    device: Text
    gpu: Text
    cores: int | None
    planned: int
    cells: dict[str, int]
    versions: dict[str, str]
    plugins: list[PluginRecord]
    data: DataRecord | None
    snapshots: list[SnapshotRecord]
    metrics: dict[str, list[Metric]]
    series: dict[str, list[Series]]
    verdicts: list[VerdictRecord]


def read_record(path: Path) -> dict[str, Any]:
    """What a run.json says; nothing where there is none, and that it is damaged where it does not look like one."""
    damaged = {"status": f"{path.name} {DAMAGED}"}
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except OSError:
        return {}
    except (ValueError, RecursionError):
        return damaged
    return document if fits(document, Record) else damaged


def trouble(record: Mapping[str, Any]) -> str:
    """What its reader has to know before all else; "" of a run that came to its end."""
    status = str(record.get("status", "complete"))
    if status == "complete":
        return ""
    if status.endswith(DAMAGED):
        return f"{status}: the numbers are shown without what it says of them."
    return f"The last run did not come to its end ({status}): cells may be missing."


def fits(value: object, kind: Any) -> bool:
    """Is it of this kind: what JSON makes of a type, a TypedDict or a dataclass? A TypedDict may have further keys."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if kind is NoneType or kind is None:
        return value is None
    if origin in (Union, UnionType):
        return any(fits(value, each) for each in arguments)
    if origin is Literal:  # later versions may have more
        return isinstance(value, str)
    if origin is list:
        return isinstance(value, list) and all(fits(each, arguments[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(each, arguments[1]) for each in value.values())
    if is_typeddict(kind) or dataclasses.is_dataclass(kind):
        needed, hints = _parts(kind)
        if not isinstance(value, dict) or not needed <= value.keys():
            return False
        if dataclasses.is_dataclass(kind) and value.keys() - hints.keys():
            return False
        return all(fits(value[name], hints[name]) for name in hints.keys() & value.keys())
    if kind in (int, float):  # a stranger's 3 may be 3.0
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and (kind is float or math.isfinite(value))
        )
    return isinstance(value, kind)


@cache
def _parts(kind: Any) -> tuple[frozenset[str], dict[str, Any]]:
    """The keys that have to be there, and the kind of each."""
    hints = get_type_hints(kind)
    if is_typeddict(kind):
        return frozenset(kind.__required_keys__), hints
    fields = dataclasses.fields(kind)
    absent = dataclasses.MISSING
    needed = frozenset(f.name for f in fields if f.default is absent and f.default_factory is absent)
    return needed, hints
