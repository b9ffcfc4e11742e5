"""How the text of shared options is read, and what is said where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.cli import common
from wganalyze.errors import UsageError

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(NUMBERS, min_size=1))
def test_numbers_are_read_back(values: list[float]) -> None:
    assert common.numbers(",".join(map(repr, values)), "--x") == tuple(values)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=4))
def test_a_shape_is_read_back(shape: list[int]) -> None:
    assert common.shape(",".join(map(str, shape))) == tuple(shape)


@given(NUMBERS, NUMBERS)
def test_a_range_goes_up(low: float, high: float) -> None:
    text = f"{low!r},{high!r}"
    if low < high:
        assert common.low_high(text) == (low, high)
    else:
        with pytest.raises(UsageError, match="LOW < HIGH"):
            common.low_high(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.5,0.25", ((0.5,), (0.25,))), ("1,2,3,4,5,6", ((1, 2, 3), (4, 5, 6))), ("-1, 2", ((-1,), (2,)))],
)
def test_means_and_deviations(text: str, expected: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
    assert common.mean_std(text) == expected


def test_what_is_not_said_is_none() -> None:
    readers: tuple[Callable[[None], object], ...] = (common.shape, common.low_high, common.mean_std)
    assert [read(None) for read in readers] == [None, None, None]


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (common.shape, "64,x", "--latent 64,x: write numbers with commas between them"),
        (common.shape, "", "--latent : write numbers"),
        (common.shape, "1.5", "--latent 1.5: write whole numbers, as 64 or 64,1,1"),
        (common.shape, "0", "--latent 0: write whole numbers"),
        (common.shape, "-3", "--latent -3: write whole numbers"),
        (common.shape, "inf", "--latent inf: write numbers"),
        (common.shape, "nan", "--latent nan: write numbers"),
        (common.low_high, "1", "--range 1: write LOW,HIGH with LOW < HIGH, as -1,1"),
        (common.low_high, "1,2,3", "--range 1,2,3: write LOW,HIGH"),
        (common.low_high, "nan,1", "--range nan,1: write numbers"),
        (common.low_high, "0,inf", "--range 0,inf: write numbers"),
        (common.mean_std, "1,2,3", "--normalize 1,2,3: write MEAN,STD"),
        (common.mean_std, "0,0", "--normalize 0,0: write MEAN,STD"),
        (common.mean_std, "0,nan", "--normalize 0,nan: write numbers"),
        (common.mean_std, "inf,1", "--normalize inf,1: write numbers"),
    ],
)
def test_what_cannot_be_read_names_the_option(read: Callable[[str], Any], text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert str(caught.value).startswith(message)


def test_roles_of_files() -> None:
    found = common.pairs(["method_*.pt=critic", "a=b.pt=generator", "old/*=ignore"], "--role")
    assert found == {"method_*.pt": "critic", "a=b.pt": "generator", "old/*": "ignore"}


@pytest.mark.parametrize("text", ["a.pt", "a.pt=", "a.pt=critics", "=critic"])
def test_a_role_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="write PATTERN=ROLE with the role generator, critic or ignore"):
        common.pairs([text], "--role")
