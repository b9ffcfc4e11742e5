"""Text of anybody's, shown to a person."""

from __future__ import annotations


def one_line(text: object, limit: int | None = None) -> str:
    """``text`` in one line that a terminal shows and does not obey, whatever a library or a file's name put into it.

    White space is folded; what cannot be printed becomes "?"; beyond ``limit`` characters it is cut, with dots.
    """
    whole = str(text) if limit is None else str(text)[: 4 * limit]
    line = "".join(c if c.isprintable() else "?" for c in " ".join(whole.split()))
    return line if limit is None or len(line) <= limit else line[: limit - 3] + "..."


def reason_of(error: BaseException) -> str:
    """ "TypeError: what it said", in one line: for errors that nobody foresaw."""
    return one_line(f"{type(error).__name__}: {error}")
