"""The gallery: notebooks that are executed as the site is built, and become its pages; a hook of mkdocs.

A notebook is a file of docs/gallery in the percent format, which editors and jupytext read: cells begin with ``# %%``;
those of text with ``# %% [markdown]``, and are comments, as are commands of the shell, ``# !ls``. They are executed in
a folder of their own, with nothing downloaded, and a cell that fails ends the build.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from nbformat import NotebookNode

GALLERY = Path(__file__).parent / "gallery"
MARK = "# %%"
MAGIC = re.compile(r"(?m)^# (?=[!%])")
"""Before what only IPython understands, so that the source is Python."""
TIMEOUT = 600
"""Seconds of a cell."""
SETUP = """%matplotlib inline
%config InlineBackend.figure_formats = ["svg"]
import os
import sys
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]"""
SUFFIXES = {"image/svg+xml": "svg", "image/png": "png"}
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
STYLE = re.compile(r"<style.*?</style>", re.DOTALL)


def sources() -> list[Path]:
    """The notebooks, in their order."""
    return sorted(GALLERY.glob("*.py"))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Execute the notebooks, and add a page for each, with its pictures."""
    from mkdocs.exceptions import PluginError
    from mkdocs.structure.files import File
    from nbclient.exceptions import CellExecutionError

    for path in sources():
        try:
            notebook = executed(path.read_text(encoding="utf-8"))
        except CellExecutionError as error:
            raise PluginError(f"{path}: a cell failed\n{error}") from None
        text, pictures = page(notebook, path.stem)
        files.append(File.generated(config, f"gallery/{path.stem}.md", content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, f"gallery/{name}", content=content))
    return files


def parsed(text: str) -> NotebookNode:
    """The notebook that a source says; what stands before its first cell is about the file."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    cells = []
    for cell in re.split(rf"(?m)^{MARK}", text)[1:]:
        title, _, body = cell.partition("\n")
        if title.strip() == "[markdown]":
            body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines())
            cells.append(new_markdown_cell(body))
        elif title.strip():
            raise ValueError(f"{MARK}{title}: is neither a cell of code nor of text; write {MARK} or {MARK} [markdown]")
        else:
            cells.append(new_code_cell(MAGIC.sub("", body.strip())))
    return new_notebook(cells=cells)


@cache
def executed(text: str) -> NotebookNode:
    """The notebook with its outputs; CellExecutionError where a cell fails."""
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell

    notebook = parsed(text)
    notebook.cells.insert(0, new_code_cell(SETUP))
    with tempfile.TemporaryDirectory(prefix="gallery-") as folder:
        client = NotebookClient(
            notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute()
    del notebook.cells[0]
    return notebook


def page(notebook: NotebookNode, name: str) -> tuple[str, dict[str, str | bytes]]:
    """The notebook in Markdown, and its pictures by file."""
    pictures: dict[str, str | bytes] = {}
    lines: list[str] = []
    heading = name
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = next(iter(re.findall(r"(?m)^#+ (.+)$", cell.source)), heading)
            lines.append(cell.source)
            continue
        lines.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            lines += _shown(output, heading, name, pictures)
    lines.append(f"*Executed as this page was built, from `docs/gallery/{name}.py`.*")
    return "\n\n".join(lines) + "\n", pictures


def _shown(output: Any, heading: str, name: str, pictures: dict[str, str | bytes]) -> Iterator[str]:
    if output.output_type == "stream":
        yield _block(output.text)
        return
    data = output.get("data", {})
    for kind, suffix in SUFFIXES.items():
        if kind in data:
            file = f"{name}-{len(pictures) + 1}.{suffix}"
            pictures[file] = data[kind] if suffix == "svg" else base64.b64decode(data[kind])
            width = output.metadata.get(kind, {}).get("width")
            yield f"![{heading}]({file})" + (f'{{ width="{width}" }}' if width else "")
            return
    if "text/html" in data:
        html = STYLE.sub("", data["text/html"])
        yield '<div class="output">' + "".join(line.strip() for line in html.splitlines()) + "</div>"
    elif "text/plain" in data:
        yield _block(data["text/plain"])


def _block(text: str) -> str:
    return f"```text\n{ESCAPES.sub('', text).rstrip()}\n```"
