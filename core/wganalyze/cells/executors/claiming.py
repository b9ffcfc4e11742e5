"""Any number of workers, on any machines that see the report: each takes cells that nobody has."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence

from wganalyze.cells.computing import Workplace
from wganalyze.cells.executors.board import Board, Done
from wganalyze.cells.executors.events import TRIES, Begun, Event, Lost, Task
from wganalyze.contracts.snapshot import Snapshot

LOOK_S = 0.5
"""Between two looks at whether the cells that others have are done, or theirs no more."""


def by_claims(
    board: Board, workplace: Workplace, snapshots: Mapping[str, Snapshot], tasks: Sequence[Task]
) -> Iterator[Event]:
    """Cells that nobody else has, until all are done. What is yielded has been taken in when it goes on."""
    left = _in_an_order_of_its_own(tasks)
    try:
        while left:
            taken = None
            for task in sorted(left, key=lambda task: task.snapshot != workplace.current):
                if board.done(task) is not None:
                    left.remove(task)
                    continue
                with board.claimed(task) as ours:
                    if not ours:
                        continue
                    if board.done(task) is None:
                        taken = task
                        yield from _computed(board, workplace, snapshots, task)
                    left.remove(task)
                break
            if taken is None and left:
                time.sleep(LOOK_S)
    finally:
        workplace.leave()


def _computed(board: Board, workplace: Workplace, snapshots: Mapping[str, Snapshot], task: Task) -> Iterator[Event]:
    if board.begin(task) > TRIES:
        yield Lost.with_workers(task)
        board.finish(task, Done("failed"))
        return
    try:
        if task.snapshot != workplace.current:
            yield workplace.look(snapshots[task.snapshot])
        yield Begun(task)
        computed = workplace.compute(task.question)
    except BaseException:  # asked to stop, or a disk that is full: nobody died of this cell
        board.put_back(task)
        raise
    yield computed
    board.finish(task, Done.of(computed))


def _in_an_order_of_its_own(tasks: Sequence[Task]) -> list[Task]:
    """Each worker begins with another snapshot, so that few meet; snapshots stay together."""
    snapshots = list(dict.fromkeys(task.snapshot for task in tasks))
    first = random.SystemRandom().randrange(len(snapshots)) if snapshots else 0
    order = {snapshot: place for place, snapshot in enumerate([*snapshots[first:], *snapshots[:first]])}
    return sorted(tasks, key=lambda task: order[task.snapshot])
