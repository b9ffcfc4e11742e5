"""What a stranger's file says, in the words of a message: errors and lists of names, none of them without end."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from wganalyze import one_line

LONGEST = 200
"""Characters of a text."""


def what_it_says(error: object) -> str:
    """An error, or what is wrong, in one line; the name of its class where it says nothing."""
    return one_line(error, LONGEST) or type(error).__name__


def few(names: Collection[object], most: int) -> str:
    """The first names, each in one line: "a, b, ..."."""
    shown = [one_line(name, LONGEST) for name in islice(names, most)]
    return ", ".join([*shown, "..."] if len(names) > most else shown)
