"""What was said on the command line, in Python and in files, one over the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.settings.config import from_command_line, from_python, net_of, over
from wganalyze.settings.facts import Said


def test_the_unsaid_is_not_in_it() -> None:
    unsaid = {"data": None, "only": (), "trust": False, "held_out": None, "debug": True, "path": Path()}
    assert from_command_line(unsaid) == {}
    assert from_python({"data": None, "only": None}) == {}


def test_what_is_said_by_flags() -> None:
    assert from_command_line({"held_out": False, "trust": True}) == Said(held_out=False, trust=True)
    assert from_command_line({"held_out": True}) == Said(held_out=True)
    assert from_python({"held_out": False, "trust": False}) == Said(held_out=False, trust=False)


@pytest.mark.parametrize(
    ("name", "text", "value", "on_the_line", "in_python"),
    [
        ("latent", "64,x", [1.5], "--latent 64,x: write whole numbers", "latent=[1.5]: write whole numbers"),
        ("latent_law", "gauss", "gauss", "--latent-law gauss: choose one of", "latent_law='gauss': choose one of"),
        ("range", "1", (1, -1), "--range 1: write LOW,HIGH", "range=(1, -1): write LOW,HIGH"),
        ("normalize", "0,0", (0, 0), "--normalize 0,0: write MEAN,STD", "normalize=(0, 0): write MEAN,STD"),
        ("roles", ("a=b", "c"), {"a": "b"}, "--role a=b, c: write PATTERN=ROLE", "roles={'a': 'b'}: write PATTERN"),
        ("n", "1", 1, "--n 1: write a whole number from 2 on", "n=1: write a whole number from 2 on"),
        ("seed", "many", -1, "--seed many: write a whole number from 0", "seed=-1: write a whole number from 0"),
        ("options", ("depth=3",), ["depth"], "--option depth=3: write ANALYZER.KEY=VALUE", "options=['depth']: write"),
    ],
)
def test_a_mistake_names_the_place(name: str, text: Any, value: Any, on_the_line: str, in_python: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_command_line({name: text})
    assert str(caught.value).startswith(on_the_line)
    with pytest.raises(UsageError) as caught:
        from_python({name: value})
    assert str(caught.value).startswith(in_python)


def test_what_is_said_first_wins_and_the_unsaid_is_taken_over() -> None:
    first = Said(n=10, held_out=False, generator=Net("a:B"))
    second = Said(n=20, seed=3, held_out=True, generator=Net("c:D"), critic=Net("e:F"))
    assert over(first, second) == Said(n=10, seed=3, held_out=False, generator=Net("a:B"), critic=Net("e:F"))
    assert over(Said(), second) == second
    assert over(second, Said()) == second


def test_a_range_replaces_a_normalisation_and_the_other_way_round() -> None:
    ranged, normalised = Said(range=(0, 1)), Said(normalize=((0.5,), (0.5,)))
    assert over(ranged, normalised) == ranged
    assert over(normalised, ranged) == normalised
    assert over(Said(n=3), ranged) == Said(n=3, range=(0, 1))


def test_the_patterns_said_first_are_asked_first() -> None:
    line, file = Said(roles={"d_*.pt": "critic"}), Said(roles={"*.pt": "ignore", "d_*.pt": "generator"})
    assert list(over(line, file)["roles"].items()) == [("d_*.pt", "critic"), ("*.pt", "ignore")]


def test_options_of_two_places_are_each_for_itself() -> None:
    line, file = Said(options={"a.x": 1}), Said(options={"a.x": 2, "b.y": 3})
    assert over(line, file)["options"] == {"a.x": 1, "b.y": 3}


def test_the_network_that_was_named() -> None:
    said = Said(generator="t:G", critic=Net("t:D", folder=Path("x")))
    assert (net_of(said, "generator"), net_of(said, "critic")) == (Net("t:G"), Net("t:D", folder=Path("x")))
    assert net_of(Said(), "critic") is None
