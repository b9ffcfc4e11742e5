"""Stored tensors under the names that a network knows them by, or in the order of its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from wganalyze.contracts.loader import TensorSpec
from wganalyze.errors import CheckpointError
from wganalyze.networks.norms import fold
from wganalyze.networks.piece import few, layouts
from wganalyze.networks.wrappers import is_counted, matched, without_counters

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def named_for(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names that fit the expected keys best; as they are stored where that fits as well."""
    named: dict[str, Tensor] = {}
    least = len(expected) + len(tensors) + 1
    for reading in _readings(tensors):
        names = matched(reading, expected)
        differing = len(set(names.values()) ^ set(expected))
        if differing < least:
            least, named = differing, {names[key]: tensor for key, tensor in reading.items()}
    return named


def _readings(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """As stored first, then without counters and shared prefixes; then the same, folded."""
    for stored in (dict(tensors), fold(tensors)):
        specs = {key: TensorSpec(tuple(t.shape), "") for key, t in stored.items()}
        weights = without_counters(specs)
        for layout in layouts(specs):
            # A layout keeps the order of what it was made of, so the two can be walked together.
            kept = stored if len(layout) == len(stored) else weights
            yield {name: stored[key] for name, key in zip(layout, kept, strict=True)}


def altered(expected: Mapping[str, Tensor], named: Mapping[str, Tensor]) -> list[str]:
    """Tensors that a network could not hold: the imaginary part of complex numbers, fractions among integers."""
    return [
        f"{key} is {_kind(tensor)}, the network has {_kind(expected[key])}"
        for key, tensor in named.items()
        if key in expected and _loses(tensor, expected[key])
    ]


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _loses(stored: Tensor, own: Tensor) -> bool:
    if stored.is_complex() and not own.is_complex():
        return True
    whole = not own.is_complex() and not own.is_floating_point()
    return whole and stored.is_floating_point() and not bool((stored.to(own.dtype) == stored).all())


def is_list(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    """Do the keys only count, and mean nothing to the network?"""
    return is_counted(tensors) and not tensors.keys() <= expected.keys()


def fill_in_order(module: Module, tensors: Mapping[str, Tensor], place: str, role: str) -> None:
    """Fill the parameters, or all of the state, in their order; CheckpointError where numbers or shapes differ."""
    import torch

    state, parameters = module.state_dict(keep_vars=True), dict(module.named_parameters())
    buffers = [key for key in state if key not in parameters and not key.endswith("num_batches_tracked")]
    buffers = [key for key in buffers if not any(state[key] is p for p in parameters.values())]
    what = f"{place}: a list of {len(tensors)} tensors without names"
    if len(tensors) == len(state):
        own = state
    elif len(tensors) != len(parameters):
        raise CheckpointError(
            f"{what} does not fit the {role}, which has {len(parameters)} parameters "
            f"({len(state)} with its buffers); name the factory that it was trained with"
        )
    elif buffers:
        raise CheckpointError(f"{what} lacks the buffers of the {role} ({few(buffers)}); save its state_dict() instead")
    else:
        own = dict(parameters)
    wrong = [
        f"{key} has {tuple(target.shape)}, tensor {i} is {tuple(tensors[i].shape)}"
        for i, (key, target) in zip(tensors, own.items(), strict=True)
        if target.shape != tensors[i].shape
    ] + altered(own, dict(zip(own, tensors.values(), strict=True)))
    if wrong:
        raise CheckpointError(f"{what} does not fit the {role} in order: {few(wrong)}; save its state_dict() instead")
    with torch.no_grad():
        for target, tensor in zip(own.values(), tensors.values(), strict=True):
            target.copy_(tensor)
