"""Snapshots by the training run that they are steps of."""

from __future__ import annotations

from collections.abc import Callable

from wganalyze.report.questions.trajectories import trajectories
from wganalyze.report.reading import Report

WriteReport = Callable[..., Report]
V = {"ugliness": [1.0, 2.0, 3.0]}


def test_snapshots_of_a_folder_are_one_in_order_of_steps(write_report: WriteReport) -> None:
    report = write_report("r", {f"{run}/s{step}": V for run in "ba" for step in (10, 9, 100)})
    found = trajectories(report)
    assert [run.name for run in found] == ["a", "b"]
    assert [*found[0].steps] == ["a/s9", "a/s10", "a/s100"]
    assert found[0].last == "a/s100"
    assert (found[0].at(10), found[0].at(11)) == ("a/s10", None)


def test_without_a_folder_the_run_is_called_as_its_report(write_report: WriteReport) -> None:
    assert [run.name for run in trajectories(write_report("mine", {"s1": V, "s2": V}))] == ["mine"]


def test_a_snapshot_without_a_step_stands_for_itself(write_report: WriteReport) -> None:
    assert [run.name for run in trajectories(write_report("r", {"a/s1": V, "a/final": V}))] == ["a", "a/final"]


def test_each_critic_of_a_step_has_a_trajectory(write_report: WriteReport) -> None:
    labels = [f"a/s{step} ({critic})" for step in (1, 2) for critic in ("D.pt", "E.pt")]
    # The digit of a step is read from the label's first word by the test's own report.
    found = trajectories(write_report("r", {label.replace(".pt", ""): V for label in labels}))
    assert [run.name for run in found] == ["a (D)", "a (E)"]
    assert [len(run.steps) for run in found] == [2, 2]


def test_seeds_are_those_of_the_trainer(write_report: WriteReport) -> None:
    facts = {"a/s1": {"config.seed": 3}, "b/s1": {"config.seed": 4}}
    found = trajectories(write_report("r", {"a/s1": V, "b/s1": V, "c/s1": V}, facts))
    assert [run.seed for run in found] == [3, 4, None]


def test_two_methods_in_one_folder_are_two_runs(write_report: WriteReport) -> None:
    facts = {"a/s1": {"method": "x", "seed": 0}, "a/s2": {"method": "y", "seed": 0}}
    found = trajectories(write_report("r", {"a/s1": V, "a/s2": V}, facts))
    assert [run.name for run in found] == ["a (x, seed 0)", "a (y, seed 0)"]
