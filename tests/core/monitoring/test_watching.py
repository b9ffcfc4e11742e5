"""A folder is followed: whole files, the newest first; what goes wrong is a line."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wganalyze import open_report
from wganalyze.cells.measuring import Outcome
from wganalyze.errors import DataError, TrustError, UsageError, WganalyzeError
from wganalyze.monitoring import watching
from wganalyze.monitoring.watching import Watch, _Calm, watched
from wganalyze.running.request import Request
from wganalyze.settings.config import from_python

SETTLE, LONG_SETTLE = 0.05, 1.0


@dataclass
class Events:
    """A progress that remembers what it was told."""

    notes: list[str] = field(default_factory=list)
    cells: list[tuple[str, str]] = field(default_factory=list)

    def note(self, line: str) -> None:
        self.notes.append(line)

    def begin(self, cells: int) -> None: ...

    def cell(self, snapshot: str, analyzer: str) -> None:
        self.cells.append((snapshot, analyzer))

    def done(self, outcome: Outcome | None) -> None: ...


@dataclass
class Trainer:
    """A folder and those who follow it."""

    folder: Path
    events: Events = field(default_factory=Events)

    def save(self, step: int, *, age: float = 0, roles: tuple[str, ...] = ("G", "D")) -> None:
        """A generator and a critic, so many seconds ago."""
        self.folder.mkdir(exist_ok=True)
        nets = {"G": nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 64)), "D": nn.Linear(64, 1)}
        for role in roles:
            path = self.folder / f"{role}_step_{step}.pt"
            torch.save(nets[role].state_dict(), path)
            os.utime(path, (time.time() - age,) * 2)

    def watch(self, page: Path | None = None, settle: float = SETTLE, **more: Any) -> Watch:
        """Not yet looked."""
        said = {
            "data": "digits",
            "only": ["snapshot"],
            "n": 30,
            "replicates": 2,
            "range": (0, 1),
            "generator": f"{self.folder.parent / 'nets.py'}:G",
            "critic": f"{self.folder.parent / 'nets.py'}:D",
            **more,
        }
        said = {name: value for name, value in said.items() if value is not None}
        return watched(Request(self.folder, from_python(said)), self.events, settle, page)


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    """An empty folder, and the file of the networks."""
    (tmp_path / "nets.py").write_text(
        "from torch import nn\n\n\ndef G():\n    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 64))\n\n\n"
        "def D():\n    return nn.Linear(64, 1)\n"
    )
    made = Trainer(tmp_path / "ckpt")
    made.folder.mkdir()
    return made


def looks(watch: Watch, count: int = 6) -> list[str]:
    """What so many looks analyse, each after the time in which files settle."""
    found = []
    for _ in range(count):
        time.sleep(watch.settle)
        label = watch.look()
        found += [label] if label is not None else []
    return found


def steps(watch: Watch) -> list[int]:
    """The steps in the report, as pandas reads its files."""
    return [int(step) for step in open_report(watch.request.report_path).summary["step"]]


# What is whole


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.integers(0, 4))
def test_what_is_calm_has_not_changed_for_so_long(values: list[int], wait: int) -> None:
    clock = [0.0]
    before = watching.time.monotonic
    watching.time.monotonic = lambda: clock[0]  # type: ignore[assignment]
    try:
        calm: _Calm[str, int] = _Calm(wait)
        for i, value in enumerate(values):
            clock[0] = float(i)
            same = 0
            while same < i and values[i - same - 1] == value:
                same += 1
            assert ("a" in calm.among({"a": value})) == (same >= max(wait, 1))
    finally:
        watching.time.monotonic = before  # type: ignore[assignment]


def test_a_file_is_opened_when_it_is_whole(trainer: Trainer) -> None:
    watch = trainer.watch(settle=LONG_SETTLE)
    assert watch.look() is None
    trainer.save(1)
    whole = (trainer.folder / "G_step_1.pt").read_bytes()
    for part in range(1, 5):  # as it grows
        (trainer.folder / "G_step_1.pt").write_bytes(whole[: part * len(whole) // 5])
        written = time.monotonic()
        time.sleep(LONG_SETTLE / 10)
        found = watch.look()
        assert found is None or time.monotonic() - written >= LONG_SETTLE  # a machine with other work
    (trainer.folder / "G_step_1.pt").write_bytes(whole)
    assert looks(watch) == ["step_1"]
    assert trainer.events.notes == []
    assert trainer.events.cells == [("step_1", "snapshot")]
    assert steps(watch) == [1]


def test_a_pair_is_waited_for(trainer: Trainer) -> None:
    """The critic comes a moment after the generator, and both are analysed once."""
    watch = trainer.watch(settle=LONG_SETTLE)
    trainer.save(1, roles=("G",))
    watch.look()
    time.sleep(LONG_SETTLE)
    watch.look()
    trainer.save(1, roles=("D",))
    assert looks(watch) == ["step_1"]
    assert watch.request.said["only"] == ("snapshot",)
    assert open_report(watch.request.report_path).run["snapshots"][0]["missing"] == {}


def test_the_newest_comes_first(trainer: Trainer) -> None:
    for step in range(1, 7):
        trainer.save(step, age=10 * (10 - step))
    watch = trainer.watch()
    assert looks(watch, 4) == ["step_6", "step_5"]
    trainer.save(9)
    later = looks(watch, 8)
    assert [label for label in later if label != "step_9"] == ["step_4", "step_3", "step_2", "step_1"]
    assert later.index("step_9") in (2, 3)  # as soon as it has settled
    assert steps(watch) == [1, 2, 3, 4, 5, 6, 9]


def test_nothing_is_opened_where_nothing_is_new(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer.save(1)
    watch = trainer.watch()
    looks(watch)
    monkeypatch.setattr(watching, "open_request", lambda *_: 1 // 0)
    assert looks(watch, 3) == []
    trainer.save(2)
    with pytest.raises(ZeroDivisionError):
        looks(watch, 3)


def test_a_critic_alone_is_analysed_beside_a_log_that_grows(trainer: Trainer) -> None:
    trainer.save(1, roles=("D",))
    watch = trainer.watch()
    for i in range(40):
        (trainer.folder / "train.log").write_text("x" * i)
        time.sleep(SETTLE)
        if watch.look():
            break
    assert watch.analysed == ["step_1"]


def test_what_was_done_is_not_done_again_but_where_it_changes(trainer: Trainer) -> None:
    trainer.save(1)
    watch = trainer.watch()
    assert looks(watch) == ["step_1"]
    assert looks(watch) == []
    trainer.save(1)
    assert looks(watch) == ["step_1"]
    assert steps(watch) == [1]
    again = trainer.watch()
    looks(again)
    assert open_report(again.request.report_path).run["cells"]["reused"] == 1


# What goes wrong


def test_a_damaged_file_is_a_line_and_is_tried_again_when_it_changes(trainer: Trainer) -> None:
    trainer.save(1)
    trainer.save(2)
    whole = (trainer.folder / "G_step_2.pt").read_bytes()
    (trainer.folder / "G_step_2.pt").write_bytes(whole[: len(whole) // 2])
    watch = trainer.watch(critic=None)
    (trainer.folder / "D_step_1.pt").unlink()
    (trainer.folder / "D_step_2.pt").unlink()
    assert looks(watch, 8) == ["step_1"]
    lines = [line for line in trainer.events.notes if "G_step_2.pt" in line]
    assert len(lines) == 1
    assert "\n" not in lines[0]
    (trainer.folder / "G_step_2.pt").write_bytes(whole)
    assert looks(watch) == ["step_2"]
    assert steps(watch) == [1, 2]
    assert watch.exit_code == 0


def test_numbers_that_are_none_fail_their_cells_alone(trainer: Trainer) -> None:
    trainer.save(1)
    watch = trainer.watch()
    looks(watch)
    state = torch.load(trainer.folder / "G_step_1.pt")
    torch.save({key: value * float("nan") for key, value in state.items()}, trainer.folder / "G_step_2.pt")
    trainer.save(3)
    assert {*looks(watch, 8)} == {"step_2", "step_3"}
    rows = open_report(watch.request.report_path).measurements
    assert {*rows.query("step == 2")["status"]} == {"failed"}
    assert {*rows.query("step == 3")["status"]} == {"ok"}
    assert watch.exit_code == 1


def test_what_is_deleted_leaves_its_numbers(trainer: Trainer) -> None:
    trainer.save(1)
    watch = trainer.watch()
    looks(watch)
    for path in trainer.folder.iterdir():
        path.unlink()
    trainer.save(2)
    assert looks(watch) == ["step_2"]
    assert "G_step_1.pt: is gone; what was measured of it stays in the report" in trainer.events.notes
    assert steps(watch) == [1, 2]
    shutil.rmtree(trainer.folder)
    assert looks(watch, 2) == []
    trainer.save(3)
    assert looks(watch) == ["step_3"]
    assert steps(watch) == [1, 2, 3]


def test_a_folder_that_is_not_there_yet(trainer: Trainer) -> None:
    trainer.folder.rmdir()
    watch = trainer.watch()
    assert looks(watch, 3) == []
    (line,) = trainer.events.notes
    assert line == f"{trainer.folder}: no such file or folder; it is waited for"
    trainer.save(1)
    assert looks(watch) == ["step_1"]


def test_a_disk_that_is_full_is_a_line_and_is_tried_again(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer.save(1)
    watch = trainer.watch()

    def full(*_: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("wganalyze.report.store.write_table", full)
        patch.setattr("wganalyze.report.views.write_table", full)
        assert looks(watch, 6) == []
    (line,) = [line for line in trainer.events.notes if "writing stopped" in line]
    assert line.endswith("; it is tried again")
    assert looks(watch, 2) == ["step_1"]
    assert steps(watch) == [1]
    assert watch.exit_code == 0


def test_files_that_are_none_of_ours_are_a_line(trainer: Trainer) -> None:
    torch.save({"a.weight": torch.zeros(3, 3)}, trainer.folder / "something.pt")
    watch = trainer.watch(generator=None, critic=None)
    assert looks(watch) == []
    assert any("something" in line for line in trainer.events.notes)
    assert watch.exit_code == 1


def test_what_is_asked_wrongly_is_said_at_once(trainer: Trainer) -> None:
    with pytest.raises(UsageError, match="no analyzer is called 'snapshoot'"):
        trainer.watch(only=["snapshoot"])
    with pytest.raises(UsageError, match="--loader x: no such loader"):
        trainer.watch(loader="x")
    (trainer.folder / "wganalyze.toml").write_text("[latent]\nshpe = 3\n")
    with pytest.raises(UsageError, match=r"has no key 'shpe'; did you mean 'shape'"):
        trainer.watch()
    (trainer.folder / "wganalyze.toml").unlink()
    trainer.save(1)
    with pytest.raises(DataError, match="no data source is called 'nothing'"):
        looks(trainer.watch(data="nothing"))
    (trainer.folder / "wganalyze.toml").write_text('[data]\nsource = "own.py:rows"\n')
    with pytest.raises(TrustError, match="--trust"):
        looks(trainer.watch(data=None))


def test_an_error_of_ours_is_not_hidden(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer.save(1)
    watch = trainer.watch()

    def broken(*_: object, **__: object) -> None:
        raise WganalyzeError("no way")

    monkeypatch.setattr(watching, "run_on", broken)
    with pytest.raises(WganalyzeError, match="no way"):
        looks(watch)


# A page


def test_a_page_is_current_after_each_analysis(trainer: Trainer) -> None:
    """It lies in the folder that is followed, which has no end of it."""
    page = trainer.folder / "run.html"
    trainer.save(1)
    watch = trainer.watch(page)
    assert looks(watch) == ["step_1"]
    assert "step_1" in page.read_text()
    trainer.save(2)
    assert looks(watch) == ["step_2"]
    text = page.read_text()
    assert "step_2" in text
    assert text.count('http-equiv="refresh"') == 1
    watch.follow(SETTLE, lambda _, since: since > 0.3)
    assert page.read_text() == text.replace(re.search(r'<meta http-equiv="refresh".*\n', text)[0], "").replace(  # type: ignore[index]
        re.search(r'<p class="line">Kept current.*\n', text)[0],
        "",  # type: ignore[index]
    )
    assert trainer.events.notes == []


def test_a_page_that_cannot_be_written_ends_nothing(trainer: Trainer) -> None:
    page = trainer.folder.parent / "pages" / "run.html"
    page.parent.mkdir()
    trainer.save(1)
    watch = trainer.watch(page)
    page.parent.rmdir()
    assert looks(watch) == ["step_1"]
    trainer.save(2)
    assert looks(watch) == ["step_2"]
    (line,) = trainer.events.notes
    assert line.startswith(f"--page {page}: cannot be written (No such file or directory)")
    page.parent.mkdir()
    watch.close()
    assert "step_2" in page.read_text()
    assert watch.exit_code == 0


# The end


def test_following_ends_when_it_is_enough(trainer: Trainer) -> None:
    for step in range(4):
        trainer.save(step, age=step)
    enough: Callable[[Watch, float], bool] = lambda watch, _: len(watch.analysed) == 2  # noqa: E731
    watch = trainer.watch()
    watch.follow(SETTLE, enough)
    assert watch.analysed == ["step_0", "step_1"]
    idle = trainer.watch()
    begun = time.monotonic()
    idle.follow(SETTLE, lambda _, since: since > 0.5)
    assert time.monotonic() - begun > 0.5
    assert {*idle.analysed} == {"step_0", "step_1", "step_2", "step_3"}
