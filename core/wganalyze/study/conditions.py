"""Conditions that are no class, as a network takes them: by the names of its parameters, or in their order."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Bound = tuple[tuple[str, str], ...]
"""Pairs of a condition's name and the parameter of ``forward`` that takes it; "" for one passed by its place."""


def bound_to(network: nn.Module, names: Sequence[str], labels: int = 0) -> Bound:
    """Which of the conditions the network takes, and as which parameters of its ``forward``.

    A name is that of a parameter; the unnamed condition, "", goes to the first one that is left behind the sample or
    the latent and the ``labels``. What no parameter takes is left out.
    """
    try:
        parameters = [*inspect.signature(network.forward).parameters.values()]
    except (TypeError, ValueError):  # a program
        return tuple((name, "") for name in names)
    kinds = inspect.Parameter
    if any(each.kind is kinds.VAR_POSITIONAL for each in parameters):
        return tuple((name, "") for name in names)
    free = [each.name for each in parameters[1 + labels :] if each.kind is not kinds.VAR_KEYWORD]
    pairs = [(name, name) for name in names if name in free]
    taken = {parameter for _, parameter in pairs}
    left = next((parameter for parameter in free if parameter not in taken), None)
    return (*pairs, ("", left)) if "" in names and left is not None else (*pairs,)


def is_of_numbers(shape: tuple[int, ...]) -> bool:
    """(k, 1, 1, ...): k numbers as a convolution takes them, which a linear layer takes as (k,)."""
    return len(shape) > 1 and shape[0] == math.prod(shape)


def has_own_channel(shape: tuple[int, ...]) -> bool:
    """(1, a, b): a grey image, or a series that a file of arrays holds as (n, a, b)."""
    return len(shape) == 3 and shape[0] == 1


class Conditioned(nn.Module):
    """A network that takes its conditions by name, as one that takes them in order behind all else.

    ``squeezed``: does it take series, (n, a, b), where there are (n, 1, a, b), and numbers, (n, k), where there are
    (n, k, 1, 1)?
    """

    def __init__(self, net: nn.Module, conditions: Bound, *, squeezed: bool = False):
        super().__init__()
        self.net = net
        self.squeezed = squeezed
        self.parameters_of = tuple(parameter for _, parameter in conditions)

    def forward(self, *inputs: Tensor) -> Any:
        """``inputs``: those of ``net``, then the conditions."""
        first = inputs[: len(inputs) - len(self.parameters_of)]
        given = inputs[len(first) :]
        if self.squeezed:
            given = tuple(_squeezed(each) for each in given)
        conditions = [*zip(self.parameters_of, given, strict=True)]
        by_place = [value for parameter, value in conditions if not parameter]
        return self.net(*first, *by_place, **{parameter: value for parameter, value in conditions if parameter})


def may_be_squeezed(shape: tuple[int, ...]) -> bool:
    """Is there another shape that a network may take it in?"""
    return is_of_numbers(shape) or has_own_channel(shape)


def _squeezed(condition: Tensor) -> Tensor:
    shape = tuple(condition.shape[1:])
    if is_of_numbers(shape):
        return condition.flatten(1)
    return condition.squeeze(1) if has_own_channel(shape) else condition


def probes(shapes: Mapping[str, tuple[int, ...]], conditions: Bound, n: int) -> list[Tensor]:
    """Conditions (n, ...), float32, of the shapes of the real ones, for a network to be tried on."""
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(n, *shapes[name], generator=generator) for name, _ in conditions]
