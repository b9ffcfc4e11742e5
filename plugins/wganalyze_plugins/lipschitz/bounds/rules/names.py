"""Functions and methods of torch by what people call them: in its several homes, and in the form that overwrites."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_HOMES: tuple[Any, ...] = (torch, F, vars(torch._C)["_nn"], torch.special, operator)
_UPSAMPLED = ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "trilinear3d")
_PADDED = ("reflection", "replication")
_ALIASES: Mapping[str, str] = {
    "clip": "clamp",
    "_threshold": "threshold",
    "arctan": "atan",
    "expit": "sigmoid",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "truediv": "div",
    "negative": "neg",
    "subtract": "sub",
    "concat": "cat",
    "concatenate": "cat",
    "absolute": "abs",
    **dict.fromkeys(("upsample", *(f"upsample_{kind}" for kind in _UPSAMPLED)), "interpolate"),
    **dict.fromkeys(("constant_pad_nd", *(f"{kind}_pad{n}d" for kind in _PADDED for n in (1, 2, 3))), "pad"),
    **{f"_adaptive_avg_pool{n}d": f"adaptive_avg_pool{n}d" for n in (2, 3)},
    **{f"max_pool{n}d_with_indices": f"max_pool{n}d" for n in (2, 3)},
    "_prelu_kernel": "prelu",
    "_unsafe_view": "view",
    "_to_copy": "to",
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
    "log_sigmoid_forward": "logsigmoid",
    "native_layer_norm": "layer_norm",
}


def targets(*names: str) -> Mapping[Any, str]:
    """Each function, method and ATen operation so called (or by an alias, or with ``_`` behind), with its name."""
    spelt = {**{alias: name for alias, name in _ALIASES.items() if name in names}, **{name: name for name in names}}
    found: dict[Any, str] = {}
    for spelling, name in spelt.items():
        for form in (spelling, f"{spelling}_"):
            found |= {getattr(home, form): name for home in _HOMES if callable(getattr(home, form, None))}
            found |= dict.fromkeys(_operations(form), name)
            if hasattr(Tensor, form):
                found[form] = name
    return found


def of_both(names: Iterable[str]) -> frozenset[Any]:
    """The targets alone."""
    return frozenset(targets(*names))


def _operations(name: str) -> Iterable[Any]:
    """ATen's, which a graph of a program without torch modules is made of."""
    packet = getattr(torch.ops.aten, name, None)
    overloads = () if packet is None else packet.overloads()
    return [getattr(packet, each) for each in overloads if "out" not in each]


def spelt(target: Any) -> str:
    """The name of a function, a method or an ATen operation, as it is spelt."""
    if isinstance(target, str):
        return target
    return str(getattr(target, "_opname", getattr(target, "__name__", target)))
