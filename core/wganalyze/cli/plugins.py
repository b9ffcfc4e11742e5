"""``wganalyze plugins [NAME]``: what is installed, from where, and what failed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from wganalyze.cli import debug_option
from wganalyze.cli.console import make_console

if TYPE_CHECKING:
    from wganalyze.host.registry import Host, Plugin


NARROW = 110
"""Columns of a terminal below which the table has no frame."""


@click.command(short_help="List plugins: analyzers, loaders, architectures, data, spaces, claims; and what failed.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-plugin", "no_plugins", metavar="NAME", multiple=True, help="Do not import this plugin.")
@debug_option
def plugins(name: str | None, as_json: bool, no_plugins: tuple[str, ...]) -> None:
    """List every plugin with its distribution, version and status; with NAME: its metrics, options and their help.

    NAME is a plugin, or anything that one provides. WGANALYZE_NO_PLUGINS=A,B keeps plugins from being imported;
    WGANALYZE_STRICT=1 makes any fault of a plugin fatal.
    """
    from wganalyze.errors import UsageError
    from wganalyze.host.loading import load_host

    host = load_host(no_plugins)
    chosen = [p for p in host.plugins if name is None or name == p.name or name in [n for _, n in p.provides]]
    if not chosen:
        there = ", ".join(plugin.name for plugin in host.plugins)
        raise UsageError(f"no plugin is called {name!r}; there are: {there}")
    if as_json:
        click.echo(json.dumps([_describe(plugin, host) for plugin in chosen], indent=1, default=str))
    elif name is None:
        _print_list(chosen)
    else:
        for plugin in chosen:
            _print_one(_describe(plugin, host), None if name == plugin.name else name)


def _describe(plugin: Plugin, host: Host) -> dict[str, Any]:
    provides = [
        {
            "kind": kind,
            "name": name,
            **_thing(host, kind, name),
        }
        for kind, name in plugin.provides
    ]
    return {**dataclasses.asdict(plugin), "provides": provides}


def _thing(host: Host, kind: str, name: str) -> dict[str, Any]:
    if kind == "analyzer":
        return _analyzer(host, name)
    thing = host.shelf(kind)[name]
    if kind == "claim":
        return {"help": f"{thing.statement} ({thing.source}; needs {thing.needs})"}
    return {"help": getattr(thing, "help", "") or _first_line(thing.__doc__)}


def _analyzer(host: Host, name: str) -> dict[str, Any]:
    analyzer = host.analyzers[name]
    options = [
        {
            "name": field.name,
            "type": str(field.type),
            "default": _default(field),
            "help": field.metadata.get("help", ""),
        }
        for field in dataclasses.fields(analyzer.Options)
    ]
    return {
        "help": _first_line(analyzer.__doc__),
        "needs": sorted(need.value for need in analyzer.needs),
        "on_request": analyzer.on_request,
        "metrics": [dataclasses.asdict(metric) for metric in analyzer.metrics],
        "tables": [dataclasses.asdict(table) for table in analyzer.tables],
        "options": options,
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _print_list(chosen: list[Plugin]) -> None:
    from rich.box import HEAVY_HEAD, SIMPLE_HEAD
    from rich.table import Table

    from wganalyze.report.console import Folded

    console = make_console()
    narrow = console.width < NARROW
    table = Table(header_style="bold", pad_edge=False, box=SIMPLE_HEAD if narrow else HEAVY_HEAD, show_edge=not narrow)
    for column in ("plugin", "provides", "from", "status"):
        table.add_column(column)
    table.add_column("import", justify="right")
    for plugin in chosen:
        provides = ", ".join(
            f"{kind} {', '.join(name for _, name in group)}"
            for kind, group in groupby(plugin.provides, lambda thing: thing[0])
        )
        status = ": ".join(filter(None, (plugin.status, plugin.reason or plugin.warning)))
        seconds = f"{plugin.seconds * 1e3:.0f} ms"
        words = (plugin.name, provides, f"{plugin.distribution} {plugin.version}", status)
        table.add_row(*map(Folded, words), seconds)
    console.print(table)
    console.print("wganalyze plugins NAME shows metrics, options and their help", style="dim")


def _print_one(plugin: dict[str, Any], only: str | None) -> None:
    from wganalyze.report.console import entry, say

    console = make_console()
    say(console, f"{plugin['name']}  ({plugin['distribution']} {plugin['version']}, {plugin['status']})", "bold")
    if told := plugin["reason"] or plugin["warning"]:
        entry(console, told, 2)
    for thing in plugin["provides"]:
        if only is not None and thing["name"] != only:
            continue
        console.print()
        say(console, f"{thing['kind']} {thing['name']}: {thing['help']}")
        for line in _lines(thing):
            entry(console, line, 2)


def _lines(thing: dict[str, Any]) -> Iterator[str]:
    """What there is to say of one thing that a plugin provides."""
    if thing.get("needs"):
        yield f"needs {', '.join(thing['needs'])}"
    if thing.get("on_request"):
        yield f"runs on request: --only {thing['name']}"
    for metric in thing.get("metrics", []):
        better = {"lower": ", lower is better", "higher": ", higher is better"}.get(metric["direction"], "")
        unit = f" [{metric['unit']}]" if metric["unit"] else ""
        source = f" ({metric['source']})" if metric["source"] else ""
        yield f"metric  {metric['name']}{unit}: {metric['help'].rstrip('.')}{better}{source}"
    for table in thing.get("tables", []):
        yield f"table   {thing['name']}.{table['name']}: {table['help']} Columns: {', '.join(table['columns'])}"
    for option in thing.get("options", []):
        yield f"option  {thing['name']}.{option['name']}={option['default']}: {option['help']} ({option['type']})"
