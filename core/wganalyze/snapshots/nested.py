"""A critic inside the loss of the network that it trains, as taming-transformers has it: loss.discriminator.main.0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.snapshots.naming import read_name

if TYPE_CHECKING:
    from torch import Tensor


def nested_critics(heads: Iterable[str], keys: Mapping[str, TensorSpec]) -> dict[str, str]:
    """Of the first components of the keys ("loss.") those that hold a critic, with its prefix ("loss.discriminator.").

    {} where no other component is left for a generator.
    """
    found: dict[str, str] = {}
    for head in heads:
        inner = {key[len(head) :].split(".", 1)[0] for key in keys if key.startswith(head) and "." in key[len(head) :]}
        critics = [name for name in inner if read_name(name).role == "critic" and not read_name(name).rest]
        if len(critics) == 1 and not all(key.startswith(head) for key in keys):
            found[head] = f"{head}{critics[0]}."
    return found


def without(part: Part, prefix: str) -> Part:
    """The part without the keys under ``prefix``."""
    keys = {key: spec for key, spec in part.keys.items() if not key.startswith(prefix)}
    read = part.read_tensors

    def rest() -> Mapping[str, Tensor]:
        assert read is not None
        return {key: tensor for key, tensor in read().items() if key in keys}

    return replace(part, keys=keys, read_tensors=None if read is None else rest)
