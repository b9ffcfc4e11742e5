"""A notebook as a script: its code cells, without what IPython adds to Python."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wganalyze.errors import UsageError

_MAGIC = re.compile(r"^(\s*)(?:[!%?]|\w+\s*=\s*[!%]|.*\?\s*$)")
_TRANSPARENT = ("%%time", "%%timeit", "%%capture", "%%prun")
"""Magics of a cell that is Python all the same."""


def is_notebook(where: str) -> bool:
    """By its name."""
    return where.endswith(".ipynb")


def cells_of(path: Path, content: bytes) -> Iterator[tuple[str, str]]:
    """What a traceback calls each cell ("PATH cell 3", counted from 1 among those of code), and its Python.

    UsageError where the file is no notebook. Lines of magics become ``pass``, so that lines keep their numbers; a cell
    in another language is left out.
    """
    try:
        document: Any = json.loads(content)
        sheets = document.get("worksheets", [document])
        cells = [cell for sheet in sheets for cell in sheet["cells"] if cell.get("cell_type") == "code"]
        sources = [cell.get("source", cell.get("input", "")) for cell in cells]
        texts = [source if isinstance(source, str) else "".join(source) for source in sources]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{path}: is no notebook (it holds no cells); name a FILE.py") from None
    for number, text in enumerate(texts, 1):
        source = _python(text)
        if source is not None:
            yield f"{path} cell {number}", source


def _python(text: str) -> str | None:
    """The Python of a cell; None where it is of another language."""
    first = text.lstrip().partition("\n")[0]
    if first.startswith("%%") and not first.startswith(_TRANSPARENT):
        return None
    if _parses(text):
        return text
    return "\n".join(_MAGIC.sub(r"\1pass  # \g<0>", line, count=1) for line in text.splitlines())


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
