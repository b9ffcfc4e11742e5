"""One cell: whatever an analyzer does, its outcome has a status, a reason, and rows in the full schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from wganalyze.cells.measuring import Outcome, measure
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.measurement import Finding, Measurement, Metric, Rows, Table, Yielded
from wganalyze.contracts.study import Need
from wganalyze.errors import CheckpointError, DataError, NotMeasurable
from wganalyze.host.registry import Plugin
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, arrow
from wganalyze.statistics import Interval
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import shifted_gaussians

PLUGIN = Plugin("tested", "tested-distribution", "7.1", "ok")


def yielding(*things: object, error: BaseException | None = None, needs: frozenset[Need] = frozenset()) -> Analyzer:
    """An analyzer that yields these things and then raises."""

    class Tested(Analyzer):
        """Yields what it is told."""

        name = "tested"
        metrics = (Metric("gap", "A gap.", "nats", "lower"), Metric("dim_free", "No number."))
        tables = (Table("rows", "Details.", {"layer": "string", "norm": "float64"}),)

        @dataclass(frozen=True)
        class Options:
            power: int = field(default=2, metadata={"help": "A power."})

        def measure(self, study: SnapshotStudy) -> Iterator[Yielded]:
            yield from things  # type: ignore[misc]
            if error is not None:
                raise error

    Tested.needs = needs
    return Tested()


def run(*things: object, error: BaseException | None = None) -> Outcome:
    """The outcome of such an analyzer."""
    return measure(shifted_gaussians(), yielding(*things, error=error))


GAP = Measurement("gap", 1.5)


def test_everything_declared_is_kept() -> None:
    finding = Finding("warning", "code", "text", ("gap",))
    outcome = run(
        GAP, finding, Rows("rows", [{"layer": "a", "norm": 1.0}]), Rows("rows", [{"layer": "b", "norm": 2.0}])
    )
    assert (outcome.status, outcome.message, outcome.trace) == ("ok", "", "")
    assert outcome.measurements == [GAP]
    assert outcome.findings == [finding]
    assert [record["layer"] for record in outcome.rows["rows"]] == ["a", "b"]
    assert outcome.seconds > 0


def test_nothing_is_an_answer_too() -> None:
    assert run().status == "ok"


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (Measurement("gpa", 1.0), "yielded the metric 'gpa', which it does not declare"),
        (Rows("row", []), "yielded rows of 'row', which it does not declare"),
        (
            Rows("rows", [{"layer": "a"}]),
            r"a row of 'rows' has the columns \['layer'\], declared are \['layer', 'norm'\]",
        ),
        (Rows("rows", [{"layer": "a", "norm": 1.0, "more": 2}]), "has the columns"),
        ({"gap": 1.0}, "yielded a dict"),
        (None, "yielded a NoneType"),
    ],
)
def test_what_is_not_declared_fails_the_cell(thing: object, reason: str) -> None:
    outcome = run(GAP, thing)
    assert outcome.status == "failed"
    assert re.search(reason, outcome.message), outcome.message
    assert "tested" in outcome.message
    assert (outcome.measurements, outcome.findings, outcome.rows) == ([], [], {})


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (NotMeasurable("the critic has no layers"), "skipped", "the critic has no layers"),
        (DataError("3 samples were asked for"), "failed", "3 samples were asked for"),
        (CheckpointError("NaN in weight"), "failed", "NaN in weight"),
        (RuntimeError("two\n  lines"), "failed", "RuntimeError: two lines"),
        (MemoryError("12 GiB"), "failed", "out of memory (12 GiB); use a smaller --n"),
        (FileNotFoundError(2, "No such file or directory", "a.npz"), "failed", "a.npz: No such file or directory"),
        (AssertionError(), "failed", "AssertionError: "),
    ],
)
def test_what_is_raised_stays_in_the_cell(error: Exception, status: str, message: str) -> None:
    outcome = run(GAP, error=error)
    assert (outcome.status, outcome.message) == (status, message)
    assert outcome.measurements == []
    assert bool(outcome.trace) is (status == "failed")


def test_an_error_of_the_system_without_a_number() -> None:
    outcome = run(error=OSError("the disk is on fire"))
    assert outcome.status == "failed"
    assert "the disk is on fire" in outcome.message
    assert "None" not in outcome.message


def test_an_interruption_goes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(GAP, error=KeyboardInterrupt())


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_number_that_is_none_fails_the_cell(value: float | None) -> None:
    class Sloppy(Analyzer):
        """Divides by zero."""

        name = "sloppy"
        metrics = (Metric("gap", "A gap."),)

        def measure(self, study: SnapshotStudy) -> Iterator[Yielded]:
            yield Measurement("gap", value)

    outcome = measure(shifted_gaussians(), Sloppy())
    assert outcome.status == "failed"
    assert "metric 'gap'" in outcome.message
    assert "Measurement.absent" in outcome.message


def test_a_missing_need_skips_before_anything_is_run() -> None:
    study = shifted_gaussians()
    bare = SnapshotStudy(replace(study.snapshot, make_critic=None, missing={"critic": "say --critic"}), None)
    analyzer = yielding(error=RuntimeError("was run"), needs=frozenset({Need.CRITIC}))
    outcome = measure(bare, analyzer)
    assert (outcome.status, outcome.message) == ("skipped", "no critic: say --critic")
    outcome = measure(bare, yielding(error=RuntimeError("was run"), needs=frozenset({Need.REAL})))
    assert outcome.status == "skipped"
    assert "--data NAME" in outcome.message


# Rows of the report


def test_the_rows_of_an_ok_cell() -> None:
    study, analyzer = shifted_gaussians(dim=3, seed=9), yielding()
    full = Measurement("gap", 1.5, Interval(1.0, 2.0, "Student t"), 3, 200, space="critic input", certificate="exact")
    things = (
        full,
        Measurement("gap", 2.5, dim=1),
        Measurement.absent("dim_free", "there is none"),
        Finding("fault", "code", "text", ("gap",)),
        Rows("rows", [{"layer": "a", "norm": 1.0}]),
    )
    outcome = measure(study, yielding(*things))
    tables = outcome.tables(study, analyzer, "KEY", "RUN", PLUGIN)
    assert tables.measurements.schema.equals(arrow(MEASUREMENTS))
    assert tables.findings.schema.equals(arrow(FINDINGS))
    first, second, absent = tables.measurements.to_pylist()
    expected = {
        "run_id": "RUN", "cell": "KEY", "snapshot": "shifted-gaussians", "step": 0, "step_unit": "step",
        "analyzer": "tested", "metric": "gap", "value": 1.5, "ci_low": 1.0, "ci_high": 2.0, "ci_method": "Student t",
        "replicates": 3, "n": 200, "dim": 3, "unit": "nats", "direction": "lower", "space": "critic input",
        "certificate": "exact", "status": "ok", "seed": 9, "plugin": "tested-distribution", "plugin_version": "7.1",
        "device": "cpu",
    }  # fmt: skip
    assert {key: first[key] for key in expected} == expected
    assert json.loads(first["options"]) == {"power": 2}
    assert first["data_id"]
    assert (second["dim"], second["ci_low"]) == (1, None)
    assert (absent["value"], absent["status"], absent["message"]) == (None, "skipped", "there is none")
    (finding,) = tables.findings.to_pylist()
    assert (finding["level"], finding["evidence"], finding["cell"]) == ("fault", ["gap"], "KEY")
    (detail,) = tables.details["tested.rows"].to_pylist()
    assert (detail["layer"], detail["norm"], detail["snapshot"]) == ("a", 1.0, "shifted-gaussians")


@pytest.mark.parametrize("error", [RuntimeError("broke"), NotMeasurable("cannot")])
def test_a_cell_without_numbers_is_one_row_with_its_reason(error: Exception) -> None:
    study = shifted_gaussians()
    outcome = measure(study, yielding(GAP, error=error))
    tables = outcome.tables(study, yielding(), "KEY", "RUN", PLUGIN)
    assert tables.measurements.schema.equals(arrow(MEASUREMENTS))
    (row,) = tables.measurements.to_pylist()
    assert (row["value"], row["status"], row["message"]) == (None, outcome.status, outcome.message)
    assert row["analyzer"] == "tested"
    assert tables.findings.num_rows == 0
    assert tables.details["tested.rows"].num_rows == 0
    assert "norm" in tables.details["tested.rows"].column_names
