"""Runs and settings compared: known answers, shared and other samples, seeds that are no replicates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from wganalyze.errors import UsageError
from wganalyze.report.questions.comparing import compare
from wganalyze.report.questions.comparison import Compared, Comparison
from wganalyze.report.reading import Report

WriteReport = Callable[..., Report]
A = [1.0, 1.3, 0.9, 1.1, 0.8]
B = [1.5, 1.9, 1.45, 1.55, 1.25]


def only_one(comparison: Comparison, metric: str = "ugliness") -> Compared:
    (answer,) = [each for each in comparison.answers if each.asked.metric == metric]
    (compared,) = answer.compared
    return compared


def two(write_report: WriteReport, **of_second: object) -> list[Report]:
    return [
        write_report("a", {"s1": {"ugliness": A, "charm": A}}),
        write_report("b", {"s1": {"ugliness": B, "charm": B}}, **of_second),
    ]


def test_runs_on_shared_samples_are_paired(write_report: WriteReport) -> None:
    comparison = compare(two(write_report))
    found, known = only_one(comparison), stats.ttest_rel(B, A)
    assert found.pvalue == pytest.approx(known.pvalue)
    assert (found.difference.low, found.difference.high) == pytest.approx([*known.confidence_interval(0.95)])
    assert found.verdict == "worse"
    assert only_one(comparison, "charm").verdict == "better"
    assert comparison.names == ["a", "b"]
    assert not any("not measured on the samples" in note for note in comparison.notes)


@pytest.mark.parametrize(
    ("setting", "told"),
    [({"seed": 3}, "seed 0 and 3"), ({"n_split": 60}, "n = 50 and 60"), ({"data_id": "e"}, "other data")],
)
def test_runs_on_other_samples_are_not_and_it_is_said(
    write_report: WriteReport, setting: dict[str, object], told: str
) -> None:
    comparison = compare(two(write_report, **setting))
    found, known = only_one(comparison), stats.ttest_ind(B, A, equal_var=False)
    assert found.pvalue == pytest.approx(known.pvalue)
    assert "Welch" in found.difference.method
    (note,) = [note for note in comparison.notes if "not measured on the samples" in note]
    assert told in note


def test_other_numbers_of_replicates_are_no_pairs(write_report: WriteReport) -> None:
    reports = [write_report("a", {"s1": {"ugliness": A}}), write_report("b", {"s1": {"ugliness": B[:4]}})]
    comparison = compare(reports)
    assert "Welch" in only_one(comparison).difference.method
    assert any("(5 and 4 replicates): Welch's t" in note for note in comparison.notes)


def test_without_replicates_there_is_a_difference_and_no_verdict(write_report: WriteReport) -> None:
    row = {"value": 2.0, "direction": "lower"}
    comparison = compare(
        [write_report("a", {"s1": {"ugliness": row}}), write_report("b", {"s1": {"ugliness": {**row, "value": 3.0}}})]
    )
    found = only_one(comparison)
    assert (found.difference.value, found.difference.low, found.pvalue, found.verdict) == (1.0, None, None, "")
    assert any("written before values were kept by replicate" in note for note in comparison.notes)


def test_three_runs_are_corrected_by_holm(write_report: WriteReport) -> None:
    rng = np.random.default_rng(0)
    reports = [write_report(name, {"s1": {"ugliness": rng.normal(i, 1, 6)}}) for i, name in enumerate("abc")]
    frame = compare(reports).frame
    frame = frame[frame["metric"] == "ugliness"]
    raw, corrected = [*frame["pvalue"][1:]], [*frame["pvalue_holm"][1:]]
    assert min(corrected) == pytest.approx(min(2 * min(raw), 1))
    assert [*frame["against"][1:]] == ["a", "a"]
    pairs = compare(reports, pairs=True).frame
    assert len(pairs[pairs["pvalue"].notna()]) == 3


def test_at_last_best_or_a_step(write_report: WriteReport) -> None:
    snapshots = {"s1": {"ugliness": A}, "s2": {"ugliness": [a / 2 for a in A]}, "s3": {"ugliness": B}}
    reports = [write_report("a", snapshots), write_report("b", snapshots)]
    for at, label in (("last", "s3"), ("best", "s2"), (1, "s1")):
        frame = compare(reports, at=at).frame
        assert {*frame["snapshot"]} == {label}
    assert any("chosen on the samples" in note for note in compare(reports, at="best").notes)
    assert not any("chosen on the samples" in note for note in compare(reports).notes)
    with pytest.raises(UsageError, match=r"--at 9: a has no such step; it has: 1, 2, 3"):
        compare(reports, at=9)


def test_identical_runs_differ_by_nothing(write_report: WriteReport) -> None:
    found = only_one(compare([write_report(name, {"s1": {"ugliness": A}}) for name in "ab"]))
    assert (found.difference.value, found.pvalue, found.verdict) == (0, 1, "not told apart")


def test_a_direction_that_is_none_is_neither_better_nor_worse(write_report: WriteReport) -> None:
    reports = [write_report(name, {"s1": {"size": [v + i for v in A]}}) for i, name in enumerate("ab")]
    reports.append(write_report("c", {"s1": {"size": [v * 9 for v in A]}}))
    verdicts = [each.verdict for answer in compare(reports).answers for each in answer.compared]
    assert verdicts == ["not told apart", "higher"]  # the first: equal differences tell nothing


def test_a_failed_cell_is_a_gap_with_its_reason(write_report: WriteReport, write_cell: Callable[..., str]) -> None:
    good, bad = two(write_report)
    failed = {"": {"message": "out of memory", "value": None}}
    write_cell(bad.path, "s2", failed, analyzer="beauty", status="failed", step=2)
    comparison = compare([good, Report(bad.path)])
    assert all(answer.compared == [] for answer in comparison.answers)
    assert any(note.endswith("beauty failed: out of memory.") for note in comparison.notes)


def test_one_run_has_nothing_to_be_compared_with(write_report: WriteReport) -> None:
    with pytest.raises(UsageError, match="there are no two runs to compare, only run"):
        compare([write_report("a", {"run/s1": {"ugliness": A}})])
    report = write_report("b", {"s1": {"ugliness": A}})
    with pytest.raises(UsageError, match="the same report twice"):
        compare([report, report])


def test_metrics_of_one_report_are_gaps_in_the_other(write_report: WriteReport) -> None:
    reports = [write_report("a", {"s1": {"ugliness": A}}), write_report("b", {"s1": {"charm": A}})]
    comparison = compare(reports)
    assert {answer.asked.metric for answer in comparison.answers} == {"ugliness", "charm"}
    assert all(answer.compared == [] for answer in comparison.answers)
    assert any("charm of a: beauty did not measure it" in note for note in comparison.notes)


# Settings


def seeds(shift: float, rng: np.random.Generator, count: int = 4) -> dict[str, list[float]]:
    """Replicates that hardly vary around a value of their own for each training seed."""
    return {f"seed={i}": [*(shift + rng.normal() + 0.001 * rng.normal(size=5))] for i in range(count)}


def grid(shifts: dict[str, float], rng: np.random.Generator, count: int = 4) -> dict[str, dict[str, list[float]]]:
    return {
        f"lr={name}/{seed}/s1": {"ugliness": values}
        for name, shift in shifts.items()
        for seed, values in seeds(shift, rng, count).items()
    }


def test_settings_are_compared_between_seeds(write_report: WriteReport) -> None:
    snapshots = grid({"1": 0.0, "2": 3.0}, np.random.default_rng(0))
    comparison = compare([write_report("r", snapshots)], groups=["lr=*/seed=*"])
    means = [np.mean(metrics["ugliness"]) for metrics in snapshots.values()]
    known = stats.ttest_ind(means[4:], means[:4], equal_var=False)
    assert comparison.names == ["lr=1/seed=*", "lr=2/seed=*"]
    assert only_one(comparison).pvalue == pytest.approx(known.pvalue)
    assert [entry.count for entry in comparison.answers[0].entries] == [4, 4]


def test_seeds_that_trainers_state_are_pairs(write_report: WriteReport) -> None:
    snapshots = grid({"1": 0.0, "2": 3.0}, np.random.default_rng(0))
    labels = [*snapshots]
    # The folders of the second setting lie in another order than its seeds.
    facts = {label: {"config.seed": i if i < 4 else 7 - i} for i, label in enumerate(labels)}
    comparison = compare([write_report("r", snapshots, facts)], groups=["lr=*/seed=*"])
    means = [np.mean(metrics["ugliness"]) for metrics in snapshots.values()]
    known = stats.ttest_rel(means[:3:-1], means[:4])
    assert only_one(comparison).pvalue == pytest.approx(known.pvalue)
    assert any("paired by the seeds that the trainers state" in note for note in comparison.notes)


def test_replicates_are_not_taken_for_seeds(write_report: WriteReport) -> None:
    """Equal settings whose runs differ by seed alone: told apart in 5 of 100, though replicates tell all runs apart."""
    names = [f"{i:02}" for i in range(24)]
    report = write_report("r", grid(dict.fromkeys(names, 0.0), np.random.default_rng(1), 3))
    comparison = compare([report], groups=["lr=*/seed=*"], pairs=True)
    couples = {(f"lr={one}/seed=*", f"lr={other}/seed=*") for one, other in zip(names[1::2], names[::2], strict=True)}
    (answer,) = comparison.answers
    apart = [each for each in answer.compared if (each.entry.name, each.against.name) in couples]
    alarms = sum((each.difference.pvalue or 0) <= 0.05 for each in apart)
    assert len(apart) == 12
    assert alarms <= 12 * 0.05 + 4 * math.sqrt(12 * 0.05 * 0.95)
    runs = compare([report], only=["lr=00/seed=0", "lr=01/seed=0"])
    assert only_one(runs).verdict != "not told apart"


def test_reports_as_settings(write_report: WriteReport) -> None:
    rng = np.random.default_rng(0)
    reports = [
        write_report(f"{name}/report", {f"{seed}/s1": {"ugliness": v} for seed, v in seeds(shift, rng).items()})
        for name, shift in (("slow", 0), ("fast", 5))
    ]
    comparison = compare(reports, seeds=True)
    assert comparison.names == ["slow", "fast"]
    assert comparison.of == "training seeds"
    assert only_one(comparison).verdict == "worse"


def test_two_seeds_are_too_few(write_report: WriteReport) -> None:
    snapshots = grid({"1": 0, "2": 9}, np.random.default_rng(0), 2)
    comparison = compare([write_report("r", snapshots)], groups=["lr=*/seed=*"])
    assert only_one(comparison).pvalue is None
    assert any("fewer than 3 training seeds" in note for note in comparison.notes)


def test_one_checkpoint_is_not_two_seeds(write_report: WriteReport) -> None:
    names = [f"{lr}/seed={i}" for lr in "ab" for i in range(3)]
    reports = [write_report(name, {"s1": {"ugliness": A}}, digest=name[0], seed=i) for i, name in enumerate(names)]
    with pytest.raises(UsageError, match="a/seed=0 and a/seed=1 are the same checkpoint, not two training seeds"):
        compare(reports, groups=["*/seed=*"])
