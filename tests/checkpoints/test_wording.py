"""What a stranger's file says is one short line, whatever it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wganalyze_checkpoints.wording import LONGEST, few, what_it_says


@given(st.text())
def test_a_reason_is_one_short_line(text: str) -> None:
    line = what_it_says(text)
    assert line.isprintable()
    assert 0 < len(line) <= LONGEST
    plain = text.isprintable() and text == " ".join(text.split()) and 0 < len(text) <= LONGEST
    assert line == text or not plain


def test_a_reason_says_that_it_was_cut() -> None:
    assert what_it_says("a" * LONGEST) == "a" * LONGEST
    assert what_it_says("a" * (LONGEST + 1)) == "a" * (LONGEST - 3) + "..."


def test_an_error_without_words_is_named_by_its_class() -> None:
    assert what_it_says(EOFError()) == "EOFError"
    assert what_it_says(ValueError("  two\n lines\x1b ")) == "two lines?"


def test_few_of_many_names() -> None:
    assert few([], 2) == ""
    assert few(["a", "b"], 2) == "a, b"
    assert few(("a", "b\nc\x00", "d"), 2) == "a, b c?, ..."
    assert few(dict.fromkeys("abc"), 1) == "a, ..."
