"""The calls of layers in a functional model of Keras 2, written as Keras 3 does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wganalyze_checkpoints.keras import config as keras_config
from wganalyze_checkpoints.keras import operations

_CONSTANT = "_CONSTANT_VALUE"
"""In the place of a layer's name, before a number."""


def renew_graph(config: dict[str, Any]) -> None:
    """Say the calls of ``config["layers"]``, and its inputs and outputs, anew.

    A model inside had one call more in Keras 2, that of its own making: its calls are counted from 0 here. In
    ``output_layers`` alone Keras 3 still counts that one for functional models.
    """
    layers = [layer for layer in config.get("layers") or () if isinstance(layer, dict)]
    kinds = {keras_config.name_in_graph(layer): str(layer.get("class_name")) for layer in layers}
    for layer in layers:
        calls = layer.get("inbound_nodes")
        if isinstance(calls, list):
            layer["inbound_nodes"] = [_call(call, kinds) for call in calls]
    config["layers"] = [operations.renewed(layer) if _is_operation(layer) else layer for layer in layers]
    for key in ("input_layers", "output_layers"):
        config[key] = _ends(config.get(key), kinds)


def _is_operation(layer: Mapping[str, Any]) -> bool:
    return layer.get("class_name") in operations.KINDS


def _ends(value: Any, kinds: Mapping[str, str]) -> Any:
    """The inputs or outputs; one alone stands by itself."""
    if _is_reference(value, kinds):
        inside = kinds[value[0]] == "Sequential"
        return [value[0], max(value[1] - inside, 0), value[2]]
    if isinstance(value, Mapping):
        return {key: _ends(item, kinds) for key, item in value.items()}
    if isinstance(value, list):
        return _ends(value[0], kinds) if len(value) == 1 else [_ends(item, kinds) for item in value]
    return value


def _call(call: Any, kinds: Mapping[str, str]) -> Any:
    """``[["a", 0, 0, {}], ["b", 0, 0, {}]]``, or ``["a", 0, 0, {}]`` of an operation, by arguments and keywords."""
    if not isinstance(call, list) or not call:
        return call
    tensors = [call] if isinstance(call[0], str) else call
    given = [_tensor(tensor, kinds) for tensor in tensors]
    last = tensors[0][3] if isinstance(tensors[0], list) and len(tensors[0]) > 3 else {}
    keywords = {key: _tensor(value, kinds) for key, value in last.items()} if isinstance(last, Mapping) else {}
    return {
        "args": [given[0] if len(given) == 1 else given],
        "kwargs": {key: value for key, value in keywords.items() if value is not None},
    }


def _tensor(value: Any, kinds: Mapping[str, str]) -> Any:
    """A tensor by the call that gave it; Keras 3 finds its shape there."""
    if _is_reference(value, kinds):
        name, call, output = value[:3]
        history = [name, max(call - (kinds[name] in keras_config.MODELS), 0), output]
        tensor = {"shape": [None], "dtype": "float32", "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": tensor}
    if isinstance(value, list) and len(value) > 2 and value[0] == _CONSTANT:
        return value[2]
    if isinstance(value, list):
        return [_tensor(item, kinds) for item in value]
    return value


def _is_reference(value: Any, kinds: Mapping[str, str]) -> bool:
    """Is it ``[NAME OF A LAYER, CALL, OUTPUT]``, with or without keywords behind?"""
    if not isinstance(value, list) or not 3 <= len(value) <= 4 or not isinstance(value[0], str):
        return False
    return value[0] in kinds and all(isinstance(k, int) and not isinstance(k, bool) for k in value[1:3])
