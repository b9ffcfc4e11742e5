"""What a comparison comes to, said in sentences; nothing is called better that was not told apart."""

from __future__ import annotations

import pytest

from wganalyze.report.page.telling import sentences
from wganalyze.report.questions.asked import Asked
from wganalyze.report.questions.comparison import Answered, Compared, Comparison, Entry, Verdict
from wganalyze.report.questions.telling_apart import Difference

A, B = (Entry(name, "s", 1, 50, 1.0, None, None, 3) for name in "ab")
DIRECTIONS = {"better": "lower", "worse": "lower", "higher": "none", "lower": "none"}


def answered(metric: str, verdict: Verdict, direction: str = "", gap: float = 0.5) -> Answered:
    asked = Asked("x", metric, None, direction or DIRECTIONS.get(verdict, "lower"), "", metric)
    difference = Difference(gap, gap - 0.1, gap + 0.1, 0.01 if verdict else None, "t")
    return Answered(asked, [A, B], [Compared(B, A, difference, difference.pvalue, verdict)])


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([answered("u", "worse")], ["b is worse than a by u (+0.500 [0.400, 0.600])."]),
        ([answered("u", "better", gap=-2)], ["b is better than a by u (-2.000 [-2.100, -1.900])."]),
        (
            [answered("u", "better", gap=-2), answered("v", "worse")],
            ["b is better than a by u (-2.000 [-2.100, -1.900]), and worse by v (+0.500 [0.400, 0.600])."],
        ),
        (
            [answered("u", "not told apart"), answered("v", "not told apart", "none")],
            ["b cannot be told from a by u.", "Not told apart: v."],
        ),
        (
            [answered("u", "worse"), answered("v", "not told apart"), answered("w", "")],
            ["b is worse than a by u (+0.500 [0.400, 0.600]).", "Not told apart: v.",
             "Not tested: w (+0.500 [0.400, 0.600])."],
        ),
        ([answered("u", "")], ["b and a were not tested against each other: "
                                 "u (+0.500 [0.400, 0.600]) without a test."]),
        ([answered("u", "higher")], ["Higher: u (+0.500 [0.400, 0.600])."]),
        (
            [answered(name, "worse") for name in "uvwxyz"],
            ["b is worse than a by u (+0.500 [0.400, 0.600]), v (+0.500 [0.400, 0.600]), w (+0.500 [0.400, 0.600]) "
             "and 3 more."],
        ),
    ],
)  # fmt: skip
def test_sentences(answers: list[Answered], told: list[str]) -> None:
    comparison = Comparison(["a", "b"], "last", "replicates", False, answers, [])
    assert sentences(comparison) == [("b against a", told)]
