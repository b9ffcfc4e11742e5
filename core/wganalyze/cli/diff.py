"""``wganalyze diff A B``: two checkpoints, tensor by tensor."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wganalyze.cli import debug_option
from wganalyze.cli.console import make_console
from wganalyze.cli.locations import LOCATION
from wganalyze.exit_codes import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from wganalyze.contracts.loader import TensorSpec
    from wganalyze.running.difference import Difference, TensorDifference

STYLES = {
    "changed": "",
    "retyped": "yellow",
    "reshaped": "yellow",
    "removed": "red",
    "added": "green",
    "unread": "dim",
    "equal": "dim",
}
"""Of each status, in the order in which they are counted."""


@click.command(short_help="Say which tensors of two checkpoints differ, and by how much.")
@click.argument("a", metavar="CKPT_A", type=LOCATION)
@click.argument("b", metavar="CKPT_B", type=LOCATION)
@click.option("--all", "everything", is_flag=True, help="List equal tensors too.")
@click.option("--headers", is_flag=True, help="Compare keys, shapes and types alone, and read no tensor.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where something differs, or could not be compared.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--loader", metavar="NAME", help="Read every file with this loader.")
@click.option("--no-plugin", "no_plugins", metavar="NAME", multiple=True, help="Do not import this plugin.")
@debug_option
def diff(
    a: Path,
    b: Path,
    everything: bool,
    headers: bool,
    exit_code: bool,
    form: str,
    loader: str | None,
    no_plugins: tuple[str, ...],
) -> int:
    """Say what makes CKPT_B differ from CKPT_A: two files of any format, or two folders, matched by relative path.

    Of each tensor: the Frobenius norm of B - A over that of A (relative), the same of spectral norms (spectral; kernels
    as matrices, first axis against the others), the largest change of an entry. Files that are the same, and tensors
    whose shapes differ, are told from headers. Nothing of a file is run: of programs, headers alone are compared.
    """
    from wganalyze.host.loading import load_host
    from wganalyze.running.difference import difference

    found = difference(a, b, load_host(no_plugins).loaders_for(loader), headers=headers)
    if form == "json":
        click.echo(json.dumps(_document(found), indent=1, default=str, allow_nan=False))
    elif form == "csv":
        rows = [_row(tensor) for tensor in found.tensors]
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        _print(make_console(), found, everything=everything)
    return ExitCode.FAILED if exit_code and not found.equal else ExitCode.OK


COLUMNS: tuple[str, ...] = (
    "file", "part", "key", "status", "shape_a", "shape_b", "dtype_a", "dtype_b", "elements", "changed", "relative",
    "spectral", "largest", "norm", "nonfinite_a", "nonfinite_b", "note",
)  # fmt: skip


def _row(tensor: TensorDifference) -> dict[str, Any]:
    """A tensor as CSV and JSON have it; None where there is no number."""
    far, some = tensor.distance, tensor.a or tensor.b
    values = (
        {
            "changed": far.changed,
            "relative": far.relative,
            "spectral": far.spectral_relative,
            "largest": far.largest,
            "norm": far.norm,
            "nonfinite_a": far.nonfinite[0],
            "nonfinite_b": far.nonfinite[1],
        }
        if far
        else {}
    )
    whole = {
        "file": tensor.file,
        "part": tensor.part,
        "key": tensor.key,
        "status": tensor.status,
        "shape_a": _shape(tensor.a),
        "shape_b": _shape(tensor.b),
        "dtype_a": tensor.a.dtype if tensor.a else None,
        "dtype_b": tensor.b.dtype if tensor.b else None,
        "elements": some.size if some else None,
        "note": tensor.note,
        **values,
    }
    return {name: _json(whole.get(name)) for name in COLUMNS}


def _shape(spec: TensorSpec | None) -> str | None:
    return None if spec is None else "x".join(map(str, spec.shape)) or "scalar"


def _document(found: Difference) -> dict[str, Any]:
    facts = [{**vars(fact), "a": _json(fact.a), "b": _json(fact.b)} for fact in found.facts]
    tensors = [_row(tensor) for tensor in found.tensors]
    return {"equal": found.equal, "tensors": tensors, "facts": facts, "problems": found.problems}


def _json(value: object) -> object:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _print(console: Console, found: Difference, *, everything: bool) -> None:
    for place, group in groupby(found.tensors, lambda tensor: tensor.place):
        rows = list(group)
        shown = [row for row in rows if everything or row.status != "equal"]
        if shown:
            _print_table(console, place, shown)
        if overall := _overall(rows):
            console.print(f"{f'{place}: ' if place else ''}{overall}", style="dim")
    for fact in found.facts:
        console.print(f"{f'{fact.file}: ' if fact.file else ''}{fact.name}: {_said(fact.a)} -> {_said(fact.b)}")
    for problem in found.problems:
        console.print(problem, style="yellow")
    counts = found.counts
    told = ", ".join(f"{counts[status]} {status}" for status in STYLES if counts[status])
    console.print(f"{len(found.tensors)} tensors: {told or 'nothing to compare'}", style="bold")


def _print_table(console: Console, place: str, rows: Iterable[TensorDifference]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from wganalyze.report.console import Folded, say
    from wganalyze.report.format import number

    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("tensor")
    table.add_column("shape")
    for name in ("relative", "spectral", "largest"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what")
    for row in rows:
        far = row.distance
        numbers = [number(x) for x in (far.relative, far.spectral_relative, far.largest)] if far else ["-"] * 3
        words = [Folded(text) for text in (row.key, _arrow(_shape(row.a), _shape(row.b)), _what(row))]
        table.add_row(*words[:2], *numbers, words[2], style=STYLES[row.status])
    if place:
        say(console, place, "italic")
    console.print(table)


def _arrow(a: str | None, b: str | None) -> str:
    return str(a or b) if a == b or a is None or b is None else f"{a} -> {b}"


def _what(tensor: TensorDifference) -> str:
    """What happened to it: how many entries differ, from and to which type, and what is not finite among them."""
    a, b, far = tensor.a, tensor.b, tensor.distance
    kind = _arrow(a.dtype if a else None, b.dtype if b else None)
    if far is None or a is None:
        told = [tensor.status, kind if tensor.status in ("removed", "added", "retyped") else "", tensor.note]
        return ", ".join(filter(None, told))
    told = [kind if tensor.status == "retyped" else ""]
    some = "all" if far.changed == a.size else f"{far.changed:,} of {a.size:,}"
    told.append(f"{some} changed" if far.changed else "equal")
    if any(far.nonfinite):
        told.append(f"NaN or infinite: {far.nonfinite[0]:,} -> {far.nonfinite[1]:,}")
    if far.relative is None:
        told.append("A is all zero")
    return ", ".join(filter(None, told))


def _overall(rows: Iterable[TensorDifference]) -> str:
    """The relative norm over all tensors that were compared."""
    far = [row.distance for row in rows if row.distance is not None]
    whole = math.hypot(*(each.reference for each in far))
    if not whole:
        return ""
    relative = math.hypot(*(each.norm for each in far)) / whole
    return f"over all {len(far)} tensors, B - A has {relative:.3g} of the norm of A"


def _said(value: object) -> str:
    return "none" if value is None else str(value)
