"""The workers of a dask cluster, each with one cell at a time (distributed).

Each cell is sent to one worker and bound to it, since dask forgets a cell that is not bound where all its workers die
at once (2026.8). One whose worker died is sent to another one, and has failed when that died, too.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Future, KilledWorker, WorkerPlugin, get_worker, wait

from wganalyze.cells.executors.events import TRIES, Begun, Event, Lost, Schedule, Task
from wganalyze.cells.executors.sending import Prepare, There, pickled
from wganalyze.errors import WganalyzeError
from wganalyze.text import one_line
from wganalyze.threads import one_thread

LOOK_S = 0.5
"""Between two looks at which workers there are."""
GATHER_S = 60
"""For the events of a cell that is done to arrive."""

_one_at_a_time = threading.Lock()
"""A process has one current folder, and one number of threads."""


class Analysis(WorkerPlugin):
    """A run at a worker of the cluster: the workplace, made with the first cell there."""

    def __init__(self, name: str, prepared: bytes):
        self.name = name
        self._prepared = prepared
        self._folder = Path.cwd()
        self._there: There | None = None

    def work(self, task: Task) -> list[Event]:
        """One cell, by one thread, in the folder where the run was begun."""
        if not self._folder.is_dir():
            raise WganalyzeError(f"--dask: {get_worker().address} does not see {self._folder}, where the run was begun")
        with _one_at_a_time, chdir(self._folder), one_thread():
            if self._there is None:
                self._there = There(self._prepared)
            return self._there.work(task)

    def teardown(self, worker: Any) -> None:
        """Let the networks go."""
        self._there = None


def on_dask(
    client: Client, run_id: str, prepare: Prepare, tasks: Sequence[Task], note: Callable[[str], None]
) -> Iterator[Event]:
    """The cells, in the order in which they are done. UsageError where ``prepare`` holds what cannot be sent."""
    workers = Workers(client, Analysis(f"wganalyze-{run_id}", pickled(prepare, "--dask")))
    schedule, died = Schedule(tasks), Counter[Task]()
    note(f"dask: {client.dashboard_link or workers.scheduler}")
    with workers:
        while schedule.left or workers.at_work:
            for address in workers.idle():
                task = schedule.next(workers.loaded.get(address))
                if task is None:
                    break
                yield Begun(task)
                workers.send(task, address)
            for sent in workers.ended():
                events = workers.told(sent)
                if events is not None:
                    yield from events
                    continue
                died[sent.task] += 1
                if died[sent.task] < TRIES:
                    schedule.again(sent.task)
                else:
                    yield Lost.with_workers(sent.task)


@dataclass(frozen=True)
class Sent:
    """A cell that a worker has."""

    task: Task
    address: str
    future: Future[list[Event]]


class Workers:
    """Those of the cluster, which come and go, while they know a run.

    ``loaded``: the snapshot that each has. ``at_work``: the cells that they have. WganalyzeError where the scheduler
    does not answer.
    """

    def __init__(self, client: Client, analysis: Analysis):
        self._client = client
        self._analysis = analysis
        self._there: set[str] = set()
        self._count = 0
        self.loaded: dict[str, str] = {}
        self.at_work: list[Sent] = []

    def __enter__(self) -> None:
        with self._answered():
            try:
                self._client.register_plugin(self._analysis)
            except (ImportError, AttributeError) as error:
                raise WganalyzeError(
                    f"--dask: a worker has no wganalyze, or another version of it ({one_line(error)}); install what is "
                    "here"
                ) from None

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # of a scheduler that is gone
            self._client.cancel([sent.future for sent in self.at_work], force=True)
            self._client.unregister_worker_plugin(self._analysis.name)

    @property
    def scheduler(self) -> str:
        """Its address."""
        return str(getattr(self._client.scheduler, "address", "?"))

    def idle(self) -> list[str]:
        """The addresses of those that have no cell of ours."""
        with self._answered():
            there: Any = self._client.nthreads()
        self._there = {*there}
        busy = {sent.address for sent in self.at_work}
        return [address for address in self._there if address not in busy]

    def send(self, task: Task, address: str) -> None:
        """Have a worker compute a cell, once."""
        self._count += 1
        self.loaded[address] = task.snapshot
        name = self._analysis.name
        with self._answered():
            key = f"{name}-{self._count}-{task.snapshot}-{task.question}"
            future = self._client.submit(_work, name, task, key=key, workers=[address], pure=False)
        self.at_work.append(Sent(task, address, future))

    def ended(self) -> list[Sent]:
        """Those that are done, or whose worker is gone, and are at work no more; none after a while."""
        with self._answered():
            if not self.at_work:  # no worker yet
                time.sleep(LOOK_S)
            else:
                with suppress(TimeoutError):
                    wait([sent.future for sent in self.at_work], LOOK_S, "FIRST_COMPLETED")
        ended = [sent for sent in self.at_work if sent.future.done() or sent.address not in self._there]
        self.at_work = [sent for sent in self.at_work if sent not in ended]
        return ended

    def told(self, sent: Sent) -> list[Event] | None:
        """What became of a cell; None where its worker died."""
        with self._answered():
            try:
                if not sent.future.done():
                    return None
                error: Any = sent.future.exception(GATHER_S)
                if error is None:
                    with suppress(TimeoutError):  # it died when it was done
                        return sent.future.result(GATHER_S)
                    return None
            finally:
                sent.future.release()  # or a worker that comes back computes it too
        if isinstance(error, KilledWorker):
            return None
        raise error

    @contextmanager
    def _answered(self) -> Iterator[None]:
        try:
            yield
        except (CancelledError, OSError):
            raise WganalyzeError(
                f"--dask: the scheduler at {self.scheduler} is gone; what was done is kept, and the same command goes "
                "on from there"
            ) from None


def _work(name: str, task: Task) -> list[Event]:
    """At a worker of the cluster."""
    analysis = get_worker().plugins[name]
    assert isinstance(analysis, Analysis)
    return analysis.work(task)
