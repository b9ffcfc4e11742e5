"""Claims put to evidence: order, choice, what is missing, what a stranger's claim raises, and few seeds."""

from __future__ import annotations

import json
from collections.abc import Callable

import pandas as pd
import pytest

from wganalyze.contracts.claim import Claim, Evident, Verdict
from wganalyze.contracts.evidence import Evidence
from wganalyze.errors import NotMeasurable, UsageError
from wganalyze.running.judging import judge, judge_all
from wganalyze.statistics import Interval

EVIDENCE = Evidence("digits", (), pd.DataFrame(), lambda name: pd.DataFrame())


def _claim(called: str, answer: Callable[[], Verdict], place: int = 1000) -> Claim:
    class Made(Claim):
        name, statement, source, needs, rank = called, "it is so", "a paper", "runs", place

        def judge(self, evidence: Evidence) -> Verdict:
            return answer()

    return Made()


def _raising(error: BaseException) -> Callable[[], Verdict]:
    def answer() -> Verdict:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (_raising(NotMeasurable("needs w")), ("not testable", "needs w")),
        (_raising(NotMeasurable()), ("not testable", "runs")),
        (_raising(KeyError("step")), ("not testable", "the claim failed (KeyError: 'step')")),
        (_raising(SystemExit(3)), ("not testable", "the claim failed (SystemExit: 3)")),
        (lambda: Verdict("refuted", "no"), ("refuted", "no")),
    ],
)
def test_a_claim_answers_whatever_happens(answer: Callable[[], Verdict], verdict: tuple[str, str]) -> None:
    given = judge(_claim("c", answer), EVIDENCE)
    assert (given.answer, given.reason) == verdict


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> dict[str, Claim]:
    """Three claims, whose answers rest on one seed, on two, and on none."""
    monkeypatch.setattr("wganalyze.running.judging.evidence_of", lambda reports: [EVIDENCE])
    number = Evident("W1", 1.5, Interval(1, 2, "t"))
    return {
        "b": _claim("b", lambda: Verdict("supported", "yes", (number,), seeds=1)),
        "a": _claim("a", lambda: Verdict("supported", "yes", (number,), seeds=2)),
        "first": _claim("first", lambda: Verdict("not testable", "who knows", seeds=1), place=1),
    }


def test_a_row_for_each_claim_in_their_order(claims: dict[str, Claim]) -> None:
    frame = judge_all(claims, [])
    assert list(frame["claim"]) == ["first", "a", "b"]
    assert list(frame["reason"]) == ["who knows", "yes", "from ONE seed: yes"]
    assert list(frame["seeds"]) == [1, 2, 1]
    assert json.loads(frame["numbers"][1]) == [
        {"name": "W1", "value": 1.5, "interval": {"low": 1, "high": 2, "method": "t"}}
    ]


def test_chosen_claims_in_the_order_in_which_they_are_named(claims: dict[str, Claim]) -> None:
    assert list(judge_all(claims, [], ["b", "first", "b"])["claim"]) == ["b", "first"]
    with pytest.raises(UsageError, match="--only c: no claim is called so; there are: a, b, first"):
        judge_all(claims, [], ["c"])
