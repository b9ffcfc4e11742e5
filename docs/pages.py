"""Pages of the site that are made from what is installed, so that they cannot go stale; a hook of mkdocs.

One page for each verb, from its help; the metrics, tables and options of each analyzer, behind what docs/analyzers says
of it by hand; the notebook as text; and the navigation.
"""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wganalyze.cli import cli
from wganalyze.host.loading import load_host

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

    from wganalyze.contracts.analyzer import Analyzer

DOCS = Path(__file__).parent
OWN = "wganalyze"
BETTER = {"lower": "lower", "higher": "higher", "none": ""}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation: what is written by hand, and what is installed."""
    config.nav = [
        {"Start": "index.md"},
        {"Questions": "questions.md"},
        {"Reports": "reports.md"},
        {"Many checkpoints": "many.md"},
        {"Files": "files.md"},
        {"Data": "data.md"},
        {"Verbs": [{name: f"verbs/{name}.md"} for name in verbs()]},
        {"Analyzers": ["analyzers/index.md", *({name: f"analyzers/{name}.md"} for name in analyzers())]},
        {"Plugins": [{"Guide": "plugins.md"}, {"Contracts": "contracts.md"}]},
        {"Gallery": [*(f"gallery/{path.stem}.md" for path in sorted((DOCS / "gallery").glob("*.py"))), "notebook.md"]},
        {"Claims": "claims.md"},
        {"The house": "architecture.md"},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    from mkdocs.structure.files import File

    made = {f"verbs/{name}.md": verb_page(name) for name in verbs()}
    made["notebook.md"] = notebook_page(DOCS / "report.ipynb")
    made["analyzers/index.md"] = analyzers_page()
    for name, analyzer in analyzers().items():
        if files.get_file_from_path(f"analyzers/{name}.md") is None:
            made[f"analyzers/{name}.md"] = f"# {name}\n\n{analyzer.__doc__}\n"
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Behind the page of an analyzer: its metrics, tables and options."""
    folder, _, name = page.file.src_uri.removesuffix(".md").partition("/")
    return markdown + reference(name) if folder == "analyzers" and name in analyzers() else markdown


@cache
def verbs() -> dict[str, click.Command]:
    """Our own verbs by name."""
    context = click.Context(cli, info_name=OWN)
    own = [name for name, entry in sorted(cli.entries.items()) if entry.dist is not None and entry.dist.name == OWN]
    commands = {name: cli.get_command(context, name) for name in own}
    return {name: command for name, command in commands.items() if command is not None}


@cache
def analyzers() -> dict[str, type[Analyzer]]:
    """The built-in analyzers by name; those that run unasked come first."""
    host = load_host()
    own = {name: each for name, each in host.analyzers.items() if host.origin("analyzer", name).distribution == OWN}
    return dict(sorted(own.items(), key=lambda item: (item[1].on_request, item[0])))


def verb_page(name: str) -> str:
    """The help of a verb, and of the verbs below it."""
    top = click.Context(cli, info_name=OWN, **cli.context_settings)
    return f"# wganalyze {name}\n\n" + "\n".join(_help(verbs()[name], name, top))


def _help(command: click.Command, name: str, above: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=above, terminal_width=96, max_content_width=96)
    lines = ["```text", command.get_help(context), "```", ""]
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            inner = command.get_command(context, below)
            if inner is not None:
                lines += [f"## {context.command_path} {below}", "", *_help(inner, below, context)]
    return lines


def analyzers_page() -> str:
    """All analyzers, each with its first sentence."""
    lines = ["# Analyzers", "", "| name | what it asks | metrics | |", "|---|---|---|---|"]
    for name, analyzer in analyzers().items():
        asked = "on request: `--only`" if analyzer.on_request else ""
        lines.append(f"| [{name}]({name}.md) | {_cell(_first(analyzer.__doc__))} | {len(analyzer.metrics)} | {asked} |")
    return "\n".join(lines) + "\n"


def reference(name: str) -> str:
    """What the analyzer declares: as ``wganalyze plugins NAME`` prints it."""
    analyzer = analyzers()[name]
    needs = ", ".join(sorted(need.value for need in analyzer.needs)) or "nothing"
    lines = ["", "## Metrics", "", f"Needs {needs}. What `wganalyze plugins {name}` prints:", ""]
    lines += ["| metric | what it is | better | source |", "|---|---|---|---|"]
    for metric in analyzer.metrics:
        unit = f" [{metric.unit}]" if metric.unit else ""
        cells = (f"`{metric.name}`{unit}", metric.help, BETTER[metric.direction], metric.source)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    if analyzer.tables:
        lines += ["", "## Tables", ""]
        for table in analyzer.tables:
            lines += [f'`report.table("{name}.{table.name}")`: {table.help}', ""]
            lines += ["Columns: " + ", ".join(f"`{column}` ({kind})" for column, kind in table.columns.items()), ""]
    fields = dataclasses.fields(analyzer.Options)
    if fields:
        lines += ["", "## Options", "", "| `--option` | default | |", "|---|---|---|"]
        lines += [f"| `{name}.{f.name}=` | `{_default(f)}` | {_cell(f.metadata.get('help', ''))} |" for f in fields]
    return "\n".join(lines) + "\n"


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def _first(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _cell(text: str) -> str:
    """Text inside a table's cell, as it is."""
    for sign in "|*_<":
        text = text if text.startswith("`") else text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def notebook_page(path: Path) -> str:
    """A notebook as text and code, without outputs."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    pages = []
    for cell in cells:
        text = "".join(cell["source"])
        pages.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    pages.insert(1, f"This is `docs/{path.name}` without its plots; the tests execute it. Run it on a report of yours.")
    return "\n\n".join(pages) + "\n"
