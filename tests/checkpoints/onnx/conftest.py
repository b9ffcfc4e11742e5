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
