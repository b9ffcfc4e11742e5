"""--memory: how many samples fit into it, and what it leaves to a transport problem."""

from __future__ import annotations

import math

from wganalyze.errors import UsageError
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
    """The most samples of this shape a split with which a process keeps to --memory; None where it is not said.

    UsageError where not even a process without samples fits.
    """
    share = _share(said)
    return None if share is None else int(share / (_samples(shape, replicates) + _problem(shape)))


def problem_bytes(said: Said, deal: Deal | None) -> int:
    """What a transport problem may take in one of the processes."""
    share = _share(said)
    if share is None:
        return MEMORY_BYTES
    return share if deal is None else int(share - deal.n * _samples(deal.source.shape, deal.replicates))


def _share(said: Said) -> int | None:
    """What a process may take beside what each takes."""
    if "memory" not in said:
        return None
    memory = int(said["memory"])
    here = said.get("dask") in (None, "local")  # the workers of other clusters have machines of their own
    jobs = said.get("jobs", 1) if here else 1
    share = memory // jobs - PROCESS
    if share <= 0:
        fit = memory // PROCESS
        advice = f"at most --jobs {fit - 1 if fit * PROCESS == memory else fit}" if fit > 1 else "say more"
        raise UsageError(
            f"--memory {memory / PROCESS:.3g}G: a process takes 1 GiB before it has samples, and there are {jobs}: "
            f"{advice}"
        )
    return share


def _samples(shape: tuple[int, ...], replicates: int) -> float:
    """Bytes of samples, for each one of a split: reals and fakes, two of each a replicate and one more, and the fit."""
    return (2 * (2 * replicates + 1) + FIT) * math.prod(shape) * KEPT_A_COORDINATE


def _problem(shape: tuple[int, ...]) -> float:
    """Bytes of a problem between two splits, for each point of a split."""
    from wganalyze.transport.shortlist import bytes_held  # it compiles

    return bytes_held(1, 1, math.prod(shape))
