"""Configurations as Keras 3 wants them: those of Keras 2 said anew, and without what acts in training alone.

Initializers, regularizers and constraints decide how weights come about; the weights lie in the file. They are left
out, whoever wrote them, and so are losses and optimizers. What Keras 3 does not know is left out where it has no
effect on the output, and refused by name where it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wganalyze import one_line
from wganalyze_checkpoints.keras import config as keras_config
from wganalyze_checkpoints.keras import operations
from wganalyze_checkpoints.keras.calls import renew_graph
from wganalyze_checkpoints.keras.operations import Untranslatable
from wganalyze_checkpoints.wording import few

Settings = dict[str, Any]

_TRAINING = ("_initializer", "_regularizer", "_constraint")
_ANY = object()
_GONE: Mapping[str, tuple[object, ...]] = {
    **dict.fromkeys(("trainable", "batch_input_shape", "input_length", "implementation"), (_ANY,)),
    **dict.fromkeys(("autocast", "experimental_autocast", "force_generator"), (_ANY,)),
    **dict.fromkeys(("query_shape", "key_shape", "value_shape"), (_ANY,)),
    **dict.fromkeys(("fused", "renorm_clipping", "renorm_momentum"), (_ANY,)),
    **dict.fromkeys(("time_major", "renorm", "causal", "sparse", "ragged"), (False, None)),
    **dict.fromkeys(("virtual_batch_size", "adjustment", "input_dtype"), (None,)),
    "mode": (0,),
}
"""What Keras 3 knows no more, with the values of no effect on the output."""
_GONE_FROM: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    r"Conv\dDTranspose|(Separable|Depthwise)Conv\dD": {"groups": (1,)},
    r"Dense": {"input_dim": (_ANY,)},
    r"SpatialDropout\dD": {"noise_shape": (_ANY,)},
}
_RENAMED = {"BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization"}
_LARGEST = 1e6
_CLIPPING = re.compile(r"clip", re.IGNORECASE)


def modern(config: Mapping[str, Any], version: str) -> Settings:
    """The configuration of a file of Keras ``version`` ("2.15.0"; "" for an old one), for Keras 3.

    Untranslatable where the model would give something else.
    """
    renewed: Settings = _renewed(config, not version.startswith("3"))
    return renewed


def training_facts(config: Mapping[str, Any]) -> dict[str, float | str]:
    """What a configuration says of the training: classes that are left out, and the bound of clipped weights."""
    left = [node for node in _of_training(config) if not keras_config.is_own(node)]
    if not left:
        return {}
    facts: dict[str, float | str] = {"left_out": few({one_line(node["class_name"], 100): None for node in left}, 8)}
    clipping = [node for node in left if _CLIPPING.search(str(node["class_name"]))]
    if clipping:
        facts["constraint"] = "clip"
        bounds = {bound for node in clipping for bound in _bounds(node)}
        if len(bounds) == 1:
            facts["weight_clip"] = bounds.pop()
    return facts


def _of_training(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects of a class that act in training alone; by a stack, as files may be nested deeper than Python is."""
    waiting: list[object] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            for key, item in value.items():
                if key.endswith(_TRAINING) and isinstance(item, Mapping) and "class_name" in item:
                    yield item
                elif key != "compile_config":
                    waiting.append(item)
        elif isinstance(value, list):
            waiting += value


def _bounds(node: Mapping[str, Any]) -> Iterator[float]:
    """The numbers of a clipping constraint without their signs, as -0.01 and 0.01."""
    settings = node.get("config")
    for value in settings.values() if isinstance(settings, Mapping) else ():
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < abs(value) < _LARGEST:
            yield float(abs(value))


def _renewed(value: Any, old: bool) -> Any:
    if isinstance(value, list):
        return [_renewed(item, old) for item in value]
    if not isinstance(value, Mapping):
        return value
    name = value.get("class_name")
    if name in ("__tuple__", "TensorShape") and "items" in value:
        return _renewed(value["items"], old)
    if old and value.keys() == {"type", "value"} and value["type"] == "ndarray":
        return value["value"]
    own = name is not None and keras_config.is_own(value)
    begun = _begun(value) if own and name == "Sequential" else value
    node = {key: _renewed(item, old) for key, item in begun.items() if key != "compile_config"}
    config = node.get("config")
    if not own or not isinstance(config, dict):
        return node
    if name in keras_config.MODELS:
        return _model(node, config) if old else _placed(node)
    node["config"] = {key: item for key, item in config.items() if not key.endswith(_TRAINING)}
    return _layer(node, str(name)) if old else _placed(node)


def _placed(node: Settings) -> Settings:
    """With the module, which files of the old form leave out."""
    if "module" in node or not keras_config.is_layer(node):
        return node
    if node["class_name"] in keras_config.MODELS:
        return {**node, "module": "keras", "registered_name": node["class_name"]}
    return {**node, "module": "keras.layers", "registered_name": None}


def _begun(node: Mapping[str, Any]) -> Settings:
    """A Sequential with its input as a layer of its own, where it was said with the first layer."""
    config = node.get("config")
    config = {"name": "sequential", "layers": config} if isinstance(config, list) else config
    if not isinstance(config, Mapping):
        return dict(node)
    layers = config.get("layers")
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], Mapping):
        return {**node, "config": config}
    first, settings = layers[0], layers[0].get("config")
    settings = settings if isinstance(settings, Mapping) else {}
    shape = settings.get("batch_input_shape")
    if isinstance(shape, list) and first.get("class_name") != "InputLayer":
        given = {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape[1:]], "name": "input"}}
        rest = {key: value for key, value in settings.items() if key != "batch_input_shape"}
        layers = [given, {**first, "config": rest}, *layers[1:]]
    return {**node, "config": {**config, "layers": layers}}


def _model(node: Settings, config: Settings) -> Settings:
    """A model of Keras 2; what is frozen there was so for its partner's sake."""
    config.pop("trainable", None)
    if "input_layers" in config:
        renew_graph(config)
    for layer in keras_config.layers_of(node):
        if layer.get("class_name") in operations.KINDS:
            raise operations.refuse(layer)
    return _placed({key: value for key, value in node.items() if key not in ("module", "build_config")})


def _layer(node: Settings, name: str) -> Settings:
    """A layer of Keras 2, by what Keras 3 calls it and its settings."""
    config = node["config"]
    shape = config.get("batch_input_shape")
    if name == "InputLayer" and isinstance(shape, list):  # with the size of a batch, or without
        config["batch_shape"] = [None, *shape[1:]]
    config = {key: item for key, item in config.items() if not _is_gone(name, key, item)}
    if isinstance(config.get("dtype"), dict):
        config["dtype"] = keras_config.name_of(config["dtype"])
    for key in ("activation", "recurrent_activation"):
        if config.get(key) == "hard_sigmoid":
            named = keras_config.HARD_SIGMOID
            config[key] = {"class_name": "function", "config": named, "registered_name": named}
    if name == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if name == "ThresholdedReLU":
        name, config = "ReLU", {**config, "threshold": config.get("theta", 1.0)}
        config.pop("theta", None)
    if name.startswith("UpSampling") and config.get("interpolation", "nearest") not in ("nearest", "bilinear"):
        raise Untranslatable(
            f"its {name} has interpolation={config['interpolation']}, which Keras does otherwise on torch"
        )
    if name.startswith("BatchNormalization") and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if name in ("GRU", "GRUCell"):
        config.setdefault("reset_after", False)
    kept = {key: value for key, value in node.items() if key != "build_config"}
    return _placed({**kept, "class_name": _RENAMED.get(name, name), "config": config})


def _is_gone(name: str, key: str, value: object) -> bool:
    """Does Keras 3 take a setting no more, to no effect? Untranslatable where it had one."""
    harmless = _GONE.get(key)
    for pattern, keys in _GONE_FROM.items():
        harmless = keys.get(key, harmless) if re.fullmatch(pattern, name) else harmless
    if harmless is None:
        return False
    if _ANY not in harmless and value not in harmless:
        raise Untranslatable(f"its {name} has {key}={one_line(value, 40)}, which Keras 3 does not do")
    return True
