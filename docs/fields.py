"""An extension of griffe, for mkdocstrings: the fields of our docstrings, "``name``: what it is", become a list."""

from __future__ import annotations

import re
from typing import Any

import griffe

FIELD = re.compile(r"^(?=``[^`\n]+``(?:, ``[^`\n]+``)*: )", re.MULTILINE)


class Fields(griffe.Extension):
    """Puts each field on a line of its own."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Lines that begin with names in code and a colon become items."""
        if obj.docstring is not None:
            obj.docstring.value = itemised(obj.docstring.value)


def itemised(text: str) -> str:
    """Fields as the items of a Markdown list."""
    return FIELD.sub("- ", text)
