"""``wganalyze inspect``: what a path holds, as a table and as JSON, without running anything of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

Command = Callable[..., Any]


def test_the_documented_keys_of_the_json(command: Command, trainer: Any) -> None:
    answer = command("inspect", trainer.folder, "--json")
    assert (answer.code, answer.err) == (0, "")
    described = json.loads(answer.out)
    assert {"files", "snapshots"} <= described.keys()
    assert len(described["files"]) == 4
    for file in described["files"]:
        assert {"path", "kind", "role", "step", "parameters", "problems"} <= file.keys()
        assert file["kind"] == "torch-state-dict"
        assert file["problems"] == []
        name = Path(file["path"]).name
        assert file["role"] == ("generator" if name.startswith("G") else "critic")
        assert file["step"] == (2 if name.endswith("_2.pt") else 10)
        assert file["parameters"] == (4 * 64 + 64 if name.startswith("G") else 64 + 1)
    assert [snapshot["step"] for snapshot in described["snapshots"]] == [2, 10]
    assert [snapshot["label"] for snapshot in described["snapshots"]] == ["step_2", "step_10"]


def test_the_table_says_the_same(command: Command, trainer: Any) -> None:
    answer = command("inspect", trainer.folder)
    assert (answer.code, answer.err) == (0, "")
    for text in ("G_step_10.pt", "torch-state-dict", "generator", "critic", "320", "0.weight (64, 4)", "2 snapshots"):
        assert text in answer.out
    line = "step_2, step_10: missing generator: the architecture of G_step_2.pt is unknown; say --generator"
    assert line in answer.out


def test_what_is_assumed_is_shown_once_for_all_snapshots(command: Command, trainer: Any) -> None:
    answer = command("inspect", trainer.folder, *trainer.nets)
    assert answer.code == 0
    (line,) = [line for line in answer.out.splitlines() if "latent law" in line]
    assert line == "step_2, step_10: assumed: latent law: standard normal (set [latent] law or --latent-law)"
    assert "missing data: say --data NAME" in answer.out
    assert "missing generator" not in answer.out
    assert "missing" not in command("inspect", trainer.folder, "--data", "digits", *trainer.nets).out
    assert f"critic from D_step_2.pt: factory {trainer.factories}:Critic" in answer.out


def test_no_factory_is_run(command: Command, trainer: Any) -> None:
    trainer.factories.write_text("raise SystemExit('was run')\n")
    assert command("inspect", trainer.folder, *trainer.nets).code == 0


def test_a_path_with_markup_is_shown_as_it_is(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "[red]ckpt"
    folder.mkdir()
    torch.save(nn.Linear(2, 1).state_dict(), folder / "D[bold].pt")
    answer = command("inspect", folder)
    assert answer.code == 0
    assert "[red]ckpt" in answer.out.replace("\n", "")  # a long title is broken into lines
    assert "D[bold].pt │" in answer.out


def test_a_damaged_file_is_shown_beside_the_others(command: Command, trainer: Any) -> None:
    damaged = trainer.folder / "D_step_2.pt"
    damaged.write_bytes(damaged.read_bytes()[:-400])
    (trainer.folder / "notes.pt").write_text("not a checkpoint")
    answer = command("inspect", trainer.folder)
    assert answer.code == 0
    assert "D_step_2.pt: " in answer.out
    assert "notes.pt: no loader knows this kind of file" in answer.out
    files = {Path(f["path"]).name: f for f in json.loads(command("inspect", trainer.folder, "--json").out)["files"]}
    assert files["notes.pt"]["kind"] == "unknown"
    assert len(files["D_step_2.pt"]["problems"]) == 1
    assert files["D_step_10.pt"]["problems"] == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_json_is_json_whatever_the_file_holds(command: Command, tmp_path: Path, value: float) -> None:
    torch.save({"G": nn.Linear(2, 3).state_dict(), "loss": value, "lambda_gp": value}, tmp_path / "a.pt")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    described = json.loads(command("inspect", tmp_path, "--json").out, parse_constant=refuse)
    assert described["files"][0]["facts"]["loss"] == str(value)
    assert described["snapshots"][0]["penalty"] is None


def test_where_nothing_is_recognised(command: Command, tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("not a checkpoint")
    for arguments in (["inspect", tmp_path], ["inspect", tmp_path, "--json"]):
        answer = command(*arguments)
        assert answer.code == 2
        assert answer.error == (
            f"{tmp_path}: nothing could be opened: no loader knows this kind of file; "
            "give the files that your trainer saved"
        )
    assert json.loads(answer.out)["snapshots"] == []


def test_an_empty_folder(command: Command, tmp_path: Path) -> None:
    answer = command("inspect", tmp_path)
    assert answer.code == 2
    assert answer.error == (
        f"{tmp_path}: the folder holds no checkpoint; give the folder or file that your trainer saved"
    )


def test_a_configuration_beside_the_checkpoints(command: Command, trainer: Any) -> None:
    (trainer.folder / "wganalyze.toml").write_text(f'[generator]\nfactory = "{trainer.factories}:Generator"\n')
    plain = command("inspect", trainer.folder)
    assert f"--trust imports it (it runs that code), or say --generator {trainer.factories}:Generator" in plain.out
    trusted = command("inspect", trainer.folder, "--trust")
    assert "missing generator" not in trusted.out
