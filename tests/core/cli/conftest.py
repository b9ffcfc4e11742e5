"""Shared by the tests of the verbs: a trainer's folder with two steps, and the command line in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from wganalyze.cli import call, cli

FACTORIES = """\
from torch import nn


def Generator():
    return nn.Sequential(nn.Linear(4, 64), nn.Tanh())


def Critic():
    return nn.Linear(64, 1)
"""


@dataclass(frozen=True)
class Trainer:
    """A folder ``ckpt`` with generators and critics of the steps 2 and 10, and the file that defines them."""

    folder: Path
    factories: Path

    @property
    def nets(self) -> list[str]:
        """The options that name the factories."""
        return ["--generator", f"{self.factories}:Generator", "--critic", f"{self.factories}:Critic"]

    @property
    def report(self) -> Path:
        """Where ``run`` writes by default."""
        return self.folder.with_name("ckpt-report")

    def run(self, *more: str) -> list[str]:
        """A quick run over both snapshots."""
        sizes = ["--n", "50", "--replicates", "2", "--seed", "1"]
        return ["run", str(self.folder), "--data", "digits", "--only", "snapshot", *sizes, *self.nets, *more]


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    """Checkpoints of steps 2 and 10, saved by torch."""
    folder = tmp_path / "ckpt"
    folder.mkdir()
    torch.manual_seed(0)
    for step in (2, 10):
        torch.save(nn.Sequential(nn.Linear(4, 64), nn.Tanh()).state_dict(), folder / f"G_step_{step}.pt")
        torch.save(nn.Linear(64, 1).state_dict(), folder / f"D_step_{step}.pt")
    factories = tmp_path / "factories.py"
    factories.write_text(FACTORIES)
    return Trainer(folder, factories)


@dataclass(frozen=True)
class Answer:
    """What a command line gave."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error."""
        (line,) = self.err.splitlines()
        assert line.startswith("Error: ")
        return line.removeprefix("Error: ")


Command = Callable[..., Answer]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process."""

    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        code = call([*map(str, arguments)])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def strangers_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a distribution with one entry point in the group of verbs."""

    def install(verb: str, module: str, source: str, summary: str = "Draws pictures.") -> None:
        info = tmp_path / "site" / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {module}", "Version: 1.0", f"Summary: {summary}"]
        (info / "METADATA").write_text("\n".join(lines) + "\n\n")
        (info / "entry_points.txt").write_text(f"[wganalyze.commands]\n{verb} = {module}:command\n")
        (tmp_path / "site" / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        forget_verbs()

    return install


def forget_verbs() -> None:
    """Entry points are read once in a process."""
    cli.__dict__.pop("entries", None)


@pytest.fixture(autouse=True)
def _fresh_verbs() -> Iterator[None]:
    forget_verbs()
    yield
    forget_verbs()


def until_closed(front: int) -> bytes:
    """All that programs write to the other end of a terminal, until they have closed it."""
    text = b""
    while True:
        try:
            block = os.read(front, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            return text
        if not block:
            return text
        text += block
