"""One cell: an analyzer is asked about a study, its answers are checked, and turned into the report's rows."""

from __future__ import annotations

import json
import math
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from wganalyze.cells.embedded import Space, in_space
from wganalyze.cells.packed import as_the_critic_sees
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.measurement import Finding, Measurement, Metric, Rows, Status
from wganalyze.contracts.picture import Picture
from wganalyze.contracts.terms import PIXELS
from wganalyze.errors import NotMeasurable, WganalyzeError
from wganalyze.report.format import bracket, number, spread
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, PICTURES, detail, table_of
from wganalyze.report.store import CellTables
from wganalyze.scripts.blame import fault_of, place_of
from wganalyze.study.study import SnapshotStudy

if TYPE_CHECKING:
    import pyarrow as pa


class UndeclaredError(Exception):
    """An analyzer yielded what it did not declare: a fault of the analyzer."""


@dataclass(frozen=True)
class Question:
    """An analyzer with its options, the distribution that it comes from, and the space that it is asked in.

    ``space``: None: that of the critic's input.
    """

    analyzer: type[Analyzer]
    options: Any
    distribution: str = ""
    release: str = ""
    space: Space | None = None

    @property
    def name(self) -> str:
        """Of the analyzer, with its space where that is another than the critic's."""
        return self.analyzer.name if self.space is None else f"{self.analyzer.name}@{self.space.text}"

    @property
    def embedding(self) -> str | None:
        """What rows call the space; None where the analyzer knows of none."""
        if not self.analyzer.in_spaces:
            return None
        return PIXELS if self.space is None else self.space.text


@dataclass
class Outcome:
    """What became of a cell. A failed cell keeps no numbers: half an answer is none. ``shown``: its headlines."""

    status: Status
    message: str = ""
    seconds: float = 0.0
    measurements: list[Measurement] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rows: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    trace: str = ""
    shown: str = ""


def for_run(question: Question, snapshots: int) -> tuple[Question, BaseException | None]:
    """A question as a run of so many snapshots asks it, or why it cannot be asked."""
    try:
        options = question.analyzer.for_run(question.options, snapshots)
    except (Exception, SystemExit) as error:  # it is anybody's code
        return question, error
    if not isinstance(options, question.analyzer.Options):
        return question, TypeError(f"{question.analyzer.name}.for_run gave {type(options).__name__}, not its Options")
    return replace(question, options=options), None


def measure(study: SnapshotStudy, question: Question) -> Outcome:
    """Ask one analyzer about one study; whatever it raises stays in its cell."""
    start = time.perf_counter()
    outcome = Outcome("ok")
    try:
        study = _asked(study, question)
        needs = sorted(question.analyzer.needs, key=lambda need: need.name)
        if reasons := [*dict.fromkeys(reason for need in needs if (reason := study.lacks(need)))]:
            raise NotMeasurable("; ".join(reasons))
        analyzer = question.analyzer(question.options)
        for thing in analyzer.measure(study):
            _accept(thing, question.analyzer, outcome)
        outcome.shown = _shown(outcome, question.analyzer)
    except (Exception, SystemExit) as error:
        outcome = failed(error)
    outcome.seconds = time.perf_counter() - start
    return outcome


def _asked(study: SnapshotStudy, question: Question) -> SnapshotStudy:
    """The study in the space of a question, or of the packs that its critic takes for one point."""
    return as_the_critic_sees(study, question.analyzer) if question.space is None else in_space(study, question.space)


def failed(error: BaseException, seconds: float = 0.0) -> Outcome:
    """The outcome of a cell in which this was raised; NotMeasurable is a reason to skip it."""
    status: Status = "skipped" if isinstance(error, NotMeasurable) else "failed"
    trace = "".join(traceback.format_exception(error)) if status == "failed" else ""
    return Outcome(status, _reason(error), seconds, trace=trace)


def _reason(error: BaseException) -> str:
    if isinstance(error, WganalyzeError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"out of memory ({error}); use a smaller --n"
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return f"{fault_of(error)}{place_of(error)}"


def _accept(thing: object, analyzer: type[Analyzer], outcome: Outcome) -> None:
    if isinstance(thing, Measurement):
        if thing.metric not in {metric.name for metric in analyzer.metrics}:
            raise UndeclaredError(
                f"analyzer {analyzer.name} yielded the metric {thing.metric!r}, which it does not declare"
            )
        outcome.measurements.append(thing)
    elif isinstance(thing, Finding):
        outcome.findings.append(thing)
    elif isinstance(thing, Picture):
        if thing.name in {picture.name for picture in outcome.pictures}:
            raise UndeclaredError(f"analyzer {analyzer.name} yielded two pictures of the name {thing.name!r}")
        outcome.pictures.append(thing)
    elif isinstance(thing, Rows):
        table = next((table for table in analyzer.tables if table.name == thing.table), None)
        if table is None:
            raise UndeclaredError(
                f"analyzer {analyzer.name} yielded rows of {thing.table!r}, which it does not declare"
            )
        for record in thing.records:
            if set(record) != set(table.columns):
                raise UndeclaredError(
                    f"analyzer {analyzer.name}: a row of {table.name!r} has the columns {sorted(record)}, "
                    f"declared are {sorted(table.columns)}"
                )
        outcome.rows.setdefault(thing.table, []).extend(thing.records)
    else:
        raise UndeclaredError(f"analyzer {analyzer.name} yielded a {type(thing).__name__}")


def _shown(outcome: Outcome, analyzer: type[Analyzer]) -> str:
    """What the summary will say of this cell; a p-value is corrected once all snapshots have theirs."""
    rows = {row.metric: row for row in outcome.measurements if row.value is not None}
    ends: dict[str, dict[str, float]] = {}
    texts: dict[str, str] = {}
    for metric in analyzer.metrics:
        headline, row = metric.headline, rows.get(metric.name)
        if headline is None or row is None or row.value is None or metric.correction != "none":
            continue
        if headline.end:
            found = ends.setdefault(headline.title, {"low": math.nan, "high": math.nan})
            found[headline.end] = row.value
            texts[headline.title] = bracket(found["low"], found["high"])
        else:
            interval = row.interval if headline.interval else None
            texts[headline.title] = number(row.value) + (f" {spread(interval.low, interval.high)}" if interval else "")
    return ", ".join(f"{title.partition(' [')[0]} {text}" for title, text in texts.items())


def tables_of(outcome: Outcome, study: SnapshotStudy, question: Question, run_id: str, cell: str) -> CellTables:
    """The rows of a cell in the full schema of a report; ``cell``: the name of its folder.

    It may raise what pyarrow raises for values that do not fit the columns that an analyzer declared.
    """
    snapshot, analyzer = study.snapshot, question.analyzer
    study = _asked(study, question)
    place = {
        "run_id": run_id,
        "snapshot": snapshot.label,
        "step": snapshot.step,
        "embedding": question.embedding,
        "cell": cell,
    }
    common = {
        **place,
        "step_unit": snapshot.step_unit,
        "analyzer": analyzer.name,
        "seed": study.seed,
        "plugin": question.distribution,
        "plugin_version": question.release,
        "device": study.device,
        "seconds": outcome.seconds,
    }
    # A file that is gone, a source that is broken, or too few packs, do not keep a failed cell from saying so.
    facts: dict[str, Callable[[], Any]] = {
        "options": lambda: json.dumps(asdict(question.options), sort_keys=True, default=str),
        "n_split": lambda: study.n if study.deal else None,
        "dim": lambda: study.dim,
        "digest": lambda: snapshot.digest,
        "data_id": lambda: study.data_id,
    }
    for name, fact in facts.items():
        with suppress(Exception):
            common[name] = fact()
    metrics = {metric.name: metric for metric in analyzer.metrics}
    measured = [{**common, **_row(m, metrics[m.metric])} for m in outcome.measurements]
    if outcome.status != "ok":
        measured = [{**common, "status": outcome.status, "message": outcome.message, "metric": ""}]
    told = [finding_row(_placed(finding, question), place, analyzer.name) for finding in outcome.findings]
    details: dict[str, pa.Table] = {}
    for table in analyzer.tables:
        records = [{**place, **record} for record in outcome.rows.get(table.name, [])]
        # Columns of a type that there is not fail the cell, which then goes without them.
        with suppress(Exception) if outcome.status == "failed" else nullcontext():
            details[f"{analyzer.name}.{table.name}"] = table_of(detail(table), records)
    pictures = [{**place, "analyzer": analyzer.name, **_pictured(picture)} for picture in outcome.pictures]
    return CellTables(
        table_of(MEASUREMENTS, measured),
        table_of(FINDINGS, told),
        details,
        table_of(PICTURES, pictures) if pictures else None,
    )


def _placed(finding: Finding, question: Question) -> Finding:
    """A finding that says which space it is about, where that is another than the critic's."""
    if question.space is None:
        return finding
    return replace(finding, message=f"in the space {question.space.text}: {finding.message}")


def finding_row(
    finding: Finding, place: Mapping[str, Any], analyzer: str, kind: Literal["conclusion", "assumption"] = "conclusion"
) -> dict[str, Any]:
    """A finding as the report stores it."""
    return {**place, "analyzer": analyzer, **asdict(finding), "evidence": list(finding.evidence), "kind": kind}


def _pictured(picture: Picture) -> dict[str, Any]:
    width, height = picture.size
    return {**asdict(picture), "width": width, "height": height}


def _row(measurement: Measurement, metric: Metric) -> dict[str, Any]:
    row = asdict(measurement)
    del row["interval"]
    row["values"] = list(measurement.values) or None
    interval = measurement.interval
    if interval is not None:
        row |= {"ci_low": interval.low, "ci_high": interval.high, "ci_method": interval.method}
    if measurement.dim is None:
        del row["dim"]
    return {**row, "unit": metric.unit, "direction": metric.direction, "correction": metric.correction}
