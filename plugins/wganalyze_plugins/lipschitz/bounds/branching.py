"""The Lipschitz constant on a box of up to three inputs: branch and bound over intervals of the gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.fx.node import Node

from wganalyze_plugins.lipschitz.bounds.chains import Chain, matrix, offset
from wganalyze_plugins.lipschitz.bounds.reading.boxes import slope_at, slopes_between
from wganalyze_plugins.lipschitz.bounds.reading.nodes import activation
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic
from wganalyze_plugins.lipschitz.bounds.rules.activations import Activation
from wganalyze_plugins.lipschitz.lower import OPEN, Deadline

MOST_INPUTS = 3
TOLERANCE = 1e-3
MOST_BOXES = 100_000
BATCH = 512
"""Boxes that are halved at once."""
ROUNDING = 1e-12
"""Of a sum of products, in units of the sum of their sizes; and of a slope."""


@dataclass(frozen=True)
class Layer:
    """An activation of a chain: what it does to numbers, and how its slope runs."""

    apply: Callable[[Tensor], Tensor]
    act: Activation


@dataclass(frozen=True)
class Branched:
    """``upper``: no slope within the box is larger; ``lower``: the largest gradient seen, at ``place``."""

    upper: float
    lower: float
    place: tuple[float, ...]
    boxes: int


def applies(critic: TracedCritic, chain: Chain, box: tuple[Tensor, Tensor]) -> bool:
    """At most three inputs, one score, a box that ends, and slopes that are known on intervals."""
    if not all(bool(end.isfinite().all()) for end in box):
        return False
    few = chain.maps[0].sides[0] <= MOST_INPUTS and chain.maps[-1].sides[1] == 1
    return few and _activations(critic, chain) is not None


def branch_and_bound(
    critic: TracedCritic,
    chain: Chain,
    box: tuple[Tensor, Tensor],
    tolerance: float = TOLERANCE,
    until: Deadline = OPEN,
    most: int = MOST_BOXES,
) -> Branched:
    """Halve the boxes with the steepest bound until none is more than 1 + ``tolerance`` above a gradient seen.

    On a convex box the Lipschitz constant is the supremum of |gradient|. Forward over the layers, the Jacobian of each
    is an interval, and by the mean value theorem the layer's numbers are those at the middle, plus that times the
    distance from there (Moore 1966; Neumaier 1990, sec. 2.3). Rounding is outward, by a margin on every sum. Exact in
    the limit where slopes are continuous, so within ``tolerance`` where time and ``most`` boxes allow; at a kink the
    interval of the gradients on both sides is wider than they are.
    """
    activations = _activations(critic, chain)
    assert activations is not None
    layers = [(matrix(each), offset(each)) for each in chain.maps]
    low, high = (end.detach().double().reshape(1, -1).cpu() for end in box)
    middles, radii = (low + high) / 2, (high - low) / 2 * (1 + ROUNDING)
    bounds, seen = _bounds(layers, activations, middles, radii)
    lower, place, closed, count = float(seen[0]), middles[0], 0.0, 1
    while len(bounds) and not until.is_over and count < most:
        enough = bounds <= (1 + tolerance) * lower
        if enough.any():
            closed = max(closed, float(bounds[enough].max()))
            middles, radii, bounds = middles[~enough], radii[~enough], bounds[~enough]
            continue
        order = bounds.argsort(descending=True)
        first, rest = order[:BATCH], order[BATCH:]
        halves = _halved(middles[first], radii[first])
        found, seen = _bounds(layers, activations, *halves)
        found = torch.minimum(found, bounds[first].repeat(2))
        if float(seen.max()) > lower:
            lower, place = float(seen.max()), halves[0][int(seen.argmax())]
        middles, radii = torch.cat([middles[rest], halves[0]]), torch.cat([radii[rest], halves[1]])
        bounds = torch.cat([bounds[rest], found])
        count += len(found)
    upper = max(closed, float(bounds.max())) if len(bounds) else closed
    return Branched(upper, lower, tuple(place.tolist()), count)


def _activations(critic: TracedCritic, chain: Chain) -> list[Layer] | None:
    """The activations of a chain in order; None where one differs from number to number."""
    found = []
    for node in critic.dependent:
        act = activation(critic, node)
        if act is None:
            continue
        if isinstance(act.below, Tensor) and act.below.numel() > 1:
            return None
        found.append(Layer(partial(_applied, critic, node), act))
    return found if len(found) == len(chain.slopes) else None


def _applied(critic: TracedCritic, node: Node, x: Tensor) -> Tensor:
    (source,) = critic.sources(node)
    value: Tensor = critic.values([node], {source: x})[node]
    return value


def _halved(middles: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes cut across their longest side: all lower halves, then all upper ones."""
    longest = torch.zeros_like(radii).scatter(1, radii.argmax(1, keepdim=True), 1.0)
    step = longest * radii / 2
    smaller = (radii - step) * (1 + ROUNDING)
    return torch.cat([middles - step, middles + step]), smaller.repeat(2, 1)


def _bounds(
    layers: Sequence[tuple[Tensor, Tensor]], activations: Sequence[Layer], middles: Tensor, radii: Tensor
) -> tuple[Tensor, Tensor]:
    """Of boxes (b, d): what |gradient| is at most in each, and what it is in the middle, (b,)."""
    weight, bias = layers[0]
    at = middles @ weight.T + bias  # the layer's numbers in the middle, with their error
    error = ROUNDING * (middles.abs() @ weight.abs().T + bias.abs())
    slope = weight.expand(len(middles), *weight.shape)  # the Jacobian: in the middle of the box, ...
    centre, spread = slope, torch.zeros_like(slope)  # ... and in all of it, centre +- spread, (b, n, d)
    for layer, (weight, bias) in zip(activations, layers[1:], strict=True):
        reach = error + ((centre.abs() + spread) @ radii[:, :, None])[:, :, 0] * (1 + ROUNDING)
        least, largest = slopes_between(layer.act, layer.apply, torch.stack([at - reach, at + reach]))
        corners = torch.stack([d[:, :, None] * j for d in (least, largest) for j in (centre - spread, centre + spread)])
        low, high = corners.amin(0), corners.amax(0)
        size = weight.abs() @ corners.abs().amax(0)
        centre, spread = weight @ ((low + high) / 2), weight.abs() @ ((high - low) / 2) + 4 * ROUNDING * size
        slope = weight @ (slope_at(layer.apply, at)[:, :, None] * slope)
        steepest = torch.maximum(least.abs(), largest.abs())
        value = layer.apply(at)
        at = value @ weight.T + bias
        error = (steepest * error) @ weight.abs().T + 4 * ROUNDING * (value.abs() @ weight.abs().T + bias.abs())
    most = ((centre.abs() + spread) * (1 + ROUNDING))[:, 0].norm(dim=1) * (1 + ROUNDING)
    return most, slope[:, 0].norm(dim=1)
