"""What is printed keeps to the width, breaks names between their parts, and obeys nothing."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wganalyze.report.console import Folded, PlainConsole, entry, folded, make_console, say

NAMES = st.text(alphabet="ab_-./ é漢", max_size=60)


@given(NAMES, st.integers(2, 40))
def test_a_folded_text_is_whole_and_no_line_is_too_long(text: str, width: int) -> None:
    lines = folded(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("wgan-gp/step_000050.pt", 24, ["wgan-gp/step_000050.pt"]),
        ("wgan-gp/step_000050.pt", 14, ["wgan-gp/step_", "000050.pt"]),
        ("generator.0.weight (256, 32)", 20, ["generator.0.weight", "(256, 32)"]),
        ("not told apart", 10, ["not told", "apart"]),
        ("lipschitz_lower", 12, ["lipschitz_", "lower"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("", 3, [""]),
    ],
)
def test_names_are_broken_between_their_parts(text: str, width: int, lines: list[str]) -> None:
    assert folded(text, width) == lines


def test_a_cell_takes_the_room_that_it_needs_and_gives_it_up() -> None:
    for width, lines in ((40, ["x  wgan-gp/step_000050"]), (16, ["x  wgan-gp/step_", "   000050"])):
        console = Console(width=width, file=io.StringIO())
        table = Table.grid(padding=(0, 2))
        table.add_row(Folded("x"), Folded("wgan-gp/step_000050"))
        console.print(table)
        assert [line.rstrip() for line in console.file.getvalue().splitlines()] == lines  # type: ignore[attr-defined]


class Screen(io.StringIO):
    """A terminal that is read back."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Screen]:
    """Puts a terminal of 30 columns where stdout goes."""

    def put(**environment: str) -> Screen:
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"COLUMNS": "30", "TERM": "xterm-256color", **environment}.items():
            monkeypatch.setenv(name, value)
        made = Screen()
        monkeypatch.setattr(sys, "stdout", made)
        return made

    return put


def framed() -> Table:
    table = Table("name", title_style="red", header_style="bold red")
    table.add_row("x")
    return table


def test_a_dumb_terminal_is_given_plain_ascii(screen: Callable[..., Screen]) -> None:
    text = screen(TERM="dumb")
    console = make_console()
    say(console, "words", "bold red")
    console.print(framed())
    assert text.getvalue().isascii()
    assert "\x1b" not in text.getvalue()
    assert "+------+" in text.getvalue()


@pytest.mark.parametrize(("environment", "codes"), [({}, "1;31"), ({"NO_COLOR": "1"}, "1")])
def test_no_color_leaves_weight_and_takes_colour(
    environment: dict[str, str], codes: str, screen: Callable[..., Screen]
) -> None:
    """As no-color.org has it."""
    text = screen(**environment)
    say(make_console(), "words", "bold red")
    assert text.getvalue() == f"\x1b[{codes}mwords\x1b[0m\n"


def test_a_file_has_no_codes_and_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say(make_console(), "word " * 100, "bold red")
    entry(make_console(), "word " * 100, 2)
    first, second = capsys.readouterr().out.splitlines()
    assert first.strip() == second.strip() == ("word " * 100).strip()
    assert second.startswith("  word")


def test_an_entry_goes_on_farther_in(screen: Callable[..., Screen]) -> None:
    text = screen()
    entry(make_console(), "metric  w1: what it is, and in which unit it is said", 2)
    first, *more = text.getvalue().splitlines()
    assert first.startswith("  metric  w1: ")
    assert more
    assert all(line.startswith(" " * 6) and len(line) <= 30 for line in more)


def test_names_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    PlainConsole(width=80).print("[red]a[/red] :smile: \x1b[31m\u202e")
    assert capsys.readouterr().out == "[red]a[/red] :smile: ?[31m?\n"


@pytest.mark.parametrize("made", [Text, Folded, lambda text: Text.assemble((text, "bold"), " b")])
def test_nor_are_they_in_cells_and_styled_texts(made: Callable[[str], Any], capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name\x1b[2J")
    table.add_row(made("a\x1b[31m\u202e"))
    console = PlainConsole(width=80)
    console.print(table)
    console.print(made("a\x7f"))
    shown = capsys.readouterr().out
    assert {c for c in shown if not c.isprintable()} == {"\n"}
    assert "a?[31m?" in shown
