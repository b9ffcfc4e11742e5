"""The processes of a machine: one that is killed while it is idle is replaced, and what they need is sent once."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass
from typing import Any

import pytest

from wganalyze.cells.computing import Computed, Looked
from wganalyze.cells.executors import local
from wganalyze.cells.executors.events import Task


@dataclass
class Place:
    """A workplace whose every cell tells the process that computed it."""

    current: str = ""
    """As a workplace has it: the snapshot that is loaded."""

    def look(self, snapshot: str) -> Looked:
        self.current = snapshot
        return Looked(snapshot, {}, ())

    def compute(self, question: str) -> Computed:
        return Computed(self.current, question, str(os.getpid()), None, ())

    def leave(self) -> None:
        self.current = ""


def prepare() -> tuple[Any, Mapping[str, Any]]:
    """Two snapshots, which are their names."""
    return Place(), {"a": "a", "b": "b"}


@pytest.fixture
def hand() -> Iterator[Any]:
    """A process, ended after the test."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["prepare"]))
    made = local._Hand(cloudpickle.dumps(prepare))
    yield made
    made.stop()


def told(hand: Any, task: Task) -> list[Any]:
    """What a process tells of a cell."""
    future: Future[list[Any]] = hand.begin(task)
    events = future.result(timeout=120)
    assert hand.end(future) == (task, "")
    return events


def test_a_snapshot_is_loaded_once(hand: Any) -> None:
    first, second, third = (told(hand, Task(*task)) for task in (("a", "p"), ("a", "q"), ("b", "p")))
    assert [type(event) for event in (*first, *second, *third)] == [Looked, Computed, Computed, Looked, Computed]
    assert len({events[-1].key for events in (first, second, third)}) == 1


def test_one_that_is_killed_while_it_is_idle_is_replaced(hand: Any) -> None:
    pid = int(told(hand, Task("a", "p"))[-1].key)
    os.kill(pid, signal.SIGKILL)
    _wait_for(lambda: _refuses(hand))
    events = told(hand, Task("a", "q"))
    assert [type(event) for event in events] == [Looked, Computed]
    assert int(events[-1].key) != pid


def test_what_it_needs_is_sent_once(hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    submit = local._Hand._submit

    def watched(self: Any, prepared: bytes, task: Task) -> Any:
        sent.append(prepared)
        return submit(self, prepared, task)

    monkeypatch.setattr(local._Hand, "_submit", watched)
    for question in "pqr":
        told(hand, Task("a", question))
    assert sent == [hand.prepared, b"", b""]
    assert pickle.loads(hand.prepared) is not None


def _refuses(hand: Any) -> bool:
    """Has loky noticed?"""
    try:
        hand._pool.submit(os.getpid)
    except BrokenExecutor:
        return True
    return False


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
