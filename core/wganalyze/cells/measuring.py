"""One cell: an analyzer is asked about a study, its answers are checked, and turned into the report's rows."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from wganalyze.cells.key import data_id
from wganalyze.contracts.measurement import Finding, Measurement, Metric, Rows, Status
from wganalyze.errors import NotMeasurable, WganalyzeError
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, detail, table_of
from wganalyze.report.store import CellTables

if TYPE_CHECKING:
    from wganalyze.contracts.analyzer import Analyzer
    from wganalyze.host.registry import Plugin
    from wganalyze.study.study import SnapshotStudy


class UndeclaredError(Exception):
    """An analyzer yielded what it did not declare: a fault of the analyzer."""


@dataclass
class Outcome:
    """What became of a cell. A failed cell keeps no numbers: half an answer is none."""

    status: Status
    message: str = ""
    seconds: float = 0.0
    measurements: list[Measurement] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rows: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    trace: str = ""

    def tables(self, study: SnapshotStudy, analyzer: Analyzer, cell: str, run_id: str, plugin: Plugin) -> CellTables:
        """The rows of this cell, in the full schema of a report."""
        snapshot = study.snapshot
        place = {"run_id": run_id, "snapshot": snapshot.label, "step": snapshot.step, "cell": cell}
        common = {
            **place,
            "step_unit": snapshot.step_unit,
            "analyzer": analyzer.name,
            "dim": study.dim if study.deal else None,
            "seed": study.seed,
            "options": json.dumps(asdict(analyzer.options), sort_keys=True, default=str),
            "digest": snapshot.digest,
            "data_id": data_id(study),
            "plugin": plugin.distribution,
            "plugin_version": plugin.version,
            "device": study.device,
            "seconds": self.seconds,
        }
        metrics = {metric.name: metric for metric in analyzer.metrics}
        measured = [{**common, **_row(m, metrics[m.metric])} for m in self.measurements]
        if self.status != "ok":
            measured = [{**common, "status": self.status, "message": self.message, "metric": ""}]
        found = [{**place, "analyzer": analyzer.name, **asdict(f), "evidence": list(f.evidence)} for f in self.findings]
        details = {
            f"{analyzer.name}.{table.name}": table_of(
                detail(table), [{**place, **record} for record in self.rows.get(table.name, [])]
            )
            for table in analyzer.tables
        }
        return CellTables(table_of(MEASUREMENTS, measured), table_of(FINDINGS, found), details)


def _row(measurement: Measurement, metric: Metric) -> dict[str, Any]:
    row = asdict(measurement)
    del row["interval"]
    interval = measurement.interval
    if interval is not None:
        row |= {"ci_low": interval.low, "ci_high": interval.high, "ci_method": interval.method}
    if measurement.dim is None:
        del row["dim"]
    return {**row, "unit": metric.unit, "direction": metric.direction, "correction": metric.correction}


def measure(study: SnapshotStudy, analyzer: Analyzer) -> Outcome:
    """Ask one analyzer about one study; whatever it raises stays in its cell."""
    start = time.perf_counter()
    outcome = _measure(study, analyzer)
    outcome.seconds = time.perf_counter() - start
    return outcome


def _measure(study: SnapshotStudy, analyzer: Analyzer) -> Outcome:
    for need in sorted(analyzer.needs, key=lambda need: need.name):
        reason = study.lacks(need)
        if reason:
            return Outcome("skipped", reason)
    outcome = Outcome("ok")
    try:
        for thing in analyzer.measure(study):
            _accept(thing, analyzer, outcome)
    except NotMeasurable as reason:
        return Outcome("skipped", str(reason))
    except WganalyzeError as error:
        return Outcome("failed", str(error), trace=traceback.format_exc())
    except MemoryError as error:
        return Outcome("failed", f"out of memory ({error}); use a smaller --n", trace=traceback.format_exc())
    except OSError as error:
        text = f"{error.filename or 'a file'}: {error.strerror or error}"
        return Outcome("failed", text, trace=traceback.format_exc())
    except Exception as error:
        text = " ".join(str(error).split())
        return Outcome("failed", f"{type(error).__name__}: {text}", trace=traceback.format_exc())
    return outcome


def _accept(thing: object, analyzer: Analyzer, outcome: Outcome) -> None:
    if isinstance(thing, Measurement):
        if thing.metric not in {metric.name for metric in analyzer.metrics}:
            raise UndeclaredError(
                f"analyzer {analyzer.name} yielded the metric {thing.metric!r}, which it does not declare"
            )
        outcome.measurements.append(thing)
    elif isinstance(thing, Finding):
        outcome.findings.append(thing)
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
