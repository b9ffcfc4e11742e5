"""Operations of TensorFlow that stand in functional models of Keras 2, by what Keras 3 calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wganalyze import one_line

Settings = dict[str, Any]

KINDS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
_NUMPY, _NN = "keras.src.ops.numpy", "keras.src.ops.nn"
_BINARY: Mapping[str, str] = {
    "math.add": "Add", "__operators__.add": "Add", "math.subtract": "Subtract", "math.multiply": "Multiply",
    "math.truediv": "TrueDivide", "math.maximum": "Maximum", "math.minimum": "Minimum",
}  # fmt: skip
_UNARY: Mapping[str, tuple[str, str]] = {
    **{f"{place}.tanh": (_NUMPY, "Tanh") for place in ("math", "nn")},
    **{f"{place}.sigmoid": (_NN, "Sigmoid") for place in ("math", "nn")},
    **{f"{place}.softplus": (_NN, "Softplus") for place in ("math", "nn")},
    "nn.relu": (_NN, "Relu"), "nn.relu6": (_NN, "Relu6"), "math.negative": (_NUMPY, "Negative"),
    "math.exp": (_NUMPY, "Exp"), "math.abs": (_NUMPY, "Absolute"), "math.sqrt": (_NUMPY, "Sqrt"),
    "math.square": (_NUMPY, "Square"), "math.sin": (_NUMPY, "Sin"), "math.cos": (_NUMPY, "Cos"),
}  # fmt: skip
_REDUCED = {"math.reduce_mean": "Mean", "math.reduce_sum": "Sum", "math.reduce_max": "Max", "math.reduce_min": "Min"}


class Untranslatable(ValueError):
    """What in a configuration of Keras 2 cannot be said to Keras 3 without another output, in one line."""


def refuse(node: Mapping[str, Any]) -> Untranslatable:
    """The error for an operation, by its name."""
    settings = node.get("config")
    function = settings.get("function") if isinstance(settings, Mapping) else None
    name = one_line(function or node["class_name"], 100)
    return Untranslatable(f"its {name} is an operation of TensorFlow, which Keras 3 does not read")


def renewed(node: Settings) -> Settings:
    """A node of a graph, its calls said anew before, as an operation or a layer of Keras 3; else Untranslatable."""
    config, calls = node.get("config"), node.get("inbound_nodes")
    function = config.get("function") if isinstance(config, Mapping) else None
    first = calls[0] if isinstance(calls, list) and len(calls) == 1 else None
    if not isinstance(function, str) or not isinstance(first, Mapping) or not isinstance(first.get("args"), list):
        raise refuse(node)
    keywords = dict(first["kwargs"])
    found = _translated(function, keywords)
    if found is None:
        raise refuse(node)
    module, kind, settings, more = found
    if keywords:  # one that is not known may change the output
        raise refuse(node)
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": node["name"], **settings},
        "registered_name": None if module == "keras.layers" else kind,
        "name": node["name"],
        "inbound_nodes": [{"args": [*first["args"], *more], "kwargs": {}}],
    }


def _translated(function: str, keywords: Settings) -> tuple[str, str, Settings, list[Any]] | None:
    """Module, class, settings and further arguments; what of the keywords is understood is taken out of them."""
    if function in _BINARY and "y" in keywords:
        return _NUMPY, _BINARY[function], {}, [keywords.pop("y")]
    if function in _UNARY:
        return *_UNARY[function], {}, []
    if function == "nn.leaky_relu":
        return _NN, "LeakyRelu", {"negative_slope": keywords.pop("alpha", 0.2)}, []
    if function in _REDUCED:
        settings = {"axis": keywords.pop("axis", None), "keepdims": keywords.pop("keepdims", False)}
        return _NUMPY, _REDUCED[function], settings, []
    if function == "concat" and isinstance(keywords.get("axis"), int):
        return "keras.layers", "Concatenate", {"axis": keywords.pop("axis")}, []
    shape = keywords.get("shape")
    if function == "reshape" and isinstance(shape, list) and shape[:1] == [-1]:
        return "keras.layers", "Reshape", {"target_shape": keywords.pop("shape")[1:]}, []
    return None
