"""One process: this one, with all of its threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wganalyze.cells.computing import Workplace
from wganalyze.cells.executors.events import Begun, Event, Task
from wganalyze.contracts.snapshot import Snapshot


def in_this_process(workplace: Workplace, snapshots: Mapping[str, Snapshot], tasks: Sequence[Task]) -> Iterator[Event]:
    """One cell after the other; each snapshot is let go of before the next one."""
    try:
        for task in tasks:
            if task.snapshot != workplace.current:
                yield workplace.look(snapshots[task.snapshot])
            yield Begun(task)
            yield workplace.compute(task.question)
    finally:
        workplace.leave()
