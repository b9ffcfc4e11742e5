"""The gallery: sources become notebooks, these pages; a cell that fails ends the build. ``tox -e docs`` runs all."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from wganalyze_zoo.demo import questions

DOCS = Path(__file__).parents[2] / "docs"


def _hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


notebooks: Any = _hook("notebooks")
SMALL = '''"""About the file."""

# %% [markdown]
# # A title
#
# Words.

# %%
from matplotlib.figure import Figure
print("told")
figure = Figure()
figure.subplots().plot([1, 2])
figure

# %%
# !echo from the shell

# %%
import pandas
pandas.DataFrame({"column": [1]})

# %%
open("left behind", "w").close()
6 * 7
'''


def test_cells_of_text_and_code_and_the_shell() -> None:
    notebook = notebooks.parsed(SMALL)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "code", "code"]
    assert notebook.cells[0].source == "# A title\n\nWords."
    assert notebook.cells[2].source == "!echo from the shell"


def test_a_cell_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"# %% \[raw\]: is neither a cell of code nor of text"):
        notebooks.parsed("# %% [raw]\nx\n")


def test_what_cells_show_is_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, pictures = notebooks.page(notebooks.executed(SMALL), "small")
    assert text.startswith("# A title\n\nWords.\n")
    assert [*pictures] == ["small-1.svg"]
    assert "<svg" in pictures["small-1.svg"]
    for shown in ("```text\ntold\n```", "![A title](small-1.svg)", "```text\nfrom the shell\n```", "```text\n42\n```"):
        assert shown in text
    assert re.search(r'<div class="output"><div>.*<th>column</th>.*</div></div>\n', text)
    assert "<style" not in text
    assert [*tmp_path.iterdir()] == [], "it runs in a folder of its own"


def test_a_cell_that_fails_ends_the_build() -> None:
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        notebooks.executed("# %%\n1 / 0\n")


@pytest.mark.parametrize("path", notebooks.sources(), ids=lambda path: path.stem)
def test_every_notebook_is_python_and_begins_with_a_title(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    compile(text, path.name, "exec")
    first = notebooks.parsed(text).cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S", first.source)


def test_the_gallery_has_what_a_reader_looks_for() -> None:
    names = " ".join(path.stem for path in notebooks.sources())
    assert [
        topic for topic in ("own-run", "compare", "paper-figure", "third-party-analyzer") if topic not in names
    ] == []


def test_the_page_of_questions_has_the_commands_of_the_demo_and_their_pictures() -> None:
    text = (DOCS / "questions.md").read_text(encoding="utf-8")
    commands = [line[line.index("wganalyze ") :] for line in questions(Path("demo")) if "wganalyze " in line]
    assert len(commands) == 5
    for command in commands:
        assert f"`{command}`" in text
        verb = shlex.split(command)[1]
        picture = f"pictures/questions-{verb}.{'png' if verb == 'page' else 'svg'}"
        assert f"]({picture})" in text
        assert (DOCS / picture).stat().st_size > 1000
        assert verb == "page" or "@font-face" not in (DOCS / picture).read_text(encoding="utf-8"), "it fetches nothing"
