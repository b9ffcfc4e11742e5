"""What a network may say of itself, beyond what every torch.nn.Module says."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from wganalyze.errors import CheckpointError


@dataclass(frozen=True)
class NetworkNotes:
    """Optional attributes of a network that a loader or an architecture makes; each is read under its own name.

    ``no_gradient``: why it has no gradients (an ONNX program that nothing converts); "" where it has.
    ``uses_batch_statistics``: is BatchNorm among layers that it hides?
    ``in_words``: what it is, in one line.
    ``input_shape``: of its first input, without the batch axis, where its weights do not show it; () where it is not
    stated.

    A network that cannot compute in float64 keeps its precision in ``double()`` and casts what it is given.
    """

    no_gradient: str = ""
    uses_batch_statistics: bool = False
    in_words: str = ""
    input_shape: tuple[int, ...] = ()


def notes_of(network: object) -> NetworkNotes:
    """The notes of a network; CheckpointError where one of them is of another type."""
    said: dict[str, Any] = {}
    for note in fields(NetworkNotes):
        value = getattr(network, note.name, note.default)
        if type(value) is not type(note.default):
            wanted = type(note.default).__name__
            raise CheckpointError(f"{type(network).__name__}.{note.name} is {value!r}, not a {wanted}")
        said[note.name] = value
    return NetworkNotes(**said)
