"""Patterns of --role: of files, and of parts by the names that inspect prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from wganalyze.settings.facts import Said
from wganalyze.snapshots.patterns import part_by_pattern, role_by_pattern

WGAN = Path("run/wgan.pth")


@pytest.mark.parametrize("pattern", ["wgan.pth[0]", "run/wgan.pth[0]", "*.pth[0]", "run/*[0]", "wgan.pt?[0]"])
def test_a_part_is_called_by_its_name_in_brackets(pattern: str) -> None:
    said = Said(roles={pattern: "generator"})
    assert role_by_pattern(WGAN, said, "0") == part_by_pattern(WGAN, said, "0") == "generator"
    assert role_by_pattern(WGAN, said, "1") is None
    assert role_by_pattern(WGAN, said) is None


def test_what_is_said_of_a_part_goes_before_what_is_said_of_its_file() -> None:
    said = Said(roles={"wgan.pth": "critic", "wgan.pth[0]": "generator"})
    assert [role_by_pattern(WGAN, said, inside) for inside in ("0", "1", "")] == ["generator", "critic", "critic"]
    assert part_by_pattern(WGAN, said, "1") is None


def test_brackets_are_still_a_choice_of_letters_in_names_of_files() -> None:
    said = Said(roles={"net[GD].pth": "ignore", "net_[0]": "critic"})
    assert role_by_pattern(Path("netG.pth"), said) == "ignore"
    assert role_by_pattern(Path("net_0"), said) == "critic"


def test_parts_may_be_chosen_by_patterns_too() -> None:
    said = Said(roles={"history.pth[G.*]": "ignore"})
    assert role_by_pattern(Path("history.pth"), said, "G.100") == "ignore"
    assert role_by_pattern(Path("history.pth"), said, "D.100") is None
