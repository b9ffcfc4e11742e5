"""A stranger's analyzer with a headline, a verdict and a picture: all of them are shown, with no further code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze import Picture, open_report
from wganalyze.cli import call


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("contrast") <= 30


@pytest.fixture
def report(install: Callable[[str], None], checkpoints: Path) -> Path:
    """Of two steps, on which nothing else was measured."""
    install("contrast")
    sizes = ["--n", "64", "--replicates", "3", "--latent-law", "normal"]
    assert call(["run", str(checkpoints), "--data", "ring8", "--only", "contrast", *sizes]) == 0
    return checkpoints.with_name(f"{checkpoints.name}-report")


def test_the_report_has_its_number_its_verdict_and_its_picture(report: Path) -> None:
    opened = open_report(report)
    assert [each.metric for each in opened.headlines] == ["contrast"]
    (verdict,) = opened.verdicts
    last = opened.measurements["value"].iloc[-1]
    assert verdict.text == f"Its contrast is {last:.2f}."
    pictures = opened.pictures
    assert list(pictures["step"]) == [2, 10]
    for row in pictures.to_dict("records"):
        shown = Picture(row["name"], row["caption"], row["png"])
        assert shown.size == (row["width"], row["height"]) == (8 + 2, 64 * (4 + 1) + 1)  # 2 values of 4 pixels


def test_show_begins_with_its_verdict(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert call(["show", str(report)]) == 0
    text = capsys.readouterr().out
    assert "Its contrast is" in text.splitlines()[0]
    assert "contrast: deviation of the values" in text
