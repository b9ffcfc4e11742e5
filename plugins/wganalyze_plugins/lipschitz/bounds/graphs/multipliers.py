"""LipSDP-Neuron without matrices, for any graph: multipliers found by a descent, proved by one operator norm.

Let two inputs differ by x, what leaves the activations by u, what enters them by z, the scores by f, so that (z, f) is
linear in (x, u), and |u_i| <= |z_i| for each number i. For multipliers t_i > 0 and rho > 0 let nu be the norm of that
map, measured by rho |x|^2 + sum t_i u_i^2 before it and by sum t_i z_i^2 + f^2 behind it. Then

    K <= sqrt(rho) * max(1, nu)^(depth + 1).

For nu <= 1, subtract sum t_i z_i^2 >= sum t_i u_i^2: this is LipSDP-Neuron (Fazlyab et al. 1906.04893, thm. 2, one
multiplier a neuron), after the slopes [a, b] are written as (a + b) / 2 + (b - a) / 2 * [-1, 1]. For nu > 1, multiply
t_i by nu^(2 (depth + 1 - level of i)) and rho by nu^(2 (depth + 1)): z depends on u of lower levels only, so the block
from level j to level i > j shrinks by nu^-(i - j), and such factors are a Schur multiplier of norm 1 / nu (r^|i - j|
is a positive definite matrix with 1 on its diagonal). So any multipliers prove a bound: none has to be feasible.

A layer that is nonexpansive as a whole, or channel by channel, has one multiplier for that. Exact for affine critics,
for one neuron a layer, and wherever LipSDP is: slopes that are steepest all at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from wganalyze_plugins.lipschitz.bounds.graphs.interconnection import Groups, Interconnection
from wganalyze_plugins.lipschitz.bounds.operators import NormBracket, Operator, dense, lanczos
from wganalyze_plugins.lipschitz.lower import OPEN, Deadline

STEPS = 160
FEWEST = 40
"""Steps below which a descent has not arrived anywhere."""
WORK = 2e12
"""Floating-point operations that a descent is worth: a minute or two of one core."""
RATE = 0.1
WIDTH = 12
"""Singular vectors that are followed: at the best multipliers the largest singular values meet."""
SMOOTH = (32, 1024)
"""Power mean of their squares in the place of the largest one, at the beginning and at the end."""
POWER_STEPS = 8
PROVING = 192
"""Lanczos steps of the proof: it is then .3% above the norm, for tens of thousands of numbers."""
BASIS = 5 * 10**7
"""Numbers that the proof holds."""
MOST = 2000
"""Numbers up to which the proof is a Cholesky factorisation."""
SLACKS = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
UNIT = 2.0**-53
OUTWARD = 1 + 1e-9
"""Rounding of the map itself: BatchNorm that is applied, layers that are composed."""


@dataclass(frozen=True)
class Multiplied:
    """``value``: no slope is larger, but for the probability ``norm.delta``; ``norm``: nu."""

    value: float
    norm: NormBracket
    steps: int


def multiplier_bound(
    connection: Interconnection, steps: int = STEPS, until: Deadline = OPEN, grain: str = "neuron"
) -> Multiplied | str:
    """An upper bound by multipliers for all numbers that enter activations; or why there is none.

    ``grain``: a multiplier for each "neuron" or "channel". The module states the theorem.
    """
    affordable = int(WORK / max(1.0, _work(connection)))
    if affordable < FEWEST:
        return f"a descent of multipliers takes more than {WORK:.0e} operations"
    groups = connection.groups(grain)
    found = descend(connection, groups, min(steps, affordable), until)
    if found is None:
        return "the critic's numbers are too large or too small for a descent"
    return proved(connection, groups, *found)


def proved(connection: Interconnection, groups: Groups, logs: Tensor, taken: int = 0) -> Multiplied:
    """The bound that multipliers exp(``logs``), a group each, prove; infinite where they prove none."""
    multipliers = torch.cat([logs.double().exp(), logs.new_ones(1, dtype=torch.float64)])
    norm = proved_norm(_scaled(connection.operator(), groups, multipliers))
    value = math.sqrt(float(multipliers[0])) * max(1.0, norm.upper) ** (connection.depth + 1)
    return Multiplied(value * OUTWARD if math.isfinite(value) else math.inf, norm, taken)


def proved_norm(operator: Operator) -> NormBracket:
    """A norm: of a small operator checked by a Cholesky factorisation, of a large one probable, by Lanczos."""
    side = min(operator.sides)
    found = lanczos(operator, max(64, min(PROVING, BASIS // side)))
    if max(operator.sides) > MOST:
        return found
    rows = dense(operator)  # the smaller side first
    gram = rows @ rows.T
    # Rounding of the Gram matrix, and Rump's shift for its factorisation (2006), with room to spare.
    shift = 4 * (max(operator.sides) + 4) * UNIT * (float(rows.square().sum()) + side * found.lower**2)
    for slack in SLACKS:
        upper = found.lower * (1 + slack)
        rest = (upper**2 - shift) * torch.eye(side, dtype=gram.dtype, device=gram.device) - gram
        if upper**2 > shift and int(torch.linalg.cholesky_ex(rest)[1]) == 0:
            return NormBracket(found.lower, upper, "Cholesky factorisation")
    return found


def descend(
    connection: Interconnection, groups: Groups, steps: int = STEPS, until: Deadline = OPEN
) -> tuple[Tensor, int] | None:
    """Logarithms of multipliers that make the bound small, (count - 1,), and the steps taken; the score's is 0.

    In float32 where the critic can: what is found is proved afterwards. None where its numbers overflow.
    """
    for dtype in (torch.float32, torch.float64):
        try:
            logs, taken = _descend(connection, connection.operator(dtype), groups, steps, until)
        except RuntimeError:  # constants of another type in the critic's code; an eigenvalue of NaN
            continue
        if bool(logs.isfinite().all()):
            return logs, taken
    return None


def _descend(
    connection: Interconnection, operator: Operator, groups: Groups, steps: int, until: Deadline
) -> tuple[Tensor, int]:
    """Adam on log K along the leading singular vectors, which are followed by a block power iteration.

    The derivative of nu^2 by log t_i is t_i z_i^2 - nu^2 v_i^2 at the singular vector v: no other one is needed.
    """
    logs = _start(connection, operator, groups)
    optimiser = torch.optim.Adam([logs], RATE, betas=(0.9, 0.99))
    side, power = operator.sides[0], connection.depth + 1
    width = min(WIDTH, side)
    followed, onward = (_normal(width, side, like=logs, seed=seed) for seed in (0, 1))
    for step in range(steps):
        if until.is_over:
            return logs, step
        done = step / steps
        optimiser.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * done)) / 2 + RATE / 100
        t = torch.cat([logs.exp(), logs.new_ones(1)])
        enter, leave = t[groups.inside].rsqrt(), t[groups.outside].sqrt()
        basis = torch.linalg.qr(torch.cat([followed, onward]).T)[0].T
        images = leave * operator.forward(enter * basis)
        gram = enter * operator.adjoint(leave * images)
        squares, turn = torch.linalg.eigh(basis @ gram.T)
        squares, turn = squares[-width:].clamp(min=1e-30), turn[:, -width:].T
        followed, onward, images = turn @ basis, turn @ gram, turn @ images
        smooth = SMOOTH[0] * (SMOOTH[1] / SMOOTH[0]) ** done
        weights = torch.softmax(smooth * squares.log(), 0) * power / 2
        change = torch.zeros_like(t)
        change[0] = 0.5
        if squares[-1] >= 1:
            change.index_add_(0, groups.outside, (weights / squares) @ images.square())
            change.index_add_(0, groups.inside, -weights @ followed.square())
        logs.grad = change[:-1]
        optimiser.step()
    return logs, steps


def _start(connection: Interconnection, operator: Operator, groups: Groups) -> Tensor:
    """One multiplier a level, from the score back: what the level does to all that is behind it."""
    levels = groups.levels
    logs = torch.zeros(groups.count, dtype=operator.dtype, device=operator.device)
    for level in range(connection.depth, -1, -1):
        here = (levels[groups.inside] == level).to(operator.dtype)
        leave = (levels[groups.outside] > level) * (logs[groups.outside] / 2).exp()
        v, square = _normal(1, len(here), like=logs, seed=level), 1.0
        for _ in range(POWER_STEPS):
            v = here * v / (here * v).norm().clamp(min=1e-30)
            v = operator.adjoint(leave**2 * operator.forward(v))
            square = float((here * v).norm().clamp(min=1e-30))
        logs[levels == level] = math.log(square)
    return logs[:-1].clone()


def _normal(*shape: int, like: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=like.dtype, generator=generator).to(like.device)


def _scaled(operator: Operator, groups: Groups, multipliers: Tensor) -> Operator:
    """The map between the norms that multipliers make."""
    enter, leave = multipliers[groups.inside].rsqrt(), multipliers[groups.outside].sqrt()
    return Operator(lambda x: leave * operator.apply(enter * x), operator.shape_in, operator.shape_out, operator.device)


def _work(connection: Interconnection) -> float:
    """Floating-point operations of a step of the descent."""
    operator = connection.operator()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        operator.apply(torch.zeros(1, *operator.shape_in, dtype=torch.float64, device=operator.device))
    return 2.0 * 2 * WIDTH * int(counter.get_total_flops())
