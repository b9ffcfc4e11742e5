"""Recurrent networks, which take samples for steps where their axes stand otherwise, and say nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

STEPS_FIRST = (
    "takes the steps first and then the samples (batch_first=False), so that it mixes the samples of a batch; wrap it "
    "in a module whose forward is net(x.transpose(0, 1)).transpose(0, 1)"
)


def recurrent_layer(network: nn.Module) -> nn.RNNBase | None:
    """Its first LSTM, GRU or RNN."""
    return next((module for module in network.modules() if isinstance(module, nn.RNNBase)), None)


@contextmanager
def observed_axes(layer: nn.RNNBase) -> Iterator[set[int]]:
    """Inside, how many axes the inputs of a layer have: of 2, torch takes the samples for the steps of one."""
    seen: set[int] = set()

    def look(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.add(inputs[0].dim())

    handle = layer.register_forward_pre_hook(look)
    try:
        yield seen
    finally:
        handle.remove()


def mixes(call: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Does the answer to the last of two samples or more depend on those before it?"""
    other = torch.cat([x[:-1] + 1, x[-1:]])
    first, second = call(x), call(other)
    return not torch.allclose(first[-1:], second[-1:], rtol=1e-4, atol=1e-6)
