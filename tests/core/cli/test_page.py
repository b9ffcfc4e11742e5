"""``wganalyze page``: one file from reports, and what is wrong where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def test_a_run_becomes_a_page(trainer: Any, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command(*trainer.run())
    answer = command("page", trainer.report)
    text = Path("page.html").read_text(encoding="utf-8")
    assert answer.code == 0
    assert answer.out == f"page.html: 1 report, {round(len(text.encode()) / 1000)} kB\n"
    assert text.startswith("<!DOCTYPE html>")
    assert "fake_min" in text
    two = command("page", trainer.report, trainer.report, "--out", "two.html")
    assert "two.html: 2 reports" in two.out
    spaced = command("page", trainer.report, "--space", "elsewhere")
    assert spaced.code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["."], "no report"),
        (["missing"], "no report"),
        ([], "Missing argument 'REPORT...'"),
        (["missing", "--out", "."], "is a directory"),
    ],
)
def test_what_is_no_report_is_said(
    arguments: list[str], told: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = command("page", *arguments)
    assert answer.code == 2
    assert told in answer.err
    assert list(tmp_path.glob("*.html")) == []
