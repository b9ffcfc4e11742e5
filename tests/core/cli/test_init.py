"""``wganalyze init``: what was found and said, as a ``wganalyze.toml`` that ``run`` accepts."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze import open_report
from wganalyze.networks.factories import Net
from wganalyze.settings.facts import Said
from wganalyze.settings.toml import read_config

Command = Callable[..., Any]


def test_it_is_written_and_run_accepts_it(command: Command, trainer: Any) -> None:
    target = trainer.folder / "wganalyze.toml"
    answer = command("init", trainer.folder, "--data", "digits", *trainer.nets)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"{target} written; edit it, then: wganalyze run {trainer.folder} --config {target}\n"
    following = shlex.split(answer.out.partition("then: wganalyze ")[2])
    run = command(*following, "--only", "snapshot", "--n", "50", "--replicates", "2")
    assert run.code == 0
    assert "no generator" not in run.err
    report = open_report(trainer.report)
    assert set(report.measurements["metric"]) >= {"real_min", "fake_max"}
    assert set(report.measurements["status"]) == {"ok"}


def test_what_was_assumed_stays_an_assumption(command: Command, trainer: Any) -> None:
    before = command("inspect", trainer.folder, *trainer.nets).out
    command("init", trainer.folder)
    after = command("inspect", trainer.folder, *trainer.nets).out
    assert "assumed: latent law" in before
    assert after == before


def test_every_fact_that_was_said_is_in_the_file(command: Command, trainer: Any) -> None:
    said = ["--data", "npy:a b.npy", "--weights", "raw", "--output", "logit", "--orientation", "-1", "--latent", "4"]
    said += ["--latent-law", "uniform", "--classes", "10", "--label-encoding", "onehot", "--gradient-penalty", "0.5"]
    said += [
        "--role",
        "x[1]*.pt=critic",
        "--role",
        "old/*=ignore",
        "--generator",
        "t:G(4, name='ä\"')",
        "--critic",
        "t:C",
    ]
    assert command("init", trainer.folder, *said).code == 0
    assert read_config(trainer.folder / "wganalyze.toml", trusted=True) == Said(
        generator=Net("t:G(4, name='ä\"')", folder=trainer.folder),
        critic=Net("t:C", folder=trainer.folder),
        weights="raw",
        output="logit",
        orientation=-1,
        latent_law="uniform",
        latent=(4,),
        classes=10,
        label_encoding="onehot",
        data="npy:a b.npy",
        gradient_penalty=0.5,
        roles={"x[1]*.pt": "critic", "old/*": "ignore"},
    )


FULL = """\
[generator]
architecture = "some-family"
arguments = { width = 64, wide = true, "odd key" = [1, 2.5], name = "x" }
weights = "ema"
[data]
source = "digits"
normalize = { mean = [0.5, 0.25], std = [0.1, 0.2] }
held_out = false
[run]
n = 100
replicates = 3
seed = 9
"""


def test_replacing_a_file_keeps_its_facts(command: Command, trainer: Any) -> None:
    target = trainer.folder / "wganalyze.toml"
    target.write_text(FULL)
    before = read_config(target, trusted=True)
    assert command("init", trainer.folder, "--force").code == 0
    assert target.read_text() != FULL
    assert read_config(target, trusted=True) == before


def test_an_existing_file_is_protected(command: Command, trainer: Any) -> None:
    target = trainer.folder / "wganalyze.toml"
    target.write_text("# mine\n")
    answer = command("init", trainer.folder)
    assert answer.code == 2
    assert answer.error == f"{target}: exists; --force replaces it"
    assert target.read_text() == "# mine\n"


def test_for_a_single_file_it_lies_beside_it(command: Command, trainer: Any) -> None:
    assert command("init", trainer.folder / "G_step_2.pt").code == 0
    assert (trainer.folder / "wganalyze.toml").is_file()


def test_files_of_unknown_role_are_to_be_filled_in(command: Command, tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / "method[1].pt")
    assert command("init", tmp_path).code == 0
    target = tmp_path / "wganalyze.toml"
    line = '# "method[[]1].pt" = "critic"'
    assert line in target.read_text()
    target.write_text(target.read_text().replace(line, line.removeprefix("# ")))
    assert "the role of" not in command("inspect", tmp_path).out
    assert "missing critic: the architecture of method[1].pt" in command("inspect", tmp_path).out


@pytest.mark.parametrize("name", ['a\n[critic]\nfactory = "os:system"\n#_G.pt', "a\x7f_G.pt", 'a"_G.pt', "ä😀_G.pt"])
def test_a_name_cannot_become_a_fact(command: Command, tmp_path: Path, name: str) -> None:
    """What lies in somebody else's folder is quoted or left as a comment, whatever it is called."""
    torch.save(nn.Linear(2, 3).state_dict(), tmp_path / name)
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / name.replace("_G", "_x"))
    assert command("init", tmp_path, "--generator", "torch.nn:Linear(2, 3)").code == 0
    document = tomllib.loads((tmp_path / "wganalyze.toml").read_text(encoding="utf-8"))
    assert document["critic"] == document["files"] == {}
    assert document["generator"] == {"factory": "torch.nn:Linear(2, 3)"}


def test_where_nothing_is_recognised_nothing_is_written(command: Command, tmp_path: Path) -> None:
    answer = command("init", tmp_path)
    assert answer.code == 2
    assert "the folder holds no checkpoint" in answer.error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(command: Command, trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from wganalyze.report import store as cells

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cells, "write_atomically", full)
    answer = command("init", trainer.folder)
    assert answer.code == 2
    assert answer.error == (
        f"{trainer.folder / 'wganalyze.toml'}: cannot be written (No space left on device); "
        "make room or make the folder writable"
    )
