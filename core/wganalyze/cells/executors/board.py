"""What the workers of a run tell each other: who has which cell, how often it was begun, what became of it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from wganalyze.cells.computing import Computed
from wganalyze.cells.executors.events import Task
from wganalyze.report.claims import claimed, is_claimed, owner_of
from wganalyze.report.store import write_atomically

REUSED = "reused"


@dataclass(frozen=True)
class Done:
    """What became of a cell, and what was assumed by then; ``key``: "" of one that nobody could compute."""

    status: str
    key: str = ""
    assumptions: tuple[str, ...] = ()

    @classmethod
    def of(cls, computed: Computed) -> Done:
        """A cell that this process computed."""
        status = REUSED if computed.outcome is None else computed.outcome.status
        return cls(status, computed.key, computed.assumptions)


@dataclass(frozen=True)
class Board:
    """A folder of small files, three a cell at most, which all workers see."""

    folder: Path

    def _file(self, task: Task, kind: str) -> Path:
        name = hashlib.sha256(f"{task.snapshot}\t{task.question}".encode()).hexdigest()[:32]
        return self.folder / f"{name}.{kind}"

    def claimed(self, task: Task) -> AbstractContextManager[bool]:
        """Is the cell ours, as long as this lasts?"""
        return claimed(self._file(task, "claim"))

    def begin(self, task: Task) -> int:
        """How often the cell was begun by now; for whoever has claimed it."""
        begun, before = self._file(task, "begun"), b""
        with suppress(FileNotFoundError):
            before = begun.read_bytes()
        write_atomically(begun, before + b"x")
        return len(before) + 1

    def put_back(self, task: Task) -> None:
        """The cell was left by a worker that was asked to stop: it is as if it had not been begun."""
        self._file(task, "begun").unlink(missing_ok=True)

    def finish(self, task: Task, done: Done) -> None:
        """The cell is in the store."""
        write_atomically(self._file(task, "done"), json.dumps(asdict(done)).encode())

    def done(self, task: Task) -> Done | None:
        """What became of a cell; None: nothing yet."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(self._file(task, "done").read_text())
            return Done(content["status"], content["key"], tuple(content["assumptions"]))
        return None

    def tally(self, tasks: Iterable[Task]) -> Counter[str]:
        """How many cells are of each status."""
        return Counter(done.status for task in tasks if (done := self.done(task)) is not None)

    def at_work(self, tasks: Iterable[Task]) -> dict[Task, str]:
        """The cells that are being computed, and by whom ("HOST:PID")."""
        claims = {task: self._file(task, "claim") for task in tasks}
        return {task: owner_of(claim) for task, claim in claims.items() if is_claimed(claim)}

    def clear(self) -> None:
        """Begin anew."""
        for file in self.folder.glob("*.*"):
            file.unlink(missing_ok=True)
