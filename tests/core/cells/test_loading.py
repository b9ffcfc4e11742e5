"""What loading a snapshot showed is a cell of its own, which no analyzer is asked for."""

from __future__ import annotations

from wganalyze.cells.loading import NOBODY, loading_cell
from wganalyze.contracts.measurement import Finding
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, arrow

SNAPSHOT = Snapshot(
    "snap", 3, "epoch", (), findings=(Finding("warning", "equal-files", "a.pt and b.pt are equal", ("digest",)),)
)
ASSUMED = ("latent law: standard normal", "range [-1, 1]")


def test_findings_of_the_files_and_everything_that_was_assumed() -> None:
    key, tables = loading_cell(SNAPSHOT, ASSUMED, "RUN")
    assert tables.findings.schema.equals(arrow(FINDINGS))
    conclusion, *assumptions = tables.findings.to_pylist()
    place = {"run_id": "RUN", "snapshot": "snap", "step": 3, "analyzer": NOBODY, "embedding": None, "cell": key}
    assert conclusion == place | {
        "level": "warning",
        "code": "equal-files",
        "kind": "conclusion",
        "message": "a.pt and b.pt are equal",
        "evidence": ["digest"],
    }
    assert [(row["kind"], row["level"], row["message"]) for row in assumptions] == [
        ("assumption", "info", f"assumed: {text}") for text in ASSUMED
    ]
    assert all(row.items() >= place.items() for row in assumptions)


def test_it_holds_no_number() -> None:
    _, tables = loading_cell(SNAPSHOT, ASSUMED, "RUN")
    assert tables.measurements.schema.equals(arrow(MEASUREMENTS))
    assert tables.measurements.num_rows == 0
    assert tables.details == {}


def test_its_key_is_its_content() -> None:
    """Not the run that says it: the same is written once."""
    reference, _ = loading_cell(SNAPSHOT, ASSUMED, "RUN")
    assert loading_cell(SNAPSHOT, ASSUMED, "LATER")[0] == reference
    others = [
        loading_cell(SNAPSHOT, ASSUMED[:1], "RUN"),
        loading_cell(SNAPSHOT, (), "RUN"),
        loading_cell(Snapshot("snap", 3, "epoch", ()), ASSUMED, "RUN"),
        loading_cell(Snapshot("other", 3, "epoch", (), findings=SNAPSHOT.findings), ASSUMED, "RUN"),
        loading_cell(Snapshot("snap", 4, "epoch", (), findings=SNAPSHOT.findings), ASSUMED, "RUN"),
    ]
    assert len({reference, *(key for key, _ in others)}) == len(others) + 1


def test_nothing_to_say_is_a_cell_too() -> None:
    """So that what an earlier run said of the snapshot leaves the report."""
    _, tables = loading_cell(Snapshot("snap", 3, "epoch", ()), (), "RUN")
    assert tables.findings.num_rows == 0
