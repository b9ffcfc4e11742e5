"""``wganalyze status REPORT``: how far a run is."""

from __future__ import annotations

from pathlib import Path

import click

from wganalyze.cli import debug_option
from wganalyze.cli.locations import LOCATION


@click.command(short_help="Say how far the run of a report is.")
@click.argument("report", type=LOCATION)
@debug_option
def status(report: Path) -> int:
    """Say how many cells of REPORT are done, which are at work and where, and how many are left.

    \b
    wganalyze status report/

    Exit code 0: all are done and none failed; 1: one failed, or some are left; 2: the folder holds no report.
    """
    from wganalyze.exit_codes import ExitCode
    from wganalyze.running.prepared import standing

    found = standing(report)
    done = sum(found.tally.values())
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.tally.items()))
    click.echo(f"{report}: {found.status}; {done} of {found.cells} cells are done{f' ({kinds})' if kinds else ''}")
    for task, owner in found.at_work.items():
        click.echo(f"  at work: {task.snapshot} {task.question}{f' ({owner})' if owner else ''}")
    if found.left:
        click.echo(f"  left: {found.left}")
    good = done == found.cells and not found.tally["failed"]
    return ExitCode.OK if good else ExitCode.FAILED
