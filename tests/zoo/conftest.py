"""Shared by the tests of the zoo: what a loader states of a network."""

from __future__ import annotations

from torch import nn


def shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    """Keys and shapes, as a loader states them."""
    return {key: tuple(value.shape) for key, value in net.state_dict().items()}
