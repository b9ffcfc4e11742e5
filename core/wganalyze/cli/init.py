"""``wganalyze init PATH``: write what ``inspect`` found as a ``wganalyze.toml`` to edit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wganalyze.cli import debug_option
from wganalyze.cli.locations import LOCATION
from wganalyze.cli.options import make_request, options_for


@click.command(short_help="Write a wganalyze.toml for PATH, to be edited.")
@click.argument("path", type=LOCATION)
@click.option("--force", is_flag=True, help="Replace a wganalyze.toml that is there.")
@options_for(opening=True)
@debug_option
def init(path: Path, force: bool, **texts: Any) -> None:
    """Write PATH/wganalyze.toml: what was recognised and assumed, with comments where something is to be filled in.

    Factories named in that file are imported only with --trust, or when the file is passed by --config.
    """
    from wganalyze.contracts.terms import CONFIG_NAME
    from wganalyze.errors import UsageError
    from wganalyze.report.store import write_atomically
    from wganalyze.running.opened import nothing_found, open_request
    from wganalyze.running.template import to_toml

    target = (path if path.is_dir() else path.parent) / CONFIG_NAME
    if target.exists() and not force:
        raise UsageError(f"{target}: exists; --force replaces it")
    opened = open_request(make_request(path, texts))
    if not opened.snapshots:
        raise UsageError(nothing_found(path, opened))
    try:
        write_atomically(target, to_toml(opened).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UsageError(
            f"{target}: cannot be written ({error.strerror}); make room or make the folder writable"
        ) from None
    click.echo(f"{target} written; edit it, then: wganalyze run {path} --config {target}")
