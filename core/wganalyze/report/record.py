"""What run.json has to look like, for those who read it: it may be damaged, of another version, or a stranger's."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Set
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypedDict, Union, get_args, get_origin, get_type_hints, is_typeddict

from wganalyze.contracts.figure import Series
from wganalyze.contracts.measurement import Metric

Text = str | None
Judge = Callable[[object], bool]
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
    return _judge(kind)(value)


@cache
def _judge(kind: Any) -> Judge:
    """What says so of a kind; made once, for records have a hundred thousand values."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda _: True
    if kind is NoneType or kind is None:
        return lambda value: value is None
    if origin in (Union, UnionType):
        judges = [*map(_judge, arguments)]
        return lambda value: any(judge(value) for judge in judges)
    if origin is list:
        of_element = _judge(arguments[0])
        return lambda value: isinstance(value, list) and all(map(of_element, value))
    if origin is dict:
        of_value = _judge(arguments[1])
        return lambda value: isinstance(value, dict) and all(map(of_value, value.values()))
    if is_typeddict(kind):
        return _judge_keys(kind, kind.__required_keys__)
    if dataclasses.is_dataclass(kind):
        absent = dataclasses.MISSING
        fields = dataclasses.fields(kind)
        needed = {f.name for f in fields if f.default is absent and f.default_factory is absent}
        return _judge_keys(kind, needed, {f.name for f in fields})
    if kind is float:
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:  # a stranger's 3 may be 3.0
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    simple = str if origin is Literal else kind  # of a Literal later versions may have more
    return lambda value: isinstance(value, simple)


def _judge_keys(kind: Any, needed: Set[str], known: Set[str] | None = None) -> Judge:
    """Of a dict; ``known``: all keys that it may have."""
    judges = {name: _judge(hint) for name, hint in get_type_hints(kind).items()}

    def judge(value: object) -> bool:
        if not isinstance(value, dict) or not needed <= value.keys():
            return False
        if known is not None and value.keys() - known:
            return False
        return all(judges[name](each) for name, each in value.items() if name in judges)

    return judge
