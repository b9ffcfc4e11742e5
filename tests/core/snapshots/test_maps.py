"""Maps T and potentials f of neural optimal transport: a pair where their names differ in nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wganalyze.settings.facts import Said

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("t", "f"),
    [("T_0_1999.pt", "f_0_1999.pt"), ("T.pt", "f.pt"), ("toy_T_7.pt", "toy_f_7.pt"), ("a/T_3.pt", "a/f_3.pt")],
)
def test_a_map_and_its_potential(opened: Make, t: str, f: str) -> None:
    folder = opened(**{t: "G1", f: "D2"})
    assert folder.fill == (1, 2)
    assert any("taken as the generator (a map T)" in text for text in folder.only.assumptions)


def test_each_step_has_its_own(opened: Make) -> None:
    folder = opened(
        **{f"{name}_0_{step}.pt": f"{net}{step}" for name, net in (("T", "G"), ("f", "D")) for step in (9, 10)}
    )
    assert folder.fills == [(9, 9), (10, 10)]
    assert [snapshot.step for snapshot in folder.snapshots] == [9, 10]


@pytest.mark.parametrize("f", ["f_1_1999.pt", "F_0_1999.pt", "b/f_0_1999.pt", "f_0_1999_old.pt"])
def test_other_names_are_no_pair(opened: Make, f: str) -> None:
    assert opened(**{"T_0_1999.pt": "G1", f: "G2"}).fills == [(None, None)] * 2


@pytest.mark.parametrize(("t", "f"), [("G1", "G2"), ("D1", "G2")])
def test_sizes_that_do_not_fit_are_no_pair(opened: Make, t: str, f: str) -> None:
    """What the map gives is not what the other takes, or the other gives no single number."""
    assert opened(**{"T.pt": t, "f.pt": f}).fills == [(None, None)] * 2


def test_what_is_said_goes_first(opened: Make) -> None:
    folder = opened(Said(roles={"f.pt": "ignore"}), **{"T.pt": "G1", "f.pt": "D2"})
    assert folder.fills == [(None, None)]
