"""An ONNX graph as a torch module, proven by comparison: it must give what onnxruntime gives.

Its gradients and its float64 are torch's, its batch is free, and an analyzer sees its layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.inliner
import torch
import torch.fx
from torch import Tensor, nn

from wganalyze import Input, one_line
from wganalyze_checkpoints.onnx import layers as onnx_layers
from wganalyze_checkpoints.onnx import operators as onnx_operators
from wganalyze_checkpoints.onnx.graph import BATCHES, Call, Graph, NoConversion, Value
from wganalyze_checkpoints.onnx.network import OnnxNetwork, encoded

TOLERANCE = 1e-4
"""Relative: float32 programs that sum in another order stay far below it."""
SCALES = (1.0, 0.1, 3.0)
PROVEN_BATCHES = (1, 2, 5)
TABLE = onnx_layers.TABLE | onnx_operators.TABLE


def convert(model: onnx.ModelProto, inputs: Sequence[Input], network: OnnxNetwork) -> nn.Module:
    """The module of a model, called as ``network``, whose inputs are in the order of ``inputs``; it agrees with it."""
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    with torch.no_grad():
        module = _build(model, inputs)
        _prove(module, network, inputs)
    return module


def _build(model: onnx.ModelProto, inputs: Sequence[Input]) -> nn.Module:
    version = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 1)
    graph, values = _with_inputs(inputs)
    for tensor in model.graph.initializer:
        stored = to_tensor(tensor)
        values[tensor.name] = Value((stored, stored))
    for position, node in enumerate(model.graph.node):
        if node.op_type not in TABLE:
            raise NoConversion(f"the operator {node.op_type} has no conversion to torch")
        try:
            results = TABLE[node.op_type](_call(graph, node, position, version, values))
        except (RuntimeError, TypeError, ValueError, LookupError) as error:
            raise NoConversion(f"the operator {node.op_type} is not converted ({one_line(error, 120)})") from error
        values.update(zip(node.output, [results] if isinstance(results, Value) else results, strict=False))
    given = [graph.node(values[output.name]) for output in model.graph.output]
    graph.nodes.output(given[0] if len(given) == 1 else tuple(given))
    module = torch.fx.GraphModule(graph.content, graph.nodes, "OnnxGraph")
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    module.recompile()
    return module.float().eval().requires_grad_(False)


def _call(graph: Graph, node: onnx.NodeProto, position: int, version: int, values: Mapping[str, Value]) -> Call:
    weights = [name.removesuffix(".weight") for name in node.input if name.endswith(".weight")]
    return Call(
        graph,
        node.op_type,
        version,
        [values[name] if name else None for name in node.input],
        {each.name: _attribute(each) for each in node.attribute},
        len(node.output),
        weights[0] if weights else f"{node.op_type}_{position}",
    )


def _with_inputs(inputs: Sequence[Input]) -> tuple[Graph, dict[str, Value]]:
    """A graph that takes ``x``, and ``labels`` where there are two inputs, and the values of the file's inputs."""
    for each in inputs:
        if each.shape is None or any(n is None for n in each.shape[1:]) or not each.shape:
            raise NoConversion(f"the input {each.name} has axes of any size; export it with all but the batch fixed")
    if not 1 <= len(inputs) <= 2:
        raise NoConversion(f"it takes {len(inputs)} inputs")
    nodes = torch.fx.Graph()
    places = [nodes.placeholder(name) for name in ("x", "labels")[: len(inputs)]]
    samples = [_probe(inputs, batch, 1.0, torch.float64) for batch in BATCHES]
    x = Value((samples[0][0], samples[1][0]), places[0])
    graph = Graph(x, inputs[0].shape[0] if inputs[0].shape else None, nodes, nodes.call_method("size", (places[0], 0)))
    values = {inputs[0].name: x}
    for each, place in zip(inputs[1:], places[1:], strict=True):
        labels = Value((samples[0][1], samples[1][1]), place)
        values[each.name] = graph.apply(encoded, "", labels, x, each.shape, each.dtype)
    return graph, values


def _probe(inputs: Sequence[Input], batch: int, scale: float, dtype: torch.dtype) -> list[Tensor]:
    """Random arguments of a call: a sample and, where there are two inputs, labels as an index."""
    generator = torch.Generator().manual_seed(batch)
    shape = [n or 1 for n in (inputs[0].shape or ())[1:]]
    x = scale * torch.randn(batch, *shape, generator=generator, dtype=dtype)
    return [x, torch.randint(0, 2, (batch,), generator=generator)][: len(inputs)]


def _prove(module: nn.Module, network: OnnxNetwork, inputs: Sequence[Input]) -> None:
    """NoConversion where the module does not give what onnxruntime gives, in float32, in batches of other sizes.

    The error is held against the largest output over all batches: a score alone may be near zero.
    """
    worst = 0.0
    for scale in SCALES:
        pairs: list[tuple[Tensor, Tensor]] = []
        for batch in PROVEN_BATCHES:
            probe = _probe(inputs, batch, scale, torch.float32)
            try:
                pairs += zip(_each(module(*probe)), _each(network(*probe)), strict=True)
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                raise NoConversion(
                    f"a batch of {batch} fails in torch or in onnxruntime ({one_line(error, 120)})"
                ) from error
        count = len(pairs) // len(PROVEN_BATCHES)
        worst = max(worst, *(_difference(pairs[i::count]) for i in range(count)))
    if not worst <= TOLERANCE:
        raise NoConversion(f"torch and onnxruntime disagree by {worst:.1g} of the output")


def _difference(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """The largest difference between the members of pairs, relative to the largest number among the second ones."""
    for actual, expected in pairs:
        if actual.shape != expected.shape:
            raise NoConversion(f"torch gives the shape {tuple(actual.shape)}, onnxruntime {tuple(expected.shape)}")
    actual, expected = (torch.cat([pair[i].double().reshape(-1) for pair in pairs]) for i in (0, 1))
    difference = torch.where((actual == expected) | (actual.isnan() & expected.isnan()), 0.0, (actual - expected).abs())
    largest = expected[expected.isfinite()].abs().max() if expected.isfinite().any() else expected.new_ones(())
    return float(difference.max() / largest.clamp(min=1e-300)) if len(difference) else 0.0


def _each(output: Any) -> Sequence[Tensor]:
    return output if isinstance(output, tuple) else (output,)


def to_tensor(proto: onnx.TensorProto) -> Tensor:
    """Numbers of a file: float64 or int64, whatever they are stored in, or bool."""
    array = onnx.numpy_helper.to_array(proto)
    if array.dtype == bool:
        return torch.from_numpy(array.copy())
    if array.dtype.kind == "c" or array.dtype == object:
        raise NoConversion("it computes with complex numbers or text")
    return torch.from_numpy(array.astype(np.int64 if array.dtype.kind in "iu" else np.float64))


def _attribute(proto: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(proto)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, onnx.TensorProto):
        return to_tensor(value)
    if proto.type == onnx.AttributeProto.FLOAT:
        return decimal(value)
    if proto.type == onnx.AttributeProto.FLOATS:
        return [decimal(each) for each in value]
    return list(value) if proto.type == onnx.AttributeProto.INTS else value


def decimal(value: float) -> float:
    """The shortest decimal that float32 rounds to ``value``: a slope of 0.2 is 0.2 in float64, too."""
    return float(str(np.float32(value)))
