"""What a page shows of a report: names, trajectories, and where links lead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.report.page.sections import summary
from wganalyze.report.page.view import View, report_names, short_names
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]
WriteReport = Callable[..., Path]


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["a/x", "a/y"], ["x", "y"]),
        (["a/x", "b/x"], ["a/x", "b/x"]),
        (["ab/x", "ac/x"], ["ab/x", "ac/x"]),
        (["a/b"], ["b"]),
        ([""], ["whole"]),
        (["", "a"], ["whole", "a"]),
        (["", "whole"], [".", "whole"]),
        (["a", "a/b"], ["a", "a/b"]),
        ([], []),
    ],
)
def test_folders_lose_the_parents_that_they_share(folders: list[str], names: list[str]) -> None:
    assert short_names(folders, "whole") == names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/x/run-report"], ["run-report"]),
        (["demo/report"], ["demo/report"]),
        (["/x/a/report", "/x/b/report"], ["a/report", "b/report"]),
        (["/x/a/r", "/y/a/r"], ["x/a/r", "y/a/r"]),
        (["/x/a", "/x/a"], ["/x/a", "/x/a"]),
        (["report"], ["report"]),
    ],
)
def test_reports_are_called_by_what_tells_them_apart(paths: list[str], names: list[str]) -> None:
    assert report_names([Path(path) for path in paths]) == names


def test_snapshots_with_a_step_that_share_a_folder_are_a_trajectory(report: Path, write_cell: WriteCell) -> None:
    for label, step in (("a/s10", 10), ("a/s2", 2), ("b/s1", 1), ("lone.pt", None)):
        write_cell(report, label, {"own": 1.0}, step=step)
    view = View(open_report(report), "r1", "whole")
    assert [(each.name, each.labels, each.steps) for each in view.trajectories] == [
        ("a", ("a/s2", "a/s10"), (2, 10)),
        ("b", ("b/s1",), (1,)),
    ]
    assert "lone.pt" in view.labels


@pytest.mark.parametrize("folder", ["", "ckpt/"])
def test_methods_and_critics_that_share_a_folder_are_trajectories(
    folder: str, report: Path, write_cell: WriteCell
) -> None:
    """Each is called by what tells it from the others, which the end of a line in a chart has room for."""
    facts = {"gp_1": ("gp", 1), "gp_2": ("gp", 2), "wgan_1": ("wgan", 1), "wgan_2": ("wgan", 2)}
    for label, (_, step) in facts.items():
        write_cell(report, f"{folder}{label}", {"own": 1.0}, step=step)
    for critic in "DE":
        write_cell(report, f"two/s1 ({critic})", {"own": 1.0}, step=1)
    entries = [
        {"label": f"{folder}{label}", "step": step, "facts": {"run.method": method, "run.seed": 0}}
        for label, (method, step) in facts.items()
    ]
    (report / "_run.json").write_text(json.dumps({"snapshots": entries}))
    view = View(open_report(report), "r1", "whole")
    inside = "ckpt/" if folder else ""
    assert {each.name: each.labels for each in view.trajectories} == {
        f"{inside}gp, seed 0": (f"{folder}gp_1", f"{folder}gp_2"),
        f"{inside}wgan, seed 0": (f"{folder}wgan_1", f"{folder}wgan_2"),
        "two/D": ("two/s1 (D)",),
        "two/E": ("two/s1 (E)",),
    }
    found = summary(view)
    assert found is not None
    assert [[label for label, *_ in lines] for lines in found.groups] == [[*each.labels] for each in view.trajectories]


def test_evidence_leads_to_the_number_of_that_snapshot(write_report: WriteReport) -> None:
    view = View(open_report(write_report()), "r1", "whole")
    label = view.labels[-1]
    (name, anchor), (fact, nowhere), (_, definition) = view.evidence(label, ["w1", "a fact", "own"])
    assert (name, fact, nowhere) == ("w1", "a fact", "")
    cells = {cell.anchor: (row.label, cell.text) for t in view.tables for g in t.grids for row in g.rows
             for cell in row.cells}  # fmt: skip
    assert cells[anchor] == (label, "3.003")
    assert definition in {each.anchor for table in view.tables for each in table.definitions}
