"""Layers that an older torch pickled lack attributes that the present one asks them for: they get those of before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.nn import Module

_BEFORE: Mapping[str, Mapping[str, Any]] = {
    "_NormBase": {"track_running_stats": True, "num_batches_tracked": None},
    "Upsample": {"align_corners": None, "recompute_scale_factor": None},
    "AvgPool1d": {"divisor_override": None},
    "AvgPool2d": {"divisor_override": None},
    "Softmax": {"dim": None},
    "LogSoftmax": {"dim": None},
    "Flatten": {"start_dim": 1, "end_dim": -1},
}
"""By class, or by a class that it is derived from: what such a layer did before the attribute was there."""


def brought_up(network: Module) -> Module:
    """The network, whose layers have what they lacked."""
    for module in network.modules():
        lacking: dict[str, Any] = {}
        for kind in type(module).__mro__:
            if kind.__module__.startswith("torch.nn."):
                lacking |= {k: v for k, v in _BEFORE.get(kind.__name__, {}).items() if not hasattr(module, k)}
        for name, value in lacking.items():
            setattr(module, name, value)
    return network
