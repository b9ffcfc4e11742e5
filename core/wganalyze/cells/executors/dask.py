"""The workers of a dask cluster, each with one cell at a time (distributed).

dask moves the cell of a worker that died to another one, as often as its scheduler allows
(``distributed.scheduler.allowed-failures``); after that the cell has failed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

from distributed import Client, Future, KilledWorker, WorkerPlugin, get_worker, wait
from distributed.comm.core import CommClosedError

from wganalyze.cells.executors.events import Begun, Event, Lost, Schedule, Task
from wganalyze.cells.executors.sending import Prepare, There, pickled
from wganalyze.errors import WganalyzeError
from wganalyze.threads import one_thread

LOOK_S = 0.5
"""Between two looks at which workers there are."""

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
    analysis = Analysis(f"wganalyze-{run_id}", pickled(prepare, "--dask"))
    schedule, workers = Schedule(tasks), Workers(client)
    at_work: dict[Future[list[Event]], tuple[Task, str]] = {}
    note(f"dask: {client.dashboard_link or workers.scheduler}")
    try:
        client.register_plugin(analysis)
        while schedule.left or at_work:
            for address in workers.idle(address for _, address in at_work.values()):
                task = schedule.next(workers.loaded.get(address))
                if task is None:
                    break
                yield Begun(task)
                workers.loaded[address] = task.snapshot
                at_work[_begun(client, analysis.name, task, address)] = task, address
            for future in _done(at_work):
                task, _ = at_work.pop(future)
                yield from _told(future, task)
                future.release()
    except (CancelledError, CommClosedError, TimeoutError):
        raise WganalyzeError(
            f"--dask: the scheduler at {workers.scheduler} is gone; what was done is kept, and the same command goes "
            "on from there"
        ) from None
    finally:
        with suppress(Exception):  # of a scheduler that is gone
            client.cancel([*at_work], force=True)
            client.unregister_worker_plugin(analysis.name)


class Workers:
    """Those of the cluster, which come and go. ``loaded``: the snapshot that each has."""

    def __init__(self, client: Client):
        self._client = client
        self._found: list[str] = []
        self._looked = 0.0
        self.loaded: dict[str, str] = {}

    @property
    def scheduler(self) -> str:
        """Its address."""
        return str(getattr(self._client.scheduler, "address", "?"))

    def idle(self, busy: Iterable[str]) -> list[str]:
        """The addresses of those that have no cell of ours."""
        if time.monotonic() - self._looked > LOOK_S:
            self._found = [*self._client.scheduler_info()["workers"]]
            self._looked = time.monotonic()
        at_work = {*busy}
        return [address for address in self._found if address not in at_work]


def _begun(client: Client, name: str, task: Task, address: str) -> Future[list[Event]]:
    """A cell, at a worker, which does not run it twice; another one takes it if this one dies."""
    key = f"{name}-{task.snapshot}-{task.question}"
    return client.submit(_work, name, task, key=key, workers=[address], allow_other_workers=True, pure=False)


def _work(name: str, task: Task) -> list[Event]:
    """At a worker of the cluster."""
    analysis = get_worker().plugins[name]
    assert isinstance(analysis, Analysis)
    return analysis.work(task)


def _done(at_work: Iterable[Future[list[Event]]]) -> list[Future[list[Event]]]:
    """Those that are; none after a while."""
    futures = [*at_work]
    if not futures:  # no worker yet
        time.sleep(LOOK_S)
    else:
        with suppress(TimeoutError):
            wait(futures, LOOK_S, "FIRST_COMPLETED")
    return [future for future in futures if future.done()]


def _told(future: Future[list[Event]], task: Task) -> list[Event]:
    try:
        return future.result()
    except KilledWorker as error:
        died = error.allowed_failures + 1
        return [Lost(task, f"{died} workers died of it: out of memory? try a smaller --n")]
