"""Generators and critics under names that do not match: pairs where nothing else can be meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wganalyze.contracts.loader import Part
from wganalyze.networks.factories import Net
from wganalyze.settings.facts import Said

Make = Callable[..., Any]
MakePart = Callable[..., Part]
GENERATOR, CRITIC = Net(factory="torch.nn:Linear(3, 5)"), Net(factory="torch.nn:Linear(5, 1)")


def test_patterns_make_pairs_of_each_step(opened: Make) -> None:
    said = Said(generator=GENERATOR, critic=CRITIC, roles={"foo*": "generator", "bar*": "critic"})
    files = {f"{name}_{step}.pt": f"{net}{step}" for step in (1, 2, 10) for name, net in (("foo", "G"), ("bar", "D"))}
    folder = opened(said, **files)
    assert [s.step for s in folder.snapshots] == [1, 2, 10]
    assert folder.fills == [(1, 1), (2, 2), (10, 10)]
    assert "foo_2.pt and bar_2.pt taken as a pair" in folder.snapshots[1].assumptions


def test_leftovers_are_a_pair_and_that_is_assumed(opened: Make) -> None:
    folder = opened(**{"my_generator_final.pt": "G1", "critic-v2.pt": "D2"})
    snapshot = folder.only
    assert folder.fill == (1, 2)
    assert "my_generator_final.pt and critic-v2.pt taken as a pair" in snapshot.assumptions


def test_an_unknown_file_does_not_part_a_pair(opened: Make) -> None:
    folder = opened(**{"best_G.pt": "G1", "D_last.pt": "D2", "vgg.pt": "D9"})
    assert [fill for fill in folder.fills if fill != (None, None)] == [(1, 2)]


def test_more_leftovers_than_two_are_not_paired(opened: Make) -> None:
    folder = opened(**{"a_G.pt": "G1", "b_G.pt": "G2", "c_D.pt": "D3"})
    assert len(folder.snapshots) == 3
    assert not any("pair" in text for s in folder.snapshots for text in s.assumptions)


def test_half_a_step_is_not_paired_with_another_step(opened: Make) -> None:
    """A trajectory whose last critic was not saved: its generator stands alone."""
    folder = opened(**{"G_1.pt": "G1", "D_1.pt": "D1", "G_2.pt": "G2"})
    assert [(s.step, [*s.missing]) for s in folder.snapshots] == [(1, []), (2, ["critic"])]
    assert folder.fills == [(1, 1), (2, None)]
    assert not any("pair" in text for s in folder.snapshots for text in s.assumptions)


def test_halves_of_different_steps_are_no_pair(opened: Make) -> None:
    folder = opened(**{"G_1.pt": "G1", "D_2.pt": "D2"})
    assert [(s.step, [*s.missing]) for s in folder.snapshots] == [(1, ["critic"]), (2, ["generator"])]


def test_a_pair_under_two_names_keeps_what_lies_beside_one_of_them(assembled: Make, weights: MakePart) -> None:
    record = Part(Path("run/state_dict.pth"), "test", facts={"itr": 900, "dim_z": 17})
    nets = [weights("run/G.pth"), weights("run/D_final.pth")]
    snapshot = assembled(record, *nets, said=Said(generator=Net("a:b"), critic=Net("a:b"))).only
    assert (snapshot.step, snapshot.latent.shape) == (900, (17,))
    assert {path.name for path in snapshot.files} == {"G.pth", "D_final.pth", "state_dict.pth"}
