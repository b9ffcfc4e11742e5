"""Operators that compute with numbers and shapes: each converted, and equal to onnxruntime, alone in a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.checkpoints.onnx.conftest import node
from torch import nn

pytestmark = pytest.mark.formats

Arguments = tuple[Any, ...]


@pytest.fixture
def check(converted: Callable[..., tuple[nn.Module, nn.Module]]) -> Callable[..., None]:
    """``check(nodes, *shape, constants, version)``: a graph of these nodes from x to y is converted and agrees."""

    def check(nodes: list[Any], *shape: int, constants: dict[str, Any] | None = None, version: int = 20) -> None:
        module, network = converted(nodes, shape, constants, version)
        x_values = torch.rand(6, *shape, generator=torch.Generator().manual_seed(9)) + 0.1
        torch.testing.assert_close(module(x_values), network(x_values), rtol=1e-4, atol=1e-5, equal_nan=True)
        assert module.double()(x_values.double()).dtype == torch.float64
        assert "x" in str(module.graph)

    return check


@pytest.mark.parametrize(
    "operator",
    ["Neg", "Abs", "Exp", "Erf", "Sin", "Cos", "Floor", "Ceil", "Round", "Sign", "Identity", "Reciprocal"],
)
def test_functions_of_a_number(check: Callable[..., None], operator: str) -> None:
    check([node(operator, "x")], 3, 4)


@pytest.mark.parametrize("operator", ["Log", "Sqrt"])
def test_functions_of_a_positive_number(check: Callable[..., None], operator: str) -> None:
    check([node("Abs", "x", gives="a"), node(operator, "a")], 3, 4)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
@pytest.mark.parametrize("shape", [(), (4,), (3, 1), (1, 3, 4)])
def test_two_numbers(check: Callable[..., None], operator: str, shape: tuple[int, ...]) -> None:
    c = torch.rand(shape) + 1
    check([node(operator, "x", "c")], 3, 4, constants={"c": c})
    check([node(operator, "c", "x")], 3, 4, constants={"c": c})
    check([node("Exp", "x", gives="e"), node(operator, "x", "e")], 3, 4)


def test_powers(check: Callable[..., None]) -> None:
    check([node("Pow", "x", "two")], 3, constants={"two": torch.tensor(2.0)})
    check([node("Abs", "x", gives="a"), node("Pow", "a", "half")], 3, constants={"half": torch.tensor([0.5])})


def test_remainders(check: Callable[..., None]) -> None:
    check([node("Mod", "x", "c", fmod=1)], 3, constants={"c": torch.tensor(0.7)})
    nodes = [node("Mod", "five", "three", gives="i"), node("Gather", "x", "i", axis=1)]
    check(nodes, 4, constants={"five": torch.tensor(-5), "three": torch.tensor(3)})


def test_sums_of_many(check: Callable[..., None]) -> None:
    check([node("Exp", "x", gives="e"), node("Sum", "x", "e", "c")], 3, constants={"c": torch.ones(3)})
    check([node("Exp", "x", gives="e"), node("Max", "x", "e", "c")], 3, constants={"c": torch.ones(3)})


@pytest.mark.parametrize("operator", ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
def test_comparisons_choose(check: Callable[..., None], operator: str) -> None:
    compare = node(operator, "r", "c", gives="is")
    constants = {"c": torch.tensor(0.0), "d": torch.tensor(5.0)}
    check([node("Round", "x", gives="r"), compare, node("Where", "is", "x", "d")], 3, constants=constants)
    check([node("Round", "x", gives="r"), compare, node("Cast", "is", to=1)], 3, constants=constants)


def test_logic(check: Callable[..., None]) -> None:
    parts = [node("Less", "x", "c", gives="a"), node("Greater", "x", "d", gives="b")]
    for last in (node("And", "n", "b", gives="r"), node("Or", "a", "n", gives="r")):
        nodes = [*parts, node("Not", "a", gives="n"), last, node("Cast", "r", to=1)]
        check(nodes, 3, constants={"c": torch.tensor(0.5), "d": torch.tensor(-0.5)})


def test_numbers_become_whole_and_whole_ones_real(check: Callable[..., None]) -> None:
    check([node("Cast", "x", gives="i", to=7), node("Cast", "i", to=1)], 3)
    check([node("Cast", "x", gives="d", to=11), node("Cast", "d", to=1)], 3)
    check([node("Cast", "x", gives="i", to=7), node("CastLike", "i", "x")], 3)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_concatenations(check: Callable[..., None], axis: int) -> None:
    check([node("Exp", "x", gives="e"), node("Concat", "x", "e", axis=axis)], 3, 4)


def test_an_einsum(check: Callable[..., None]) -> None:
    check([node("Einsum", "x", "c", equation="bij,jk->bik")], 3, 4, constants={"c": torch.randn(4, 2)})


# Shapes


@pytest.mark.parametrize("shape", [[-1, 12], [0, 12], [0, -1], [0, 0, 2, 2], [-1, 3, 2, 2], [-1, 2, 6]])
def test_shapes_that_are_stated(check: Callable[..., None], shape: list[int]) -> None:
    check([node("Reshape", "x", "shape")], 3, 4, constants={"shape": shape})


def test_shapes_that_are_computed_as_old_exporters_do(check: Callable[..., None]) -> None:
    nodes = [
        node("Shape", "x", gives="all"),
        node("Gather", "all", "zero", gives="batch", axis=0),
        node("Unsqueeze", "batch", "axes", gives="first"),
        node("Concat", "first", "rest", gives="shape", axis=0),
        node("Reshape", "x", "shape"),
    ]
    check(nodes, 3, 4, constants={"zero": torch.tensor(0), "axes": [0], "rest": [2, 6]})
    check(nodes, 3, 4, constants={"zero": torch.tensor(0), "axes": [0], "rest": [-1]})
    nodes[-2:] = [
        node("Slice", "all", "from", "to", gives="others"),
        node("Concat", "first", "others", gives="shape", axis=0),
        node("Reshape", "x", "shape"),
    ]
    check(nodes, 3, 4, constants={"zero": torch.tensor(0), "axes": [0], "from": [1], "to": [2**62]})


def test_sizes_are_numbers_to_compute_with(check: Callable[..., None]) -> None:
    nodes = [
        node("Shape", "x", gives="batch", start=0, end=1),
        node("Mul", "batch", "three", gives="more"),
        node("Div", "twelve", "three", gives="less"),
        node("Concat", "more", "less", gives="shape", axis=0),
        node("Reshape", "x", "shape", gives="rows"),
        node("Reshape", "rows", "back"),
    ]
    check(nodes, 3, 4, constants={"three": [3], "twelve": [12], "back": [-1, 12]})
    nodes = [node("Size", "x", gives="n"), node("Cast", "n", gives="r", to=1), node("Mul", "x", "r")]
    with pytest.raises(Exception, match="the size of the batch"):
        check(nodes, 3)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_flattening(check: Callable[..., None], axis: int) -> None:
    last = [] if axis == 1 else [node("Reshape", "f", "shape")]
    nodes = [node("Flatten", "x", gives="f" if last else "y", axis=axis), *last]
    check(nodes, 3, 4, 2, constants={"shape": [-1, 24]})


def test_axes_are_turned_added_and_taken_away(check: Callable[..., None]) -> None:
    check([node("Transpose", "x", perm=[0, 2, 1])], 3, 4)
    check([node("Unsqueeze", "x", "axes")], 3, 4, constants={"axes": [1, -1]})
    check([node("Squeeze", "x", "axes")], 1, 4, constants={"axes": [1]})
    check([node("Unsqueeze", "x", axes=[1, 3])], 3, 4, version=11)
    check([node("Squeeze", "x", axes=[1])], 1, 4, version=11)


def test_values_are_repeated(check: Callable[..., None]) -> None:
    check([node("Expand", "x", "shape")], 1, 4, constants={"shape": [3, 1]})
    check([node("Tile", "x", "times")], 3, 4, constants={"times": [1, 2, 3]})
    nodes = [
        node("Shape", "x", gives="b", start=0, end=1),
        node("Concat", "b", "n", gives="shape", axis=0),
        node("Expand", "c", "shape", gives="e"),
        node("Concat", "x", "e", axis=1),
    ]
    check(nodes, 3, constants={"n": [2], "c": torch.randn(1, 2)})


@pytest.mark.parametrize("kind", [1, 7])
def test_constants_of_a_size(check: Callable[..., None], kind: int) -> None:
    from onnx import helper

    nodes = [
        node("Shape", "x", gives="s"),
        node("ConstantOfShape", "s", gives="c", value=helper.make_tensor("v", kind, [1], [3])),
        node("Cast", "c", gives="f", to=1),
        node("Add", "x", "f"),
    ]
    check(nodes, 3)
    check([node("ConstantOfShape", "n", gives="c"), node("Add", "x", "c")], 3, constants={"n": [3]})


def test_constants_in_nodes(check: Callable[..., None]) -> None:
    for value in ({"value_float": 0.5}, {"value_floats": [1.0, 2.0, 3.0]}):
        check([node("Constant", gives="c", **value), node("Mul", "x", "c")], 3)
    check([node("Constant", gives="s", value_ints=[-1, 2, 2]), node("Reshape", "x", "s")], 4)
    check([node("Constant", gives="i", value_int=1), node("Gather", "x", "i", axis=1)], 4)


def test_a_range_picks(check: Callable[..., None]) -> None:
    nodes = [node("Range", "a", "b", "c", gives="r"), node("Gather", "x", "r", axis=1)]
    check(nodes, 6, constants={"a": torch.tensor(0), "b": torch.tensor(6), "c": torch.tensor(2)})


# Parts


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [(0, 2, 1), (1, 2**62, 1), (-2, 5, 1), (0, 5, 2), (4, 0, -1), (-1, -(2**62), -1), (-1, -6, -2), (2**62, 1, -1)],
)
def test_slices(check: Callable[..., None], start: int, end: int, step: int) -> None:
    constants = {"start": [start], "end": [end], "axis": [2], "step": [step]}
    check([node("Slice", "x", "start", "end", "axis", "step")], 3, 5, constants=constants)


def test_slices_of_old_opsets(check: Callable[..., None]) -> None:
    check([node("Slice", "x", axes=[1], starts=[1], ends=[3])], 5, version=9)


def test_splits(check: Callable[..., None]) -> None:
    check([node("Split", "x", gives="a y", axis=1, num_outputs=2)], 5)
    check([node("Split", "x", "parts", gives="a b y", axis=1)], 6, constants={"parts": [1, 2, 3]})
    check([node("Split", "x", gives="a y", axis=1, split=[2, 3])], 5, version=11)


@pytest.mark.parametrize("index", [1, -1, [0, 2], [[0, 1], [2, 0]]])
def test_gathering(check: Callable[..., None], index: Any) -> None:
    check([node("Gather", "x", "i", axis=1)], 3, 4, constants={"i": torch.tensor(index)})


def test_gathering_by_element(check: Callable[..., None]) -> None:
    nodes = [
        node("Shape", "x", gives="s"),
        node("Expand", "i", "s", gives="e"),
        node("GatherElements", "x", "e", axis=1),
    ]
    check(nodes, 3, constants={"i": torch.tensor([[2, 0, 1]])})


def test_one_hot_vectors(check: Callable[..., None]) -> None:
    nodes = [
        node("Clip", "x", "low", "high", gives="c"),
        node("Cast", "c", gives="i", to=7),
        node("OneHot", "i", "n", "values"),
    ]
    constants = {"low": torch.tensor(0.0), "high": torch.tensor(3.0), "n": torch.tensor(4)}
    check(nodes, 3, constants={**constants, "values": torch.tensor([-1.0, 2.0])})


@pytest.mark.parametrize("operator", ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"])
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("axes", [[1], [-1], [1, 2]])
def test_reductions(check: Callable[..., None], operator: str, keep: int, axes: list[int]) -> None:
    check([node(operator, "x", "axes", keepdims=keep)], 3, 4, constants={"axes": axes})
    check([node(operator, "x", axes=axes, keepdims=keep)], 3, 4, version=11)


def test_a_reduction_of_nothing(check: Callable[..., None]) -> None:
    check([node("ReduceSum", "x", "axes", noop_with_empty_axes=1)], 3, constants={"axes": torch.zeros(0).long()})
