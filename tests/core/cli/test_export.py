"""``wganalyze export``: a report for an experiment tracker."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wganalyze.cli.export import TARGETS
from wganalyze.report.exporting import targets

Command = Callable[..., Any]


def test_the_command_offers_every_target() -> None:
    assert TARGETS == targets.TARGETS


def test_a_run_becomes_a_table(command: Command, trainer: Any, tmp_path: Path) -> None:
    assert command(*trainer.run()).code == 0
    answer = command("export", trainer.report, "--to", "csv", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    rows = list(csv.DictReader((tmp_path / "out" / "series.csv").read_text().splitlines()))
    assert {(row["run"], int(row["step"])) for row in rows} == {("ckpt-report", 2), ("ckpt-report", 10)}
    assert {row["name"].partition("/")[0] for row in rows} == {"snapshot"}
    series = len({row["name"] for row in rows})
    assert answer.out == f"{len(rows)} numbers in {series} series of 1 runs: {tmp_path / 'out' / 'series.csv'}\n"


def test_what_cannot_be_exported(command: Command, trainer: Any, tmp_path: Path) -> None:
    missing = command("export", tmp_path / "nowhere", "--to", "csv", tmp_path / "out")
    assert missing.code == 2
    assert "no report" in missing.error
    assert command(*trainer.run()).code == 0
    nothing = command("export", trainer.report, "--to", "csv", tmp_path / "out", "--metric", "w1")
    assert nothing.code == 2
    assert nothing.error.startswith(f"{trainer.report}: no number of w1 at a training step")
    assert not (tmp_path / "out").exists()
    assert command("export", trainer.report, "--to", "excel", tmp_path / "out").code == 2
