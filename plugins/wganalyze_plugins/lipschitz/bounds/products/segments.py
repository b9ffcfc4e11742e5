"""Affine parts of a critic's graph: as large as they can be, each one operator with one norm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.node import Node

from wganalyze import NotMeasurable
from wganalyze_plugins.lipschitz.bounds.operators import (
    NormBracket,
    Operator,
    operator_norm,
    reshaped_norm,
    symbol_bound,
    symbol_work,
)
from wganalyze_plugins.lipschitz.bounds.reading.nodes import is_reshaping, kind_of_node
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic

PROOF = 1.01
"""A proved norm may be this much larger than a probable one."""


class NoRule(NotMeasurable):
    """A part of the critic has no bound; the message says which and why."""


@dataclass(frozen=True)
class Stage:
    """One factor: a segment (a maximal affine part, taken as one operator), or a layer that is not affine."""

    layer: str
    kind: str
    bracket: NormBracket
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    kernel_norm: float | None = None
    vacuous: bool = False
    affine: bool = False


@dataclass(frozen=True)
class Segment:
    """An affine map that may still grow: the node before it, and its nodes in the order of the graph."""

    start: Node
    nodes: tuple[Node, ...] = ()


@dataclass
class Segments:
    """The constants of all nodes visited so far, and the segments that are still open, by their last node.

    ``scales``: of an activation over a box the largest |slope| of each number; what comes behind takes them in, and the
    node's own constant is without them. ``most_work``: multiplications that the symbol of a convolution is worth.
    """

    critic: TracedCritic
    most_work: int
    stages: list[Stage] = field(default_factory=list)
    constants: dict[Node, float] = field(default_factory=dict)
    opened: dict[Node, Segment] = field(default_factory=dict)
    scales: dict[Node, Tensor] = field(default_factory=dict)

    def bound(self, node: Node) -> float:
        """The Lipschitz constant of a node's value; closes a segment that ends here."""
        if not self.critic.is_batched(node):
            raise NoRule(f"{self.critic.name_of(node)}: no rule where the batch is not the first axis")
        constant = self._constant(node)
        return constant * float(self.scales[node].max()) if node in self.scales else constant

    def _constant(self, node: Node) -> float:
        if node not in self.constants:
            if node in self.critic.bundles:
                raise NoRule(f"{self.critic.name_of(node)}: no rule for several tensors at once")
            segment = self.opened.pop(node)
            self.constants[node] = self._constant(segment.start) * self._norm(segment)
        return self.constants[node]

    def ending(self, node: Node) -> Segment:
        """The open segment that ends in a node; an empty one where its constant is known."""
        return self.opened.get(node, Segment(node))

    def extend(self, node: Node, source: Node) -> None:
        """Continue the segment that ends in ``source`` if nobody else uses its value, else begin a new one."""
        if source in self.critic.bundles:
            before = self.ending(source)
        elif source in self.opened and len(self.critic.users(source)) == 1:
            before = self.opened.pop(source)
        else:
            self.bound(source)
            before = Segment(source)
        self.opened[node] = Segment(before.start, (*before.nodes, node))

    def merge(self, node: Node, parts: Sequence[Node]) -> bool:
        """Make one segment of an affine node of several parts, where all begin at the same place; did they?"""
        before = [self.ending(part) for part in parts]
        if len({segment.start for segment in before}) > 1:
            return False
        members = {each for segment in before for each in segment.nodes}
        ordered = [each for each in self.critic.dependent if each in members]
        self.opened[node] = Segment(before[0].start, (*ordered, node))
        return True

    def joint(self, parts: Sequence[Node]) -> float:
        """The constant of all parts side by side: sqrt of the sum of squares; less where they begin together."""
        groups: dict[Node, list[Node]] = {}
        for part in parts:
            groups.setdefault(self.ending(part).start, []).append(part)
        return math.hypot(*(self._together(start, group) for start, group in groups.items()))

    def _together(self, start: Node, parts: list[Node]) -> float:
        if len(parts) == 1:
            return self.bound(parts[0])
        members = {each for part in parts for each in self.ending(part).nodes}
        nodes = [each for each in self.critic.dependent if each in members]
        size = sum(math.prod(self.critic.shape_of(part)) for part in parts)

        def apply(x: Tensor) -> Tensor:
            values = self.critic.values(nodes, {start: x})
            return torch.cat([values[part].flatten(1) for part in parts], 1)

        name = " beside ".join(self.critic.name_of(part) for part in parts)
        operator, bracket = self._measured(start, apply, (size,), name)
        if nodes:
            self._add(name, nodes, bracket, operator, None)
        return self._constant(start) * bracket.upper

    def _norm(self, segment: Segment) -> float:
        critic, nodes = self.critic, segment.nodes
        weighty = [node for node in nodes if not is_reshaping(critic, node)]
        name = " + ".join(critic.name_of(node) for node in weighty or nodes)

        def apply(x: Tensor) -> Tensor:
            return critic.apply(nodes, segment.start, x)

        moves_only = not weighty and segment.start not in self.scales
        operator, bracket = self._measured(segment.start, apply, critic.shape_of(nodes[-1]), name, moves_only)
        if moves_only:
            return 1.0
        kernel_norm, better = self._convolution(weighty, bracket, segment.start)
        if better is not None and better.upper <= PROOF * bracket.upper:
            bracket = NormBracket(bracket.lower, better.upper, better.method)
        self._add(name, weighty or list(nodes), bracket, operator, kernel_norm)
        return bracket.upper

    def _measured(
        self, start: Node, apply: Any, shape: tuple[int, ...], name: str, moves_only: bool = False
    ) -> tuple[Operator, NormBracket]:
        """The operator behind ``start``, over a box after the scales there, and its norm."""
        scale = self.scales.get(start)
        scaled = apply if scale is None else lambda x: apply(scale * x)
        operator = Operator(scaled, self.critic.shape_of(start), shape, self.critic.device)
        reason = operator.check()
        if reason:
            raise NoRule(f"{name}: {reason}")
        return operator, NormBracket(1.0, 1.0, "moves numbers") if moves_only else operator_norm(operator)

    def _add(
        self, name: str, nodes: Sequence[Node], bracket: NormBracket, operator: Operator, kernel_norm: float | None
    ) -> None:
        kind = " + ".join(kind_of_node(self.critic.module_of(node), node) for node in nodes)
        shapes = operator.shape_in, operator.shape_out
        self.stages.append(Stage(name, kind, bracket, *shapes, kernel_norm, affine=True))

    def _convolution(
        self, weighty: list[Node], bracket: NormBracket, start: Node
    ) -> tuple[float | None, NormBracket | None]:
        """Of a layer with a kernel: its norm as a matrix; and its symbol's bound, where ``bracket`` is not proved."""
        module = self.critic.module_of(weighty[0]) if weighty else None
        if len(weighty) > 1 or not isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            return None, None
        kernel = module.weight.detach()
        norm = reshaped_norm(kernel)
        if not bracket.delta or not isinstance(module, nn.Conv2d) or not _has_symbol(module):
            return norm, None
        stride = (module.stride[0], module.stride[1])
        if symbol_work(kernel, stride, module.groups) > self.most_work:
            return norm, None
        upper = symbol_bound(kernel, stride, module.groups)
        if start in self.scales:
            upper *= float(self.scales[start].max())
        return norm, NormBracket(0.0, upper, "symbol of the convolution")


def _has_symbol(module: nn.Conv2d) -> bool:
    zero_padded = module.padding_mode == "zeros" or set(_each(module.padding)) == {0}
    return zero_padded and set(_each(module.dilation)) == {1}


def _each(value: Any) -> Iterator[Any]:
    return iter(value if isinstance(value, tuple) else (value,))
