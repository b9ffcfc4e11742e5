"""Which snapshots are steps of one training run, and what is known of it."""

from __future__ import annotations

from typing import Any

from wganalyze.report.training_runs import training_runs


def entry(label: str, step: int | None, **facts: Any) -> dict[str, Any]:
    """A snapshot of run.json."""
    return {"label": label, "step": step, "facts": facts}


def test_a_folder_is_a_run_in_order_of_its_steps() -> None:
    runs = training_runs({"snapshots": [entry("a/2", 2, rate=2), entry("a/1", 1, rate=1), entry("b/1", 1)]}, "r")
    assert {label: run.name for label, run in runs.items()} == {"a/1": "a", "a/2": "a", "b/1": "b"}
    assert runs["a/1"].steps == (1, 2)
    assert runs["a/1"].facts["rate"] == 2


def test_a_snapshot_without_a_step_stands_for_itself() -> None:
    runs = training_runs({"snapshots": [entry("a/1", 1), entry("a/final", None)]}, "r")
    assert {label: run.name for label, run in runs.items()} == {"a/1": "a", "a/final": "a/final"}


def test_names() -> None:
    record = {"snapshots": [entry("1", 1), entry("a/1", 1)]}
    assert [run.name for run in training_runs(record, "r").values()] == ["r", "a"]
    assert [run.name for run in training_runs(record, "r", "p").values()] == ["p", "p/a"]
    assert training_runs({}, "r") == {}


def test_of_two_facts_of_a_name_the_one_that_lies_less_deep_counts() -> None:
    facts = {"a.b.seed": 1, "seed": 3, "a.seed": 2}
    (run,) = training_runs({"snapshots": [entry("a/1", 1, **facts)]}, "r").values()
    assert run.seed == 3


def test_runs_that_share_a_folder_are_told_apart_by_what_is_known_of_them() -> None:
    facts = [{"method": "gp", "seed": 0}, {"method": "gp", "seed": 1}, {"seed": 2}, {}]
    entries = [entry(f"a/{step}", step, **known) for step, known in enumerate(facts)]
    names = [run.name for run in training_runs({"snapshots": entries}, "r").values()]
    assert names == ["a (gp, seed 0)", "a (gp, seed 1)", "a (seed 2)", "a"]
