"""Of a trajectory the last snapshot speaks; nothing said about a snapshot of its own is lost."""

from __future__ import annotations

import pandas as pd

from wganalyze.report.condensing import condense


def finding(
    snapshot: str, step: int | None, code: str, message: str, level: str = "info", kind: str | None = "conclusion"
) -> dict[str, object]:
    """A row of a report's findings."""
    return {
        "snapshot": snapshot,
        "step": step,
        "analyzer": "a",
        "code": code,
        "message": message,
        "level": level,
        "kind": kind,
        "evidence": ["w1"],
    }


def test_the_last_step_of_each_folder_speaks() -> None:
    labels = [f"{run}/step_{step}" for run in ("gp", "clip") for step in (5, 10, 20)]
    rows = [finding(label, int(label.rpartition("_")[2]), "steep", f"slope of {label}") for label in labels]
    told = condense(pd.DataFrame(rows), labels)
    assert [(line.labels, line.earlier) for line in told] == [(("gp/step_20",), 2), (("clip/step_20",), 2)]
    assert told[0].message == "slope of gp/step_20"


def test_the_last_is_the_last_of_those_that_have_the_finding() -> None:
    rows = [
        finding("a", 1, "missing", "3 clusters"),
        finding("b", 2, "other", "x 1"),
        finding("c", 3, "other", "x 2.5"),
    ]
    told = condense(pd.DataFrame(rows), ["a", "b", "c"])
    assert [(line.message, line.earlier) for line in told] == [("3 clusters", 0), ("x 2.5", 1)]


def test_no_step_speaks_for_another_that_says_something_else() -> None:
    rows = [finding("a", 1, "far", "W1 4.1 [4.0, 4.2]: above"), finding("b", 2, "far", "W1 3.4 [3.3, 3.5]: open")]
    told = condense(pd.DataFrame(rows), ["a", "b"])
    assert [(line.labels, line.earlier) for line in told] == [(("a",), 0), (("b",), 0)]


def test_snapshots_without_a_step_each_speak_and_are_joined_where_they_say_the_same() -> None:
    rows = [
        finding("wgan", None, "k", "same"),
        finding("gp", None, "k", "same"),
        finding("lp", None, "k", "other"),
    ]
    told = condense(pd.DataFrame(rows), ["wgan", "gp", "lp"])
    assert [line.labels for line in told] == [("wgan", "gp"), ("lp",)]
    assert all(line.earlier == 0 for line in told)


def test_several_findings_of_one_code_in_one_snapshot_all_stay() -> None:
    rows = [finding(label, step, "layer", f"{step} of {i}") for step, label in enumerate("ab") for i in range(2)]
    told = condense(pd.DataFrame(rows), ["a", "b"])
    assert [(line.message, line.earlier) for line in told] == [("1 of 0", 1), ("1 of 1", 1)]


def test_levels_come_in_order_and_assumptions_are_left_to_their_own_section() -> None:
    rows = [
        finding("a", None, "x", "i"),
        finding("a", None, "y", "f", level="fault"),
        finding("a", None, "z", "w", level="warning"),
        finding("a", None, "assumed", "latent law", kind="assumption"),
        finding("a", None, "assumed", "an analyzer may use the word", kind=None),
        finding("b", None, "x", "not asked for"),
    ]
    assert [line.message for line in condense(pd.DataFrame(rows), ["a"])] == [
        "f",
        "w",
        "i",
        "an analyzer may use the word",
    ]


def test_the_order_is_that_of_snapshots_and_analyzers_and_no_accident_of_files() -> None:
    rows = [
        {**finding("a", None, "x", "of b"), "analyzer": "b"},
        {**finding("a", None, "y", "of a"), "analyzer": "a"},
        {**finding("z", None, "x", "of the other"), "analyzer": "a"},
        {**finding("a", None, "z", "of the files"), "analyzer": ""},
    ]
    for shuffled in (rows, rows[::-1]):
        told = condense(pd.DataFrame(shuffled), ["z", "a"])
        assert [line.message for line in told] == ["of the other", "of a", "of b", "of the files"]
