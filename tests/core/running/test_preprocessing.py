"""The map from the data to the critic's input: said, or read from what generators make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Preprocessing, Samples
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.errors import UsageError
from wganalyze.running.preprocessing import choose_preprocessing, said_preprocessing
from wganalyze.settings.facts import Said
from wganalyze.testing import Gaussian

MakeRows = Callable[[int], FiniteSource]


@pytest.fixture
def unbounded(distinct_rows: MakeRows) -> FiniteSource:
    """Values from 0 to 99.5 of a source that states no range."""
    return distinct_rows(100)


@pytest.fixture
def bytes_(distinct_rows: MakeRows) -> FiniteSource:
    """A source whose values lie between 0 and 255."""
    source = distinct_rows(100)
    source.value_range = (0, 255)
    return source


def ending_in(last: nn.Module | None, scale: float = 10.0) -> Snapshot:
    """A snapshot whose generator ends in this activation."""
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": scale * torch.eye(2), "bias": torch.zeros(2)})
    net = nn.Sequential(layer, last) if last is not None else layer
    return Snapshot("first", 0, "step", (), make_generator=lambda: net.eval(), latent=Latent(shape=(2,)))


# Said


def test_what_is_said_is_assumed_by_nobody(bytes_: FiniteSource) -> None:
    assert choose_preprocessing(bytes_, Said(range=(0, 255)), ending_in(None)) == (
        Preprocessing.to_range((0, 255), 0, 255),
        (),
    )
    normalised, assumptions = choose_preprocessing(bytes_, Said(normalize=((0.5,), (0.25,))), ending_in(None))
    assert normalised == Preprocessing.normalize((0, 255), (0.5,), (0.25,))
    assert assumptions == ()


def test_nothing_said_is_none(bytes_: FiniteSource) -> None:
    assert said_preprocessing(bytes_, Said(n=3)) is None


def test_a_range_without_one_of_their_own_maps_what_the_values_span(unbounded: FiniteSource) -> None:
    mapped, assumptions = choose_preprocessing(unbounded, Said(range=(-1, 1)), None)
    assert assumptions == ("data mapped to [-1, 1] from [0, 99.5], which their values span",)
    points = mapped.apply(unbounded.everything.values, unbounded.shape)
    assert (points.min(), points.max()) == (-1, 1)


@pytest.mark.parametrize(("said", "text"), [(Said(), "testing-gaussian"), (Said(data="law:2"), "law:2")])
def test_a_law_has_no_range_to_map_from(said: Said, text: str) -> None:
    with pytest.raises(UsageError, match=f"--range: {text} states no range of its own"):
        choose_preprocessing(Gaussian(2), said | Said(range=(-1, 1)), None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(range=(1, -1)), r"--range/--normalize: a range needs LOW < HIGH"),
        (Said(normalize=((0.5,), (0.0,))), r"--range/--normalize: --normalize needs"),
    ],
)
def test_a_map_that_makes_no_sense_is_a_usage_error(bytes_: FiniteSource, said: Said, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        choose_preprocessing(bytes_, said, None)


# Found from the first generator where nobody said it


@pytest.mark.parametrize(
    ("last", "name"),
    [(nn.Tanh(), "[-1, 1]"), (nn.Sigmoid(), "[0, 1]")],
)
def test_the_range_is_read_off_the_generator_and_said(bytes_: FiniteSource, last: nn.Module, name: str) -> None:
    mapped, assumptions = choose_preprocessing(bytes_, Said(), ending_in(last))
    assert mapped.name == name
    assert f"data brought to {name}: the samples of the generator of first lie between" in assumptions[0]


def test_a_generator_of_no_usual_range_must_be_explained(bytes_: FiniteSource) -> None:
    with pytest.raises(UsageError, match=r"neither \[0, 1\] nor \[-1, 1\]: say --range"):
        choose_preprocessing(bytes_, Said(), ending_in(None))


def test_without_a_generator_the_usual_range_is_assumed(bytes_: FiniteSource, unbounded: FiniteSource) -> None:
    mapped, assumptions = choose_preprocessing(bytes_, Said(), None)
    assert mapped.name == "[-1, 1]"
    assert len(assumptions) == 1
    assert choose_preprocessing(unbounded, Said(), None) == (
        Preprocessing(),
        ("data used as stored, in [0, 99.5] (set --range or --normalize)",),
    )
    assert choose_preprocessing(Gaussian(2), Said(), None) == (Preprocessing(), ())


@pytest.mark.parametrize(("low", "high", "expected"), [(-1, 1, (-1, 1)), (0.02, 0.99, (0, 1))])
def test_the_range_is_read_from_stored_samples_where_no_generator_shows_it(
    bytes_: FiniteSource, low: float, high: float, expected: tuple[float, float]
) -> None:
    points = np.linspace(low, high, 12, dtype=np.float32).reshape(6, 2)
    stored = Snapshot("s", 0, "", (), make_samples=lambda: Samples(points, (2,)))
    mapped, assumptions = choose_preprocessing(bytes_, Said(), stored)
    assert mapped == Preprocessing.to_range((0, 255), *expected)
    assert "the samples of s lie between" in assumptions[0]
