"""What the built networks of a snapshot do: their text, and outputs on a fixed probe; new user code changes it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Protocol

import numpy as np

from wganalyze.contracts.samples import Points, Samples, Scores
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.contracts.study import CriticHead
from wganalyze.contracts.terms import Mode, Role
from wganalyze.errors import NotMeasurable
from wganalyze.study.calling import rounded
from wganalyze.text import reason_of


class Scoring(CriticHead, Protocol):
    """A critic made ready that scores by itself."""

    def scores(self, samples: Samples, mode: Mode, batch: int) -> Scores:
        """(n,)."""
        ...


def fingerprint(
    snapshot: Snapshot,
    probe: Callable[[], Samples],
    ready: Callable[[], Scoring],
    conditions: Mapping[str, tuple[int, ...]],
    faults: MutableMapping[Role, BaseException],
) -> str:
    """A network that cannot be built or called leaves its error here, so that analyzers which do without it still run.

    ``probe``: gives a few generated samples, ``ready`` the critic made ready, where there is one. ``conditions``: what
    it may take beside samples, by shape. ``faults`` takes the errors up.
    """
    traces: dict[Role, Callable[[], str]] = {
        "generator": lambda: _generator(snapshot, probe),
        "critic": lambda: _critic(snapshot, ready, conditions),
    }
    return "\n".join(_contained(trace, role, faults) for role, trace in traces.items())


def _contained(trace: Callable[[], str], role: Role, faults: MutableMapping[Role, BaseException]) -> str:
    try:
        return trace()
    except (Exception, SystemExit) as error:  # it is anybody's code
        if not isinstance(error, NotMeasurable):
            faults[role] = error
        return re.sub("0x[0-9a-f]+", "0x", reason_of(error))  # an address is another in each run


def _generator(snapshot: Snapshot, probe: Callable[[], Samples]) -> str:
    return "no generator" if snapshot.make_generator is None else f"{snapshot.generator!r} {rounded(probe().points)}"


def _critic(snapshot: Snapshot, ready: Callable[[], Scoring], conditions: Mapping[str, tuple[int, ...]]) -> str:
    if snapshot.make_critic is None:
        return "no critic"
    head = ready()
    rng = np.random.default_rng(0)
    points: Points = rng.standard_normal((4, math.prod(head.shape))).astype(np.float32)
    labels = np.zeros(4, np.int64) if snapshot.latent.classes else None
    beside: dict[str, Points] = {name: np.zeros((4, *shape), np.float32) for name, shape in conditions.items()}
    probe = Samples(points, head.shape, labels, conditions=beside)
    return f"{snapshot.critic!r} {rounded(head.scores(probe, 'eval', 4))}"
