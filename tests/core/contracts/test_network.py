"""What a network may say of itself: read by name, of the types that are declared, and of no other."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from wganalyze.contracts.network import NetworkNotes, notes_of
from wganalyze.errors import CheckpointError


def network(**said: Any) -> nn.Module:
    """A network with these attributes."""
    net = nn.Linear(2, 1)
    for name, value in said.items():
        setattr(net, name, value)
    return net


def test_a_network_that_says_nothing() -> None:
    assert notes_of(network()) == NetworkNotes("", False, "")
    assert notes_of(object()) == NetworkNotes()


def test_each_note_is_read_under_its_own_name() -> None:
    said = {"no_gradient": "an ONNX program", "uses_batch_statistics": True, "in_words": "Linear(2-1)"}
    assert notes_of(network(**said)) == NetworkNotes(**said)
    for name, value in said.items():
        assert notes_of(network(**{name: value})) == NetworkNotes(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("no_gradient", True, "str"),
        ("no_gradient", None, "str"),
        ("no_gradient", lambda: "", "str"),
        ("uses_batch_statistics", 1, "bool"),
        ("uses_batch_statistics", "no", "bool"),
        ("in_words", b"Linear", "str"),
        ("in_words", nn.Linear(1, 1), "str"),
    ],
)
def test_a_note_of_another_type_is_refused(name: str, value: object, wanted: str) -> None:
    with pytest.raises(CheckpointError, match=rf"^Linear\.{name} is .+, not a {wanted}$"):
        notes_of(network(**{name: value}))
