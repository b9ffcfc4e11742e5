"""An upper bound for chains, whose activations average the identity and a nonexpansive map (Combettes, Pesquet)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from wganalyze_plugins.lipschitz.bounds.chains import Chain
from wganalyze_plugins.lipschitz.bounds.operators import NormBracket, Operator, operator_norm
from wganalyze_plugins.lipschitz.lower import OPEN, Deadline

OUTWARD = 1 + 1e-12
RATE = 0.1
STEPS = 100
WARM = 10
"""Steps after which the power iterations tell norms well enough to compare."""

Scales = Sequence[Tensor]
"""For each activation a positive number a channel, (c, 1, ...); it commutes with an activation's slopes."""


def averaged_bound(chain: Chain, scales: Scales = ()) -> NormBracket:
    """An upper bound of a chain's Lipschitz constant, with the probability with which it may fail.

    An activation with slopes in [a, 1] is (1 + a) / 2 of the identity and (1 - a) / 2 of a nonexpansive map: the bound
    is the sum over all sets of activations at which the chain is cut of the product of the norms of its composed parts
    (Combettes and Pesquet 1903.01014, thm. 4.2). ``scales``: of the numbers on either side of each cut. Certificate: as
    that of the norms. It is exact for one affine map, and never above the product of norms.
    """
    count = len(chain.maps)
    brackets = {
        (first, last): operator_norm(_scaled(chain, first, last, scales))
        for first in range(count)
        for last in range(first, count)
    }
    value = _sum(chain.lows, {part: bracket.upper for part, bracket in brackets.items()})
    delta = sum(bracket.delta for bracket in brackets.values())
    name = "averaged activations, channels scaled" if scales else "averaged activations"
    return NormBracket(0.0, value * chain.factor * OUTWARD, name, delta)


def balanced_scales(chain: Chain, steps: int = STEPS, until: Deadline = OPEN) -> Scales:
    """Scales that make the averaged bound small: a descent along the singular vectors of the parts.

    What it finds need not be the best; whatever it finds is valid.
    """
    count, device = len(chain.maps), chain.maps[0].device
    shapes = [each.shape_in for each in chain.maps[1:]]
    logs = [
        torch.zeros(shape[0], *[1] * (len(shape) - 1), dtype=torch.float64, device=device, requires_grad=True)
        for shape in shapes
    ]
    one = torch.ones(1, dtype=torch.float64, device=device)
    optimiser = torch.optim.Adam(logs, RATE)
    generator = torch.Generator().manual_seed(0)
    vectors = {
        (first, last): torch.randn(1, *chain.maps[first].shape_in, dtype=torch.float64, generator=generator).to(device)
        for first in range(count)
        for last in range(first, count)
    }
    parts = {part: chain.composed(*part) for part in vectors}
    best, least = [torch.ones_like(log) for log in logs], math.inf
    for step in range(steps):
        if until.is_over:
            break
        optimiser.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
        scales = [one, *(log.exp() for log in logs), one]
        norms = {}
        for (first, last), part in parts.items():
            key = first, last
            norms[key], vectors[key] = _norm(part, vectors[key], scales[first], scales[last + 1])
        value = _sum(chain.lows, norms)
        if step >= WARM and float(value.detach()) < least:
            least, best = float(value.detach()), [log.detach().exp() for log in logs]
        optimiser.zero_grad()
        value.log().backward()
        optimiser.step()
    return best


def _norm(part: Operator, v: Tensor, enter: Tensor, leave: Tensor) -> tuple[Tensor, Tensor]:
    """A step of the power iteration from ``v``: the norm, differentiable in the scales, and the next v."""
    with torch.no_grad():
        z = part.forward((v / enter).reshape(1, -1)).reshape(1, *part.shape_out)
        norm = (leave * z).norm().clamp(min=1e-300)
        u = leave * z / norm
        w = part.adjoint((leave * u).reshape(1, -1)).reshape(v.shape)
    # The singular vectors are kept: their change moves the norm in second order only.
    changing = (leave * u * z).sum() + (v * w / enter).sum() - norm
    onward = w / enter.detach()
    return changing, onward / onward.norm().clamp(min=1e-300)


def _scaled(chain: Chain, first: int, last: int, scales: Scales) -> Operator:
    part = chain.composed(first, last)
    if not scales:
        return part
    enter = scales[first - 1] if first else None
    leave = scales[last] if last < len(scales) else None

    def apply(x: Tensor) -> Tensor:
        y = part.apply(x if enter is None else x / enter)
        return y if leave is None else leave * y

    return Operator(apply, part.shape_in, part.shape_out, part.device)


def _sum(lows: Sequence[float], norms: Mapping[tuple[int, int], Any]) -> Any:
    """The sum over all sets of cuts of the products of the parts' norms."""
    count = len(lows) + 1
    upto: list[Any] = [1.0]  # over all sets of cuts before a part, the last of which is right before it
    for last in range(count):
        total: Any = 0.0
        weight = 1.0
        for first in range(last, -1, -1):
            total = total + upto[first] * weight * norms[first, last]
            if first:
                weight *= (1 + lows[first - 1]) / 2
        if last < count - 1:
            total = total * ((1 - lows[last]) / 2)
        upto.append(total)
    return upto[-1]
