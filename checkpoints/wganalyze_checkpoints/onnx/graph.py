"""A torch graph that grows by one ONNX operation after another: what an entry of the operators' table works with.

Every value is computed as it goes, for a batch of two samples and for one of three. What comes out the same whatever
the samples are is a constant; a whole number that differs is a size, linear in the batch. All else becomes a node of
a ``torch.fx`` graph, with torch's own layers where there is one.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.fx
from torch import Tensor, nn
from torch.fx.node import map_aggregate

BATCHES = (2, 3)


class NoConversion(Exception):
    """Why a graph has no torch module, for a user."""


@dataclass(frozen=True, eq=False)
class Value:
    """A value of the graph, as it is in either batch; ``node`` gives it for any input, None where it is a constant."""

    at: tuple[Tensor, Tensor]
    node: torch.fx.Node | None = None

    @property
    def fixed(self) -> bool:
        """Is it the same whatever the input is, also of another batch?"""
        first, second = self.at
        return self.node is None and (first is second or torch.equal(first, second))


@dataclass(frozen=True)
class Size:
    """A whole number in either batch."""

    at: tuple[int, int]

    @property
    def fixed(self) -> bool:
        """Is it the same in every batch?"""
        return self.at[0] == self.at[1]


@dataclass
class Graph:
    """The torch graph as far as it is built. ``x``: its first input."""

    x: Value
    batch: int | None
    """The size that the file fixes the batch to."""
    nodes: torch.fx.Graph
    size: torch.fx.Node
    """The node that gives the size of the batch."""
    content: dict[str, nn.Module | Tensor] = field(default_factory=dict)
    attributes: dict[Value, torch.fx.Node] = field(default_factory=dict)

    def apply(self, target: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Value:
        """``target(*args)`` as a value: computed now where that is the same for every input, else in the graph."""
        if isinstance(target, nn.Module):
            target = target.double().eval().requires_grad_(False)
        values: list[Value] = []
        map_aggregate((args, kwargs), lambda a: values.append(a) if isinstance(a, Value) else a)
        at = tuple(target(*_at(args, batch), **_at(kwargs, batch)) for batch in (0, 1))
        result = Value((at[0], at[1]))
        whole = not result.at[0].is_floating_point() and result.at[0].shape == result.at[1].shape
        if all(value.node is None for value in values) and (whole or result.fixed):
            return result
        inside = map_aggregate(args, self._inside), map_aggregate(kwargs, self._inside)
        if not isinstance(target, nn.Module):
            return Value(result.at, self.nodes.call_function(target, *inside))
        place = self._place(name)
        self.content[place] = target
        return Value(result.at, self.nodes.call_module(place, *inside))

    def _inside(self, argument: Any) -> Any:
        """An argument as the graph takes it."""
        if isinstance(argument, Size):
            return self._size(argument)
        return self.node(argument) if isinstance(argument, Value) else argument

    def node(self, value: Value) -> torch.fx.Node:
        """The node of a value; a constant becomes a buffer."""
        if value.node is not None:
            return value.node
        if not value.fixed:
            raise NoConversion("it computes with the size of the batch")
        if value not in self.attributes:
            name = f"constant_{len(self.attributes)}"
            self.content[name] = value.at[0]
            self.attributes[value] = self.nodes.get_attr(name)
        return self.attributes[value]

    def _size(self, size: Size) -> int | torch.fx.Node:
        if size.fixed:
            return size.at[0]
        slope = (size.at[1] - size.at[0]) // (BATCHES[1] - BATCHES[0])
        rest = size.at[0] - slope * BATCHES[0]
        grown = self.size if slope == 1 else self.nodes.call_function(operator.mul, (self.size, slope))
        return grown if rest == 0 else self.nodes.call_function(operator.add, (grown, rest))

    def _place(self, name: str) -> str:
        """Where a layer lies in the module: under the name of its weight, if no other one lies there."""
        free = not any(f"{a}.".startswith(f"{b}.") for other in self.content for a, b in ((name, other), (other, name)))
        usable = re.fullmatch(r"\w+(\.\w+)*", name) and not hasattr(torch.fx.GraphModule, name.split(".")[0])
        return name if free and usable else f"layer_{len(self.content)}"


def _at(arguments: Any, batch: int) -> Any:
    """Arguments as they are in the first or in the second batch."""
    return map_aggregate(arguments, lambda a: a.at[batch] if isinstance(a, Value | Size) else a)


@dataclass(frozen=True)
class Call:
    """One operation of the ONNX graph on its way to torch: what an entry of the table is given."""

    graph: Graph
    operator: str
    version: int
    arguments: Sequence[Value | None]
    attributes: Mapping[str, Any]
    outputs: int
    name: str

    def __getitem__(self, position: int) -> Value:
        """An argument that must be there."""
        value = self.optional(position)
        if value is None:
            raise NoConversion(f"{self.operator} without its argument {position}")
        return value

    def optional(self, position: int) -> Value | None:
        """An argument, if it is there."""
        return self.arguments[position] if position < len(self.arguments) else None

    def constant(self, position: int) -> Tensor | None:
        """A constant argument, if it is there."""
        value = self.optional(position)
        if value is not None and not value.fixed:
            raise NoConversion(f"{self.operator} with an argument that is computed")
        return None if value is None else value.at[0]

    def whole(self, position: int, attribute: str) -> list[int] | None:
        """Constant whole numbers: an argument, or in older files an attribute."""
        argument = self.constant(position)
        return self.attributes.get(attribute) if argument is None else [int(n) for n in argument.reshape(-1)]

    def sizes(self, position: int) -> list[Size]:
        """A shape, which may depend on the batch. A batch of data that the file fixes is set free."""
        value = self[position]
        if value.node is not None:
            raise NoConversion(f"{self.operator} to a shape that is computed")
        sizes = [Size((int(a), int(b))) for a, b in zip(*(at.reshape(-1) for at in value.at), strict=True)]
        if sizes and self[0].node is not None and sizes[0].at == (self.graph.batch, self.graph.batch):
            sizes[0] = Size(BATCHES)
        return sizes

    def apply(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Value:
        """``target(*args)``; a Value or Size among the arguments stands for what it is."""
        return self.graph.apply(target, self.name, *args, **kwargs)


Conversion = Callable[[Call], "Value | Sequence[Value]"]


class Table(dict[str, Conversion]):
    """Operators by name, and what gives their values: one, or one for each output."""

    def entry(self, *names: str) -> Callable[[Conversion], Conversion]:
        """A decorator that enters a conversion under its operators' names."""

        def enter(conversion: Conversion) -> Conversion:
            self.update(dict.fromkeys(names, conversion))
            return conversion

        return enter


def axes_of(c: Call) -> int:
    """Number of spatial axes of the first argument."""
    return c[0].at[0].dim() - 2


def reshaped(c: Call, x: Value, sizes: Sequence[Size | int]) -> Value:
    """``x`` in another shape; one axis that depends on the batch is whatever the others leave."""
    shapes = [
        at.reshape([n if isinstance(n, int) else n.at[batch] for n in sizes]).shape for batch, at in enumerate(x.at)
    ]
    lengths: list[Size | int] = [Size((a, b)) for a, b in zip(*shapes, strict=True)]
    moving = [i for i, (a, b) in enumerate(zip(*shapes, strict=True)) if a != b]
    if len(moving) == 1:
        lengths[moving[0]] = -1
    return c.apply(torch.reshape, x, lengths)
