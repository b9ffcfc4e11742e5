"""``wganalyze page REPORT...``: reports as one file to send to somebody."""

from __future__ import annotations

from pathlib import Path

import click

from wganalyze.cli import debug_option
from wganalyze.cli.locations import LOCATION


@click.command(short_help="Write reports as one HTML page that needs nothing else.")
@click.argument("reports", metavar="REPORT...", nargs=-1, required=True, type=LOCATION)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("page.html"), show_default=True,
              help="The file to write.")  # fmt: skip
@click.option("--space", metavar="SPACE", default="", help="The space in which samples were compared.")
@debug_option
def page(reports: tuple[Path, ...], out: Path, space: str) -> None:
    """Write one page about each REPORT: verdicts, charts over the steps, pictures, findings, every number, provenance.

    The file holds its pictures and loads nothing, needs no JavaScript, and can be mailed, printed or put on a server.
    """
    from wganalyze.report.page.writing import write_page
    from wganalyze.report.reading import open_report

    opened = [open_report(report).in_space(space) if space else open_report(report) for report in reports]
    size = write_page(opened, out)
    click.echo(f"{out}: {len(opened)} report{'s' if len(opened) > 1 else ''}, {max(1, round(size / 1000))} kB")
