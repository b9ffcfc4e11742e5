"""A cluster of dask: one that runs, one of this machine, one of SLURM's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask.config
from distributed import Client, LocalCluster

from wganalyze.errors import UsageError
from wganalyze.text import reason_of
from wganalyze.threads import one_thread_each

LOCAL, SLURM = "local", "slurm"
CONNECT_S = 20
DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
"""Run by workers as they begin: Ctrl-C is heard by the run, which ends them."""


@contextmanager
def connected(where: str | Client, workers: int) -> Iterator[Client]:
    """A client of a cluster: that of an address, or one that is begun with so many workers and ends with this.

    A client that is given stays open. UsageError where there is no such cluster.
    """
    if not isinstance(where, str):
        yield where
    elif where in (LOCAL, SLURM):
        begin = _local if where == LOCAL else _slurm
        with begin(workers) as cluster, Client(cluster) as client:
            yield client
    else:
        try:
            client = Client(where, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            raise UsageError(f"--dask {where}: no scheduler answers there ({reason_of(error)})") from None
        with client:
            yield client


def _local(workers: int) -> Any:
    return LocalCluster(n_workers=workers, threads_per_worker=1, env=one_thread_each(), silence_logs=50, preload=[DEAF])


def _slurm(workers: int) -> Any:
    """As jobqueue.yaml says (queue, memory, time), one worker a job where it says no more."""
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError:
        raise UsageError("--dask slurm needs dask-jobqueue: pip install 'wganalyze[dask]'") from None
    settings: dict[str, Any] = {"cores": 1, "processes": 1, "memory": "4GiB"}
    said = dask.config.get("jobqueue.slurm", {})
    try:
        cluster = SLURMCluster(**{name: value for name, value in settings.items() if not said.get(name)})
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"--dask slurm: {reason_of(error)}") from None
    cluster.scale(jobs=workers)
    return cluster
