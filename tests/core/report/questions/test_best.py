"""The best snapshot and those as good: of strangers' metrics, without replicates, of other settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.errors import UsageError, WganalyzeError
from wganalyze.report.reading import Report, open_report

WriteReport = Callable[..., Report]
FAR = {
    "run/s1": {"ugliness": [5.0, 5.1, 4.9, 5.05, 4.95], "charm": [1.0, 1.1, 0.9, 1.0, 1.0], "size": [1.0, 2, 3]},
    "run/s2": {"ugliness": [1.0, 1.2, 0.9, 1.1, 0.8], "charm": [9.0, 9.2, 9.1, 9.0, 8.9], "size": [1.0, 2, 3]},
    "run/s3": {"ugliness": [1.1, 1.0, 1.0, 0.9, 1.1], "charm": [5.0, 5.2, 5.0, 5.0, 5.0], "size": [1.0, 2, 3]},
}


def test_lower_is_better_where_the_metric_says_so(write_report: WriteReport) -> None:
    best = write_report("r", FAR).best()
    assert best.asked.metric == "ugliness"
    assert best.label == "run/s2"
    assert [each.label for each in best.overall.alike] == ["run/s3"]
    assert [each.label for each in best.overall.worse] == ["run/s1"]
    assert best.overall.replicates == 5


def test_higher_is_better_where_the_metric_says_so(write_report: WriteReport) -> None:
    best = write_report("r", FAR).best("charm")
    assert [each.label for each in best.overall.candidates] == ["run/s2", "run/s3", "run/s1"]
    assert best.overall.alike == []
    assert [each.behind for each in best.overall.candidates] == pytest.approx([0, 4, 8.04], abs=1e-9)


def test_a_metric_without_direction_has_no_best(write_report: WriteReport) -> None:
    with pytest.raises(UsageError, match=r"--by size: does not say which way is better; these do: ugliness, charm"):
        write_report("r", FAR).best("size")


def test_an_unknown_metric_is_told_what_is_close(write_report: WriteReport) -> None:
    with pytest.raises(UsageError, match=r"--by uglines: no metric of the report is called so; close to it: ugliness"):
        write_report("r", FAR).best("uglines")


def test_each_trajectory_has_its_best(write_report: WriteReport) -> None:
    other = {label.replace("run", "walk"): metrics for label, metrics in FAR.items()} | {
        "walk/s4": {"ugliness": [0.1, 0.2, 0.1, 0.15, 0.1]}
    }
    best = write_report("r", FAR | other).best()
    assert [(each.name, each.best.label) for each in best.trajectories] == [("run", "run/s2"), ("walk", "walk/s4")]
    assert best.label == "walk/s4"
    frame = best.frame
    assert len(frame) == 7
    assert [*frame.loc[frame["best"], "snapshot"]] == ["run/s2", "walk/s4"]
    assert [*frame.loc[frame["overall_best"], "snapshot"]] == ["walk/s4"]


def test_one_snapshot_is_the_best_of_itself(write_report: WriteReport) -> None:
    best = write_report("r", {"s": FAR["run/s1"]}).best()
    assert best.label == "s"
    assert best.notes == ["There is no other snapshot with this number."]


@pytest.mark.parametrize(
    ("values", "why"),
    [([1.0, 2.0], "2 replicates are too few"), ([1.0, 2.0, 3.0], "different numbers of replicates")],
)
def test_without_enough_replicates_only_values_speak(write_report: WriteReport, values: list[float], why: str) -> None:
    best = write_report("r", {"s1": {"ugliness": values}, "s2": {"ugliness": [4.0, 5.0]}}).best()
    assert best.label == "s1"
    assert best.overall.replicates == 0
    assert [each.as_good for each in best.overall.candidates] == [None, None]
    assert best.notes[0].startswith("By value alone:")
    assert why in best.notes[0]


def test_a_report_of_before_there_were_values(write_report: WriteReport) -> None:
    row = {"direction": "lower", "replicates": 5, "ci_low": 0.0, "ci_high": 2.0}
    report = write_report("r", {f"s{i}": {"ugliness": {**row, "value": float(i)}} for i in (2, 1)})
    best = report.best()
    assert best.label == "s1"
    assert "was written before values were kept by replicate" in best.notes[0]


def test_numbers_on_other_samples_are_not_compared(write_report: WriteReport, write_cell: Callable[..., str]) -> None:
    report = write_report("r", FAR)
    row = {"value": 0.0, "direction": "lower", "values": [0.0, 0.0, 0.0], "seed": 7, "data_id": "d", "n_split": 50}
    write_cell(report.path, "run/s9", {"ugliness": row}, analyzer="beauty", step=9)
    best = open_report(report.path).best()
    assert best.label == "run/s2"
    assert any("other samples" in note and "run/s9" in note for note in best.notes)


def test_a_failed_cell_is_named(write_report: WriteReport, write_cell: Callable[..., str]) -> None:
    report = write_report("r", FAR)
    failed = {"": {"message": "out of memory", "value": None}}
    write_cell(report.path, "run/s9", failed, analyzer="beauty", status="failed", step=9)
    best = open_report(report.path).best()
    assert best.label == "run/s2"
    assert best.notes[-1] == "No ugliness of run/s9: beauty failed: out of memory."


def test_no_number_at_all(report: Path, write_cell: Callable[..., str]) -> None:
    declared = (Metric("ugliness", "How ugly.", direction="lower", headline=Headline("ugliness")),)
    failed = {"": {"message": "out of memory", "value": None}}
    write_cell(report, "s", failed, analyzer="beauty", status="failed", metrics=declared)
    with pytest.raises(WganalyzeError, match=r"no snapshot has ugliness \(beauty failed: out of memory\)"):
        open_report(report).best("ugliness")


def test_the_best_of_many_is_said_to_flatter_itself(write_report: WriteReport) -> None:
    close = {f"s{i}": {"ugliness": [1.0 + (i * j) % 7 / 10 for j in range(5)]} for i in range(1, 6)}
    notes = " ".join(write_report("close", close).best().notes)
    assert "flatters it" in notes
    clear = {f"s{i}": {"ugliness": [i + j / 100 + (i * j) % 3 / 1000 for j in range(5)]} for i in range(1, 4)}
    best = write_report("clear", clear).best()
    assert len(best.overall.worse) == 2
    assert "flatters" not in " ".join(best.notes)
