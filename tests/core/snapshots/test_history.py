"""Several moments in one file: by step, by container, one after the other; each has its own pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("content", "labels", "steps"),
    [
        ({"G": {100: "G1", 200: "G2"}, "D": {100: "D1", 200: "D2"}}, ["h_100", "h_200"], [100, 200]),
        ({"G": {200: "G2", 100: "G1"}, "D": {100: "D1", 200: "D2"}}, ["h_100", "h_200"], [100, 200]),
        ({"G_100": "G1", "G_200": "G2", "D_100": "D1", "D_200": "D2"}, ["h_100", "h_200"], [100, 200]),
        ({100: {"G": "G1", "D": "D1"}, 200: {"G": "G2", "D": "D2"}}, ["h_100", "h_200"], [100, 200]),
        ({"G": ["G1", "G2"], "D": ["D1", "D2"]}, ["h_0", "h_1"], [0, 1]),
        ({"generators": ["G1", "G2"], "critics": ["D1", "D2"]}, ["h_0", "h_1"], [0, 1]),
        ([{"G": "G1", "D": "D1"}, {"G": "G2", "D": "D2"}], ["h_0", "h_1"], [0, 1]),
        ([("G1", "D1"), ("G2", "D2")], ["h_0", "h_1"], [0, 1]),
        ({"history": [{"G": "G1", "D": "D1"}, {"G": "G2", "D": "D2"}]}, ["h_0", "h_1"], [0, 1]),
        ({100: {"G.": "G1", "D.": "D1"}, 200: {"G.": "G2", "D.": "D2"}}, ["h_100", "h_200"], [100, 200]),
    ],
)
def test_each_moment_has_its_own_pair(opened: Make, content: Any, labels: list[str], steps: list[int]) -> None:
    folder = opened(**{"h.pth": content})
    assert folder.labels == labels
    assert folder.fills == [(1, 1), (2, 2)]
    assert [s.step for s in folder.snapshots] == steps
    assert all(s.missing == {} for s in folder.snapshots)


def test_what_a_container_states_goes_before_its_place(opened: Make) -> None:
    content = [{"G": "G2", "D": "D2", "epoch": 9}, {"G": "G1", "D": "D1", "epoch": 5}]
    folder = opened(**{"h.pth": content})
    assert [(s.step, s.step_unit) for s in folder.snapshots] == [(5, "epoch"), (9, "epoch")]
    assert folder.fills == [(1, 1), (2, 2)]


def test_units_inside_names(opened: Make) -> None:
    content = {f"epoch_{n}": {"netG": f"G{n}", "netD": f"D{n}"} for n in (10, 9)}
    folder = opened(
        **{
            "h.pth": content,
        }
    )
    assert [(s.step, s.step_unit) for s in folder.snapshots] == [(9, "epoch"), (10, "epoch")]
    assert folder.fills == [(9, 9), (10, 10)]


def test_averages_follow_their_moments(opened: Make) -> None:
    folder = opened(**{"h.pth": {"G": {1: "G1", 2: "G2"}, "G_ema": {1: "G11", 2: "G12"}, "D": {1: "D1", 2: "D2"}}})
    assert folder.fills == [(11, 1), (12, 2)]
    assert {s.weights for s in folder.snapshots} == {"ema"}


def test_a_moment_without_a_critic_stands_alone(opened: Make) -> None:
    folder = opened(**{"h.pth": {"G": {1: "G1", 2: "G2", 3: "G3"}, "D": {2: "D2"}}})
    assert folder.fills == [(1, None), (2, 2), (3, None)]


def test_numbered_critics_beside_one_generator_are_critics_of_one_moment(opened: Make) -> None:
    folder = opened(**{"h.pth": {"G": "G1", "D": ["D2", "D3"]}})
    assert folder.fills == [(1, 2), (1, 3)]
    assert {s.step for s in folder.snapshots} == {None}


def test_a_number_that_all_share_tells_no_moments(opened: Make) -> None:
    folder = opened(**{"h.pth": {"netG_64": "G1", "netD_64": "D2"}})
    assert folder.labels == ["h"]
    assert folder.fill == (1, 2)
