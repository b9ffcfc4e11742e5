"""A snapshot's critic continued against its frozen generator, and what it certifies of W1 on the way."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from wganalyze import NotMeasurable, Samples, Study
from wganalyze.transport import Transport, as_points, dual_bounds, paired_cost
from wganalyze_plugins.batches import first
from wganalyze_plugins.critic_gap.pairs import AGREEING, Pair
from wganalyze_plugins.dynamics.constraints import Constraint
from wganalyze_plugins.dynamics.held_out import penalties
from wganalyze_plugins.dynamics.moments import gained
from wganalyze_plugins.dynamics.networks import Critic, contained
from wganalyze_plugins.dynamics.objectives import ObjectiveName, Schedule, continued
from wganalyze_plugins.dynamics.pools import fake_pool, real_pool
from wganalyze_plugins.lipschitz.slopes import no_function_of_one_sample

if TYPE_CHECKING:
    from wganalyze.transport import Array

POOL = 4096
"""Samples a side that a critic is trained on."""
SCORED = 256
"""Samples that are scored at once."""


class Clock:
    """Says when ``seconds`` are spent but for a reserve, which the last look at the critic takes; None: never."""

    def __init__(self, seconds: float | None, reserve: float = 0.0) -> None:
        self.begun = time.monotonic()
        self.end = math.inf if seconds is None else self.begun + seconds
        self.reserve = reserve

    @property
    def elapsed(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.begun

    @property
    def left(self) -> float | None:
        """Seconds of the budget that are left, at least 0; None: without end."""
        return None if self.end == math.inf else max(0.0, self.end - time.monotonic())

    def is_over(self) -> bool:
        """Is nothing left but the reserve?"""
        return time.monotonic() > self.end - self.reserve


@dataclass(frozen=True, eq=False)
class Held:
    """One replicate of held-out samples: real and generated, and their exact transport."""

    x: Samples
    y: Samples
    transport: Transport

    @cached_property
    def points(self) -> tuple[Array, Array]:
        """Both sides as transport takes them."""
        return as_points(self.x.points, "real"), as_points(self.y.points, "fake")


@dataclass(frozen=True, eq=False)
class State:
    """A critic after ``steps`` further steps, ``seconds`` of them and of looking at it: a Pair for each replicate.

    ``penalties``: (R,), what the constraint takes from the objective; 0 of one that has none.
    """

    steps: int
    seconds: float
    pairs: Sequence[Pair]
    penalties: Array

    def of(self, metric: str) -> Array:
        """raw, pair, c, best or slope of every replicate, (R,); a slope bounds nothing where it is 0 or infinite."""
        if metric == "slope":
            return np.array([pair.slope for pair in self.pairs])
        found = [getattr(pair.bounds, metric) for pair in self.pairs]
        return np.array([math.nan if value is None else value for value in found])


@dataclass(frozen=True, eq=False)
class Continuation:
    """What was seen along the training by one objective, on ``n`` held-out samples a side of each replicate.

    ``diverged``: it ended in NaN or infinity. ``frozen``: layers of the critic that train mode would change, in words.
    """

    objective: ObjectiveName
    states: Sequence[State]
    diverged: bool
    n: int
    frozen: str

    @property
    def first(self) -> State:
        """At the snapshot."""
        return self.states[0]

    @property
    def last(self) -> State:
        """The last one that is finite."""
        return self.states[-1]

    @property
    def w1(self) -> Array:
        """Exact, of every replicate, (R,)."""
        return np.array([pair.transport.value for pair in self.first.pairs])

    @property
    def reached(self) -> Array:
        """What the training maximises, (states, R): the dual less its penalty, or the c-transform dual."""
        if self.objective == "c-transform":
            return np.array([state.of("c_first") for state in self.states])
        return np.array([state.of("raw") - state.penalties for state in self.states])

    @property
    def rise(self) -> Array:
        """What it gains, (R,); see ``gained``."""
        return gained(self.reached)

    def rise_of(self, metric: str) -> Array:
        """What a certified bound gains, (R,); NaN where there is none."""
        found = np.array([state.of(metric) for state in self.states])
        return gained(found) if np.isfinite(found[0]).all() else np.full(found.shape[1], math.nan)


@dataclass(frozen=True)
class Plan:
    """How: see ``Schedule``; ``seconds`` for all of it, ``samples`` a side of each held-out replicate, at most."""

    steps: Sequence[int]
    seconds: float | None
    batch: int
    rate: float
    constraint: Constraint
    samples: int


def continuations(study: Study, plan: Plan) -> tuple[Continuation, Continuation]:
    """Copies of the critic trained on, penalised and by c-transform; NotMeasurable where there is none to train."""
    clock = Clock(plan.seconds)
    with contained(study):
        fresh = Critic(study).to(study.device).eval()
        held = _held_out(study, plan.samples)
        if reason := no_function_of_one_sample(study, held[0].x):
            raise NotMeasurable(reason)
        sides = [
            torch.from_numpy(np.asarray(pool, np.float32)).to(study.device)
            for pool in (real_pool(study, POOL), fake_pool(study, POOL))
        ]
        begun = clock.elapsed
        pairs = _first_pairs(fresh, sides, held)
        look = clock.elapsed - begun

        def part(name: ObjectiveName, critic: Critic, seconds: float | None) -> Continuation:
            return _continued(study, name, critic, sides, held, pairs, plan, Clock(seconds, look))

        # The quicker one first: what it leaves of the time is the other's.
        transformed = part("c-transform", copy.deepcopy(fresh), None if clock.left is None else clock.left / 2)
        return part("penalised", fresh, clock.left), transformed


def _continued(
    study: Study,
    name: ObjectiveName,
    critic: Critic,
    sides: Sequence[torch.Tensor],
    held: Sequence[Held],
    pairs: Sequence[Pair],
    plan: Plan,
    clock: Clock,
) -> Continuation:
    """``pairs``: what it says at the snapshot, before it is trained on."""
    x, y = sides
    batch = min(plan.batch, len(x), len(y))
    schedule = Schedule(plan.steps, batch, plan.rate, plan.constraint, is_over=clock.is_over)
    constraint = plan.constraint if name == "penalised" else None
    states: list[State] = []
    diverged = False
    for steps in continued(critic, name, x, y, schedule, torch.Generator().manual_seed(study.seed)):
        begun = clock.elapsed
        found = _pairs(critic, held) if steps else pairs
        taken = np.array([0.0 if constraint is None else _penalty(critic, constraint, each) for each in held])
        if not found or not np.isfinite(taken).all():
            diverged = True
            break
        states.append(State(steps, clock.elapsed, found, taken))
        clock.reserve = max(clock.reserve, clock.elapsed - begun)
    return Continuation(name, states, diverged, len(held[0].x), critic.frozen)


def _held_out(study: Study, samples: int) -> list[Held]:
    """The first ``samples`` of both sides, of every replicate."""
    n = min(samples, study.n)
    pairs = [(first(study.real(replicate=r), n), first(study.fake(replicate=r), n)) for r in range(study.replicates)]
    return [Held(x, y, study.transport(x, y)) for x, y in pairs]


def _first_pairs(critic: Critic, sides: Sequence[torch.Tensor], held: Sequence[Held]) -> list[Pair]:
    """At the snapshot; NotMeasurable where single precision, in which it would be trained on, gives no numbers."""
    try:
        critic.centre(*(side[:SCORED] for side in sides))
        pairs = _pairs(critic, held)
    except (RuntimeError, TypeError, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise NotMeasurable(f"the critic cannot be trained on in float32: {problem}") from error
    if not pairs:
        raise NotMeasurable("the critic cannot be trained on in float32: it yields NaN or infinity at the snapshot")
    return pairs


def _pairs(critic: Critic, held: Sequence[Held]) -> list[Pair]:
    """What the critic says of each replicate, checked; none where one of its scores is not finite."""
    exact = copy.deepcopy(critic).double()
    pairs = [_pair(critic, exact, replicate, each) for replicate, each in enumerate(held)]
    found = [pair for pair in pairs if pair is not None]
    for pair in found:
        pair.check()
    return found if len(found) == len(held) else []


def _penalty(critic: Critic, constraint: Constraint, held: Held) -> float:
    """Between the samples of a replicate, in parts for the memory's sake."""
    parts = -(-len(held.x) // SCORED)
    x, y = (np.array_split(side.points, parts) for side in (held.x, held.y))
    return float(np.average(penalties(critic, constraint, x, y, critic.device), weights=[*map(len, x)]))


def _pair(critic: Critic, exact: Critic, replicate: int, held: Held) -> Pair | None:
    """The bounds by scores in float32, for they hold for any numbers; what is said of the critic is in float64."""
    x, y = held.points
    for network in (critic, exact):
        fx, fy = (_scores(network, side) for side in (x, y))
        if not (np.isfinite(fx).all() and np.isfinite(fy).all()):
            return None
        middle = (fx.mean() + fy.mean()) / 2
        fx, fy = fx - middle, fy - middle
        bounds = dual_bounds(fx, fy, x, y)
        slope = bounds.slope if network is exact else _slope(exact, held, bounds.steepest)
        # Over a distance that is small, single precision finds slopes that are none.
        if abs(slope - bounds.slope) <= AGREEING * bounds.slope:
            break
    size = float(max(np.abs(fx).max(), np.abs(fy).max()))
    return Pair(replicate, held.transport, bounds, slope, size)


def _slope(exact: Critic, held: Held, steepest: tuple[int, int]) -> float:
    """Of the pair (i, j); NaN over no distance."""
    ends = [side[index][None] for side, index in zip(held.points, steepest, strict=True)]
    up, down = (_scores(exact, end)[0] for end in ends)
    (distance,) = paired_cost(*ends)
    return max(0.0, float((up - down) / distance)) if distance > 0 else math.nan


def _scores(critic: Critic, points: Array) -> Array:
    """T (n,) of points (n, d), in the precision of the critic."""
    kind = next(critic.parameters()).dtype
    with torch.no_grad():
        parts = [critic(part) for part in torch.split(torch.from_numpy(points).to(critic.device, kind), SCORED)]
    return np.asarray(torch.cat(parts).double().cpu().numpy())
