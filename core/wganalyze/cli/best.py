"""``wganalyze best REPORT``: which checkpoint is best, and which are as good?"""

from __future__ import annotations

from pathlib import Path

import click

from wganalyze.cli import debug_option
from wganalyze.cli.console import make_console
from wganalyze.cli.locations import LOCATION


@click.command(short_help="Name the best snapshot of a report, and all that cannot be told from it.")
@click.argument("report", type=LOCATION)
@click.option("--by", metavar="METRIC", default="", help="The metric [default: the first headline with a direction].")
@click.option("--space", metavar="SPACE", default="", help="The space in which samples were compared.")
@click.option("--copy-to", metavar="DIR", type=click.Path(path_type=Path), help="Copy the files of the best here.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@debug_option
def best(report: Path, by: str, space: str, copy_to: Path | None, form: str) -> None:
    """Name the best snapshot of each trajectory of REPORT and of all, and every snapshot that cannot be told from it.

    \b
    wganalyze best report/
    wganalyze best report/ --by METRIC@SPACE --copy-to best/

    Snapshots share z and reals, so that their replicates are pairs. With a probability of 95% no snapshot that is as
    good as the best is missing from the list, however many were compared. It takes three replicates.
    """
    from wganalyze.report.questions.best_shown import show_best
    from wganalyze.report.questions.copying import copy_snapshot
    from wganalyze.report.reading import open_report

    opened = open_report(report).in_space(space) if space else open_report(report)
    answer = opened.best(by)
    if form == "table":
        show_best(make_console(), answer, str(report))
    elif form == "csv":
        click.echo(answer.frame.to_csv(index=False), nl=False)
    else:
        click.echo(answer.frame.to_json(orient="records", indent=1))
    if copy_to is not None:
        rows = opened.measurements
        measured = {*rows.loc[rows["snapshot"] == answer.label, "digest"].dropna()}
        copies = copy_snapshot(opened.run, answer.label, copy_to, measured)
        click.echo(f"{answer.label}: {', '.join(map(str, copies))}", err=form != "table")
