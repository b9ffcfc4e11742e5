"""Code cells of a notebook as Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wganalyze.errors import UsageError
from wganalyze.scripts.notebook import cells_of, is_notebook

PATH = Path("/somewhere/train.ipynb")


def code(*sources: Any) -> bytes:
    """A notebook of code cells behind one of text."""
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Title"]}, *cells]}).encode()


def cells(content: bytes) -> list[tuple[str, str]]:
    """The cells with their names, without the folder."""
    return [(Path(title).name, source) for title, source in cells_of(PATH, content)]


def test_cells_of_code_are_counted() -> None:
    found = cells(code("a = 1", ["b = 2\n", "c = 3"]))
    assert found == [("train.ipynb cell 1", "a = 1"), ("train.ipynb cell 2", "b = 2\nc = 3")]
    assert cells(b'{"cells": []}') == []


def test_the_layout_of_old_notebooks() -> None:
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["a = 1"]}]}]}
    assert cells(json.dumps(old).encode()) == [("train.ipynb cell 1", "a = 1")]


@pytest.mark.parametrize(
    "magic", ["%matplotlib inline", "!pip install torch", "files = !ls", "nn.Linear?", "?nn.Linear"]
)
def test_a_line_of_magic_keeps_its_place(magic: str) -> None:
    ((_, source),) = cells(code(f"a = 1\nif a:\n    {magic}\nb = 2"))
    names: dict[str, Any] = {}
    exec(source, names)
    assert names["b"] == 2
    assert source.splitlines()[3] == "b = 2"


def test_a_remainder_is_no_magic() -> None:
    ((_, source),) = cells(code("a = (7\n% 4)"))
    assert source == "a = (7\n% 4)"


def test_cells_of_other_languages_are_left_out() -> None:
    found = cells(code("%%bash\nrm -r x", "%%time\na = 1", "%%writefile m.py\nb = 1"))
    assert [title for title, _ in found] == ["train.ipynb cell 2"]
    assert found[0][1].endswith("\na = 1")


@pytest.mark.parametrize("content", [b"", b"nope", b"[]", b'{"a": 1}', b'{"cells": 3}', b'{"cells": [3]}', b"\xff"])
def test_what_is_no_notebook(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"train\.ipynb: is no notebook"):
        cells(content)


def test_it_is_known_by_its_name() -> None:
    assert is_notebook("a/train.ipynb")
    assert not is_notebook("train.py")
