"""What another process is sent, and what it makes of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import cast

from wganalyze.cells.computing import Workplace
from wganalyze.cells.executors.events import Event, Task
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import UsageError, WganalyzeError

Prepare = Callable[[], tuple[Workplace, Mapping[str, Snapshot]]]
"""Makes the workplace of another process there, with the snapshots by label; it is sent as a pickle."""


def pickled(prepare: Prepare, flag: str) -> bytes:
    """To be sent; UsageError, which names the option, where it holds what cannot be."""
    import cloudpickle

    try:
        return cast(bytes, cloudpickle.dumps(prepare))
    except Exception as error:  # it holds anybody's objects
        raise UsageError(
            f"{flag}: what was given in code cannot be sent to another process ({error}); name it as MODULE:NAME"
        ) from None


class There:
    """In the other process: the workplace, made when it is received."""

    def __init__(self, prepared: bytes):
        prepare: Prepare = pickle.loads(prepared)
        self._workplace, self._snapshots = prepare()

    def work(self, task: Task) -> list[Event]:
        """One cell, and before it the snapshot, where that is another one than before."""
        told: list[Event] = []
        if task.snapshot != self._workplace.current:
            if task.snapshot not in self._snapshots:
                raise WganalyzeError(f"{task.snapshot}: its files are gone since the run began")
            told.append(self._workplace.look(self._snapshots[task.snapshot]))
        return [*told, self._workplace.compute(task.question)]

    def leave(self) -> None:
        """Forget the snapshot and its networks."""
        self._workplace.leave()
