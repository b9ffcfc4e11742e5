"""Rules of operations that take several parts of a critic: sums, concatenations, maxima, products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch.fx.node import Node

from wganalyze_plugins.lipschitz.bounds import rules
from wganalyze_plugins.lipschitz.bounds.products.segments import NoRule, Segments
from wganalyze_plugins.lipschitz.bounds.reading.boxes import EXTREMES, Ranges
from wganalyze_plugins.lipschitz.bounds.reading.nodes import called, kind_of_node
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic
from wganalyze_plugins.lipschitz.bounds.rules import affine, ordering

MIXES = "mixes the samples of a batch"


def joined(segments: Segments, node: Node, ranges: Ranges | None) -> float | None:
    """The Lipschitz constant of a node of several parts; None where it goes on as a segment. NoRule without a rule."""
    critic = segments.critic
    target = None if node.op == "call_module" else node.target
    parts = [each for each in node.args if isinstance(each, Node)]
    if target in affine.CONCATENATING_FUNCTIONS:
        return _concatenated(segments, node)
    if len(parts) == 2 == len(node.args) and all(part in critic.dependent for part in parts):
        if target in affine.ADDING_FUNCTIONS and node.kwargs.keys() <= {"alpha"}:
            return _added(segments, node, parts)
        if target in EXTREMES and not node.kwargs:
            return _extreme(segments, node, parts)
        if affine.SCALING.get(target) == "mul" and not node.kwargs:
            return _product(segments, node, parts, ranges)
    if target in EXTREMES and len(critic.sources(node)) == 1 and len(node.args) == 2 and not node.kwargs:
        (source,) = critic.sources(node)
        return segments.bound(source) * _repeats(critic, node, [source])[0]
    kind = kind_of_node(critic.module_of(node), node)
    raise _no_rule(critic, node, f"no rule for {kind}() of several parts of the critic")


def _no_rule(critic: TracedCritic, node: Node, reason: str) -> NoRule:
    return NoRule(f"{critic.name_of(node)}: {reason}")


def _repeats(critic: TracedCritic, node: Node, parts: Sequence[Node]) -> list[float]:
    """By what broadcasting stretches each part: sqrt of how often it repeats a number."""
    whole = critic.dependent[node]
    shapes = [critic.dependent[part] for part in parts]
    if any(len(shape) != len(whole) or shape[0] != whole[0] for shape in shapes) or not whole:
        kind = kind_of_node(None, node)
        raise _no_rule(critic, node, f"no rule for {kind}() of tensors of different numbers of axes")
    return [math.sqrt(math.prod(whole) / math.prod(shape)) for shape in shapes]


def _added(segments: Segments, node: Node, parts: list[Node]) -> float | None:
    """K1 + |alpha| K2 (of rsub |alpha| K1 + K2); one affine map where both parts are affine in the same numbers."""
    repeats = _repeats(segments.critic, node, parts)
    if segments.merge(node, parts):
        return None
    _, keywords = segments.critic.arguments(node)
    alpha = keywords.get("alpha", 1)
    weights = (1.0, abs(float(alpha)))
    if affine.ADDING[node.target] == "rsub":
        weights = weights[::-1]
    factors = zip(parts, repeats, weights, strict=True)
    return sum(weight * repeat * segments.bound(part) for part, repeat, weight in factors)


def _extreme(segments: Segments, node: Node, parts: list[Node]) -> float:
    """Each number of max(a, b) moves by the larger of two moves: sqrt(K1^2 + K2^2)."""
    repeats = _repeats(segments.critic, node, parts)
    if max(repeats) > 1:
        return math.hypot(*(repeat * segments.bound(part) for part, repeat in zip(parts, repeats, strict=True)))
    return segments.joint(parts)


def _product(segments: Segments, node: Node, parts: list[Node], ranges: Ranges | None) -> float:
    """pq - p'q' = q (p - p') + p' (q - q'): max|q| K_p + max|p| K_q, over a box alone."""
    critic = segments.critic
    first, second = parts
    if ranges is None:
        reason = "no rule for mul() of several parts of the critic on the whole space; over a box (domain) it has one"
        raise _no_rule(critic, node, reason)
    p, q = _repeats(critic, node, parts)
    most = ranges.largest(second) * p * segments.bound(first) + ranges.largest(first) * q * segments.bound(second)
    if not math.isfinite(most):
        raise _no_rule(critic, node, "mul() of parts whose numbers no rule bounds over the box")
    return most


def _concatenated(segments: Segments, node: Node) -> float | None:
    """sqrt(K1^2 + K2^2), constants counting 0; one affine map where all parts are affine in the same numbers."""
    critic = segments.critic
    arguments, keywords = critic.arguments(node)
    if not keywords.keys() <= {"tensors", "dim"}:
        raise _no_rule(critic, node, "no rule for what it writes into")
    given: Any = node.args[0] if node.args else node.kwargs["tensors"]
    if affine.JOINING[node.target] != "hstack":
        axis = keywords.get("dim", arguments[1] if len(arguments) > 1 else 0)
        if axis % len(critic.dependent[node]) == 0:
            raise _no_rule(critic, node, MIXES)
    if isinstance(given, Node):
        raise _no_rule(critic, node, "no rule for parts that are not listed")
    parts = [part for part in given if part in critic.dependent]
    if critic.dependent[node][0] != critic.dependent[parts[0]][0]:
        raise _no_rule(critic, node, MIXES)
    if any(part in critic.bundles for part in parts):
        raise _no_rule(critic, node, "no rule for several tensors at once")
    if segments.merge(node, parts):
        return None
    return _sorted(segments, parts) if len(parts) == len(given) == 2 else segments.joint(parts)


def _sorted(segments: Segments, parts: list[Node]) -> float:
    """max and min of the same numbers, side by side, are order statistics: they stretch no more than sorting does."""
    first, second = (_order(segments.critic, part) for part in parts)
    if first and second and first[1:] == second[1:] and first[0] != second[0]:
        return segments.joint(first[1])
    return segments.joint(parts)


def _order(critic: TracedCritic, node: Node) -> tuple[str, tuple[Node, ...], frozenset[int]] | None:
    """("largest" or "least", of what, over which axes) of a maximum or minimum of two parts, or over axes."""
    sources = critic.sources(node)
    if node.op == "call_module":
        return None
    if len(sources) == 1 and sources[0] in critic.bundles:
        return _order(critic, sources[0])
    if len(sources) == 2 == len(node.args) and node.target in EXTREMES and not node.kwargs:
        same = len({critic.dependent[each] for each in (node, *sources)}) == 1
        which = "largest" if "max" in rules.name_of(node.target) else "least"
        order = list(critic.dependent)
        return (which, tuple(sorted(sources, key=order.index)), frozenset()) if same else None
    if len(sources) != 1:
        return None
    (source,) = sources
    found = ordering.extreme(node.target, *called(critic, node), critic.shape_of(source))
    if found is None or max(critic.dependent[source][axis] for axis in found[1]) < 2:
        return None  # of one number the largest is the least: it would count twice
    return found[0], (source,), found[1]
