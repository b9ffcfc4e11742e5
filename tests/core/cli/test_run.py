"""``wganalyze run``: options reach the run, progress goes to stderr, the report to stdout, and the exit code tells."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from wganalyze import open_report

Command = Callable[..., Any]


def test_a_first_report(command: Command, trainer: Any) -> None:
    answer = command(*trainer.run())
    assert answer.code == 0
    progress = [line for line in answer.err.splitlines() if line.startswith("[")]
    assert [line.partition(" (")[0] for line in progress] == ["[1/2] step_2 snapshot ok", "[2/2] step_10 snapshot ok"]
    assert f"report: {trainer.report}" in answer.out
    rows = pd.read_parquet(trainer.report / "measurements")
    assert set(rows["snapshot"]) == {"step_2", "step_10"}
    assert set(rows["status"]) == {"ok"}
    assert set(rows["seed"]) == {1}
    assert set(rows["n"]) == {50}


def test_a_second_run_reuses_and_says_so(command: Command, trainer: Any) -> None:
    first = command(*trainer.run())
    again = command(*trainer.run())
    assert again.code == 0
    assert again.err.splitlines() == [f"2 of 2 cells were reused from {trainer.report}"]
    assert again.out == first.out


def test_the_command_is_on_record(command: Command, trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [*map(str, trainer.run())]
    monkeypatch.setattr("sys.argv", ["/usr/bin/wganalyze", *arguments])
    command(*arguments)
    record = json.loads((trainer.report / "_run.json").read_text())
    assert record["command"] == ["wganalyze", *arguments]
    assert shlex.split(shlex.join(record["command"])) == ["wganalyze", *arguments]
    assert record["status"] == "complete"


def test_the_report_goes_where_it_is_told(command: Command, trainer: Any, tmp_path: Any) -> None:
    out = tmp_path / "deep" / "elsewhere"
    assert command(*trainer.run("--out", str(out))).code == 0
    assert len(open_report(out).summary) == 2
    assert not trainer.report.exists()


def test_only_and_skip(command: Command, trainer: Any) -> None:
    assert command(*trainer.run("--skip", "snapshot")).error == "--only and --skip leave no analyzer to run"
    answer = command(*trainer.run("--only", "snapshot,snapshot"))
    assert answer.code == 0
    assert "[2/2]" in answer.err


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--only", "snapshto"], 2, "no analyzer is called 'snapshto'; there are: "),
        (["--skip", "snapshto"], 2, "no analyzer is called 'snapshto'; there are: "),
        (["--data", "digit"], 2, "--data digit: no data source is called 'digit'; there are: "),
        (["--option", "snapshot.depth=3"], 2, "--option snapshot.depth: snapshot has no such option; there are: none"),
        (["--option", "depth=3"], 2, "--option depth=3: write ANALYZER.KEY=VALUE"),
        (["--device", "tpu"], 2, "--device tpu: choose auto, cpu, cuda or cuda:N"),
        (["--device", "cuda:"], 2, "--device cuda:: choose auto, cpu, cuda or cuda:N"),
        (["--device", "cuda:99"], 2, "--device cuda:99: torch sees "),
        (["--n", "5000"], 2, "--n 5000 with 2 replicates needs 5 disjoint splits, 25000 samples; digits has 1797"),
        (["--seed", "many"], 2, "--seed many: write a whole number from 0 on"),
        (["--seed", "-1"], 2, "--seed -1: write a whole number from 0 on"),
        (["--config", "nowhere.toml"], 2, "nowhere.toml: cannot be read (No such file or directory)"),
        (["--loader", "magic"], 2, "--loader magic: no such loader; there are: "),
        (["--critic", "nowhere.py:C", "--generator", "nowhere.py:G"], 2, "--generator: there is no file nowhere.py"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    command: Command, trainer: Any, more: list[str], code: int, message: str
) -> None:
    answer = command(*trainer.run(*more))
    assert (answer.code, answer.out) == (code, "")
    assert answer.error.startswith(message)
    assert not trainer.report.exists()


def test_what_is_missing_is_said_with_the_option(command: Command, trainer: Any) -> None:
    answer = command(*trainer.run()[:-4], *trainer.nets[:2])
    assert answer.code == 0
    assert answer.err.splitlines()[0] == (
        "step_2 (and 1 more snapshots): no critic: the architecture of D_step_2.pt is unknown; "
        "say --critic MODULE:FACTORY (or FILE.py:FACTORY), or --infer to have one guessed from keys and shapes"
    )


def test_without_any_network_there_is_nothing_to_run(command: Command, trainer: Any) -> None:
    answer = command(*trainer.run()[:-4])
    assert answer.code == 2
    start = (
        f"{trainer.folder}: no network can be built: step_2 (and 1 more snapshots): no generator: the architecture of "
    )
    assert answer.error.startswith(start)
    for role in ("generator", "critic"):
        assert f"say --{role} MODULE:FACTORY (or FILE.py:FACTORY)" in answer.error
    assert not trainer.report.exists()


def test_without_data_that_is_said(command: Command, trainer: Any) -> None:
    answer = command("run", trainer.folder, "--only", "snapshot", *trainer.nets)
    assert answer.code == 0
    assert "no --data: analyzers that need real samples are skipped" in answer.err.splitlines()


def test_debug_shows_where_a_cell_failed(command: Command, trainer: Any, write_plugin: Callable[..., Any]) -> None:
    source = (
        "from wganalyze import Analyzer, hookimpl\n\n\nclass Breaks(Analyzer):\n    name = 'breaks'\n\n"
        "    def measure(self, study):\n        raise RuntimeError('it broke')\n        yield\n\n\n"
        "@hookimpl\ndef wganalyze_analyzers():\n    return [Breaks]\n"
    )
    write_plugin("breaking", source)
    plain = command(*trainer.run("--only", "breaks"))
    assert plain.code == 1
    assert "Traceback" not in plain.err + plain.out
    assert plain.err.count("FAILED") == 2
    debugged = command(*trainer.run("--only", "breaks", "--debug"))
    assert debugged.code == 1
    assert debugged.err.count("Traceback") == 2
    assert "breaking.py" in debugged.err


def test_what_is_broken_is_told_once(command: Command, trainer: Any) -> None:
    """In the log for each snapshot, in the report for all analyzers and snapshots."""
    source = trainer.factories.read_text()
    trainer.factories.write_text(source.replace("nn.Linear(4, 64)", "nn.Linear(4, 64).nothing"))
    answer = command(*trainer.run("--only", "snapshot,exact-w,quality", "--range", "-1,1"))
    assert answer.code == 1
    reason = "'Linear' object has no attribute 'nothing'"
    lines = [line for line in answer.err.splitlines() if line.startswith("[")]
    assert len(lines) == 6
    assert [reason in line for line in lines] == [True, False, False] * 2
    assert sum(line.endswith(": the same") for line in lines) == 4
    assert answer.out.count(reason) == 1
    (told,) = [line for line in answer.out.splitlines() if reason in line]
    assert told.startswith("failed ")
    missing = [name for name in ("snapshot", "exact-w", "quality", "step_2", "step_10") if name not in told]
    assert (missing, told) == ([], told)
