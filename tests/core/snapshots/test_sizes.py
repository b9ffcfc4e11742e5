"""Roles by sizes: where one answer is possible, it is taken and said; where two are, it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member
from wganalyze.snapshots.sizes import with_roles_by_size

Make = Callable[..., Any]
BOTH = Said(generator=Net("torch.nn:Linear(3, 5)"), critic=Net("torch.nn:Linear(5, 1)"))


def chain(name: str, *widths: int, role: Any = None) -> Member:
    """A network of linear layers."""
    keys = {f"{i}.weight": TensorSpec((b, a), "float32") for i, (a, b) in enumerate(pairwise(widths))}
    return Member(Piece(Part(Path("wgan.pth"), "test", name, keys=keys, read_tensors=dict)), role)


def roles(*members: Member) -> list[str | None]:
    """What they are found to be."""
    return [member.role for member in with_roles_by_size(members)]


@pytest.mark.parametrize("content", [("G1", "D2", 12000), ["G1", "D2"], {"a": ("G1", "D2")}, ("D2", "G1")])
def test_unnamed_parts_of_a_file(opened: Make, content: Any) -> None:
    folder = opened(**{"wgan.pth": content if not isinstance(content, dict) else {"nets": content["a"]}})
    assert folder.fill == (1, 2)
    assert folder.only.missing == {}
    assert sum("by sizes: it begins with" in text for text in folder.only.assumptions) == 2


def test_the_one_that_nothing_names_is_the_other_half(opened: Make) -> None:
    folder = opened(**{"wgan.pth": {"generator": "G1", "model": "D2"}})
    assert folder.fill == (1, 2)


def test_an_average_among_them(opened: Make) -> None:
    folder = opened(**{"wgan.pth": ["G1", "D2", "G3"]})
    assert folder.fill == (1, 2)
    assert any("left out: wgan.pth[2] (choose with --role 'wgan.pth[0]=ignore')" in t for t in folder.only.assumptions)
    ignored = Said(**BOTH, roles={"wgan.pth[0]": "ignore"})
    assert opened(ignored).fill == (3, 2)


@given(st.lists(st.integers(1, 6), min_size=4, max_size=4))
def test_a_role_is_given_where_one_reading_is_possible(widths: list[int]) -> None:
    z, n, m, out = widths
    first, second = chain("0", z, 16, n), chain("1", m, 16, out)
    one_way = n == m and out == 1
    other_way = out == z and n == 1
    found = roles(first, second)
    if one_way == other_way:
        assert found == [None, None]
    else:
        assert found == (["generator", "critic"] if one_way else ["critic", "generator"])
    assert roles(second, first) == found[::-1]


@given(st.permutations([("0", 4, 2), ("1", 2, 1), ("2", 4, 2)]))
def test_the_order_does_not_matter(order: list[tuple[str, int, int]]) -> None:
    found = roles(*(chain(name, a, 16, b) for name, a, b in order))
    assert {name: role for (name, *_), role in zip(order, found, strict=True)} == {
        "0": "generator", "1": "critic", "2": "generator",
    }  # fmt: skip


def test_known_roles_are_kept_and_contradictions_decide_nothing() -> None:
    assert roles(chain("0", 4, 2, role="critic"), chain("1", 2, 1)) == ["critic", None]
    assert roles(chain("0", 4, 2, role="generator"), chain("1", 3, 1)) == ["generator", None]
