"""The pages of the site are about what is installed; ``tox -e docs`` builds it strictly."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", DOCS / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages: Any = _pages()
OTHER_WORDS = {"blur_ratio", "spectral_norm"}
"""What pages say in code beside metrics: a family of two metrics, and torch's function."""
HAND_WRITTEN = sorted(DOCS.rglob("*.md"))


@pytest.mark.parametrize("name", pages.analyzers())
def test_every_analyzer_has_formulas_and_how_to_read_it(name: str) -> None:
    text = (DOCS / "analyzers" / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert "```text\n" in text
    assert "\n## How to read it\n" in text


@pytest.mark.parametrize("name", pages.analyzers())
def test_every_metric_that_a_page_names_is_declared(name: str) -> None:
    """Words in code with an underscore, and whatever looks like a metric of its analyzer."""
    text = (DOCS / "analyzers" / f"{name}.md").read_text(encoding="utf-8")
    declared = {metric.name for metric in pages.analyzers()[name].metrics}
    declared |= {f"{metric.name}_holm" for metric in pages.analyzers()[name].metrics if metric.correction == "holm"}
    named = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`", text)) - OTHER_WORDS
    assert named <= declared
    assert not declared or declared & set(re.findall(r"\w+", text)), "a page that explains no number"


def test_no_page_is_about_an_analyzer_that_is_gone() -> None:
    there = {path.stem for path in (DOCS / "analyzers").glob("*.md")}
    assert there == set(pages.analyzers())


@pytest.mark.parametrize("name", pages.analyzers())
def test_the_reference_has_every_metric_table_and_option(name: str) -> None:
    analyzer, text = pages.analyzers()[name], pages.reference(name)
    for metric in analyzer.metrics:
        (line,) = [line for line in text.splitlines() if line.startswith(f"| `{metric.name}`")]
        assert line.count(" | ") == 3, "a cell's text may not end the cell"
    for table in analyzer.tables:
        assert f'report.table("{name}.{table.name}")' in text


@pytest.mark.parametrize("name", pages.verbs())
def test_the_page_of_a_verb_is_its_help(name: str) -> None:
    page = pages.verb_page(name)
    assert f"Usage: wganalyze {name} " in page
    for parameter in pages.verbs()[name].params:
        assert all(option in page for option in parameter.opts if option.startswith("--"))


@pytest.mark.parametrize("path", HAND_WRITTEN, ids=lambda path: path.name)
def test_every_verb_that_a_page_names_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    commands = "\n".join(
        [*re.findall(r"```console\n(.*?)```", text, re.DOTALL), *re.findall(r"`(wganalyze [^`\n]+)`", text)]
    )
    named = set(re.findall(r"(?m)^wganalyze ([a-z][a-z-]+)", commands))
    assert named <= set(pages.verbs())


def test_the_contracts_are_all_there() -> None:
    modules = {path.stem for path in (ROOT / "core" / "wganalyze" / "contracts").glob("*.py")} - {"__init__"}
    page = (DOCS / "contracts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^::: wganalyze\.contracts\.(\w+)$", page)) == modules


def test_every_example_of_a_third_party_is_shown() -> None:
    shown = set(re.findall(r"(?m)^--8<--\n(.+)\n--8<--$", (DOCS / "plugins.md").read_text(encoding="utf-8")))
    examples = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / "third_party").glob("[a-z]*.py")}
    assert shown == {name for name in examples if not re.search(r"/(test_|conftest)", name)}


def test_the_notebook_is_shown_with_its_code() -> None:
    page = pages.notebook_page(DOCS / "report.ipynb")
    assert "# Reading a report" in page
    assert page.count("```python\n") == page.count("```") / 2
