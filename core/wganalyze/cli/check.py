"""``wganalyze check REPORT 'METRIC < 3.5'``: conditions, for the pipeline that trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wganalyze.cli import debug_option
from wganalyze.cli.console import make_console
from wganalyze.cli.locations import LOCATION

if TYPE_CHECKING:
    from wganalyze.report.questions.checking import Undecided, Which


@click.command(short_help="Check conditions on a report: exit code 1 where one does not hold.")
@click.argument("report", type=LOCATION)
@click.argument("conditions", nargs=-1, required=True, metavar="CONDITION...")
@click.option(
    "--at", type=click.Choice(["last", "best", "all"]), default="last", show_default=True,
    help="Which snapshots of each trajectory.",
)  # fmt: skip
@click.option("--by", metavar="METRIC", default="", help="With --at best: the metric that it is best by.")
@click.option("--space", metavar="SPACE", default="", help="The space in which samples were compared.")
@click.option(
    "--undecided", type=click.Choice(["pass", "fail"]), default="fail", show_default=True,
    help="What a condition counts as whose bound lies within the interval.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@debug_option
def check(
    report: Path, conditions: tuple[str, ...], at: Which, by: str, space: str, undecided: Undecided, form: str
) -> int:
    """Check conditions on REPORT, for a pipeline that trains.

    \b
    wganalyze check report/ 'METRIC < 3.5' 'METRIC@SPACE >= 0.8' 'no fault'

    A condition on a number passes where the whole interval lies on the right side of the bound, fails where none of it
    does, and is undecided between; a number without interval decides by itself. "no fault" and "no warning" (which
    forbids faults too) look at the findings. Exit code 0: all hold; 1: one does not, or was not measured; 2: a
    condition cannot be read, or no metric is called so.
    """
    from wganalyze.report.questions.check_shown import show_check
    from wganalyze.report.questions.checking import check as answer
    from wganalyze.report.reading import open_report

    opened = open_report(report)
    found = answer(opened, conditions, at=at, by=by, space=space, undecided=undecided)
    if form == "table":
        show_check(make_console(), found, str(report))
    elif form == "csv":
        click.echo(found.frame.to_csv(index=False), nl=False)
    else:
        click.echo(found.frame.to_json(orient="records", indent=1))
    return found.exit_code
