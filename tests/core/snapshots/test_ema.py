"""The choice of EMA: the averaged copy samples, unless the user says otherwise, and both are said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wganalyze.contracts.loader import Part
from wganalyze.networks.factories import Net
from wganalyze.settings.facts import Said

Make = Callable[..., Any]
MakePart = Callable[..., Part]
GENERATOR, CRITIC = Net(factory="torch.nn:Linear(3, 5)"), Net(factory="torch.nn:Linear(5, 1)")


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"G.pt": "G1", "G_ema.pt": "G3", "D.pt": "D2"}, "G_ema.pt"),
        ({"a.pt": {"G": "G1", "G_ema": "G3", "D": "D2"}}, "a.pt[G_ema]"),
        ({"a.pt": {"g": "G1", "g_ema": "G3", "d": "D2"}}, "a.pt[g_ema]"),
        ({"a.pt": {"g.": "G1", "g_ema.": "G3", "d.": "D2"}}, "a.pt[g_ema]"),
    ],
)
def test_the_ema_copy_samples_and_is_named(opened: Make, files: dict[str, Any], place: str) -> None:
    folder = opened(**files)
    snapshot = folder.only
    assert folder.fill == (3, 2)
    assert snapshot.weights == "ema"
    assert f"EMA weights preferred for sampling: {place}" in snapshot.assumptions


def test_weights_that_were_asked_for_are_no_assumption(opened: Make) -> None:
    files = {"G.pt": "G1", "G_ema.pt": "G3", "D.pt": "D2"}
    for weights, value in (("raw", 1), ("ema", 3)):
        folder = opened(Said(generator=GENERATOR, critic=CRITIC, weights=weights), **files)  # type: ignore[typeddict-item]
        assert (folder.fill, folder.only.weights) == ((value, 2), weights)
        assert not any("EMA" in text for text in folder.only.assumptions)


def test_weights_that_are_not_there_are_replaced_aloud(opened: Make) -> None:
    folder = opened(Said(generator=GENERATOR, critic=CRITIC, weights="ema"), **{"G.pt": "G1", "D.pt": "D2"})
    assert (folder.fill, folder.only.weights) == ((1, 2), "raw")
    assert "there are no ema weights; G.pt taken" in folder.only.assumptions


def test_an_averaged_critic_is_not_a_second_critic(opened: Make) -> None:
    assert opened(**{"G.pt": "G1", "D.pt": "D2", "D_ema.pt": "D9"}).fill == (1, 2)


def test_a_second_generator_is_named(opened: Make) -> None:
    folder = opened(**{"a.pt": {"G": "G1", "generator": "G4", "D": "D2"}})
    snapshot = folder.only
    assert folder.fill == (1, 2)
    (text,) = [text for text in snapshot.assumptions if "left out" in text]
    assert text.startswith("generator a.pt[G] taken, left out: a.pt[generator] ")
