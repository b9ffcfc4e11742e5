"""``wganalyze zoo``: what it lists, trains, and answers to wrong requests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from wganalyze.cli import call, cli
from wganalyze_zoo import CONSTRAINTS, METHODS
from wganalyze_zoo.command import zoo
from wganalyze_zoo.display import Lines

BRIEF = ("--steps", "4", "--batch", "8", "--width", "8", "--latent-dim", "4")


def train(out: Path, method: str = "gan", *more: str) -> tuple[int, str]:
    """Exit code, and all that was said."""
    arguments = ["train", method, "--data", "digits:train", "--out", str(out), *BRIEF, *more]
    result = CliRunner().invoke(zoo, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value), result.output


def test_every_method_and_constraint_is_listed() -> None:
    result = CliRunner().invoke(cli, ["zoo", "list"])
    assert result.exit_code == 0
    starts = {line.split("  ")[0] for line in result.output.splitlines()}
    assert {*METHODS, *CONSTRAINTS} <= starts
    assert "1704.00028, algorithm 1" in result.output
    assert "Adam 0.0003 (0.5, 0.9), n_critic 5, batch 64" in result.output
    assert "published: both RMSProp 5e-05, n_critic 5, batch 64" in result.output


def test_a_training_tells_what_it_writes(tmp_path: Path) -> None:
    code, said = train(tmp_path / "gan", "gan", "--save-at", "1,4", "--constraint", "sn", "--label-smoothing", ".9")
    assert code == 0
    lines = said.splitlines()
    assert lines[0] == f"{tmp_path / 'gan'}: training gan+sn+smoothed for 4 steps"
    assert [line.split(",")[0] for line in lines[1:3]] == [
        f"{tmp_path / 'gan'}: step {step} written" for step in (1, 4)
    ]
    assert lines[-1] == f"{tmp_path / 'gan'}: gan+sn+smoothed is complete, 2 checkpoints"
    config = torch.load(tmp_path / "gan" / "step_000004.pt", weights_only=True)["config"]
    assert (config["constraint"], config["real_label"], config["steps"]) == ("sn", 0.9, 4)


def test_a_second_call_does_nothing_and_says_so(tmp_path: Path) -> None:
    train(tmp_path)
    code, said = train(tmp_path)
    assert (code, said) == (0, f"{tmp_path}: gan is complete, 4 checkpoints; nothing to do\n")
    assert "training gan" in train(tmp_path, "gan", "--restart")[1]


def test_nan_is_said_and_is_no_failure(tmp_path: Path) -> None:
    method = METHODS["gan"]
    from dataclasses import replace

    failing = replace(method, loss=replace(method.loss, generator=lambda f, x, y, n: f(y).mean() * float("nan")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "gan", failing)
        code, said = train(tmp_path)
    assert code == 0
    assert "stopped behind step 0: a loss or a weight is no finite number (nan)" in said
    assert said.splitlines()[-1] == f"{tmp_path}: gan ended behind step 0 in nan, 0 checkpoints"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--constraint", "slope"], "Error: --constraint slope: choose clip, gp, lp, div, zero, sn"),
        (["--loss", "mmd"], "Error: --loss mmd: there is no such loss; choose began"),
        (
            ["--save-at", "1,x"],
            "Error: Invalid value for '--save-at': '1,x': steps are whole numbers, as in 100,500,2000",
        ),
        (["--data", "nowhere"], "nowhere"),
    ],
)
def test_wrong_requests_are_answered_in_a_line(
    more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["zoo", "train", "gan", "--data", "digits:train", "--out", str(tmp_path / "out"), *BRIEF, *more]
    assert call(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert call(["zoo", "train", "gan", "--data", "digits:train", "--out", str(tmp_path / "file" / "x"), *BRIEF]) == 2
    assert "cannot be written (Not a directory); name another folder" in capsys.readouterr().err


def test_a_log_has_a_line_every_few_seconds_with_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("wganalyze_zoo.display.time.monotonic", lambda: clock[0])
    lines = Lines()
    lines.begin("gan", Path("ckpt"), 20, 100)
    for step in range(21, 61):
        clock[0] += 0.5
        lines.stepped(step)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "ckpt: training gan for 100 steps, from step 20 on"
    assert said[1:] == [
        "ckpt: step 31 of 100, 34 s left", "ckpt: step 42 of 100, 29 s left", "ckpt: step 53 of 100, 24 s left"
    ]  # fmt: skip


def test_help_does_not_load_torch() -> None:
    code = (
        "import sys; from wganalyze.cli import call; call(['zoo', 'train', '--help']); call(['--help']);"
        "assert not {'torch', 'numpy', 'rich'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
