"""``wganalyze show REPORT``: a report in a terminal, as CSV, or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wganalyze.cli import debug_option
from wganalyze.cli.locations import LOCATION

if TYPE_CHECKING:
    from wganalyze.report.reading import Report


@click.command(short_help="Show a report: one line per snapshot, and the findings in plain words.")
@click.argument("report", type=LOCATION)
@click.option(
    "--metric", "metrics", metavar="NAME", multiple=True, help="List these metrics instead (* is a wildcard)."
)
@click.option("--snapshot", "snapshots", metavar="LABEL", multiple=True, help="Only these snapshots (* is a wildcard).")
@click.option("--space", metavar="SPACE", default="", help="The space in which samples were compared.")
@click.option("--all", "whole", is_flag=True,
              help="With all findings, what was assumed while loading, and a line for each snapshot.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@debug_option
def show(
    report: Path, metrics: tuple[str, ...], snapshots: tuple[str, ...], space: str, form: str, whole: bool
) -> None:
    """Show REPORT: a verdict on each training run, and one line per snapshot with the headlines of its analyzers.

    Of more than a hundred snapshots, some have a line. With --all, the findings in plain words, each with the numbers
    it rests on. With --metric, the numbers themselves.
    """
    from wganalyze.report.reading import open_report

    opened = open_report(report).in_space(space) if space else open_report(report)
    chosen = opened.select(metrics, snapshots)
    if form == "table":
        print_report(opened, metrics, snapshots, whole=whole)
    elif form == "csv":
        click.echo(chosen.to_csv(index=False), nl=False)
    else:
        click.echo(chosen.to_json(orient="records", indent=1))


def print_report(
    report: Report, metrics: tuple[str, ...] = (), snapshots: tuple[str, ...] = (), *, whole: bool = False
) -> None:
    """Print a report to stdout, as wide as the terminal; ``whole``: with everything that a verdict folds away."""
    from wganalyze.report.terminal import render

    render(report, metrics, snapshots, whole=whole)
