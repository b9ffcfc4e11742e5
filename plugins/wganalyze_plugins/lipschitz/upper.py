"""An upper bound of a critic's Lipschitz constant: the product of the true operator norms of its layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from wganalyze.errors import NotMeasurable
from wganalyze_plugins.lipschitz import rules
from wganalyze_plugins.lipschitz.operators import (
    NormBracket,
    Operator,
    operator_norm,
    reshaped_norm,
    symbol_bound,
)
from wganalyze_plugins.lipschitz.tracing import TracedCritic

if TYPE_CHECKING:
    from torch.fx import Node

OUTWARD = 1 + 1e-12


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


def product_bound(critic: TracedCritic) -> UpperBound:
    """Bounds along the graph: products along chains, K1 + K2 for a sum, sqrt(K1^2 + K2^2) for a concatenation.

    BatchNorm in eval mode is folded: it belongs to the affine chain that it stands in. NoRule, with the reason, where
    a layer has no rule. (Szegedy et al. 1312.6199, sec. 4.3, with operator norms in the place of kernels' norms.)
    """
    walk = _Walk(critic, {}, [], {})
    for node in critic.dependent:
        walk.visit(node)
    value = walk.bound(critic.result)
    stages = tuple(walk.stages)
    return UpperBound(value * OUTWARD, sum(stage.bracket.delta for stage in stages), stages)


@dataclass
class _Walk:
    critic: TracedCritic
    bounds: dict[Node, float]
    stages: list[Stage]
    chains: dict[Node, tuple[Node, list[Node]]]
    """Affine chains that are still open, by their last node: the node before them, and their nodes."""

    def visit(self, node: Node) -> None:
        sources = self.critic.sources(node)
        if not sources:
            self.bounds[node] = 1.0
        elif len(sources) == 1 and self._is_affine(node):
            self._extend(node, sources[0])
        elif node.target in rules.ADDING_FUNCTIONS and len(sources) == 2 and not node.kwargs:
            self.bounds[node] = sum(map(self.bound, sources))
        elif node.target in rules.CONCATENATING_FUNCTIONS:
            self.bounds[node] = self._concatenated(node, sources)
        elif len(sources) == 1:
            self.bounds[node] = self.bound(sources[0]) * self._stretch(node, sources[0])
        else:
            raise NoRule(f"{self.critic.name_of(node)}: no rule for {_name(node.target)}() of two parts of the critic")

    def bound(self, node: Node) -> float:
        """The Lipschitz constant of a node's value; closes an affine chain that ends here."""
        if node not in self.bounds:
            source, chain = self.chains.pop(node)
            self.bounds[node] = self.bound(source) * self._norm(source, chain)
        return self.bounds[node]

    def _is_affine(self, node: Node) -> bool:
        module = self.critic.module_of(node)
        if module is not None:
            return rules.is_affine(module) or rules.is_reshaping(module)
        return node.target in rules.AFFINE_FUNCTIONS | rules.RESHAPING_FUNCTIONS | rules.ADDING_FUNCTIONS

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
        kernel_norm, better = self._convolution(weighty)
        if better is not None and better.upper <= bracket.upper:
            bracket = NormBracket(bracket.lower, better.upper, better.method)
        kind = " + ".join(_kind(critic.module_of(node), node) for node in weighty)
        self.stages.append(Stage(name, kind, bracket, operator.shape_in, operator.shape_out, kernel_norm))
        return bracket.upper

    def _is_reshaping(self, node: Node) -> bool:
        module = self.critic.module_of(node)
        if module is not None:
            return rules.is_reshaping(module)
        return node.target in rules.RESHAPING_FUNCTIONS

    def _convolution(self, weighty: list[Node]) -> tuple[float | None, NormBracket | None]:
        """For a chain whose first layer has a weight: its reshaped norm; and the symbol bound of a lone convolution."""
        module = self.critic.module_of(weighty[0])
        weight = getattr(module, "weight", None)
        if not isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) or weight is None:
            return None, None
        norm = reshaped_norm(weight)
        if len(weighty) > 1 or not isinstance(module, nn.Conv2d) or not _has_symbol(module):
            return norm, None
        stride = (module.stride[0], module.stride[1])
        upper = symbol_bound(weight.detach(), stride, module.groups)
        return norm, NormBracket(0.0, upper, "symbol of the convolution")

    def _stretch(self, node: Node, source: Node) -> float:
        module = self.critic.module_of(node)
        if module is not None:
            found = rules.stretch_of_module(module)
        else:
            arguments, keywords = self.critic.arguments(node)
            found = rules.stretch_of_function(node.target, arguments, keywords)
        name = self.critic.name_of(node)
        if isinstance(found, str):
            raise NoRule(f"{name}: {found}")
        bracket = NormBracket(0.0, found.factor, found.rule)
        shapes = self.critic.shape_of(source), self.critic.shape_of(node)
        self.stages.append(Stage(name, _kind(module, node), bracket, *shapes, vacuous=found.vacuous))
        return found.factor

    def _concatenated(self, node: Node, sources: list[Node]) -> float:
        arguments, keywords = self.critic.arguments(node)
        axis = keywords.get("dim", arguments[1] if len(arguments) > 1 else 0)
        if axis == 0 or axis == -len(self.critic.shape_of(node)) - 1:
            raise NoRule(f"{self.critic.name_of(node)}: mixes the samples of a batch")
        parts: Any = node.args[0] if node.args else node.kwargs["tensors"]
        if len(sources) != len(set(parts)) or any(part not in sources for part in parts):
            raise NoRule(f"{self.critic.name_of(node)}: no rule for a concatenation with constants")
        return math.hypot(*(self.bound(part) for part in parts))


def _has_symbol(module: nn.Conv2d) -> bool:
    zero_padded = module.padding_mode == "zeros" or set(_each(module.padding)) == {0}
    return zero_padded and set(_each(module.dilation)) == {1} and max(module.kernel_size) <= 32


def _each(value: Any) -> Iterator[Any]:
    return iter(value if isinstance(value, tuple) else (value,))


def _kind(module: nn.Module | None, node: Node) -> str:
    return _name(node.target) if module is None else type(module).__name__


def _name(target: Any) -> str:
    return target if isinstance(target, str) else str(getattr(target, "__name__", target))
