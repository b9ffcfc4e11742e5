"""``wganalyze check``: exit codes for a pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wganalyze

Command = Callable[..., Any]


@pytest.fixture
def report(command: Command, trainer: Any) -> Path:
    """The report of a run over both snapshots."""
    assert command(*trainer.run()).code == 0
    path: Path = trainer.report
    return path


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        (["fake_max <= 1"], 0),
        (["fake_max <= 1", "no fault"], 0),
        (["fake_max <= 1", "fake_max < -1"], 1),
        (["fake_mox < 1"], 2),
        (["fake_max"], 2),
        ([], 2),
    ],
)
def test_exit_codes(command: Command, report: Path, conditions: list[str], code: int) -> None:
    assert command("check", report, *conditions).code == code


def test_the_forms_say_the_same(command: Command, report: Path) -> None:
    answer = command("check", report, "fake_max <= 1", "fake_max < -1", "--at", "all")
    assert "2 of 4 hold" in answer.out
    records = json.loads(command("check", report, "fake_max <= 1", "--format", "json").out)
    assert [(record["snapshot"], record["outcome"]) for record in records] == [("step_10", "passed")]
    assert [*wganalyze.check(report, ["fake_max <= 1"]).frame["value"]] == pytest.approx([records[0]["value"]])
    assert "close to it: fake_max" in command("check", report, "fake_mox < 1").error
