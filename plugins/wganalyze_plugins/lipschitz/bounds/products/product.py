"""An upper bound of a critic's Lipschitz constant: the product of the true operator norms of its layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.fx.node import Node

from wganalyze_plugins.lipschitz.bounds import rules
from wganalyze_plugins.lipschitz.bounds.operators import NormBracket
from wganalyze_plugins.lipschitz.bounds.products.joining import joined
from wganalyze_plugins.lipschitz.bounds.products.segments import NoRule, Segments, Stage
from wganalyze_plugins.lipschitz.bounds.reading.boxes import EXTREMES, Box, Ranges
from wganalyze_plugins.lipschitz.bounds.reading.nodes import (
    activation,
    gate_axis,
    is_affine,
    is_new,
    kind_of_node,
    opens,
    overwritten,
    places,
    stretch,
)
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic
from wganalyze_plugins.lipschitz.bounds.rules import affine

__all__ = ["QUICK", "SYMBOL_WORK", "NoRule", "Stage", "UpperBound", "product_bound"]

OUTWARD = 1 + 1e-12
SYMBOL_WORK = 2**32
"""Multiplications that the symbol of a convolution is worth: some seconds."""
QUICK = 2**26
"""The same where the product is all that is asked for: a Lanczos bound that may fail is good enough."""


@dataclass(frozen=True)
class UpperBound:
    """``value``: no slope of the critic is larger; it fails with probability ``delta`` at most."""

    value: float
    delta: float
    stages: tuple[Stage, ...]

    @property
    def certificate(self) -> str:
        """As in the report's column."""
        return f"probabilistic({self.delta:g})" if self.delta else "checked"


def product_bound(critic: TracedCritic, most_work: int = SYMBOL_WORK, box: Box | None = None) -> UpperBound:
    """Bounds along the graph: products along chains, K1 + K2 for a sum, sqrt(K1^2 + K2^2) for a concatenation.

    BatchNorm in eval mode is folded: it belongs to the segment that it stands in; a sum or a concatenation of parts
    that are affine in the same numbers is one affine map. NoRule, with the reason, where a layer has no rule. (Szegedy
    et al. 1312.6199, sec. 4.3, with operator norms in the place of kernels' norms.) ``most_work``: multiplications that
    the symbol of a convolution is worth. ``box``: the bound is that of slopes between points in it, where activations
    are no steeper than interval arithmetic allows.
    """
    walk = _Walk(critic, Segments(critic, most_work), None if box is None else Ranges(critic, box))
    for node in critic.dependent:
        walk.visit(node)
    value = walk.segments.bound(critic.result) * OUTWARD
    if not math.isfinite(value):
        raise NoRule("the product of the layers' norms is beyond the largest float64")
    stages = tuple(walk.segments.stages)
    return UpperBound(value, sum(stage.bracket.delta for stage in stages), stages)


@dataclass
class _Walk:
    critic: TracedCritic
    segments: Segments
    ranges: Ranges | None

    def visit(self, node: Node) -> None:
        """Give a node its constant, or make it part of an open segment."""
        critic, segments = self.critic, self.segments
        sources = critic.sources(node)
        if not sources:
            segments.constants[node] = 1.0
            return
        self._refuse(node)
        if len(sources) == 1:
            (source,) = sources
            if opens(critic, node):
                if node.args[1] not in (0, "values"):
                    raise self._no_rule(node, "no rule for what an operation gives beside its result")
                segments.constants[node] = segments.bound(source)
                return
            if is_affine(critic, node, source):
                segments.extend(node, source)
                return
            if places(node, source) == [0] and not self._joins(node):
                segments.constants[node] = segments.bound(source) * self._stretch(node, source)
                return
        constant = joined(segments, node, self.ranges)
        if constant is not None:
            segments.constants[node] = constant

    def _joins(self, node: Node) -> bool:
        """Is it a rule for several parts, all but one of which are constants?"""
        if node.op == "call_module":
            return False
        compares = node.target in EXTREMES and len(node.args) == 2 and isinstance(node.args[1], Node)
        return compares or node.target in affine.CONCATENATING_FUNCTIONS

    def _refuse(self, node: Node) -> None:
        """NoRule where a layer was altered, or overwrites numbers that another part of the critic uses."""
        module = self.critic.module_of(node)
        reason = rules.altered(module) if module is not None else ""
        over = overwritten(self.critic, node)
        if not reason and over is not None and self._is_seen(over, node):
            reason = "overwrites its input, which another part of the critic uses"
        if reason:
            raise NoRule(f"{self.critic.name_of(node)}: {reason}")

    def _is_seen(self, over: Node, node: Node) -> bool:
        """Is ``over``, or what shares its memory, used after ``node`` overwrote it? Or is it a constant?"""
        critic = self.critic
        if over not in critic.dependent:
            return True
        order = {each: place for place, each in enumerate(critic.dependent)}
        same = [over]
        for each in same:  # it grows
            near = [] if is_new(critic, each) else critic.sources(each)
            near += [
                user for user in critic.users(each) if user in order and user is not node and not is_new(critic, user)
            ]
            same += [other for other in near if other not in same]
        later = [user for each in same for user in critic.users(each) if order.get(user, math.inf) > order[node]]
        return bool(later)

    def _stretch(self, node: Node, source: Node) -> float:
        """Of a layer that is not affine; over a box, what its slopes there leave of it."""
        critic, ranges = self.critic, self.ranges
        act = activation(critic, node)
        found: rules.Stretch | str
        if ranges is not None and act is not None:
            low, high = ranges.slopes(node, act)
            steepest = low.abs().maximum(high.abs())
            if not bool(steepest.isfinite().all()):
                raise self._no_rule(node, "no rule bounds its numbers over the box")
            self.segments.scales[node] = steepest
            found = rules.Stretch(float(steepest.max()), "largest slope over the box")
        elif ranges is not None and (axis := gate_axis(critic, node)) is not None:
            found = ranges.gate(source, axis)
        else:
            found = stretch(critic, node)
        if isinstance(found, str):
            raise self._no_rule(node, found)
        bracket = NormBracket(0.0, found.factor, found.rule)
        shapes = critic.shape_of(source), critic.shape_of(node)
        kind = kind_of_node(critic.module_of(node), node)
        self.segments.stages.append(Stage(critic.name_of(node), kind, bracket, *shapes, vacuous=found.vacuous))
        return 1.0 if node in self.segments.scales else found.factor

    def _no_rule(self, node: Node, reason: str) -> NoRule:
        return NoRule(f"{self.critic.name_of(node)}: {reason}")
