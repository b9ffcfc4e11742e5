"""Shared by the tests of runs: a trainer's folder with three steps, what a run told, and analyzers in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import wganalyze
from wganalyze.cells.measuring import Outcome
from wganalyze.report.reading import Report

FACTORIES = """\
from torch import nn


def Generator():
    return nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 64), nn.Tanh())


def Critic():
    return nn.Sequential(nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
"""


@dataclass
class Events:
    """A progress that remembers what it was told."""

    notes: list[str] = field(default_factory=list)
    cells: list[tuple[str, str]] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    total: int = 0

    def note(self, line: str) -> None:
        self.notes.append(line)

    def begin(self, cells: int) -> None:
        self.total = cells

    def cell(self, snapshot: str, analyzer: str) -> None:
        self.cells.append((snapshot, analyzer))

    def done(self, outcome: Outcome | None) -> None:
        self.outcomes.append("reused" if outcome is None else outcome.status)


@dataclass
class Trainer:
    """A folder of checkpoints and the file that defines their networks; ``events``: what the last run told."""

    folder: Path
    factories: Path
    steps: tuple[int, ...] = (2, 10, 30)
    events: Events = field(default_factory=Events)

    @property
    def report(self) -> Path:
        """Where a run writes by default."""
        return self.folder.with_name("ckpt-report")

    @property
    def nets(self) -> dict[str, str]:
        """The arguments that name the factories."""
        return {"generator": f"{self.factories}:Generator", "critic": f"{self.factories}:Critic"}

    def run(self, *only: str, **more: Any) -> Report:
        """A quick run on digits."""
        self.events = Events()
        quick = {"data": "digits", "n": 40, "replicates": 2, "only": only or ("snapshot",), **self.nets}
        return wganalyze.run(self.folder, progress=self.events, **{**quick, **more})

    def edit(self, before: str, after: str) -> None:
        """Replace a text in the file of the factories."""
        assert before in self.factories.read_text()
        self.factories.write_text(self.factories.read_text().replace(before, after))

    def mend(self, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Change every tensor of a file."""
        path = self.folder / name
        torch.save({key: change(tensor) for key, tensor in torch.load(path).items()}, path)


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    """Three steps of a generator and a critic."""
    made = Trainer(tmp_path / "ckpt", tmp_path / "factories.py")
    made.folder.mkdir()
    made.factories.write_text(FACTORIES)
    torch.manual_seed(0)
    for step in made.steps:
        generator = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 64), nn.Tanh())
        critic = nn.Sequential(nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
        torch.save(generator.state_dict(), made.folder / f"G_step_{step}.pt")
        torch.save(critic.state_dict(), made.folder / f"D_step_{step}.pt")
    return made


@pytest.fixture
def write_analyzers(write_plugin: Callable[..., Path]) -> Callable[..., None]:
    """Installs a plugin with these analyzers; each body may yield the metric "value", and 1.0 comes behind it."""

    def write(**bodies: str) -> None:
        classes = [
            f"class {name.capitalize()}(Analyzer):\n"
            f"    '''Answers.'''\n\n    name = '{name}'\n    metrics = (Metric('value', 'A value.'),)\n\n"
            f"    def measure(self, study):\n        {body}\n        yield Measurement('value', 1.0)\n"
            for name, body in bodies.items()
        ]
        head = "from pathlib import Path\n\nfrom wganalyze import *\nfrom wganalyze import Analyzer, hookimpl\n"
        given = ", ".join(name.capitalize() for name in bodies)
        hook = f"@hookimpl\ndef wganalyze_analyzers():\n    return [{given}]\n"
        write_plugin("_".join(bodies) + "_plugin", "\n\n".join([head, *classes, hook]))

    return write


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WGANALYZE_STRICT", "WGANALYZE_NO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
