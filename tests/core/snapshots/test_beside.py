"""The network of no telling name beside critics of one container is the generator, unless something speaks against."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.networks.piece import Piece
from wganalyze.settings.facts import Said
from wganalyze.snapshots.beside import with_generator_beside
from wganalyze.snapshots.moment import Member


def network(name: str, *widths: int, role: Any = None, averaged: bool = False) -> Member:
    """A network of linear layers."""
    keys = {f"{i}.weight": TensorSpec((b, a), "float32") for i, (a, b) in enumerate(pairwise(widths))}
    return Member(Piece(Part(Path("vq.pt"), "test", name, keys=keys, read_tensors=dict)), role, averaged)


MODEL, CRITIC = network("model", 5, 2, 5), network("discriminator", 5, 1, role="critic")


@pytest.mark.parametrize("name", ["model", "net", "model_state_dict", "state.model"])
def test_the_other_one_is_the_generator(name: str) -> None:
    model, critic = with_generator_beside([network(name, 5, 2, 5), CRITIC], Said())
    assert (model.role, critic) == ("generator", CRITIC)
    assert model.assumption == f"vq.pt[{name}] taken as the generator: beside it lies the critic vq.pt[discriminator]"


def test_averages_and_further_critics_do_not_stand_in_the_way() -> None:
    others = [network("ema", 5, 2, 5, averaged=True), replace(CRITIC), network("disc2", 4, 1, role="critic")]
    found = with_generator_beside([MODEL, *others], Said())
    assert [member.role for member in found] == ["generator", None, "critic", "critic"]


@pytest.mark.parametrize(
    "members",
    [
        [MODEL],
        [MODEL, network("net", 5, 2, 5), CRITIC],
        [MODEL, network("g", 3, 5, role="generator"), CRITIC],
        [network("inception", 5, 2, 5), CRITIC],
        [network("", 5, 2, 5), CRITIC],
        [network("model", 5, 2, 4), network("discriminator", 9, 1, role="critic")],
    ],
)
def test_elsewhere_nothing_is_assumed(members: list[Member]) -> None:
    assert with_generator_beside(members, Said()) == members
