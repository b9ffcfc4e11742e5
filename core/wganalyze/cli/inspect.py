"""``wganalyze inspect PATH``: what a path holds, from headers alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wganalyze.cli import debug_option
from wganalyze.cli.console import make_console
from wganalyze.cli.locations import LOCATION
from wganalyze.cli.options import make_request, options_for
from wganalyze.contracts.terms import Role
from wganalyze.text import one_line

if TYPE_CHECKING:
    from wganalyze.running.opened import Opened


NETWORKS: tuple[Role, ...] = ("generator", "critic")
NARROW = 110
"""Columns of a terminal below which a table has no frame, and the keys stand below it."""
SHOWN = 8
"""Classes that the problem line of a file names by itself."""


@click.command(short_help="Say what PATH holds, what is assumed, and what is missing to run.")
@click.argument("path", type=LOCATION)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options_for(opening=True)
@debug_option
def inspect(path: Path, as_json: bool, **texts: Any) -> int:
    """Say what PATH holds: each file with its kind, role, step, keys and parameters; what is assumed; what is missing.

    Reads headers only: no analysis, no code of the checkpoints, no factory is run. Exit code 2: nothing is recognised.
    """
    from wganalyze.running.description import describe
    from wganalyze.running.opened import nothing_found, open_request

    opened = open_request(make_request(path, texts))
    description = describe(opened)
    if as_json:
        click.echo(json.dumps(description, indent=1, default=str))
    else:
        _print(opened, description, path)
    if any(file.kind is not None for file in opened.files):
        return 0
    click.echo(f"Error: {one_line(nothing_found(path, opened))}", err=True)
    return 2


def _print(opened: Opened, description: dict[str, Any], path: Path) -> None:
    from rich.box import HEAVY_HEAD, SIMPLE_HEAD
    from rich.table import Table

    from wganalyze.report.console import Folded, say
    from wganalyze.report.format import where
    from wganalyze.running.description import gathered, missing_by_reason, not_read, relative

    console = make_console()
    files = list(zip(opened.files, description["files"], strict=True))
    known = [described for file, described in files if file.kind is not None]
    narrow = console.width < NARROW
    table = Table(header_style="bold", pad_edge=False, box=SIMPLE_HEAD if narrow else HEAVY_HEAD, show_edge=not narrow)
    table.add_column("file")
    table.add_column("kind")
    table.add_column("role")
    table.add_column("step", justify="right")
    table.add_column("parameters", justify="right", no_wrap=True)
    if not narrow:
        table.add_column("keys", ratio=1)
    of_keys: dict[str, list[str]] = {}
    for file in known:
        step = "-" if file["step"] is None else str(file["step"])
        name = relative(file["path"], path)
        keys = [*(f"takes {each}" for each in file["inputs"]), *file["keys"][:5]]
        cells = [Folded(text) for text in (name, file["kind"], file["role"])]
        last = [] if narrow else [Folded("\n".join(keys))]
        table.add_row(*cells, step, f"{file['parameters']:,}", *last)
        of_keys.setdefault(", ".join(keys), []).append(name)
    if known:
        say(console, str(path), "italic")
        console.print(table)
    for text, names in of_keys.items() if narrow else ():
        say(console, f"{where(names)}: {text}", "dim")
    for file in known:
        for problem in file["problems"]:
            console.print(f"{relative(file['path'], path)}: {problem}", style="yellow")
        if len(file["asks_for"]) > SHOWN:
            more = ", ".join(file["asks_for"])
            say(console, f"{relative(file['path'], path)}: asks for {more}", "dim")
    for line in not_read(opened, path):
        say(console, line, "dim")
    console.print(f"\n{len(opened.snapshots)} snapshots", style="bold")
    snapshots = opened.snapshots
    built = [(s, f"{role} from {s.designs[role]}") for role in NETWORKS for s in snapshots if role in s.designs]
    built += [(s, "stored samples in place of a generator") for s in snapshots if s.make_samples]
    concluded = [(s, finding.message) for s in snapshots for finding in s.findings]
    assumed = [(s, text) for s in snapshots for text in s.assumptions]
    for title, texts, style in (
        ("", gathered(built), ""),
        ("", gathered(concluded), "yellow"),
        ("assumed: ", gathered(assumed), "cyan"),
        ("missing ", missing_by_reason(opened), "yellow"),
    ):
        for text, labels in texts.items():
            say(console, f"{where(labels)}: {title}{text}", style)
    if opened.snapshots and "data" not in opened.said:
        console.print("missing data: say --data NAME (wganalyze plugins lists the sources)", style="yellow")
