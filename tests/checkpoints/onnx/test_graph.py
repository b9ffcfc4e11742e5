"""The growing torch graph: constants are folded, sizes follow the batch, and all else becomes a node."""

from __future__ import annotations

import operator
from typing import Any

import pytest
import torch
import torch.fx
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_checkpoints.onnx.graph import BATCHES, Call, Graph, NoConversion, Size, Table, Value, reshaped


def begin(*shape: int, batch: int | None = None) -> Graph:
    """A graph with one input."""
    nodes = torch.fx.Graph()
    x = nodes.placeholder("x")
    samples = [torch.randn(n, *shape, dtype=torch.float64) for n in BATCHES]
    return Graph(Value((samples[0], samples[1]), x), batch, nodes, nodes.call_method("size", (x, 0)))


def finish(graph: Graph, value: Value) -> torch.fx.GraphModule:
    """The module that gives this value."""
    graph.nodes.output(graph.node(value))
    return torch.fx.GraphModule(graph.content, graph.nodes)


def call(graph: Graph, *arguments: Value, **attributes: Any) -> Call:
    """An operation of that graph."""
    return Call(graph, "Test", 20, arguments, attributes, 1, "test")


def constant(value: Any) -> Value:
    """A value that is the same in either batch."""
    tensor = torch.as_tensor(value)
    return Value((tensor, tensor))


def test_what_does_not_depend_on_the_input_is_computed_at_once() -> None:
    graph = begin(2)
    before = len(graph.nodes.nodes)
    value = graph.apply(operator.add, "", constant([1.0, 2.0]), constant([10.0, 20.0]))
    assert value.fixed
    assert value.at[0].tolist() == [11, 22]
    assert len(graph.nodes.nodes) == before


def test_what_depends_on_the_input_becomes_a_node_and_its_constants_buffers() -> None:
    graph = begin(2)
    shift = constant([1.0, 2.0])
    once = graph.apply(operator.add, "", graph.x, shift)
    module = finish(graph, graph.apply(operator.mul, "", once, shift))
    assert not once.fixed
    assert [buffer.tolist() for buffer in module.buffers()] == [[1, 2]]
    assert module(torch.tensor([[3.0, 4.0]])).tolist() == [[4, 12]]


def test_layers_lie_under_the_names_of_their_weights_where_these_are_free() -> None:
    graph = begin(2)
    value = graph.x
    for name in ("net.0", "net.0", "net", "train", "a/b", "net.1"):
        value = graph.apply(nn.ReLU(), name, value)
    module = finish(graph, value)
    named = {name for name, each in module.named_modules() if isinstance(each, nn.ReLU)}
    assert named == {"net.0", "net.1", "layer_1", "layer_2", "layer_3", "layer_4"}
    assert module(torch.tensor([-1.0, 2.0])).tolist() == [0, 2]


@given(st.integers(-3, 3), st.integers(-3, 3), st.integers(1, 9))
def test_a_size_is_linear_in_the_batch(slope: int, rest: int, batch: int) -> None:
    graph = begin(1)
    at = [slope * n + rest for n in BATCHES]
    value = graph.apply(lambda x, n: x * n, "", graph.x, Size((at[0], at[1])))
    found = finish(graph, value)(torch.ones(batch, 1))
    assert found.tolist() == [[slope * batch + rest]] * batch


def test_a_number_of_the_batch_is_no_constant() -> None:
    graph = begin(2)
    size = Value((torch.tensor(2.0), torch.tensor(3.0)))
    with pytest.raises(NoConversion, match="the size of the batch"):
        graph.apply(operator.mul, "", graph.x, size)


@pytest.mark.parametrize(
    ("shape", "sizes", "expected"),
    [
        ((4, 3), [(2, 3), (12, 12)], (5, 12)),
        ((4, 3), [(-1, -1), (12, 12)], (5, 12)),
        ((4, 3), [(2, 3), (-1, -1)], (5, 12)),
        ((4, 3), [(8, 12), (3, 3)], (20, 3)),
        ((4, 3), [(1, 1), (-1, -1)], (1, 60)),
        ((12,), [(2, 3), (4, 4), (3, 3)], (5, 4, 3)),
        ((12,), [(2, 3), (4, 4), (3, 3), (1, 1)], (5, 4, 3, 1)),
    ],
)
def test_a_shape_holds_for_any_batch(
    shape: tuple[int, ...], sizes: list[tuple[int, int]], expected: tuple[int, ...]
) -> None:
    graph = begin(*shape)
    module = finish(graph, reshaped(call(graph, graph.x), graph.x, [Size(at) for at in sizes]))
    x = torch.randn(5, *shape)
    assert torch.equal(module(x), x.reshape(expected))


def test_a_shape_in_which_two_axes_depend_on_the_batch() -> None:
    graph = begin(4)
    repeated = graph.apply(torch.broadcast_to, "", graph.x, [Size((2, 3)), Size((2, 3)), 4])
    assert finish(graph, repeated)(torch.ones(5, 4)).shape == (5, 5, 4)


def test_arguments_of_a_call() -> None:
    graph = begin(2, batch=7)
    found = call(graph, graph.x, constant([7, 3]), axes=[5])
    assert found.whole(1, "axes") == [7, 3]
    assert found.whole(2, "axes") == [5]
    assert found.whole(2, "other") is None
    assert found.constant(2) is None
    assert [size.at for size in found.sizes(1)] == [BATCHES, (3, 3)], "a batch that the file fixes is set free"
    for wrong in (lambda: found[2], lambda: found.constant(0), lambda: found.sizes(0)):
        with pytest.raises(NoConversion):
            wrong()


def test_a_table_enters_under_all_names() -> None:
    table = Table()

    @table.entry("A", "B")
    def enter(c: Call) -> Value:
        return c[0]

    assert table == {"A": enter, "B": enter}


def test_layers_compute_in_float64_while_the_graph_grows() -> None:
    graph = begin(3)
    value = graph.apply(nn.Linear(3, 1), "l", graph.x)
    assert value.at[0].dtype == torch.float64
    assert isinstance(value.at[0], Tensor)
    assert not any(parameter.requires_grad for parameter in finish(graph, value).parameters())
