"""One cell: whatever an analyzer does, its outcome has a status, a reason, and rows in the full schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from wganalyze.cells.measuring import Outcome, Question, failed, finding_row, measure, tables_of
from wganalyze.contracts.analyzer import Analyzer, Yielded
from wganalyze.contracts.measurement import Finding, Measurement, Metric, Rows, Table
from wganalyze.contracts.picture import Picture
from wganalyze.contracts.study import Need, Study
from wganalyze.errors import CheckpointError, DataError, NotMeasurable
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, PICTURES, arrow
from wganalyze.statistics import Interval
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import Gaussian, shifted_gaussians


def yielding(*things: object, error: BaseException | None = None, needs: frozenset[Need] = frozenset()) -> Question:
    """The question of an analyzer that yields these things and then raises."""

    class Tested(Analyzer):
        """Yields what it is told."""

        name = "tested"
        metrics = (Metric("gap", "A gap.", "nats", "lower", correction="holm"), Metric("dim_free", "No number."))
        tables = (Table("rows", "Details.", {"layer": "string", "norm": "float64"}),)

        @dataclass(frozen=True)
        class Options:
            power: int = field(default=2, metadata={"help": "A power."})

        def measure(self, study: Study) -> Iterator[Yielded]:
            yield from things  # type: ignore[misc]
            if error is not None:
                raise error

    Tested.needs = needs
    return Question(Tested, Tested.Options(), "tested-distribution", "7.1")


def run(*things: object, error: BaseException | None = None) -> Outcome:
    """The outcome of such an analyzer."""
    return measure(shifted_gaussians(), yielding(*things, error=error))


GAP = Measurement("gap", 1.5)
PICTURE = Picture.of_pixels("shot", "A shot.", np.arange(6, dtype=np.uint8).reshape(2, 3), alt="Six greys.")


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


def test_two_pictures_of_one_name_are_refused() -> None:
    assert run(PICTURE, replace(PICTURE, name="other")).pictures == [PICTURE, replace(PICTURE, name="other")]
    outcome = run(GAP, PICTURE, PICTURE)
    assert (outcome.status, outcome.measurements, outcome.pictures) == ("failed", [], [])
    assert "analyzer tested yielded two pictures of the name 'shot'" in outcome.message


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
    assert (outcome.measurements, outcome.findings, outcome.rows, outcome.pictures) == ([], [], {}, [])


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (NotMeasurable("the critic has no layers"), "skipped", "the critic has no layers"),
        (DataError("3 samples were asked for"), "failed", "3 samples were asked for"),
        (CheckpointError("NaN in weight"), "failed", "NaN in weight"),
        (RuntimeError("two\n  lines"), "failed", "RuntimeError: two lines"),
        (MemoryError("12 GiB"), "failed", "out of memory (12 GiB); use a smaller --n"),
        (FileNotFoundError(2, "No such file or directory", "a.npz"), "failed", "a.npz: No such file or directory"),
        (AssertionError(), "failed", "AssertionError:"),
        (SystemExit(3), "failed", "SystemExit: 3"),
    ],
)
def test_what_is_raised_stays_in_the_cell(error: BaseException, status: str, message: str) -> None:
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


class Unready(Analyzer):
    """Cannot be made."""

    name = "unready"

    def __init__(self, options: object = None) -> None:
        raise RuntimeError("no model was downloaded")

    def measure(self, study: Study) -> Iterator[Yielded]:
        yield from ()


def test_the_constructor_of_an_analyzer_is_its_own_code_too() -> None:
    outcome = measure(shifted_gaussians(), Question(Unready, Unready.Options()))
    assert (outcome.status, outcome.message) == ("failed", "RuntimeError: no model was downloaded")


def test_an_instance_is_made_for_each_study() -> None:
    class Counting(Analyzer):
        """Remembers what it has seen."""

        name = "counting"
        metrics = (Metric("seen", "Studies seen."),)

        def __init__(self, options: object = None) -> None:
            super().__init__(options)
            self.seen = 0

        def measure(self, study: Study) -> Iterator[Yielded]:
            self.seen += 1
            yield Measurement("seen", self.seen)

    question = Question(Counting, Counting.Options())
    values = [measure(shifted_gaussians(), question).measurements[0].value for _ in range(2)]
    assert values == [1, 1]


def test_a_cell_that_failed_before_it_was_measured() -> None:
    outcome = failed(FileNotFoundError(2, "No such file or directory", "G.pt"), 1.5)
    assert (outcome.status, outcome.message, outcome.seconds) == ("failed", "G.pt: No such file or directory", 1.5)
    assert "FileNotFoundError" in outcome.trace


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_number_that_is_none_fails_the_cell(value: float | None) -> None:
    class Sloppy(Analyzer):
        """Divides by zero."""

        name = "sloppy"
        metrics = (Metric("gap", "A gap."),)

        def measure(self, study: Study) -> Iterator[Yielded]:
            yield Measurement("gap", value)

    outcome = measure(shifted_gaussians(), Question(Sloppy, Sloppy.Options()))
    assert outcome.status == "failed"
    assert "metric 'gap'" in outcome.message
    assert "Measurement.absent" in outcome.message


def test_a_missing_need_skips_before_anything_is_run() -> None:
    study = shifted_gaussians()
    bare = SnapshotStudy(replace(study.snapshot, make_critic=None, missing={"critic": "say --critic"}), None)
    outcome = measure(bare, yielding(error=RuntimeError("was run"), needs=frozenset({Need.CRITIC})))
    assert (outcome.status, outcome.message) == ("skipped", "no critic: say --critic")
    outcome = measure(bare, yielding(error=RuntimeError("was run"), needs=frozenset({Need.REAL})))
    assert outcome.status == "skipped"
    assert "--data NAME" in outcome.message


# Rows of the report


def test_the_rows_of_an_ok_cell() -> None:
    study = shifted_gaussians(dim=3, seed=9, n=150)
    interval = Interval(1.0, 2.0, "Student t")
    full = Measurement("gap", 1.5, interval, 3, 200, space="critic input", certificate="exact", scope="data")
    things = (
        full,
        Measurement("gap", 2.5, dim=1),
        Measurement.absent("dim_free", "there is none"),
        Finding("fault", "code", "text", ("gap",)),
        Rows("rows", [{"layer": "a", "norm": 1.0}]),
    )
    question = yielding(*things)
    tables = tables_of(measure(study, question), study, question, "RUN", "KEY")
    assert tables.measurements.schema.equals(arrow(MEASUREMENTS))
    assert tables.findings.schema.equals(arrow(FINDINGS))
    first, second, absent = tables.measurements.to_pylist()
    expected = {
        "run_id": "RUN", "cell": "KEY", "snapshot": "shifted-gaussians", "step": 0, "step_unit": "step",
        "analyzer": "tested", "metric": "gap", "value": 1.5, "ci_low": 1.0, "ci_high": 2.0, "ci_method": "Student t",
        "replicates": 3, "n": 200, "dim": 3, "unit": "nats", "direction": "lower", "space": "critic input",
        "certificate": "exact", "status": "ok", "seed": 9, "plugin": "tested-distribution", "plugin_version": "7.1",
        "device": "cpu", "scope": "data", "correction": "holm", "n_split": 150,
    }  # fmt: skip
    assert {key: first[key] for key in expected} == expected
    assert json.loads(first["options"]) == {"power": 2}
    assert first["data_id"] == study.data_id != ""
    assert (second["dim"], second["ci_low"], second["scope"]) == (1, None, "snapshot")
    assert absent["correction"] == "none"
    assert (absent["value"], absent["status"], absent["message"]) == (None, "skipped", "there is none")
    (finding,) = tables.findings.to_pylist()
    assert (finding["level"], finding["evidence"], finding["cell"]) == ("fault", ["gap"], "KEY")
    assert (finding["analyzer"], finding["kind"]) == ("tested", "conclusion")
    (detail,) = tables.details["tested.rows"].to_pylist()
    assert (detail["layer"], detail["norm"], detail["snapshot"]) == ("a", 1.0, "shifted-gaussians")


def test_a_picture_is_a_row_of_its_cell() -> None:
    study, question = shifted_gaussians(), yielding(PICTURE)
    pictures = tables_of(measure(study, question), study, question, "RUN", "KEY").pictures
    assert pictures is not None
    assert pictures.schema.equals(arrow(PICTURES))
    assert pictures.to_pylist() == [
        {
            "run_id": "RUN", "snapshot": "shifted-gaussians", "step": 0, "analyzer": "tested", "embedding": None,
            "name": "shot", "caption": "A shot.", "alt": "Six greys.", "width": 3, "height": 2, "png": PICTURE.png,
            "cell": "KEY",
        }
    ]  # fmt: skip


def test_a_cell_without_pictures_has_no_table_of_them() -> None:
    study = shifted_gaussians()
    for question in (yielding(GAP), yielding(PICTURE, error=RuntimeError("broke"))):
        assert tables_of(measure(study, question), study, question, "RUN", "KEY").pictures is None


@pytest.mark.parametrize("error", [RuntimeError("broke"), NotMeasurable("cannot")])
def test_a_cell_without_numbers_is_one_row_with_its_reason(error: Exception) -> None:
    study, question = shifted_gaussians(), yielding(GAP, error=error)
    outcome = measure(study, question)
    tables = tables_of(outcome, study, question, "RUN", "KEY")
    assert tables.measurements.schema.equals(arrow(MEASUREMENTS))
    (row,) = tables.measurements.to_pylist()
    assert (row["value"], row["status"], row["message"]) == (None, outcome.status, outcome.message)
    assert row["analyzer"] == "tested"
    assert tables.findings.num_rows == 0
    assert tables.details["tested.rows"].num_rows == 0
    assert "norm" in tables.details["tested.rows"].column_names


@pytest.mark.parametrize(
    "thing",
    [
        Rows("rows", [{"layer": "a", "norm": "many"}]),
        Rows("rows", [{"layer": 3, "norm": 1.0}]),
        Measurement("gap", 1.0, n="many"),  # type: ignore[arg-type]
        Measurement("gap", 1.0, message=["text"]),  # type: ignore[arg-type]
        Finding("info", "code", "text", (3,)),  # type: ignore[arg-type]
    ],
)
def test_values_that_no_column_takes_raise_and_the_cell_can_still_be_written(thing: object) -> None:
    study, question = shifted_gaussians(), yielding(GAP, thing)
    outcome = measure(study, question)
    assert outcome.status == "ok"
    with pytest.raises((pa.ArrowException, TypeError, ValueError)) as caught:
        tables_of(outcome, study, question, "RUN", "KEY")
    tables = tables_of(failed(caught.value), study, question, "RUN", "KEY~001")
    (row,) = tables.measurements.to_pylist()
    assert (row["status"], row["metric"], row["cell"]) == ("failed", "", "KEY~001")


def test_a_table_of_a_type_that_there_is_not() -> None:
    class Misspelt(Analyzer):
        """Declares a column of no type."""

        name = "misspelt"
        tables = (Table("rows", "Details.", {"layer": "sting"}), Table("good", "Details.", {"norm": "float64"}))

        def measure(self, study: Study) -> Iterator[Yielded]:
            yield from ()

    study, question = shifted_gaussians(), Question(Misspelt, Misspelt.Options())
    with pytest.raises(ValueError, match="sting") as caught:
        tables_of(measure(study, question), study, question, "RUN", "KEY")
    tables = tables_of(failed(caught.value), study, question, "RUN", "KEY~001")
    assert tables.measurements.to_pylist()[0]["status"] == "failed"
    assert [*tables.details] == ["misspelt.good"]


class BrokenSource(Gaussian):
    """Has no digest."""

    @property
    def digest(self) -> str:
        raise OSError("the disk is on fire")


def test_what_is_broken_is_left_out_of_the_row_that_says_so(tmp_path: Path) -> None:
    known = shifted_gaussians(dim=3)
    assert known.deal is not None
    gone = replace(known.snapshot, files=(tmp_path / "gone.pt",))
    study = SnapshotStudy(gone, replace(known.deal, source=BrokenSource(3)))
    (row,) = tables_of(failed(OSError("x")), study, yielding(), "RUN", "KEY").measurements.to_pylist()
    assert (row["digest"], row["data_id"], row["dim"], row["seed"]) == (None, None, 3, 0)


def test_a_finding_as_it_is_stored() -> None:
    finding = Finding("info", "assumed", "assumed: x", ("a", "b"))
    row = finding_row(finding, {"snapshot": "s"}, "", "assumption")
    assert row == {
        "snapshot": "s", "analyzer": "", "level": "info", "code": "assumed", "message": "assumed: x",
        "evidence": ["a", "b"], "kind": "assumption",
    }  # fmt: skip
