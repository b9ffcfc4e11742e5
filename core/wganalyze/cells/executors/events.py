"""What executors are given, and what they tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from wganalyze.cells.computing import Computed, Looked

TRIES = 2
"""Workers that may die of a cell."""


@dataclass(frozen=True)
class Task:
    """One cell: a question about a snapshot, both by name."""

    snapshot: str
    question: str


@dataclass(frozen=True)
class Begun:
    """A cell is looked at next."""

    task: Task


@dataclass(frozen=True)
class Lost:
    """The process that computed a cell died of it, twice."""

    task: Task
    reason: str

    @classmethod
    def with_workers(cls, task: Task) -> Lost:
        """As many died as may."""
        return cls(task, f"{TRIES} workers died of it: out of memory? try a smaller --n")


Event = Begun | Looked | Computed | Lost


class Schedule:
    """Which cell comes next: those of a snapshot stay together, unless somebody would idle."""

    def __init__(self, tasks: Iterable[Task]):
        self._left: dict[str, deque[Task]] = {}
        self._fresh: dict[str, None] = {}
        for task in tasks:
            self._left.setdefault(task.snapshot, deque()).append(task)
            self._fresh[task.snapshot] = None

    @property
    def left(self) -> bool:
        """Is there a cell that nobody took?"""
        return any(self._left.values())

    def again(self, task: Task) -> None:
        """Give back a cell that nobody computes."""
        self._left[task.snapshot].append(task)

    def next(self, current: str | None) -> Task | None:
        """For whoever has the snapshot ``current`` loaded; None where nothing is left."""
        if current is not None and self._left.get(current):
            return self._left[current].popleft()
        if self._fresh:
            snapshot = next(iter(self._fresh))
            del self._fresh[snapshot]
            return self._left[snapshot].popleft()
        longest = max(self._left, key=lambda snapshot: len(self._left[snapshot]), default=None)
        return self._left[longest].pop() if longest is not None and self._left[longest] else None
