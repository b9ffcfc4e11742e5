"""Critics of other forms as one plain function of samples: labels joined to the input, one score of many outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Place = tuple[int | str, ...]


class LabelsJoined(nn.Module):
    """A network that takes its labels one-hot in its own input, as a function of (x, one-hot labels)."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, labels: Tensor, *others: Tensor) -> Any:
        """``x`` (n, d) gets the labels (n, k) as columns, an image (n, c, h, w) as constant planes."""
        return self.net(join(x, labels), *others)


class OneScore(nn.Module):
    """One of the outputs of a network that has several."""

    def __init__(self, net: nn.Module, place: Place):
        super().__init__()
        self.net = net
        self.place = place

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output at ``place``."""
        return at(self.net(*inputs), self.place)


def at(output: Any, place: Place) -> Tensor:
    """The tensor at a place of what a network returned."""
    for key in place:
        output = output[key]
    return output  # type: ignore[no-any-return]


def join(x: Tensor, labels: Tensor) -> Tensor:
    """``x`` (n, c, ...) with the one-hot ``labels`` (n, k) behind it on the second axis, constant over the others."""
    planes = labels.to(x.dtype).reshape(*labels.shape, *(1 for _ in x.shape[2:])).expand(-1, -1, *x.shape[2:])
    return torch.cat([x, planes], 1)


def tensors_of(output: Any, place: Place = ()) -> Iterator[tuple[Place, Tensor]]:
    """The tensors of what a network returned (a tuple, a dict, nested), each with its place in it."""
    if isinstance(output, Tensor):
        yield place, output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from tensors_of(value, (*place, key))
    elif isinstance(output, list | tuple):
        for index, value in enumerate(output):
            yield from tensors_of(value, (*place, index))
