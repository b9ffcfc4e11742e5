"""What a reproduction trains: every method that a claim names, in as many steps as the time allows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wganalyze_plugins.claims
from wganalyze import DataError
from wganalyze_zoo.reproduction.recipes import (
    CONTINUED,
    DATA,
    ROUND,
    SCALES,
    SEEDS,
    Recipe,
    scale_for,
    scaled,
    subject_of,
)


def test_each_training_has_a_folder_of_its_own() -> None:
    for name in DATA:
        folders = [recipe.folder for recipe in subject_of(name).recipes]
        assert len({*folders}) == len(folders)
        assert {*CONTINUED} <= {*folders}
    assert Recipe("gan", 1, ("sn", "gp"), "dcgan").folder == "gan-sn-gp-dcgan"


def test_the_methods_that_claims_compare_are_trained() -> None:
    """Every method that a claim asks evidence for by name, or its comparison is for those who train it themselves."""
    source = "".join(path.read_text() for path in Path(wganalyze_plugins.claims.__file__).parent.glob("*.py"))
    asked = {*re.findall(r'(?:needed|evidence\.of)\(evidence, "([\w+-]+)"', source)}
    asked |= {*re.findall(r'evidence\.of\("([\w+-]+)"', source)}
    trained = {"+".join((r.method, *r.constraints)) for r in subject_of("digits").recipes}
    assert asked
    assert asked <= trained


def test_digits_are_measured_on_what_was_not_trained_on() -> None:
    digits = subject_of("digits")
    assert (digits.training, digits.data) == ("digits:train", "digits:held-out")
    on: dict[str, dict[str, int]] = {}
    for recipe in digits.recipes:
        on.setdefault(recipe.method, {})[recipe.arch] = recipe.steps
    for method in ("wgan-gp", "gan"):
        assert on[method].keys() == {"mlp", "mlp-nobn", "dcgan", "dcgan-nobn"}
        assert len({steps for arch, steps in on[method].items() if arch != "mlp"}) == 1
    ring = subject_of("ring8")
    assert ring.training == ring.data == "ring8"
    assert all(recipe.arch == "mlp" for recipe in ring.recipes)
    assert "held_out" not in ring.said  # a law has as many samples as one asks for
    assert subject_of("digits:train").said["held_out"] is False
    with pytest.raises(DataError, match="no data source is called 'nowhere'"):
        subject_of("nowhere")


@given(st.floats(1, 1e6), st.integers(1, 3), st.integers(1, 64))
def test_more_time_means_no_fewer_steps(budget: float, subjects: int, cores: int) -> None:
    assert scale_for(budget, subjects, cores) <= scale_for(2 * budget, subjects, cores)
    assert scale_for(budget, subjects, cores) <= scale_for(budget, subjects, cores + 1)
    assert scale_for(budget, subjects + 1, cores) <= scale_for(budget, subjects, cores)
    assert scale_for(budget, subjects, cores) in SCALES


def test_the_default_budget_buys_three_seeds_at_scale_one() -> None:
    assert ROUND * SEEDS <= 30 * 60
    assert scale_for(30 * 60, 2, 2) == 1
    assert (scaled(2000, 1), scaled(2000, 0.125), scaled(8, 0.125)) == (2000, 250, 5)
