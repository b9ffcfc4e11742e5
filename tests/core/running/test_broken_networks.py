"""What is wrong with a network, or with the factory that was named, is found before any work, and told once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from wganalyze.errors import UsageError
from wganalyze.report.reading import Report

ANALYZERS = ("first", "second", "third")


@pytest.fixture
def three(write_analyzers: Callable[..., None], tmp_path: Path) -> Path:
    """Installs analyzers that work on the data and then ask for fakes, with and without stating that they need some."""
    log = tmp_path / "work.log"
    asks = f"study.has(Need.FAKE); open({str(log)!r}, 'a').write('x'); study.real(); study.fake()"
    write_analyzers(first=asks, second=asks, third=asks)
    return log


def told(report: Report) -> dict[tuple[str, str], str]:
    """Messages of cells that failed."""
    rows = report.measurements
    failed: pd.DataFrame = rows[rows["status"] == "failed"]
    return {(str(row.snapshot), str(row.analyzer)): str(row.message) for row in failed.itertuples()}


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("nowhere.py:G", r"--generator: there is no file nowhere\.py"),
        ("nowhere.ipynb:G", r"--generator: there is no file nowhere\.ipynb"),
        ("no_such_module_at_all:G", r"--generator: importing no_such_module_at_all failed"),
        ("{file}:Genrator", r"has no 'Genrator'; it has Generator, Critic"),
        ("{file}:Generator(x)", r"the arguments must be literals"),
    ],
)
def test_a_factory_that_is_named_wrongly_stops_the_run_at_once(trainer: Any, named: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        trainer.run(generator=named.format(file=trainer.factories), range=(-1, 1))
    assert not trainer.report.exists()
    assert trainer.events.cells == []


def test_one_folder_whose_factory_is_wrong_does_not_stop_the_others(trainer: Any) -> None:
    for name in ("a", "b"):
        (trainer.folder / name).mkdir()
        (trainer.folder / name / "nets.py").write_text(trainer.factories.read_text())
        factories = '[generator]\nfactory = "nets.py:{}"\n[critic]\nfactory = "nets.py:Critic"\n'
        chosen = "Generator" if name == "a" else "Misspelt"
        (trainer.folder / name / "wganalyze.toml").write_text(factories.format(chosen))
    for index, path in enumerate(sorted(trainer.folder.glob("*.pt"))):
        path.rename(trainer.folder / "ab"[index % 2] / path.name)
    report = trainer.run(generator=None, critic=None, trust=True, range=(-1, 1))
    assert all(snapshot.startswith("b/") for snapshot, _ in told(report))
    assert all("has no 'Misspelt'" in message for message in told(report).values())
    assert report.run["cells"]["ok"] > 0


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("nn.Linear(4, 8)", "nn.Linear(5, 8)", "does not fit the generator: 1 wrong shape: 0.weight is (8, 4)"),
        ("def Generator():", "def Generator():\n    raise ValueError('no')", "calling it failed (ValueError: no)"),
        ("nn.Tanh()", "Cuda()", "the code of Sequential asks for CUDA, which this machine lacks: use z.device"),
        ("nn.Tanh()", "Broken()", "AttributeError: 'Broken' object has no attribute 'nothing', factories.py line 9"),
        ("nn.Tanh()", "Waits()", "line 3 `width = len(open(__file__).read())` was left alone"),
        (
            "nn.Tanh()",
            "nn.AdaptiveAvgPool1d(16)",
            "makes samples of shape (16,), the data are (1, 8, 8): say",
        ),
    ],
)
def test_a_network_that_is_broken_is_found_before_the_work_and_said_alike(
    trainer: Any, three: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, reason: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    trainer.edit(
        "from torch import nn\n",
        "from torch import nn\nimport torch\nwidth = len(open(__file__).read())\n"
        "class Cuda(nn.Module):\n"
        "    def forward(self, x): raise AssertionError('Torch not compiled with CUDA enabled')\n"
        "class Waits(nn.Module):\n    def forward(self, x): return x[:, :width]\n"
        "class Broken(nn.Module):\n    def forward(self, x): return self.nothing(x)\n",
    )
    line = next(i for i, text in enumerate(trainer.factories.read_text().splitlines(), 1) if "self.nothing" in text)
    trainer.edit(before, after)
    report = trainer.run(*ANALYZERS, range=(-1, 1))
    messages = told(report)
    assert {analyzer for _, analyzer in messages} == {*ANALYZERS}
    assert all(reason.replace("line 9", f"line {line}") in message for message in messages.values())
    for step in trainer.steps:  # the same words for each analyzer, so that a report tells them once
        assert len({message for (snapshot, _), message in messages.items() if snapshot == f"step_{step}"}) == 1
    assert not three.exists(), "no analyzer worked"


def test_one_snapshot_that_is_broken_does_not_stop_the_others(trainer: Any, three: Path) -> None:
    trainer.mend("G_step_10.pt", lambda tensor: tensor.repeat(2) if tensor.dim() == 1 else tensor)
    report = trainer.run(*ANALYZERS, range=(-1, 1))
    assert {snapshot for snapshot, _ in told(report)} == {"step_10"}
    assert len(three.read_text()) == len(ANALYZERS) * 2


TRAINING = """
for epoch in range(3):
    raise RuntimeError("it trains")
import torch
torch.save({{}}, {path!r})
"""


def test_a_script_does_not_train_and_overwrites_nothing(trainer: Any) -> None:
    path = trainer.folder / "G_step_2.pt"
    before = path.read_bytes()
    trainer.factories.write_text(trainer.factories.read_text() + TRAINING.format(path=str(path)))
    report = trainer.run()
    assert told(report) == {}
    assert path.read_bytes() == before


def test_a_checkpoint_that_is_overwritten_on_the_way_is_not_measured(trainer: Any) -> None:
    """By a factory that does so when it is called, or by a training that goes on."""
    path = trainer.folder / "G_step_2.pt"
    other = path.with_name("G_step_10.pt").read_bytes()
    (trainer.factories.parent / "other.bin").write_bytes(other)
    trainer.edit(
        "def Generator():",
        "def Generator():\n"
        f"    import shutil\n    shutil.copyfile({str(trainer.factories.parent / 'other.bin')!r}, {str(path)!r})",
    )
    os.utime(path, ns=(1, 1))
    messages = told(trainer.run(range=(-1, 1)))
    assert [*messages] == [("step_2", "snapshot")]
    assert "G_step_2.pt: was changed after it was opened" in messages["step_2", "snapshot"]


def test_a_notebook_names_a_factory(trainer: Any) -> None:
    import json

    cells = [{"cell_type": "code", "source": ["%matplotlib inline\n", trainer.factories.read_text()]}]
    cells += [{"cell_type": "code", "source": "raise RuntimeError('it trains')"}]
    notebook = trainer.factories.with_suffix(".ipynb")
    notebook.write_text(json.dumps({"cells": cells}))
    report = trainer.run(generator=f"{notebook}:Generator", critic=f"{notebook}:Critic")
    assert told(report) == {}
    assert report.run["cells"]["ok"] == len(trainer.steps)
