"""Verdicts in a terminal, as Markdown, as JSON."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from wganalyze_zoo.reproduction.showing import print_table, to_json, to_markdown, worth_showing

COLUMNS = ["claim", "statement", "source", "data", "answer", "reason", "seeds", "numbers"]


@pytest.fixture
def verdicts() -> pd.DataFrame:
    """Of two data sets: one claim tested on one of them, one on both, one on none."""
    number = json.dumps([{"name": "W1", "value": 1.5, "interval": None}])
    rows = [
        ("a", "A is so", "paper", "digits", "supported", "W1 1.5 | 2*3 < 7", 3, number),
        ("a", "A is so", "paper", "ring8", "not testable", "needs exact-w.w1", 0, "[]"),
        ("b", "B is so", "paper", "digits", "refuted", "no", 1, number),
        ("b", "B is so", "paper", "ring8", "not testable", "undecided: who knows", 3, number),
        ("c", "C is so", "paper", "digits", "not testable", "needs more", 0, "[]"),
        ("c", "C is so", "paper", "ring8", "not testable", "needs more", 0, "[]"),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_what_was_not_measured_is_shown_only_where_nothing_was(verdicts: pd.DataFrame) -> None:
    shown = worth_showing(verdicts)
    assert [*zip(shown["claim"], shown["data"], strict=True)] == [
        ("a", "digits"), ("b", "digits"), ("b", "ring8"), ("c", "digits"),
    ]  # fmt: skip


def test_a_table(verdicts: pd.DataFrame, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    print_table(verdicts)
    out = capsys.readouterr().out
    assert out.count("B is so (b)") == 1
    assert "2 not testable, 1 supported, 1 refuted" in out


def test_markdown_has_a_section_for_each_claim(verdicts: pd.DataFrame) -> None:
    lines = to_markdown(verdicts, ["Made by hand."]).splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        "# The claims of the literature, put to runs", "## A is so", "## B is so", "## C is so",
    ]  # fmt: skip
    assert "Made by hand." in lines
    assert r"- digits, 3 seeds: **supported**. W1 1.5 \| 2\*3 &lt; 7" in lines
    assert "- digits: **not testable**. needs more" in lines


def test_json_holds_everything(verdicts: pd.DataFrame) -> None:
    rows = json.loads(to_json(verdicts))
    assert len(rows) == len(verdicts)
    assert rows[0]["numbers"] == [{"name": "W1", "value": 1.5, "interval": None}]
