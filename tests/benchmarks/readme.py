"""The parts of README.md that commands write, each between two marks of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

README = Path(__file__).with_name("README.md")


def rows(part: str) -> list[str]:
    """The rows of the last table that is written there."""
    text = README.read_text().partition(f"<!-- {part} -->")[2].partition(f"<!-- end of {part} -->")[0]
    return [line for line in text.partition("|---")[2].splitlines()[1:] if line.startswith("|")]


def write(part: str, lines: Iterable[str]) -> None:
    """Put ``lines`` where ``part`` is, between its marks."""
    begin, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    text = README.read_text()
    assert begin in text, f"README.md has no mark {begin}"
    assert end in text, f"README.md has no mark {end}"
    README.write_text(text.split(begin)[0] + "\n".join([begin, "", *lines, "", end]) + text.partition(end)[2])
