"""Which of several networks belong together: of one format, and of sizes that fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member
from wganalyze.snapshots.partners import may_pair, mismatch

Make = Callable[..., Any]
BOTH = Said(generator=Net("a:b"), critic=Net("a:b"))


def net(path: str, takes: int, gives: int, kind: str = "test", name: str = "") -> Part:
    """A network of two linear layers."""
    keys = {"0.weight": TensorSpec((16, takes), "float32"), "2.weight": TensorSpec((gives, 16), "float32")}
    return Part(Path(path), kind, name, keys=keys, read_tensors=dict)


def pairs(folder: Any) -> list[tuple[str, ...]]:
    """The files of each snapshot's networks."""
    return [tuple(design.partition(":")[0] for design in s.designs.values()) for s in folder.snapshots]


def test_files_of_one_format_belong_together(assembled: Make) -> None:
    parts = [net("D.b", 2, 1, "b"), net("D.a", 2, 1, "a"), net("G.b", 4, 2, "b"), net("G.a", 4, 2, "a")]
    folder = assembled(*parts, said=BOTH)
    assert sorted(pairs(folder)) == [("G.a", "D.a"), ("G.b", "D.b")]
    assert sorted(label.partition(" ")[2] for label in folder.labels) == ["(a)", "(b)"]
    assert not any("left out" in text for s in folder.snapshots for text in s.assumptions)


def test_a_second_export_of_one_network_stands_alone(assembled: Make) -> None:
    folder = assembled(net("G.a", 4, 2, "a"), net("G.b", 4, 2, "b"), net("D.b", 2, 1, "b"), said=BOTH)
    assert sorted(pairs(folder)) == [("G.a",), ("G.b", "D.b")]


def test_leftovers_of_one_format_come_first(assembled: Make) -> None:
    parts = [net("my_G.a", 4, 2, "a"), net("D_x.a", 2, 1, "a"), net("best_G.b", 4, 2, "b"), net("D_y.b", 2, 1, "b")]
    assert sorted(pairs(assembled(*parts, said=BOTH))) == [("best_G.b", "D_y.b"), ("my_G.a", "D_x.a")]


def test_one_of_each_format_is_a_pair_and_that_is_assumed(assembled: Make) -> None:
    snapshot = assembled(net("G.a", 4, 2, "a"), net("D.b", 2, 1, "b"), said=BOTH).only
    assert "G.a (a) and D.b (b) taken as a pair, of two formats" in snapshot.assumptions


@pytest.mark.parametrize("names", [("G.a", "D.b"), ("my_G.a", "D_last.a")])
def test_sizes_that_do_not_fit_are_no_pair(assembled: Make, names: tuple[str, str]) -> None:
    kinds = [Path(name).suffix for name in names]
    folder = assembled(net(names[0], 4, 2, kinds[0]), net(names[1], 5, 1, kinds[1]), said=BOTH)
    assert sorted(pairs(folder)) == sorted((name,) for name in names)
    assert len(set(folder.labels)) == 2


def test_two_halves_of_one_name_that_do_not_fit_are_no_pair_and_it_is_said(assembled: Make) -> None:
    """A critic that takes labels is told by --classes."""
    folder = assembled(net("G.a", 4, 2), net("D.a", 5, 1), said=BOTH)
    why = "G.a ends with 2, and D.a begins with 5 (if it takes 3 classes too, say --classes 3; if a condition too, "
    why += "say --condition), so they are no pair"
    for snapshot, role in zip(folder.snapshots, ("generator", "critic"), strict=True):
        assert snapshot.missing[role].startswith(why)
        assert "if they are, say --role" in snapshot.missing[role]
    assert pairs(assembled(net("G.a", 4, 2), net("D.a", 5, 1), said=Said(**BOTH, classes=3))) == [("G.a", "D.a")]
    energy = Said(**BOTH, condition={"": "npz:a.npz#energy"})
    assert pairs(assembled(net("G.a", 4, 2), net("D.a", 3, 1), said=energy)) == [("G.a", "D.a")]
    assert pairs(assembled(net("G.a", 4, 2), net("D.a", 1, 1), said=energy)) != [("G.a", "D.a")]
    roles = {"G.a": "generator", "D.a": "critic"}
    assert pairs(assembled(net("G.a", 4, 2), net("D.a", 5, 1), said=Said(**BOTH, roles=roles))) == [("G.a", "D.a")]


def test_each_critic_has_the_generator_that_fits_it(assembled: Make) -> None:
    parts = [net("c.pt", 4, 2, name="G_a"), net("c.pt", 3, 5, name="G_b")]
    parts += [net("c.pt", 5, 1, name="D_x"), net("c.pt", 2, 1, name="D_y")]
    folder = assembled(*parts, said=BOTH)
    assert sorted(pairs(folder)) == [("c.pt[G_a]", "c.pt[D_y]"), ("c.pt[G_b]", "c.pt[D_x]")]


def test_of_several_that_fit_the_namesake_is_taken(assembled: Make) -> None:
    parts = [net("c.pt", 4, 2, name=f"G_{letter}") for letter in "AB"]
    parts += [net("c.pt", 2, 1, name=f"D_{letter}") for letter in "BA"]
    folder = assembled(*parts, said=BOTH)
    assert sorted(pairs(folder)) == [("c.pt[G_A]", "c.pt[D_A]"), ("c.pt[G_B]", "c.pt[D_B]")]


@pytest.mark.parametrize(
    ("gives", "takes", "may"), [(2, 2, True), (2, 4, True), (2, 5, False), (5, 2, False), (3, 33, False)]
)
def test_sizes_that_contradict(gives: int, takes: int, may: bool) -> None:
    """A critic may score samples in packs, of ten at most."""
    generator, critic = (Member(Piece(net("x", *ends)), None) for ends in ((4, gives), (takes, 1)))
    assert may_pair(generator, critic, Said()) is may
    assert bool(mismatch(generator, critic)) is not may


def test_what_patterns_say_is_a_pair_whatever_its_sizes(assembled: Make) -> None:
    said = Said(**BOTH, roles={"one.a": "generator", "two.a": "critic"})
    assert pairs(assembled(net("one.a", 4, 2), net("two.a", 5, 1), said=said)) == [("one.a", "two.a")]
