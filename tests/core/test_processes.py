"""Processes: of this machine and of others, of today and of before."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from wganalyze.processes import LONG_S, Process, draft_of, is_left, runs

ENDED = 2**22 + 1
"""Above the largest number that Linux gives."""


def test_this_process_runs() -> None:
    assert Process.current().state == "runs"
    assert runs(os.getpid())


def test_one_that_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert runs(process.pid)
    process.kill()
    until = time.monotonic() + 30
    while runs(process.pid):  # nobody has waited for it
        assert time.monotonic() < until
        time.sleep(0.01)
    process.wait()
    assert not runs(process.pid)
    assert replace(Process.current(), pid=process.pid).state == "ended"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not say when a process began")
def test_a_number_that_was_given_to_another_process() -> None:
    """As in a container that begins anew: this process, with its number, may be the second of that number."""
    assert replace(Process.current(), begun="1").state == "ended"


def test_what_is_not_known() -> None:
    assert replace(Process.current(), begun="").state == "unknown"
    assert replace(Process.current(), host="another machine").state == "unknown"
    assert replace(Process.current(), host="another machine", pid=ENDED).state == "unknown"


def test_drafts(tmp_path: Path) -> None:
    draft = draft_of(tmp_path / "a.b")
    assert draft.parent == tmp_path
    assert draft.name.startswith(".a.b.")
    mark = draft.name.rpartition(".")[2].partition("-")[0]
    left = {f".a.b.{ENDED}": True, f".a.b.{mark}-{ENDED}": True, draft.name: True}
    kept = {f".a.b.{os.getppid()}": False, f".a.b.{mark}-{os.getppid()}": False, ".a.b.claim": False}
    for name, expected in (left | kept).items():
        (tmp_path / name).touch()
        assert is_left(tmp_path / name) is expected, name


def test_a_draft_of_another_machine_is_left_when_it_is_old(tmp_path: Path) -> None:
    """Whatever runs here under its number."""
    draft = tmp_path / f".a.b.0123abcd-{ENDED}"
    draft.touch()
    assert not is_left(draft)
    os.utime(draft, (time.time() - 2 * LONG_S, time.time() - 2 * LONG_S))
    assert is_left(draft)
    draft.unlink()
    assert not is_left(draft)
