"""Graphs of critics whose layers are no torch modules, such as Keras models: the operations of torch that they run."""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.fx
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

BATCHES = (2, 3)
"""Sizes of the batches that a graph is recorded on; what differs between both depends on the size."""


def is_program(critic: nn.Module) -> bool:
    """Does a part of it say that it runs a program that a tracer of modules cannot see through?"""
    return any(getattr(module, "runs_a_program", False) for module in critic.modules())


def operations(critic: nn.Module, shape: tuple[int, ...], device: str) -> torch.fx.GraphModule:
    """The graph of ATen operations of a critic, for batches of any size; ValueError where it depends on the size."""
    smaller, larger = (_recorded(critic, batch, shape, device) for batch in BATCHES)
    pairs = list(zip(smaller.graph.nodes, larger.graph.nodes, strict=False))
    if len(smaller.graph.nodes) != len(larger.graph.nodes) or any(a.target != b.target for a, b in pairs):
        raise ValueError("its operations depend on the size of the batch")
    graph = larger.graph
    start = next(iter(graph.nodes))
    with graph.inserting_after(start):
        size = graph.call_method("size", (start, 0))
    for before, node in pairs:
        node.args = _with_sizes(graph, node, size, before.args, node.args)
        node.kwargs = _with_sizes(graph, node, size, before.kwargs, node.kwargs)
    larger.recompile()
    return larger


def _recorded(critic: nn.Module, batch: int, shape: tuple[int, ...], device: str) -> torch.fx.GraphModule:
    x = torch.randn(batch, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad():
        recorded = make_fx(lambda points: critic(points))(x)
    recorded.graph.eliminate_dead_code()
    return recorded


def _with_sizes(graph: torch.fx.Graph, node: torch.fx.Node, size: Any, small: Any, large: Any) -> Any:
    """The arguments ``large``, where whole numbers that grow with the batch are multiples of its size."""
    if isinstance(large, dict):
        return {key: _with_sizes(graph, node, size, small[key], value) for key, value in large.items()}
    if isinstance(large, tuple | list):
        if len(small) != len(large):
            raise ValueError("its operations depend on the size of the batch")
        return type(large)(_with_sizes(graph, node, size, a, b) for a, b in zip(small, large, strict=True))
    if isinstance(large, torch.fx.Node) or small == large:
        return large
    times, rest = divmod(large, BATCHES[1]) if isinstance(large, int) else (0, 1)
    if rest or small != times * BATCHES[0]:
        raise ValueError("its operations depend on the size of the batch")
    with graph.inserting_before(node):
        return size if times == 1 else graph.call_function(operator.mul, (size, times))
