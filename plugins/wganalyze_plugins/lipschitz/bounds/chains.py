"""A critic as a chain: affine maps with elementwise activations between them, each with the interval of its slopes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.fx.node import Node

from wganalyze_plugins.lipschitz.bounds.operators import Operator, dense
from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box, Ranges
from wganalyze_plugins.lipschitz.bounds.reading.nodes import activation, is_affine
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic
from wganalyze_plugins.lipschitz.bounds.rules.activations import Activation


@dataclass(frozen=True)
class Chain:
    """f = A_m s_m A_(m-1) ... s_1 A_0: affine maps A, and activations s that act on each number by itself.

    ``slopes``: (least, largest) of each activation. ``kinks``: the slope below 0 of one that has slope 1 above 0 and is
    linear on either side (one number, or one a unit); None of any other.
    """

    maps: tuple[Operator, ...]
    slopes: tuple[tuple[float, float], ...]
    kinks: tuple[Tensor | None, ...]

    @property
    def factor(self) -> float:
        """The product of the largest slopes: activations divided by theirs have slopes in [low, 1]."""
        return float(torch.tensor([high for _, high in self.slopes], dtype=torch.float64).prod())

    @property
    def lows(self) -> tuple[float, ...]:
        """The least slope of each activation after it was divided by its largest one; at least -1."""
        return tuple(max(-1.0, low / high) if high else 0.0 for low, high in self.slopes)

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers of the input, and of each activation."""
        return tuple(each.sides[0] for each in self.maps)

    def composed(self, first: int, last: int) -> Operator:
        """The affine map A_last ... A_first, without the activations between."""
        parts = self.maps[first : last + 1]

        def apply(x: Tensor) -> Tensor:
            for part in parts:
                x = part.apply(x)
            return x

        return Operator(apply, parts[0].shape_in, parts[-1].shape_out, parts[0].device)


def read_chain(critic: TracedCritic, box: Box | None = None) -> Chain | str:
    """The chain of a critic of which a product bound exists; or why it is none.

    ``box``: with the slopes that activations have there; each unit's largest slope belongs to the map behind it, and
    the chain has no kinks: it is the critic in the box alone.
    """
    maps: list[Operator] = []
    slopes: list[tuple[float, float]] = []
    kinks: list[Tensor | None] = []
    ranges = None if box is None else Ranges(critic, box)
    start, *nodes = critic.dependent
    source, before, affine = start, start, list[Node]()
    scale: Tensor | None = None
    for node in nodes:
        if critic.sources(node) != [before] or len(critic.users(before)) != 1:
            return f"{critic.name_of(node)} is no link of a chain: the graph branches"
        act = activation(critic, node)
        if is_affine(critic, node, before):
            affine.append(node)
        elif act is not None and (ranges is not None or math.isfinite(act.steepest)):
            maps.append(affine_map(critic, source, affine, scale))
            if ranges is None:
                slopes.append((act.least, act.steepest))
                kinks.append(_kink(critic, node, act))
            else:
                least, scale = _scaled(*ranges.slopes(node, act))
                slopes.append((least, 1.0))
                kinks.append(None)
            source, affine = node, []
        else:
            return f"{critic.name_of(node)} is neither affine nor elementwise"
        before = node
    if before is not critic.result or not nodes:
        return "the graph branches behind the score"
    maps.append(affine_map(critic, source, affine, scale))
    return Chain(tuple(maps), tuple(slopes), tuple(kinks))


def slope_interval(critic: TracedCritic, node: Node) -> tuple[float, float] | None:
    """The least slope of an activation, and the largest |slope|; None where a node is none that is known."""
    act = activation(critic, node)
    return None if act is None or not math.isfinite(act.steepest) else (act.least, act.steepest)


def _scaled(low: Tensor, high: Tensor) -> tuple[float, Tensor]:
    """The least slope of units that are divided by their largest |slope|, and these."""
    scale = low.abs().maximum(high.abs())
    least = torch.where(scale > 0, low / scale.clamp(min=1e-300), 1.0)
    return max(-1.0, float(least.min())), scale


def matrix(operator: Operator) -> Tensor:
    """The matrix of an affine map, (n_out, n_in), float64, on the CPU."""
    n_in, n_out = operator.sides
    rows = dense(operator).cpu()
    return rows.T if n_in <= n_out else rows


def offset(operator: Operator) -> Tensor:
    """The value of an affine map at 0, (n_out,), float64, on the CPU."""
    zero = torch.zeros(1, *operator.shape_in, dtype=torch.float64, device=operator.device)
    with torch.no_grad():
        return operator.apply(zero).reshape(-1).cpu()


def affine_map(critic: TracedCritic, source: Node, affine: list[Node], scale: Tensor | None = None) -> Operator:
    """The affine nodes behind ``source``, whose numbers are multiplied by ``scale`` before."""
    shape = critic.shape_of(source)
    apply = partial(critic.apply, affine, source) if affine else lambda x: x
    scaled = apply if scale is None else lambda x: apply(scale * x)
    return Operator(scaled, shape, critic.shape_of(affine[-1]) if affine else shape, critic.device)


def _kink(critic: TracedCritic, node: Node, act: Activation) -> Tensor | None:
    if act.below is None:
        return None
    below = torch.as_tensor(act.below, dtype=torch.float64).reshape(-1)
    return below if below.numel() == 1 or len(critic.shape_of(node)) == 1 else None
