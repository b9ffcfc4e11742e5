"""Shared by the soak tests: many small checkpoints, and runs of them in processes that may be killed.

Each test has a small form, which is part of the usual suite, and a full one, which ``tox -e soak`` runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.report.layout import Layout
from wganalyze.report.store import CellStore

FACTORIES = """\
from torch import nn

def Generator():
    return nn.Sequential(nn.Linear(4, 64), nn.Tanh())

def Critic():
    return nn.Linear(64, 1)
"""
CHEAPEST = "snapshot,sharpness,quality"


def full(*values: Any) -> Any:
    """The full form of a test."""
    return pytest.param(*values, marks=[pytest.mark.soak, pytest.mark.timeout(6 * 3600)], id="full")


def small(*values: Any) -> Any:
    """The small one."""
    return pytest.param(*values, id="small")


@dataclass
class Fleet:
    """Checkpoints of one run, and what becomes of them."""

    folder: Path
    factories: Path

    @property
    def report(self) -> Path:
        """Where it is written."""
        return self.folder.with_name("report")

    def words(self, *more: str, verb: str = "run", out: Path | None = None) -> list[str]:
        """A command line."""
        nets = ["--generator", f"{self.factories}:Generator", "--critic", f"{self.factories}:Critic"]
        sizes = ["--data", "digits", "--range", "-1,1", "--n", "40", "--replicates", "2"]
        return [verb, str(self.folder), *nets, *sizes, "--out", str(out or self.report), *more]

    def begin(self, *more: str, verb: str = "run", out: Path | None = None) -> subprocess.Popen[bytes]:
        """The same in a process, which leads its group."""
        command = [sys.executable, "-m", "wganalyze", *self.words(*more, verb=verb, out=out)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        silent = subprocess.DEVNULL
        return subprocess.Popen(command, env=environment, stdout=silent, stderr=silent, start_new_session=True)


@pytest.fixture
def make_fleet(tmp_path: Path) -> Callable[[int], Fleet]:
    """So many checkpoints, each of a generator and a critic."""

    def make(count: int) -> Fleet:
        fleet = Fleet(tmp_path / "ckpt", tmp_path / "factories.py")
        fleet.folder.mkdir()
        fleet.factories.write_text(FACTORIES)
        torch.manual_seed(0)
        for step in range(count):
            nets = {"generator": nn.Sequential(nn.Linear(4, 64), nn.Tanh()), "critic": nn.Linear(64, 1)}
            state = {f"{role}.{key}": value for role, net in nets.items() for key, value in net.state_dict().items()}
            torch.save(state, fleet.folder / f"step_{step}.pt")
        return fleet

    return make


def kill(process: subprocess.Popen[bytes]) -> None:
    """It and all that it began, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def committed(report: Path) -> set[str]:
    """The cells that a report keeps."""
    folder = Layout.of(report).cells
    return {path.name for path in folder.iterdir() if CellStore(report).has(path.name)} if folder.is_dir() else set()
