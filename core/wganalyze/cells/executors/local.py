"""Several processes of this machine, each with one cell at a time (loky).

Each has a pool of its own, so that one that is killed says which cell it had. That cell is tried once more when all
others are done, alone; a process that dies of it again costs that cell and nothing else.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from wganalyze.cells.executors.events import Begun, Event, Lost, Schedule, Task
from wganalyze.cells.executors.sending import Prepare, There, pickled
from wganalyze.threads import one_thread_each

SWITCH_S = 0.5
"""Between two looks at whether the user interrupts."""


def in_processes(jobs: int, prepare: Prepare, tasks: Sequence[Task]) -> Iterator[Event]:
    """The cells, in the order in which they are done. UsageError where ``prepare`` holds what cannot be sent."""
    prepared = pickled(prepare, "--jobs")
    schedule, broken = Schedule(tasks), list[Task]()
    hands = [_Hand(prepared) for _ in range(min(jobs, len(tasks)))]
    at_work: dict[Future[list[Event]], _Hand] = {}
    try:
        while True:
            for hand in [hand for hand in hands if hand.task is None]:
                task = schedule.next(hand.snapshot)
                if task is not None:
                    yield Begun(task)
                    at_work[hand.begin(task)] = hand
            if not at_work:
                break
            for future in wait(at_work, SWITCH_S, FIRST_COMPLETED).done:
                hand = at_work.pop(future)
                task, died = hand.end(future)
                if died:
                    broken.append(task)
                else:
                    yield from future.result()
        for hand in hands:
            hand.stop()
        for task in broken:
            yield Begun(task)
            yield from _alone(prepared, task)
    finally:
        for hand in hands:
            hand.stop()


def _alone(prepared: bytes, task: Task) -> Iterator[Event]:
    """A cell whose process died, once more, with the machine to itself."""
    hand = _Hand(prepared)
    try:
        future = hand.begin(task)
        while not wait([future], SWITCH_S).done:
            pass
        _, died = hand.end(future)
        if died:
            yield Lost(task, f"its process died twice ({died}): out of memory? try a smaller --n")
        else:
            yield from future.result()
    finally:
        hand.stop()


@dataclass
class _Hand:
    """A process, the snapshot that it has loaded, and its cell."""

    prepared: bytes
    snapshot: str | None = None
    task: Task | None = None
    _pool: Any = field(default=None, repr=False)

    def begin(self, task: Task) -> Future[list[Event]]:
        """Have a cell computed."""
        self.task, self.snapshot = task, task.snapshot
        with suppress(BrokenExecutor):  # of a process that was killed while it had nothing to do
            if self._pool is not None:
                return self._submit(b"", task)
        self._pool = self._begun()
        return self._submit(self.prepared, task)

    def _begun(self) -> Any:
        from loky.backend import get_context
        from loky.process_executor import ProcessPoolExecutor

        return ProcessPoolExecutor(1, context=get_context("loky"), env=one_thread_each())

    def _submit(self, prepared: bytes, task: Task) -> Future[list[Event]]:
        future: Future[list[Event]] = self._pool.submit(_work, prepared, task)
        return future

    def end(self, future: Future[list[Event]]) -> tuple[Task, str]:
        """The cell, and how the process died of it, "" where it did not."""
        assert self.task is not None
        task, error = self.task, future.exception()
        died = _signal(str(error)) if isinstance(error, BrokenExecutor) else ""
        if died:
            self.stop()
        self.task = None
        return task, died

    def stop(self) -> None:
        """End the process: now, where it is at work."""
        pool, self._pool, self.snapshot = self._pool, None, None
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=self.task is not None)


def _signal(text: str) -> str:
    """ "SIGKILL", from what loky says of the exit codes of its processes."""
    return next((each.name for each in signal.Signals if each.name in text), "it ended")


_there: There | None = None


def _work(prepared: bytes, task: Task) -> list[Event]:
    """In the other process. ``prepared``: with the first cell of a process; it may be large."""
    global _there
    if _there is None:
        _settle()
        _there = There(prepared)
    return _there.work(task)


def _settle() -> None:
    import loky.process_executor

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run ends its processes itself
    # loky replaces a process that has grown by 300 MB, and with it the networks that it has loaded.
    loky.process_executor._USE_PSUTIL = False
