"""Whose training run a row belongs to, and what claims may ask of reports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from wganalyze.contracts.claim import Evident
from wganalyze.contracts.evidence import Evidence
from wganalyze.errors import NotMeasurable
from wganalyze.report.evidence import evidence_of
from wganalyze.statistics import Interval


def _report(path: str, data: str, snapshots: dict[str, dict[str, Any]], rows: list[dict[str, Any]], n: int = 50) -> Any:
    entries = [{"label": label, "step": int(label[-1]), "facts": facts} for label, facts in snapshots.items()]
    columns = ["snapshot", "step", "analyzer", "metric", "value", "embedding", "status", "n_split", "seed"]
    usual = {"status": "ok", "analyzer": "a", "embedding": None, "n_split": 50, "seed": 0}
    frame = pd.DataFrame([{**usual, **row} for row in rows], columns=columns)
    frame["step"] = [int(label[-1]) for label in frame["snapshot"]]
    detail = frame[["snapshot", "step"]].assign(more=1.0)
    return SimpleNamespace(
        path=SimpleNamespace(name=path, __str__=lambda: path),
        run={"data": {"source": data, "n": n, "seed": 0, "space": "pixels"}, "snapshots": entries},
        measurements=frame,
        findings=pd.DataFrame(
            [
                {"analyzer": "a", "embedding": None, "code": f"of {label}", "message": "m", "snapshot": label}
                for label in snapshots
            ]
        ),
        tables=["a.detail"],
        table=lambda name: detail,
    )


GP = {"config.method": "gp", "config.seed": 3, "method": "gp"}


@pytest.fixture
def evidence() -> Evidence:
    """Two runs of one report."""
    rows = [
        {"snapshot": "x/step_2", "metric": "w", "value": 1.0, "embedding": "pixels"},
        {"snapshot": "x/step_1", "metric": "w", "value": 2.0, "embedding": "pixels"},
        {"snapshot": "y/step_1", "metric": "w", "value": 5.0, "embedding": "pixels"},
        {"snapshot": "y/step_1", "metric": "w", "value": 9.0, "embedding": "other"},
        {"snapshot": "y/step_1", "metric": "k", "value": 7.0},
        {"snapshot": "y/step_1", "metric": "lost", "value": None, "status": "skipped"},
    ]
    snapshots = {"x/step_2": GP | {"late": True}, "x/step_1": GP, "y/step_1": {"config.method": "clip"}}
    (made,) = evidence_of([_report("r", "digits", snapshots, rows)])
    return made


def test_snapshots_of_a_folder_are_a_training_run(evidence: Evidence) -> None:
    x, y = evidence.runs
    assert (x.name, x.method, x.seed, x.steps) == ("x", "gp", 3, (1, 2))
    assert (y.name, y.method, y.seed, y.steps) == ("y", "clip", None, (1,))
    assert (x.said("seed"), y.said("seed"), x.said("method")) == ({1: 3.0, 2: 3.0}, {}, {})
    assert x.facts["late"] is True  # of its last snapshot
    assert evidence.methods() == ["gp", "clip"]
    assert evidence.of("gp") == [x]
    assert evidence.of(seed=3) == [x]
    assert evidence.of("gp", "clip") == [x, y]
    assert evidence.of("gp", seed=4) == []


def test_values_by_run_step_and_space(evidence: Evidence) -> None:
    x, y = evidence.runs
    assert evidence.series("a.w", x).to_dict() == {1: 2.0, 2: 1.0}
    assert evidence.last("a.w", evidence.runs) == [1.0, 5.0]
    assert evidence.last("a.w", evidence.runs, "other") == [9.0]
    assert evidence.last("a.k", [x, y]) == [7.0]  # networks know of no space
    assert evidence.spaces("a.w") == ["other"]
    assert evidence.spaces("a.k") == evidence.spaces("a.none") == []
    assert {*evidence.table("a.detail")["run"]} == {"x", "y"}


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (lambda e: e.rows("a.none"), "needs a.none: wganalyze run PATH --only a"),
        (lambda e: e.rows("a.lost"), "needs a.lost: wganalyze run PATH --only a"),
        (lambda e: e.rows("a.w", "nowhere"), "needs a.w: wganalyze run PATH --only a --space nowhere"),
        (lambda e: e.table("b.rows"), "needs the table b.rows: wganalyze run PATH --only b"),
    ],
)
def test_what_is_missing_is_named_with_the_command(evidence: Evidence, ask: Any, line: str) -> None:
    with pytest.raises(NotMeasurable) as raised:
        ask(evidence)
    assert str(raised.value) == line


def test_reports_of_one_data_set_count_together_and_others_apart() -> None:
    row = [{"snapshot": "x/step_1", "metric": "w", "value": 1.0, "embedding": "pixels"}]
    reports = [_report(path, data, {"x/step_1": GP}, row) for path, data in (("a", "d"), ("b", "e"), ("c", "d"))]
    first, second = evidence_of(reports)
    assert (first.data, second.data) == ("d", "e")
    assert len(first.runs) == 2  # of the same folder in two reports
    assert first.last("a.w", first.runs) == [1.0, 1.0]
    assert [run.name for run in second.runs] == ["x"]


def test_other_numbers_of_samples_are_other_evidence() -> None:
    """A Frechet distance of 50 samples is none of 100."""
    row = [{"snapshot": "x/step_1", "metric": "w", "value": 1.0, "embedding": "pixels"}]
    more = [{**row[0], "n_split": 100}]
    reports = [_report("a", "d", {"x/step_1": GP}, row), _report("b", "d", {"x/step_1": GP}, more, n=100)]
    assert [evidence.data for evidence in evidence_of(reports)] == ["d, n = 50, pixels", "d, n = 100, pixels"]


def test_what_an_earlier_run_left_does_not_count() -> None:
    rows = [
        {"snapshot": "x/step_1", "metric": "w", "value": value, "embedding": "pixels", **more}
        for value, more in ((1.0, {}), (2.0, {"n_split": 9}), (3.0, {"seed": 7}), (4.0, {"n_split": None}))
    ]
    (evidence,) = evidence_of([_report("a", "d", {"x/step_1": GP}, rows)])
    assert list(evidence.rows("a.w")["value"]) == [1.0, 4.0]  # of no size: a bracket, say


def test_two_methods_in_one_folder_are_two_runs() -> None:
    snapshots = {"gan_1": {"config.method": "gan"}, "gp_1": {"config.method": "gp"}, "gan_2": {"config.method": "gan"}}
    rows = [{"snapshot": label, "metric": "w", "value": 1.0, "embedding": "pixels"} for label in snapshots]
    (evidence,) = evidence_of([_report("r", "d", snapshots, rows)])
    assert {run.method: run.steps for run in evidence.runs} == {"gan": (1, 2), "gp": (1,)}
    assert len({run.name for run in evidence.runs}) == 2
    assert list(evidence.rows("a.w")["method"]) == ["gan", "gp", "gan"]


def test_a_number_is_shown_with_its_interval() -> None:
    assert str(Evident("W1", 1.23456, Interval(1.0, 2.0, "t"))) == "W1 1.235 [1, 2]"
    assert str(Evident("share", 0.5)) == "share 0.5"
