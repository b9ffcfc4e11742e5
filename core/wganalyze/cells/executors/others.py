"""Other processes that compute the cells, of this machine or of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wganalyze.cells.executors.events import Event, Task
from wganalyze.cells.executors.local import in_processes
from wganalyze.cells.executors.sending import Prepare
from wganalyze.errors import UsageError


@dataclass(frozen=True)
class Others:
    """``jobs`` processes of this machine, or the workers of a dask ``cluster`` (see ``clusters.connected``)."""

    jobs: int
    cluster: Any = None

    def compute(
        self, run_id: str, prepare: Prepare, tasks: Sequence[Task], note: Callable[[str], None]
    ) -> Iterator[Event]:
        """The cells, in the order in which they are done; ``note`` takes what the user is told."""
        if self.cluster is None:
            yield from in_processes(self.jobs, prepare, tasks)
            return
        try:
            from wganalyze.cells.executors.clusters import connected
            from wganalyze.cells.executors.dask import on_dask
        except ImportError as error:
            raise UsageError(f"--dask needs dask.distributed ({error}): pip install 'wganalyze[dask]'") from None
        with connected(self.cluster, min(self.jobs, len(tasks))) as client:
            yield from on_dask(client, run_id, prepare, tasks, note)
