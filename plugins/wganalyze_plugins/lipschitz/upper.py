"""An upper bound of a critic's Lipschitz constant: the product of the true operator norms of its layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn
from torch.fx.node import Node, map_arg

from wganalyze import NotMeasurable
from wganalyze_plugins.lipschitz import rules
from wganalyze_plugins.lipschitz.operators import (
    NormBracket,
    Operator,
    operator_norm,
    reshaped_norm,
    symbol_bound,
    symbol_work,
)
from wganalyze_plugins.lipschitz.tracing import TracedCritic

OUTWARD = 1 + 1e-12
PROOF = 1.01
"""A proved norm may be this much larger than a probable one."""
SYMBOL_WORK = 2**32
"""Multiplications that the symbol of a convolution is worth: some seconds."""


class NoRule(NotMeasurable):
    """A part of the critic has no bound; the message says which and why."""


@dataclass(frozen=True)
class Stage:
    """One factor: a maximal affine chain, taken as one operator, or a layer that is not affine."""

    layer: str
    kind: str
    bracket: NormBracket
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    kernel_norm: float | None = None
    vacuous: bool = False


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


def product_bound(critic: TracedCritic, most_work: int = SYMBOL_WORK) -> UpperBound:
    """Bounds along the graph: products along chains, K1 + K2 for a sum, sqrt(K1^2 + K2^2) for a concatenation.

    BatchNorm in eval mode is folded: it belongs to the affine chain that it stands in. NoRule, with the reason, where
    a layer has no rule. (Szegedy et al. 1312.6199, sec. 4.3, with operator norms in the place of kernels' norms.)
    ``most_work``: multiplications that the symbol of a convolution is worth.
    """
    walk = _Walk(critic, most_work, {}, [], {})
    for node in critic.dependent:
        walk.visit(node)
    value = walk.bound(critic.result) * OUTWARD
    if not math.isfinite(value):
        raise NoRule("the product of the layers' norms is beyond the largest float64")
    stages = tuple(walk.stages)
    return UpperBound(value, sum(stage.bracket.delta for stage in stages), stages)


@dataclass
class _Walk:
    critic: TracedCritic
    most_work: int
    bounds: dict[Node, float]
    stages: list[Stage]
    chains: dict[Node, tuple[Node, list[Node]]]
    """Affine chains that are still open, by their last node: the node before them, and their nodes."""

    def visit(self, node: Node) -> None:
        sources = self.critic.sources(node)
        function = None if node.op == "call_module" else node.target
        if not sources:
            self.bounds[node] = 1.0
            return
        self._refuse(node)
        if len(sources) == 1 and self._is_affine(node, sources[0]):
            self._extend(node, sources[0])
        elif function in rules.ADDING_FUNCTIONS and self._are_two_parts(node.args) and not node.kwargs:
            self.bounds[node] = self._added(node)
        elif function in rules.CONCATENATING_FUNCTIONS:
            self.bounds[node] = self._concatenated(node, sources)
        elif len(sources) == 1 and _places(node, sources[0]) == [0]:
            self.bounds[node] = self.bound(sources[0]) * self._stretch(node, sources[0])
        else:
            kind = _kind(self.critic.module_of(node), node)
            raise self._no_rule(node, f"no rule for {kind}() of several parts of the critic")

    def _are_two_parts(self, arguments: Sequence[Any]) -> bool:
        return len(arguments) == 2 and all(isinstance(a, Node) and a in self.critic.dependent for a in arguments)

    def _no_rule(self, node: Node, reason: str) -> NoRule:
        return NoRule(f"{self.critic.name_of(node)}: {reason}")

    def _refuse(self, node: Node) -> None:
        """NoRule where a layer was altered, or overwrites numbers that another part of the critic uses."""
        module = self.critic.module_of(node)
        reason = rules.altered(module) if module is not None else ""
        if not reason and rules.overwrites(module, node.target, node.kwargs) and self._is_seen(node):
            reason = "overwrites its input, which another part of the critic uses"
        if reason:
            raise self._no_rule(node, reason)

    def _is_seen(self, node: Node) -> bool:
        """Has the input of a node, or what it is a view of, other users?"""
        sources = self.critic.sources(node)
        while len(sources) == 1:
            (source,) = sources
            if len(self.critic.users(source)) > 1:
                return True
            module = self.critic.module_of(source)
            if module is not None and not rules.is_reshaping(module) and not rules.overwrites(module, "", {}):
                return False
            sources = self.critic.sources(source)
        return False

    def bound(self, node: Node) -> float:
        """The Lipschitz constant of a node's value; closes an affine chain that ends here."""
        if node not in self.bounds:
            source, chain = self.chains.pop(node)
            self.bounds[node] = self.bound(source) * self._norm(source, chain)
        return self.bounds[node]

    def _is_affine(self, node: Node, source: Node) -> bool:
        """By its rule: affine maps are proved to be such, not recognised by their values."""
        places = _places(node, source)
        if len(places) != 1:
            return False
        module = self.critic.module_of(node)
        if module is not None:
            return places == [0] and (rules.is_affine(module) or rules.is_reshaping(module))
        return rules.is_affine_call(node.target, places[0], node.kwargs)

    def _extend(self, node: Node, source: Node) -> None:
        """Continue the chain that ends in ``source`` if nobody else uses its value, else begin a new one."""
        if source in self.chains and len(self.critic.users(source)) == 1:
            start, chain = self.chains.pop(source)
            self.chains[node] = (start, [*chain, node])
        else:
            self.bound(source)
            self.chains[node] = (source, [node])

    def _norm(self, source: Node, chain: list[Node]) -> float:
        critic = self.critic
        apply = partial(critic.apply, chain, source)
        operator = Operator(apply, critic.shape_of(source), critic.shape_of(chain[-1]), critic.device)
        weighty = [node for node in chain if not self._is_reshaping(node)]
        name = " + ".join(critic.name_of(node) for node in weighty or chain)
        reason = operator.check()
        if reason:
            raise NoRule(f"{name}: {reason}")
        if not weighty:
            return 1.0
        bracket = operator_norm(operator)
        kernel_norm, better = self._convolution(weighty, bracket)
        if better is not None and better.upper <= PROOF * bracket.upper:
            bracket = NormBracket(bracket.lower, better.upper, better.method)
        kind = " + ".join(_kind(critic.module_of(node), node) for node in weighty)
        self.stages.append(Stage(name, kind, bracket, operator.shape_in, operator.shape_out, kernel_norm))
        return bracket.upper

    def _is_reshaping(self, node: Node) -> bool:
        module = self.critic.module_of(node)
        if module is not None:
            return rules.is_reshaping(module)
        return node.target in rules.RESHAPING_FUNCTIONS

    def _convolution(self, weighty: list[Node], bracket: NormBracket) -> tuple[float | None, NormBracket | None]:
        """Of a layer with a kernel: its norm as a matrix; and its symbol's bound, where ``bracket`` is not proved."""
        module = self.critic.module_of(weighty[0])
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
        return norm, NormBracket(0.0, upper, "symbol of the convolution")

    def _stretch(self, node: Node, source: Node) -> float:
        module = self.critic.module_of(node)
        if module is not None:
            stretch = rules.stretch_of_module(module)
        else:
            arguments, keywords = self.critic.arguments(node)
            if "input" in keywords:
                arguments = (keywords.pop("input"), *arguments)
            stretch = rules.stretch_of_function(node.target, arguments, keywords)
        name = self.critic.name_of(node)
        if isinstance(stretch, str):
            raise self._no_rule(node, stretch)
        bracket = NormBracket(0.0, stretch.factor, stretch.rule)
        shapes = self.critic.shape_of(source), self.critic.shape_of(node)
        self.stages.append(Stage(name, _kind(module, node), bracket, *shapes, vacuous=stretch.vacuous))
        return stretch.factor

    def _added(self, node: Node) -> float:
        parts: Any = node.args
        if len({self.critic.dependent[part] for part in (node, *parts)}) > 1:
            raise self._no_rule(node, "no rule for a sum of tensors of different shapes")
        return sum(self.bound(part) for part in parts)

    def _concatenated(self, node: Node, sources: list[Node]) -> float:
        arguments, keywords = self.critic.arguments(node)
        axis = keywords.get("dim", arguments[1] if len(arguments) > 1 else 0)
        if axis == 0 or axis == -len(self.critic.shape_of(node)) - 1:
            raise self._no_rule(node, "mixes the samples of a batch")
        parts: Any = node.args[0] if node.args else node.kwargs["tensors"]
        if len(sources) != len(set(parts)) or any(part not in sources for part in parts):
            raise self._no_rule(node, "no rule for a concatenation with constants")
        return math.hypot(*(self.bound(part) for part in parts))


def _has_symbol(module: nn.Conv2d) -> bool:
    zero_padded = module.padding_mode == "zeros" or set(_each(module.padding)) == {0}
    return zero_padded and set(_each(module.dilation)) == {1}


def _places(node: Node, source: Node) -> list[int | str]:
    """Where a node takes a source: positions or keywords ("input" is position 0), once for each time it takes it."""
    named: dict[int | str, Any] = {0 if key == "input" else key: value for key, value in node.kwargs.items()}
    places: list[int | str] = []
    for place, argument in [*enumerate(node.args), *named.items()]:
        taken: list[Node] = []
        map_arg(argument, taken.append)
        places += [place] * taken.count(source)
    return places


def _each(value: Any) -> Iterator[Any]:
    return iter(value if isinstance(value, tuple) else (value,))


def _kind(module: nn.Module | None, node: Node) -> str:
    return _name(node.target) if module is None else type(module).__name__


def _name(target: Any) -> str:
    return target if isinstance(target, str) else str(getattr(target, "__name__", target))
