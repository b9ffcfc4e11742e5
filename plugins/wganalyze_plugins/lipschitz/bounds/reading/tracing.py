"""A critic as a graph of operations, each of which can be applied by itself (torch.fx)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.fx
from torch import Tensor, nn
from torch.fx.node import map_arg
from torch.nn.utils.parametrize import type_before_parametrizations

from wganalyze import NotMeasurable
from wganalyze_plugins.lipschitz.bounds.reading.programs import is_program, operations
from wganalyze_plugins.lipschitz.bounds.rules.affine import RENEWING, overwrites

Values = dict[torch.fx.Node, Any]
SIZES = frozenset(["size", "dim", "ndimension", "numel", "nelement", "shape", "ndim", "dtype", "device"])
"""Methods and attributes of a tensor that tell nothing of the numbers in it."""
SCALES = (1.0, 1e-2, 1e2)
MIXES = "mixes the samples of a batch: its score is no function of one sample"


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

    @property
    def bundles(self) -> Set[torch.fx.Node]:
        """The nodes whose value is several tensors that depend on the input; of no shape."""
        return self._run(2).bundles

    def sources(self, node: torch.fx.Node) -> list[torch.fx.Node]:
        """The parents of a node that depend on the input."""
        return [parent for parent in node.all_input_nodes if parent in self.dependent]

    def users(self, node: torch.fx.Node) -> list[torch.fx.Node]:
        """The nodes that use the value of this one (not only its size)."""
        return [user for user in node.users if user in self.dependent or user.op == "output"]

    def apply(self, nodes: Sequence[torch.fx.Node], source: torch.fx.Node, x: Tensor) -> Tensor:
        """The value of the last of ``nodes``, a chain behind ``source``, where ``source`` has the value ``x``."""
        result: Tensor = self.values(nodes, {source: x})[nodes[-1]]
        return result

    def values(self, nodes: Sequence[torch.fx.Node], given: Mapping[torch.fx.Node, Any]) -> Values:
        """The values of ``nodes``, in their order, where other nodes have the values ``given``: batches of one size."""
        first = next(iter(given.values()))
        batch = len(first if isinstance(first, Tensor) else first[0])
        known = {**self._run(batch).constants, **given}
        known |= {node: value.clone() for node, value in given.items() if isinstance(value, Tensor)}  # some overwrite
        interpreter = torch.fx.Interpreter(self.graph)
        for node in nodes:
            arguments, keywords = _filled(node, known)
            known[node] = getattr(interpreter, node.op)(node.target, arguments, keywords)
        return known

    def constants_of(self, node: torch.fx.Node) -> Values:
        """The parents of a node that do not depend on the input, with their values (for a batch of two)."""
        constants = self._run(2).constants
        return {parent: constants[parent] for parent in node.all_input_nodes if parent in constants}

    def arguments(self, node: torch.fx.Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The concrete arguments of a node, with the node for what depends on the input."""
        return _filled(node, {**{parent: parent for parent in self.dependent}, **self._run(2).constants})

    def module_of(self, node: torch.fx.Node) -> nn.Module | None:
        """The layer that a node calls; None for functions and methods."""
        return self.graph.get_submodule(str(node.target)) if node.op == "call_module" else None

    def name_of(self, node: torch.fx.Node) -> str:
        """For people: the layer's path, or the node's name."""
        return str(node.target).removeprefix("0.") if node.op == "call_module" else node.name

    def shape_of(self, node: torch.fx.Node) -> tuple[int, ...]:
        """Shape of a node's value, without the batch axis."""
        return self.dependent[node][1:]

    def is_batched(self, node: torch.fx.Node) -> bool:
        """Is the first axis of a node's value that of the batch? Not of one that was transposed there."""
        return node in self.bundles or self._run(3).dependent[node] == (3, *self.shape_of(node))

    @property
    def result(self) -> torch.fx.Node:
        """The node whose value the critic returns; NotMeasurable where that is no tensor."""
        output = next(node for node in self.graph.graph.nodes if node.op == "output")
        returned = output.args[0]
        while isinstance(returned, tuple | list):
            returned = returned[0]
        if not isinstance(returned, torch.fx.Node) or returned not in self.dependent or returned in self.bundles:
            raise NotMeasurable("the critic's output does not depend on its input, as far as the tracer sees")
        return returned


class _Recorder(torch.fx.Interpreter):
    """Runs a graph once, and tells what depends on its input from what does not."""

    def __init__(self, graph: torch.fx.GraphModule) -> None:
        super().__init__(graph)
        self.dependent: dict[torch.fx.Node, tuple[int, ...]] = {}
        self.bundles: set[torch.fx.Node] = set()
        self.constants: Values = {}
        self.opaque = ""
        """What the graph alone does not tell: a number that is read out of a tensor, or one of another type."""

    def run_node(self, n: torch.fx.Node) -> Any:
        module = self.submodules.get(str(n.target)) if n.op == "call_module" else None
        over = n.args[0] if n.args else n.kwargs.get("input")
        if isinstance(over, torch.fx.Node) and over in self.constants and overwrites(module, n.target, n.kwargs):
            if _is_shared(over, n):
                self.opaque = self.opaque or f"{n.name} overwrites a constant"
            else:  # who used it before has used what it was
                self.constants[over] = self.constants[over].clone()
        value = super().run_node(n)
        touched = n.op == "placeholder" or any(parent in self.dependent for parent in n.all_input_nodes)
        if n.op == "output":
            return value
        if touched and isinstance(value, Tensor):
            self.dependent[n] = tuple(value.shape)
            if value.dtype != torch.float64:
                self.opaque = self.opaque or f"{n.name} computes in {value.dtype}, not in torch.float64"
            return value
        if touched and n.op != "call_module" and _are_tensors(value):
            self.dependent[n] = ()
            self.bundles.add(n)
            return value
        if touched and not _tells_size(n):
            self.opaque = self.opaque or f"{n.name} gives {type(value).__name__}, not a tensor"
        self.constants[n] = value
        return value


def _is_shared(constant: torch.fx.Node, by: torch.fx.Node) -> bool:
    """May others have the memory of a constant that is overwritten? Where that is not sure, yes."""
    own = constant.target in RENEWING  # or in its form that overwrites, which was asked about before
    return not own or any(user is not by and user.target not in RENEWING for user in constant.users)


def _are_tensors(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) > 0 and all(isinstance(each, Tensor) for each in value)


def _tells_size(node: torch.fx.Node) -> bool:
    if node.op == "call_method":
        return node.target in SIZES
    return node.target is getattr and node.args[1] in SIZES


def _filled(node: torch.fx.Node, values: Values) -> tuple[tuple[Any, ...], dict[str, Any]]:
    arguments = map_arg(node.args, lambda parent: values[parent])
    keywords = map_arg(node.kwargs, lambda parent: values[parent])
    return arguments, keywords


class _Tracer(torch.fx.Tracer):
    """Stops at torch's own layers alone, also under a parametrization; a stranger's subclass is seen through."""

    proxy_buffer_attributes = True

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        kind = type_before_parametrizations(m)
        return kind.__module__.startswith("torch.nn.") and kind is not nn.Sequential


def trace(critic: nn.Module, shape: tuple[int, ...], device: str = "cpu") -> TracedCritic:
    """The graph of ``critic``; NotMeasurable, with the reason, where its code cannot be seen through."""
    if any(isinstance(module, torch.jit.ScriptModule) for module in critic.modules()):
        raise NotMeasurable("TorchScript hides its layers from the tracer")
    try:
        graph = operations(critic, shape, device) if is_program(critic) else _layers(critic)
        _follow_overwritten(graph)
        traced = TracedCritic(graph, shape, device)
        problem = traced._run(2).opaque or _difference(critic, graph, shape, device)
    except Exception as error:  # the critic's own code runs here, on stand-ins: it may raise anything
        line = " ".join(str(error).split())[:160]
        raise NotMeasurable(
            f"the tracer cannot see through the critic's code ({type(error).__name__}: {line})"
        ) from error
    if problem:
        raise NotMeasurable(f"the critic's code: {problem}")
    return traced


def _layers(critic: nn.Module) -> torch.fx.GraphModule:
    """Layers of torch, and functions between."""
    # Inside of another module, so that hooks of the critic itself, and a critic that is one layer, are seen.
    inside = nn.Sequential(critic)
    inside.training = critic.training
    return torch.fx.GraphModule(inside, _Tracer().trace(inside))


def _follow_overwritten(graph: torch.fx.GraphModule) -> None:
    """What is used after it was overwritten is the result of the overwriting: say so in the graph."""
    order = {node: place for place, node in enumerate(graph.graph.nodes)}
    for node in order:
        over = node.args[0] if node.args else None
        module = graph.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(over, torch.fx.Node) and overwrites(module, node.target, node.kwargs):
            for user in [user for user in over.users if order[user] > order[node]]:
                user.replace_input_with(over, node)
    graph.recompile()


def _difference(critic: nn.Module, graph: nn.Module, shape: tuple[int, ...], device: str) -> str:
    """Why the graph cannot stand for the critic; "" where both agree, and on single samples too."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(3, *shape, dtype=torch.float64, generator=generator).to(device)
    for x in (scale * normal for scale in SCALES):
        expected = _scores(critic, x)
        if not _same(expected, _scores(critic, x)):
            return "is random in eval mode"
        if not is_per_sample(lambda points: _scores(critic, points), x):
            return MIXES
        if not (_same(expected, _scores(graph, x)) and _same(expected[:1], _scores(graph, x[:1]))):
            return "branches on its input, so that its graph does not give what the critic gives"
    return ""


def is_per_sample(score: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Does a score, (n, *shape) -> (n,), give each sample the same alone as in a batch?"""
    return _same(score(x), torch.cat([score(x[i : i + 1]) for i in range(len(x))]))


def _scores(net: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        output = net(x.clone())
    while isinstance(output, tuple | list):
        output = output[0]
    return output.reshape(len(x), -1)  # type: ignore[no-any-return]


def _same(first: Tensor, second: Tensor) -> bool:
    scale = float(first.nan_to_num(0.0, 0.0, 0.0).abs().max())
    return torch.allclose(first, second, rtol=0, atol=1e-9 * scale, equal_nan=True)
