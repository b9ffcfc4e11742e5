"""Calls of Keras 2 as Keras 3 writes them, counted anew."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.checkpoints.keras.keras2 import called, dense, functional, given, sequential

from wganalyze_checkpoints.keras.calls import renew_graph


def renewed(last: list[Any], output: list[Any]) -> dict[str, Any]:
    """The graph of z, a Sequential and a functional model inside, and a layer that is called so."""
    inner = functional("narrow", [called(given("n", 3))], [["n", 0, 0]], [["n", 0, 0]])
    layers = [
        called(given("z", 3)),
        called(sequential("chain", dense("d", 3)), [["z", 0, 0, {}]], [["narrow", 1, 0, {}]]),
        called(inner, [["chain", 1, 0, {}]]),
        called(dense("last", 1), last),
    ]
    config: dict[str, Any] = copy.deepcopy(functional("model", layers, [["z", 0, 0]], output)["config"])
    renew_graph(config)
    return config


def history(tensor: Any) -> Any:
    """Which call gave a tensor."""
    assert tensor["class_name"] == "__keras_tensor__"
    return tensor["config"]["keras_history"]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ([["z", 0, 0, {}]], ["z", 0, 0]),
        ([["chain", 2, 0, {}]], ["chain", 1, 0]),
        ([["narrow", 1, 2, {}]], ["narrow", 0, 2]),
        (["chain", 1, 0, {}], ["chain", 0, 0]),
        ([["z", 0, 0, {}], ["chain", 2, 0, {}]], [["z", 0, 0], ["chain", 1, 0]]),
    ],
)
def test_models_inside_are_counted_from_0(call: list[Any], arguments: list[Any]) -> None:
    (node,) = renewed(call, [["last", 0, 0]])["layers"][-1]["inbound_nodes"]
    (found,) = node["args"]
    assert ([history(t) for t in found] if isinstance(found, list) else history(found)) == arguments
    assert node["kwargs"] == {}


def test_keywords_may_be_tensors() -> None:
    keywords = {"value": ["chain", 1, 0], "training": False, "mask": None, "axes": [1, 2, 3]}
    (node,) = renewed([["z", 0, 0, keywords]], [["last", 0, 0]])["layers"][-1]["inbound_nodes"]
    assert history(node["kwargs"].pop("value")) == ["chain", 0, 0]
    assert node["kwargs"] == {"training": False, "axes": [1, 2, 3]}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ([["last", 0, 0]], ["last", 0, 0]),
        ([["chain", 2, 0]], ["chain", 1, 0]),
        ([["narrow", 1, 0]], ["narrow", 1, 0]),
        ([["last", 0, 0], ["chain", 1, 0]], [["last", 0, 0], ["chain", 0, 0]]),
        ({"a": ["last", 0, 0], "b": ["chain", 1, 0]}, {"a": ["last", 0, 0], "b": ["chain", 0, 0]}),
    ],
)
def test_outputs_count_as_keras_3_does(output: Any, expected: Any) -> None:
    config = renewed([["z", 0, 0, {}]], output)
    assert (config["input_layers"], config["output_layers"]) == (["z", 0, 0], expected)


@pytest.mark.parametrize("odd", [None, 3, [], [[]], [["z"]], [["nowhere", 0, 0, {}]], {"args": []}])
def test_calls_of_another_form_are_left_to_keras(odd: Any) -> None:
    """Which refuses what it does not know."""
    renewed([[odd]] if odd is not None else [odd], [["last", 0, 0]])
