"""Where the layers of a network are one chain, its ends are known; where they are not, nothing is said."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.networks.ends import Ends, ends_of, fit
from wganalyze.networks.piece import Piece


def stored(net: nn.Module) -> Piece:
    """The state dict of a network."""
    keys = {key: TensorSpec(tuple(t.shape), "float32") for key, t in net.state_dict().items()}
    return Piece(Part(Path("x.pt"), "test", keys=keys, read_tensors=dict))


def spectral(wide: int, narrow: int) -> nn.Module:
    """A normalised layer."""
    return nn.utils.spectral_norm(nn.Linear(wide, narrow))


@pytest.mark.parametrize(
    ("net", "ends"),
    [
        (nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Linear(16, 2)), Ends(4, 2, False, False)),
        (nn.Sequential(spectral(2, 16), spectral(16, 1)), Ends(2, 1, False, False)),
        (nn.Linear(7, 1), Ends(7, 1, False, False)),
        (
            nn.Sequential(
                nn.ConvTranspose2d(100, 64, 4, bias=False),
                nn.BatchNorm2d(64),
                nn.ConvTranspose2d(64, 32, 4, bias=False),
                nn.ConvTranspose2d(32, 3, 4, bias=False),
            ),
            Ends(100, 3, True, True),
        ),
        (nn.Sequential(nn.Conv2d(3, 64, 4), nn.Conv2d(64, 128, 4), nn.Conv2d(128, 1, 4)), Ends(3, 1, True, True)),
        (nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(8 * 49, 1)), Ends(1, 1, True, False)),
        (
            nn.Sequential(nn.Linear(100, 128 * 49), nn.Conv2d(128, 64, 3), nn.Conv2d(64, 1, 3)),
            Ends(100, 1, False, True),
        ),
    ],
)
def test_the_ends_of_chains(net: nn.Module, ends: Ends) -> None:
    assert ends_of(stored(net)) == ends


@pytest.mark.parametrize(
    "net",
    [
        nn.BatchNorm1d(4),
        nn.Sequential(nn.Embedding(10, 10), nn.Linear(110, 20)),
        nn.ModuleList([nn.Linear(4, 8), nn.Linear(8, 2), nn.Linear(8, 2)]),
        nn.Sequential(nn.Conv2d(8, 8, 3, bias=False), nn.Conv2d(8, 3, 3, groups=1, bias=False), nn.Conv2d(64, 8, 1)),
    ],
)
def test_of_what_is_no_chain_nothing_is_said(net: nn.Module) -> None:
    assert ends_of(stored(net)) is None


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_any_stack_of_linear_layers(widths: list[int]) -> None:
    keys = {f"{i}.weight": TensorSpec((b, a), "float32") for i, (a, b) in enumerate(pairwise(widths))}
    weights = Part(Path("x.pt"), "test", keys=keys, read_tensors=dict)
    assert ends_of(Piece(weights)) == Ends(widths[0], widths[-1], False, False)
    program = Part(Path("x.pt"), "test", keys=keys)  # its axes may lie either way
    assert ends_of(Piece(program)) in (None, Ends(widths[0], widths[-1], False, False))


def flat(takes: int, gives: int) -> Ends:
    """Of linear layers."""
    return Ends(takes, gives, False, False)


@pytest.mark.parametrize(
    ("gives", "takes", "classes", "answer"),
    [
        (784, 784, 0, True),
        (784, 794, 0, False),
        (784, 794, 10, True),
        (784, 784, 10, True),
        (2, 5, 0, False),
        (5, 2, 0, False),
        (2, 20, 0, None),
        (2, 22, 0, False),
    ],
)
def test_what_fits(gives: int, takes: int, classes: int, answer: bool | None) -> None:
    assert fit(flat(4, gives), flat(takes, 1), classes) is answer


def test_images_and_numbers_tell_nothing() -> None:
    assert fit(Ends(4, 3, False, True), flat(784, 1)) is None
    assert fit(None, flat(2, 1)) is fit(flat(4, 2), None) is None
