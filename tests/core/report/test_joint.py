"""Verdicts on seeds of one setting, told once."""

from __future__ import annotations

import pytest

from wganalyze import Sentence
from wganalyze.report.joint import joint
from wganalyze.report.verdict import RunVerdict


def said(run: str, *texts: str) -> RunVerdict:
    """What is said of a run, in this order."""
    return RunVerdict(run, (f"{run}/a",), tuple(Sentence(text, rank, ("w1",)) for rank, text in enumerate(texts)))


def told(*verdicts: RunVerdict) -> dict[str, str]:
    return {verdict.run: verdict.text for verdict in joint(verdicts)}


def test_numbers_are_told_by_their_range_and_intervals_are_left_out() -> None:
    found = told(
        said("gp/seed=0", "Told apart at step 9: W1 3.9 [3.8, 4] against 3.5 (n = 81), +10%."),
        said("gp/seed=1", "Told apart at step 9: W1 4.1 [4, 4.3] against 3.5 (n = 81), +16%."),
        said("gp/seed=2", "Told apart at step 9: W1 0.5 against 3.5 (n = 81), +2%."),
    )
    text = "Told apart at step 9: W1 0.5 to 4.1 against 3.5 (n = 81), +2% to +16%."
    assert found == {"gp/seed=* (3 seeds)": text}


def test_a_sentence_of_some_names_their_seeds_and_steps_are_never_mixed() -> None:
    found = told(
        said("seed0", "By w1 step 300 is the best, and steps 700, 900 cannot be told from it."),
        said("seed1", "By w1 step 300 is the best, and steps 700, 1100 cannot be told from it."),
        said("seed2", "By w1 step 300 is the best.", "It copies."),
        said("seed3", "By w1 step 300 is the best."),
    )
    assert found["seed* (4 seeds)"] == (
        "Seed 0: by w1 step 300 is the best, and steps 700, 900 cannot be told from it. "
        "Seed 1: by w1 step 300 is the best, and steps 700, 1100 cannot be told from it. "
        "Seeds 2, 3: by w1 step 300 is the best. Seed 2: it copies."
    )


def test_settings_stay_apart_and_what_has_no_seed_stays_as_it_is() -> None:
    verdicts = [said("gan/seed=0", "One."), said("gp/seed=0", "Two."), said("gan/seed=1", "One."), said("other", "1.")]
    assert told(*verdicts) == {"gan/seed=* (2 seeds)": "One.", "gp/seed=0": "Two.", "other": "1."}
    assert joint(verdicts)[0].labels == ("gan/seed=0/a", "gan/seed=1/a")


@pytest.mark.parametrize("run", ["a/b", "run1", "seeds/x", "seedling_3"])
def test_a_name_without_a_seed_is_not_joined(run: str) -> None:
    assert len(joint([said(run, "W1 1."), said(f"{run}x", "W1 2.")])) == 2


def test_two_sentences_of_one_form_are_both_told() -> None:
    found = told(
        said("a_seed0", "W1 is 1.5.", "W1 is 5.5."), said("a_seed1", "W1 is 2.5.", "W1 is 6.5."), said("a_seed2")
    )
    assert found == {"a_seed* (3 seeds)": "Seeds 0, 1: W1 is 1.5 to 2.5. Seeds 0, 1: W1 is 5.5 to 6.5."}


@pytest.mark.parametrize(
    "text",
    [
        "1 of 8 modes are lost: {} degrees.",
        "1 of 25 modes is lost: ({}, 0.5).",
        "Digit {} is lost.",
        "{}/3 of it is lost.",
        "Told apart at tick {}.",
        "Assumed: [z], {} wide.",
    ],
)
def test_names_and_counts_are_no_quantities(text: str) -> None:
    """Of whole numbers nobody knows what they name."""
    (found,) = told(said("seed=0", text.format(1)), said("seed=1", text.format(3))).values()
    assert found == f"Seed 0: {lowered(text.format(1))} Seed 1: {lowered(text.format(3))}"


def lowered(text: str) -> str:
    return f"{text[0].lower()}{text[1:]}"


def test_places_are_kept_and_percentages_are_ranged() -> None:
    found = told(said("seed=0", "Lost (0.5, 1.5), 2% of all."), said("seed=1", "Lost (0.5, 1.5), 10% of all."))
    assert found == {"seed=* (2 seeds)": "Lost (0.5, 1.5), 2% to 10% of all."}
