"""A critic as a graph of operations, each of which can be applied by itself (torch.fx)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.fx
from torch import Tensor, nn

from wganalyze.errors import NotMeasurable

Values = dict[torch.fx.Node, Any]


@dataclass(frozen=True, eq=False)
class TracedCritic:
    """The graph of a critic in eval mode, float64, for inputs (b, *shape)."""

    graph: torch.fx.GraphModule
    shape: tuple[int, ...]
    device: str
    _runs: dict[int, _Recorder] = field(default_factory=dict)

    def _run(self, batch: int) -> _Recorder:
        """A run on a batch of zeros: its constants include numbers that depend on the size of the batch."""
        if batch not in self._runs:
            recorder = _Recorder(self.graph)
            with torch.no_grad():
                recorder.run(torch.zeros(batch, *self.shape, dtype=torch.float64, device=self.device))
            self._runs[batch] = recorder
        return self._runs[batch]

    @property
    def dependent(self) -> Mapping[torch.fx.Node, tuple[int, ...]]:
        """The nodes whose value depends on the input, in order, with its shape (of a batch of two)."""
        return self._run(2).dependent

    def sources(self, node: torch.fx.Node) -> list[torch.fx.Node]:
        """The parents of a node that depend on the input."""
        return [parent for parent in node.all_input_nodes if parent in self.dependent]

    def users(self, node: torch.fx.Node) -> list[torch.fx.Node]:
        """The nodes that use the value of this one (not only its size)."""
        return [user for user in node.users if user in self.dependent or user.op == "output"]

    def apply(self, nodes: Sequence[torch.fx.Node], source: torch.fx.Node, x: Tensor) -> Tensor:
        """The value of the last of ``nodes``, a chain behind ``source``, where ``source`` has the value ``x``."""
        known = {**self._run(len(x)).constants, source: x}
        interpreter = torch.fx.Interpreter(self.graph)
        for node in nodes:
            arguments, keywords = _filled(node, known)
            known[node] = getattr(interpreter, node.op)(node.target, arguments, keywords)
        result: Tensor = known[nodes[-1]]
        return result

    def arguments(self, node: torch.fx.Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The concrete arguments of a node, with None for what depends on the input."""
        return _filled(node, {**dict.fromkeys(self.dependent), **self._run(2).constants})

    def module_of(self, node: torch.fx.Node) -> nn.Module | None:
        """The layer that a node calls; None for functions and methods."""
        return self.graph.get_submodule(str(node.target)) if node.op == "call_module" else None

    def name_of(self, node: torch.fx.Node) -> str:
        """For people: the layer's path, or the node's name."""
        return str(node.target) if node.op == "call_module" else node.name

    def shape_of(self, node: torch.fx.Node) -> tuple[int, ...]:
        """Shape of a node's value, without the batch axis."""
        return self.dependent[node][1:]

    @property
    def result(self) -> torch.fx.Node:
        """The node whose value the critic returns; NotMeasurable where that is no tensor."""
        output = next(node for node in self.graph.graph.nodes if node.op == "output")
        returned = output.args[0]
        while isinstance(returned, tuple | list):
            returned = returned[0]
        if not isinstance(returned, torch.fx.Node) or returned not in self.dependent:
            raise NotMeasurable("the critic's output does not depend on its input, as far as the tracer sees")
        return returned


class _Recorder(torch.fx.Interpreter):
    """Runs a graph once, and tells what depends on its input from what does not."""

    def __init__(self, graph: torch.fx.GraphModule) -> None:
        super().__init__(graph)
        self.dependent: dict[torch.fx.Node, tuple[int, ...]] = {}
        self.constants: Values = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        value = super().run_node(n)
        touched = n.op == "placeholder" or any(parent in self.dependent for parent in n.all_input_nodes)
        if touched and n.op != "output" and isinstance(value, Tensor):
            self.dependent[n] = tuple(value.shape)
        elif n.op != "output":
            self.constants[n] = value
        return value


def _filled(node: torch.fx.Node, values: Values) -> tuple[tuple[Any, ...], dict[str, Any]]:
    arguments = torch.fx.node.map_arg(node.args, lambda parent: values[parent])
    keywords = torch.fx.node.map_arg(node.kwargs, lambda parent: values[parent])
    return arguments, keywords


def trace(critic: nn.Module, shape: tuple[int, ...], device: str = "cpu") -> TracedCritic:
    """The graph of ``critic``; NotMeasurable, with the reason, where its code cannot be seen through."""
    if isinstance(critic, torch.jit.ScriptModule):
        raise NotMeasurable("TorchScript hides its layers from the tracer")
    try:
        # A critic that is one layer would be a leaf of itself.
        graph = torch.fx.symbolic_trace(critic if _own_code(critic) else nn.Sequential(critic))
        traced = TracedCritic(graph, shape, device)
        same = _agrees(critic, graph, shape, device)
    except Exception as error:  # the critic's own code runs here, on stand-ins: it may raise anything
        line = " ".join(str(error).split())[:160]
        raise NotMeasurable(
            f"the tracer cannot see through the critic's code ({type(error).__name__}: {line})"
        ) from error
    if not same:
        raise NotMeasurable("the critic's code branches on its input: its graph does not give what the critic gives")
    return traced


def _own_code(critic: nn.Module) -> bool:
    return not type(critic).__module__.startswith("torch.nn") or isinstance(critic, nn.Sequential)


def _agrees(critic: nn.Module, graph: nn.Module, shape: tuple[int, ...], device: str) -> bool:
    generator = torch.Generator().manual_seed(0)
    for batch in (1, 3):
        x = torch.randn(batch, *shape, dtype=torch.float64, generator=generator).to(device)
        with torch.no_grad():
            expected, found = (_first(net(x)) for net in (critic, graph))
        if expected.shape != found.shape or not torch.allclose(expected, found, rtol=1e-9, atol=1e-12):
            return False
    return True


def _first(output: Any) -> Tensor:
    while isinstance(output, tuple | list):
        output = output[0]
    return output  # type: ignore[no-any-return]
