"""--memory: how many samples fit into it, and what it leaves to a transport problem."""

from __future__ import annotations

import math

from wganalyze.errors import UsageError
from wganalyze.settings import defaults, values
from wganalyze.settings.facts import Said
from wganalyze.study.dealing import Deal
from wganalyze.transport.limits import MEMORY_BYTES

PROCESS = 2**30
"""Bytes of a process before it has samples: libraries, compiled code, networks as it runs them."""
FIT = 10
"""Samples for each of a split, which models of the data are fitted to."""
KEPT_A_COORDINATE = 4
"""Samples are kept in float32."""


def most_points(said: Said, shape: tuple[int, ...], replicates: int) -> int | None:
    """The most samples of this shape a split with which a run keeps to --memory; None where it is not said.

    UsageError where none fit.
    """
    share = _share(said)
    if share is None:
        return None
    most = int(share / (_samples(shape, replicates) + _problem(shape)))
    if most < defaults.LEAST_N:
        raise UsageError(
            f"--memory: no {defaults.LEAST_N} samples of {math.prod(shape):,} numbers fit {2 * replicates + 1} times: "
            "say more, or fewer --replicates or --jobs"
        )
    return most


def problem_bytes(said: Said, deal: Deal | None) -> int:
    """What a transport problem may take in one of the processes."""
    share = _share(said)
    if share is None:
        return MEMORY_BYTES
    return share if deal is None else int(share - deal.n * _samples(deal.source.shape, deal.replicates))


def _share(said: Said) -> int | None:
    """What the samples and problems of a process may take; None where --memory is not said."""
    if "memory" not in said:
        return None
    memory, jobs = int(said["memory"]), _jobs(said)
    processes = jobs + 1 if jobs else 1  # one gives the others their cells
    left = memory - processes * PROCESS
    if left <= 0:
        fit = math.ceil(memory / PROCESS) - 2
        advice = f"at most --jobs {fit}" if jobs and fit >= 1 else "say more"
        raise UsageError(
            f"--memory {memory / 2**30:.3g}G: a process takes 1 GiB before it has samples, and {processes} do: {advice}"
        )
    return left // max(1, jobs)


def _jobs(said: Said) -> int:
    """Other processes of this machine that compute cells; the workers of a cluster have machines of their own."""
    cluster = said.get("dask")
    if cluster is None:
        return said.get("jobs", 0)
    return said.get("jobs", values.jobs("auto")) if cluster == "local" else 0


def _samples(shape: tuple[int, ...], replicates: int) -> float:
    """Bytes of samples, for each one of a split: reals and fakes, two of each a replicate and one more, and the fit."""
    return (2 * (2 * replicates + 1) + FIT) * math.prod(shape) * KEPT_A_COORDINATE


def _problem(shape: tuple[int, ...]) -> float:
    """Bytes of a problem between two splits, for each point of a split."""
    from wganalyze.transport.shortlist import bytes_held  # it compiles

    return bytes_held(1, 1, math.prod(shape))
