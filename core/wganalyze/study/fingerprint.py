"""What the built networks of a snapshot do: their text, and outputs on a fixed probe; new user code changes it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np

from wganalyze.contracts.samples import Points, Samples
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.study.calling import rounded
from wganalyze.study.critic import ReadyCritic
from wganalyze.text import reason_of


def fingerprint(snapshot: Snapshot, probe: Callable[[], Samples], ready: Callable[[], ReadyCritic]) -> str:
    """A network that cannot be built or called leaves its error here, so that analyzers which do without it still run.

    ``probe``: gives a few generated samples, ``ready`` the critic made ready, where there is one.
    """
    traces = (lambda: _generator(snapshot, probe)), (lambda: _critic(snapshot, ready))
    return "\n".join(map(_contained, traces))


def _contained(trace: Callable[[], str]) -> str:
    try:
        return trace()
    except (Exception, SystemExit) as error:  # it is anybody's code
        return re.sub("0x[0-9a-f]+", "0x", reason_of(error))  # an address is another in each run


def _generator(snapshot: Snapshot, probe: Callable[[], Samples]) -> str:
    return "no generator" if snapshot.make_generator is None else f"{snapshot.generator!r} {rounded(probe().points)}"


def _critic(snapshot: Snapshot, ready: Callable[[], ReadyCritic]) -> str:
    if snapshot.make_critic is None:
        return "no critic"
    head = ready()
    rng = np.random.default_rng(0)
    points: Points = rng.standard_normal((4, math.prod(head.shape))).astype(np.float32)
    labels = np.zeros(4, np.int64) if snapshot.latent.classes else None
    probe = Samples(points, head.shape, labels)
    return f"{snapshot.critic!r} {rounded(head.scores(probe, 'eval', 4))}"
