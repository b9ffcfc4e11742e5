"""``wganalyze watch``: beside a real trainer that is killed in the middle of a save, by a script, and with Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.core.cli.conftest import until_closed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter on Windows")

TRAINER = """\
import io, sys, time
from pathlib import Path

import torch
from torch import nn

folder, steps, stuck = Path(sys.argv[1]), [int(step) for step in sys.argv[2].split(",")], int(sys.argv[3])
torch.manual_seed(0)
nets = {"G": nn.Sequential(nn.Linear(4, 64), nn.Tanh()), "D": nn.Linear(64, 1)}
for step in steps:
    for role, net in nets.items():
        with torch.no_grad():
            for parameter in net.parameters():
                parameter += 0.01 * torch.randn_like(parameter)
        whole = io.BytesIO()
        torch.save(net.state_dict(), whole)
        content = whole.getvalue()
        with (folder / f"{role}_step_{step}.pt").open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            while step == stuck and role == "D":
                (folder.parent / "stuck").touch()
                time.sleep(0.05)
            file.write(content[len(content) // 2 :])
    time.sleep(0.1)
"""


class Watcher:
    """A ``watch`` in a process of its own, and the trainers beside it."""

    def __init__(self, trainer: Any, folder: Path):
        self.trainer, self.script = trainer, folder / "train.py"
        self.script.write_text(TRAINER)
        self.log = folder / "log"
        for path in trainer.folder.iterdir():
            path.unlink()

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Begin to watch; what it says goes to a file."""
        sizes = ["--n", "50", "--replicates", "2", "--range", "-1,1"]
        words = ["watch", str(self.trainer.folder), "--data", "digits", "--only", "snapshot", "--every", "0.2s"]
        code = "from wganalyze.cli import main; main()"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, *words, *sizes, *self.trainer.nets, *more],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self.process

    def train(self, steps: str, stuck: int = -1) -> subprocess.Popen[bytes]:
        """A trainer that saves these steps, and hangs in the middle of saving the critic of one."""
        return subprocess.Popen([sys.executable, str(self.script), str(self.trainer.folder), steps, str(stuck)])

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it, while the watch goes on."""
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def measured(self) -> list[int]:
        """The steps in the files of the report."""
        rows = pd.read_parquet(self.trainer.report / "measurements")
        return sorted({int(step) for step in rows.loc[rows["status"] == "ok", "step"]})

    def said(self, text: str) -> bool:
        """Does the log say so?"""
        return text in self.log.read_text()


@pytest.fixture
def watcher(trainer: Any, tmp_path: Path) -> Iterator[Watcher]:
    """Not yet started; ended at last."""
    made = Watcher(trainer, tmp_path)
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.communicate()


def test_a_trainer_that_is_killed_in_the_middle_of_a_save(watcher: Watcher) -> None:
    process = watcher.start("--until", "4")
    trainer = watcher.train("1,2,3", stuck=2)
    watcher.until((watcher.trainer.folder.parent / "stuck").exists)
    watcher.until(lambda: watcher.said("step_1 snapshot ok"))
    trainer.send_signal(signal.SIGKILL)
    trainer.wait()
    half = watcher.trainer.folder / "D_step_2.pt"
    watcher.until(lambda: watcher.said("D_step_2.pt"))  # it is damaged, which is a line
    lines = [line for line in watcher.log.read_text().splitlines() if half.name in line]
    assert len(lines) == 1
    watcher.train("2,3").wait()  # it is started again, from the step that it had saved
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, watcher.log.read_text()
    assert watcher.measured() == [1, 2, 3]
    assert "Traceback" not in watcher.log.read_text()
    for step in (1, 2, 3):
        assert f"step_{step}" in out
    record = json.loads((watcher.trainer.report / "_run.json").read_text())
    assert record["status"] == "complete"
    assert {entry["label"]: entry["missing"] for entry in record["snapshots"]} == {f"step_{i}": {} for i in (1, 2, 3)}


def test_ctrl_c_ends_with_the_report_complete(watcher: Watcher) -> None:
    process = watcher.start()
    watcher.train("1,2").wait()
    watcher.until(lambda: watcher.said("step_1 snapshot ok") and watcher.said("step_2 snapshot ok"))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in watcher.log.read_text()
    assert watcher.measured() == [1, 2]
    assert "step_1" in out
    assert "step_2" in out


def test_a_script_ends_when_nothing_is_new(watcher: Watcher) -> None:
    watcher.train("5").wait()
    process = watcher.start("--idle", "2s")
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert watcher.measured() == [5]
    assert watcher.said("watching ")


def test_a_page_is_kept_current_and_is_whole_at_last(watcher: Watcher, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    process = watcher.start("--page", str(page), "--until", "2")
    watcher.train("1").wait()
    watcher.until(page.exists)
    assert 'http-equiv="refresh"' in page.read_text()
    watcher.train("2").wait()
    process.communicate(timeout=120)
    assert process.returncode == 0, watcher.log.read_text()
    text = page.read_text()
    assert 'http-equiv="refresh"' not in text
    assert "step_1" in text
    assert "step_2" in text
    assert watcher.said(f"page: {page}")


def test_nothing_to_analyse_is_one(watcher: Watcher) -> None:
    process = watcher.start("--idle", "0.3s")
    out, _ = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert watcher.said("nothing was analysed; wganalyze inspect")


def test_on_a_terminal_there_is_a_table(watcher: Watcher, tmp_path: Path) -> None:
    import pty

    watcher.train("1,2").wait()
    front, back = pty.openpty()
    code = "from wganalyze.cli import main; main()"
    words = ["watch", str(watcher.trainer.folder), "--data", "digits", "--only", "exact-w", "--every", "0.2s"]
    sizes = ["--n", "50", "--replicates", "2", "--range", "-1,1", "--until", "2", *watcher.trainer.nets]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    watcher.process = subprocess.Popen(
        [sys.executable, "-c", code, *words, *sizes], stdout=back, stderr=back, text=True, env=environment
    )
    os.close(back)
    shown = until_closed(front)
    assert watcher.process.wait() == 0
    text = shown.decode(errors="replace")
    assert text.count("W1 [95% CI]") >= 2  # the table while it went, and the report at the end
    assert "waiting for what is new; Ctrl-C ends" in text
    assert text.index("step_2") < text.rindex("report: ")


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        (["--every", "soon"], "--every soon: write a time, as 20s, 2m or 1h"),
        (["--idle", "0"], "--idle 0: write a time, as 20s, 2m or 1h"),
        (["--page", "nowhere/run.html"], "--page nowhere/run.html: there is no folder nowhere"),
        (["--only", "nothing"], "no analyzer is called 'nothing'"),
        (["--jobs", "2"], "--jobs: watch analyses one snapshot after the other, as they come; leave it out"),
    ],
)
def test_what_is_asked_wrongly(trainer: Any, command: Any, option: list[str], problem: str) -> None:
    answer = command("watch", str(trainer.folder), *option)
    assert answer.code == 2
    assert problem in answer.error
