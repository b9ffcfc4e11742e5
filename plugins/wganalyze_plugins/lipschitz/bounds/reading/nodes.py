"""What a node of a critic's graph is: how it takes its input, whether it is affine, what people call it."""

from __future__ import annotations

import operator
from typing import Any

from torch import nn
from torch.fx import Graph, GraphModule
from torch.fx.node import Node, map_arg
from torch.nn.utils.parametrize import type_before_parametrizations as kind_of

from wganalyze_plugins.lipschitz.bounds import rules
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic
from wganalyze_plugins.lipschitz.bounds.rules import activations, affine
from wganalyze_plugins.lipschitz.bounds.rules.activations import Activation

_GETITEM = operator.getitem


def places(node: Node, source: Node) -> list[int | str]:
    """Where a node takes a source: positions or keywords ("input" is position 0), once for each time it takes it."""
    named: dict[int | str, Any] = {0 if key == "input" else key: value for key, value in node.kwargs.items()}
    found: list[int | str] = []
    for place, argument in [*enumerate(node.args), *named.items()]:
        taken: list[Node] = []
        map_arg(argument, taken.append)
        found += [place] * taken.count(source)
    return found


def is_affine(critic: TracedCritic, node: Node, source: Node) -> bool:
    """By its rule: affine maps are proved to be such, not recognised by their values."""
    taken = places(node, source)
    if len(taken) != 1:
        return False
    module = critic.module_of(node)
    if module is not None:
        return taken == [0] and (affine.is_affine(module) or affine.is_reshaping(module))
    if node.target is getattr:
        return node.args[1] in affine.TRANSPOSED
    if node.target in affine.CONCATENATING_FUNCTIONS:
        return source in critic.bundles
    if taken == [0] and (_is_off(critic, node) or affine.is_folded_call(node.target, *called(critic, node))):
        return True
    return affine.is_affine_call(node.target, taken[0], node.kwargs)


def is_reshaping(critic: TracedCritic, node: Node) -> bool:
    """An affine node that only moves numbers."""
    module = critic.module_of(node)
    if module is not None:
        return affine.is_reshaping(module)
    return node.target in affine.RESHAPING_FUNCTIONS or node.target is getattr or _is_off(critic, node)


def is_divided(critic: TracedCritic, node: Node) -> bool:
    """Are its value the parts of a tensor, affine in it?"""
    return node in critic.bundles and node.target in affine.DIVIDING_FUNCTIONS | {_GETITEM}


def _is_off(critic: TracedCritic, node: Node) -> bool:
    return node.op != "call_module" and rules.is_dropout_off(node.target, *called(critic, node))


def stretch(critic: TracedCritic, node: Node) -> rules.Stretch | str:
    """The Lipschitz constant of a node of one input that is not affine, or why there is none."""
    (source,) = critic.sources(node)
    shape = critic.shape_of(source)
    module = critic.module_of(node)
    if module is not None:
        return rules.stretch_of_module(module, shape)
    return rules.stretch_of_function(node.target, *called(critic, node), shape)


def activation(critic: TracedCritic, node: Node) -> Activation | None:
    """The function of one number that a node applies to each number; None where it is none."""
    if len(critic.sources(node)) != 1 or places(node, critic.sources(node)[0]) != [0]:
        return None
    module = critic.module_of(node)
    if module is None:
        return rules.activation_of_function(node.target, *called(critic, node))
    return None if rules.altered(module) else rules.activation_of_module(module)


def called(critic: TracedCritic, node: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The concrete arguments of a function, the input's being the first."""
    arguments, keywords = critic.arguments(node)
    if "input" in keywords:
        arguments = (keywords.pop("input"), *arguments)
    return arguments, keywords


def sorted_axis(critic: TracedCritic, node: Node) -> tuple[int, bool] | None:
    """(the axis of a sample along which a node sorts it, is the largest first); None where it does not."""
    if len(critic.sources(node)) != 1 or places(node, critic.sources(node)[0]) != [0]:
        return None
    (source,) = critic.sources(node)
    if critic.module_of(node) is not None or source in critic.bundles or not critic.is_batched(source):
        return None
    return rules.ordering.sorted_axis(node.target, *called(critic, node), critic.shape_of(source))


def gate_axis(critic: TracedCritic, node: Node) -> int | None:
    """The axis of a batch that a gated linear unit divides; None where a node is none."""
    module = critic.module_of(node)
    if module is not None:
        return module.dim if isinstance(module, nn.GLU) else None
    if node.target not in rules.GATES:
        return None
    arguments, keywords = called(critic, node)
    return int(keywords.get("dim", arguments[1] if len(arguments) > 1 else -1))


def overwritten(critic: TracedCritic, node: Node) -> Node | None:
    """What a node writes its result over; None where it leaves its input as it is."""
    if not affine.overwrites(critic.module_of(node), node.target, node.kwargs):
        return None
    first = node.args[0] if node.args else node.kwargs["input"]
    return first if isinstance(first, Node) else None


def is_new(critic: TracedCritic, node: Node) -> bool:
    """Has its value memory of its own? Where that is not sure, no."""
    if node.op == "placeholder":
        return True
    module = critic.module_of(node)
    if affine.overwrites(module, node.target, node.kwargs):
        return False
    if module is not None:
        return not affine.is_reshaping(module)
    return node.target in affine.RENEWING or node.target in activations.FUNCTIONS


def takes_values(node: Node) -> bool:
    """Does it take the numbers of a sort, and not where they were?"""
    return (node.target, node.args[1:]) in ((getattr, ("values",)), (_GETITEM, (0,)))


def opens(critic: TracedCritic, node: Node) -> bool:
    """Does it take one tensor out of several that are not affine in what they come from?"""
    (source,) = critic.sources(node)
    return node.target in (_GETITEM, getattr) and source in critic.bundles and not is_divided(critic, source)


def without_sigmoid(critic: TracedCritic) -> TracedCritic | None:
    """The critic less the sigmoid at its end, in code or a layer: its logit. None where it ends with none."""
    node = critic.result
    while critic.sources(node) and is_reshaping(critic, node):
        (node,) = critic.sources(node)
    module = critic.module_of(node)
    is_sigmoid = kind_of(module) is nn.Sigmoid if module is not None else node.target in rules.SQUASHING
    if not is_sigmoid or places(node, *critic.sources(node)) != [0]:
        return None
    copied = Graph()
    copies: dict[Node, Node] = {}
    copied.output(copied.graph_copy(critic.graph.graph, copies))
    copies[node].replace_all_uses_with(copies[critic.sources(node)[0]])
    copied.erase_node(copies[node])
    return TracedCritic(GraphModule(critic.graph, copied), critic.shape, critic.device)


def kind_of_node(module: nn.Module | None, node: Node) -> str:
    """The class of a layer, or the name of a function."""
    return type(module).__name__ if module is not None else rules.name_of(node.target)
