"""Analyzers are asked for their sentences on each training run; one that fails takes nothing with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.evidence import Evidence, Sentence, TrainingRun
from wganalyze.errors import NotMeasurable
from wganalyze.report.concluding import verdicts_of
from wganalyze.report.reading import open_report
from wganalyze.report.store import RUN_FILE

WriteCell = Callable[..., str]


def saying(name: str, *sentences: Sentence, error: Exception | None = None) -> type[Analyzer]:
    """An analyzer that says this of every run, or raises."""

    def verdict(run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
        yield from sentences
        if error is not None:
            raise error

    return type(name.title(), (Analyzer,), {"name": name, "verdict": staticmethod(verdict)})


@pytest.fixture
def trained(report: Path, write_cell: WriteCell) -> Path:
    """A trajectory of two steps, and a snapshot without one."""
    entries = []
    for label, step in (("gp/2", 2), ("gp/1", 1), ("single", None)):
        write_cell(report, label, {"m": float(step or 9)}, step=step)
        entries.append({"label": label, "step": step, "facts": {}, "assumptions": []})
    (report / RUN_FILE).write_text(json.dumps({"snapshots": entries}))
    return report


def assume(report: Path, *texts: str) -> None:
    """Of every snapshot."""
    document: dict[str, Any] = json.loads((report / RUN_FILE).read_text())
    for entry in document["snapshots"]:
        entry["assumptions"] = [*texts]
    (report / RUN_FILE).write_text(json.dumps(document))


def test_sentences_stand_by_rank_and_snapshots_without_a_step_for_themselves(trained: Path) -> None:
    late, early = saying("late", Sentence("Late.", 9)), saying("early", Sentence("Early.", 1), Sentence("Last.", 99))
    found = {verdict.run: verdict for verdict in verdicts_of(open_report(trained), [late, early])}
    assert found.keys() == {"gp", "single"}
    assert found["gp"].text == "Early. Late. Last."
    assert found["gp"].labels == ("gp/1", "gp/2")
    assert found["single"].labels == ("single",)


def test_what_fails_is_told_and_what_is_not_measured_is_silent(trained: Path) -> None:
    told: list[str] = []
    asked = [
        saying("fine", Sentence("Fine.")),
        saying("broken", Sentence("Half."), error=ZeroDivisionError("division by zero")),
        saying("missing", Sentence("Half."), error=NotMeasurable("needs x")),
    ]
    assert {verdict.text for verdict in verdicts_of(open_report(trained), asked, told.append)} == {"Fine."}
    assert told == [
        f"the verdict of broken on {run} failed (ZeroDivisionError: division by zero)" for run in ("gp", "single")
    ]


def test_who_says_nothing_gets_no_verdict(trained: Path) -> None:
    assume(trained, "latent law: standard normal")
    assert verdicts_of(open_report(trained), [saying("silent")]) == []


@pytest.mark.parametrize(
    ("assumed", "said"),
    [
        ((), "Fine."),
        (("latent law: standard normal",), "Fine. It rests on an assumption: latent law: standard normal."),
        (("law: normal", "range: [0, 1]"), "Fine. It rests on an assumption: law: normal, and 1 more."),
        (("step 3 read from the name", "latent shape (8,): the first layer"), "Fine."),
        (("critic: architecture a, recognised by keys and shapes",), "Fine."),
    ],
)
def test_assumptions_that_could_change_the_answer_stand_last(trained: Path, assumed: list[str], said: str) -> None:
    assume(trained, *assumed)
    found = verdicts_of(open_report(trained), [saying("fine", Sentence("Fine.", 500))])
    assert {verdict.text for verdict in found} == {said}
