"""Every fact is declared once, with all that the places where it may be said need of it."""

from __future__ import annotations

from typing import Any, Literal, get_args

import pytest

from wganalyze.contracts.terms import Law
from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.settings.facts import Said, facts, flag_of, kind_of, read


def test_every_fact_says_what_it_means() -> None:
    assert [*facts()] == [*Said.__annotations__]
    for name, fact in facts().items():
        assert fact.help.endswith((".", "?")), name


def test_no_two_facts_share_a_place() -> None:
    flags = [flag for name in facts() for flag in flag_of(name).split("/")]
    assert len(flags) == len({*flags})
    assert all(flag.startswith("--") and "_" not in flag for flag in flags)
    places = [fact.toml for fact in facts().values() if fact.toml is not None]
    assert len(places) == len({*places})
    whole = {section for section, key in places if key == ""}
    assert not whole & {section for section, key in places if key}, "a section that is one fact holds no other"


def test_a_fact_of_the_toml_has_an_example() -> None:
    lacking = [name for name, fact in facts().items() if fact.toml is not None and fact.example is None]
    assert {*lacking} == {"generator", "critic", "roles"}, "which init words by itself"
    for name, fact in facts().items():
        if fact.example is not None:
            read(name, fact.example, name)


def test_the_type_of_a_value() -> None:
    assert kind_of("latent_law") == Law
    assert get_args(kind_of("orientation")) == (1, -1)
    assert (kind_of("trust"), kind_of("device")) == (bool, str)
    assert Literal["max"] in get_args(kind_of("n"))


def test_the_names_of_the_command_line() -> None:
    assert (flag_of("latent_law"), flag_of("n")) == ("--latent-law", "--n")
    assert (flag_of("roles"), flag_of("options"), flag_of("no_plugins")) == ("--role", "--option", "--no-plugin")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("generator", "t:G", Net("t:G")),
        ("orientation", "-1", -1),
        ("orientation", -1, -1),
        ("held_out", "no", False),
        ("classes", "10", 10),
        ("data", "digits:train", "digits:train"),
    ],
)
def test_a_value_is_read_by_its_fact(name: str, value: Any, expected: object) -> None:
    assert read(name, value, "here") == expected


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("orientation", True, "choose one of: 1, -1"),
        ("latent_law", "gauss", "choose one of: normal, uniform"),
        ("trust", 1, "not of the type bool"),
        ("out", 3, ""),
        ("data", 3, "name a source as a text"),
        ("roles", 3, "write PATTERN=ROLE"),
        ("replicates", 0, "write a whole number from 1 on"),
        ("replicates", -1, "write a whole number from 1 on"),
    ],
)
def test_what_cannot_be_read_is_a_usage_error_that_says_where(name: str, value: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=rf"^here: .*{reason}"):
        read(name, value, "here")
