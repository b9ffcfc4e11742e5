"""Order statistics: points come no further apart, and a function of the whole batch is none of a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from wganalyze_plugins.lipschitz.bounds.rules import Stretch, ordering, stretch_of_function

SORTS: dict[str, Callable[[Tensor], Tensor]] = {
    "sort": lambda x: x.sort(1).values,
    "descending": lambda x: x.sort(1, descending=True)[0],
    "groups": lambda x: x.view(-1, 3, 2).sort(2)[0].flatten(1),
    "largest two": lambda x: x.topk(2, 1)[0],
    "largest": lambda x: x.amax(1, keepdim=True),
    "least": lambda x: x.min(1, keepdim=True)[0],
    "median": lambda x: x.median(1, keepdim=True)[0],
    "third": lambda x: x.kthvalue(3, 1, keepdim=True)[0],
}


@given(st.sampled_from(sorted(SORTS)), st.integers(0, 999), st.integers(0, 3))
def test_points_come_no_further_apart_also_at_ties(name: str, seed: int, digits: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, 64, 6, dtype=torch.float64, generator=generator).round(decimals=digits)
    apart = (SORTS[name](x) - SORTS[name](y)).norm(dim=1)
    assert bool((apart <= (x - y).norm(dim=1) * (1 + 1e-12)).all())


@pytest.mark.parametrize(
    ("target", "arguments", "keywords"),
    [
        ("sort", (1,), {}),
        (torch.sort, (), {"dim": -1, "descending": True}),
        ("sort", (), {"descending": True}),
        (torch.topk, (2, 1), {}),
        ("topk", (2,), {}),
        ("max", (1,), {"keepdim": True}),
        (torch.min, (), {"dim": 1}),
        ("amax", ((1, 2),), {}),
        (torch.median, (1,), {}),
        ("kthvalue", (2, -1), {}),
    ],
)
def test_along_the_axes_of_a_sample(target: Any, arguments: Any, keywords: Any) -> None:
    found = stretch_of_function(target, (None, *arguments), keywords, (4, 5))
    assert isinstance(found, Stretch)
    assert found.factor == 1


@pytest.mark.parametrize(
    ("target", "arguments", "keywords"),
    [
        ("sort", (0,), {}),
        ("sort", (-3,), {}),
        ("max", (), {}),
        ("amax", (), {}),
        ("amax", ((0, 1),), {}),
        ("msort", (), {}),
        (torch.median, (), {}),
        ("topk", (2, 0), {}),
    ],
)
def test_along_the_batch_there_is_no_rule(target: Any, arguments: Any, keywords: Any) -> None:
    found = stretch_of_function(target, (None, *arguments), keywords, (4, 5))
    assert isinstance(found, str)
    assert "mixes the samples" in found


def test_extremes_are_told_by_their_axes() -> None:
    assert ordering.extreme("amax", (None, (1, -1)), {}, (4, 5)) == ("largest", frozenset({1, 2}))
    assert ordering.extreme(torch.min, (None,), {"dim": 1}, (4, 5)) == ("least", frozenset({1}))
    assert ordering.extreme("sort", (None, 1), {}, (4, 5)) is None
    assert ordering.extreme("max", (None,), {}, (4, 5)) is None
    assert ordering.extreme(torch.max, (None, torch.zeros(2)), {}, (4, 5)) is None
