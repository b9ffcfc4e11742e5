"""Shared by the tests of the converter: a graph of a few nodes, converted, beside its network in onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze_checkpoints.onnx import file as onnx_file
from wganalyze_checkpoints.onnx.loader import call_order


def varint(number: int) -> bytes:
    """A number as protobuf writes it; negative ones as 64 bits."""
    number %= 2**64
    found = bytearray()
    while number >= 128:
        found.append(number % 128 | 128)
        number //= 128
    return bytes([*found, number])


def message(*fields: tuple[int, int | str | bytes]) -> bytes:
    """A protobuf message of numbers, texts and messages."""
    found = b""
    for number, value in fields:
        if isinstance(value, int):
            found += varint(number << 3) + varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            found += varint(number << 3 | 2) + varint(len(content)) + content
    return found


def value(name: str, *dims: int | str, kind: int = 1) -> bytes:
    """A ValueInfoProto; 0, or a text that names it, is an axis of any size."""
    shape = message(*((1, message((1 if isinstance(n, int) else 2, n))) for n in dims))
    return message((1, name), (2, message((1, message((1, kind), (2, shape))))))


def node(operator: str, *inputs: str, gives: str = "y", **attributes: Any) -> Any:
    """A node, made by the onnx package."""
    from onnx import helper

    return helper.make_node(operator, list(inputs), gives.split(), **attributes)


@pytest.fixture
def converted(write: Callable[..., Path]) -> Callable[..., tuple[nn.Module, nn.Module]]:
    """``converted(nodes, shape, constants, version)``: the module of a graph from x to y, and onnxruntime's network."""
    import onnx

    from wganalyze_checkpoints.onnx.converter import convert
    from wganalyze_checkpoints.onnx.network import OnnxNetwork

    def converted(
        nodes: list[Any], shape: tuple[int, ...], constants: Mapping[str, Any] | None, version: int
    ) -> tuple[nn.Module, nn.Module]:
        helper = onnx.helper
        stored = [
            onnx.numpy_helper.from_array(torch.as_tensor(value).numpy(), name)
            for name, value in (constants or {}).items()
        ]
        x = helper.make_tensor_value_info("x", 1, ["b", *shape])
        y = helper.make_tensor_value_info("y", 1, None)
        graph = helper.make_graph(nodes, "g", [x], [y], stored)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)
        path = write(model.SerializeToString(), "net.onnx")
        file = onnx_file.read(path)
        assert file is not None
        inputs = call_order(file.inputs)
        network = OnnxNetwork(path, inputs)
        return convert(model, inputs, network), network  # NoConversion where the two disagree

    return converted
