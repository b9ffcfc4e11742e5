"""What the built networks of a snapshot do: their text, and outputs on a fixed probe; new user code changes it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np

from wganalyze.contracts.samples import Points, Samples, Split
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.study.calling import rounded
from wganalyze.study.critic import ReadyCritic
from wganalyze.study.generator import generate
from wganalyze.text import reason_of


def fingerprint(snapshot: Snapshot, ready: Callable[[], ReadyCritic], device: str) -> str:
    """A network that cannot be built or called leaves its error here, so that analyzers which do without it still run.

    ``ready``: gives the critic made ready, where there is one.
    """
    traces = (lambda: _generator(snapshot, device)), (lambda: _critic(snapshot, ready))
    return "\n".join(map(_contained, traces))


def _contained(trace: Callable[[], str]) -> str:
    try:
        return trace()
    except (Exception, SystemExit) as error:  # it is anybody's code
        return re.sub("0x[0-9a-f]+", "0x", reason_of(error))  # an address is another in each run


def _generator(snapshot: Snapshot, device: str) -> str:
    if snapshot.make_generator is None:
        return "no generator"
    fakes, _ = generate(snapshot, 4, Split("probe"), seed=0, device=device)
    return f"{snapshot.generator!r} {rounded(fakes.points)}"


def _critic(snapshot: Snapshot, ready: Callable[[], ReadyCritic]) -> str:
    if snapshot.make_critic is None:
        return "no critic"
    head = ready()
    rng = np.random.default_rng(0)
    points: Points = rng.standard_normal((4, math.prod(head.shape))).astype(np.float32)
    labels = np.zeros(4, np.int64) if snapshot.latent.classes else None
    probe = Samples(points, head.shape, labels)
    return f"{snapshot.critic!r} {rounded(head.scores(probe, 'eval', 4))}"
