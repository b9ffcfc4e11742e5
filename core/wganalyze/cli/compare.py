"""``wganalyze compare REPORT_A REPORT_B``: is A better than B, and does one setting train better than another?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wganalyze.cli import debug_option
from wganalyze.cli.console import make_console
from wganalyze.errors import UsageError

if TYPE_CHECKING:
    from wganalyze.report.questions.comparison import At


@click.command(short_help="Compare runs, or settings over their training seeds: differences with intervals.")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...", type=click.Path(path_type=Path))
@click.option("--at", metavar="last|best|STEP", default="last", show_default=True, help="Which snapshot of each run.")
@click.option(
    "--metric", "metrics", metavar="NAME", multiple=True, help="These metrics (* is a wildcard) [default: headlines]."
)
@click.option("--space", metavar="SPACE", default="", help="The space in which samples were compared.")
@click.option("--by", metavar="METRIC", default="", help="With --at best: the metric that it is best by.")
@click.option(
    "--run", "only", metavar="NAME", multiple=True, help="Only these runs (* is a wildcard), the first first."
)
@click.option("--group", "groups", metavar="PATTERN", multiple=True, help="Settings, as 'lr=*/seed=*'.")
@click.option("--seeds", is_flag=True, help="The runs of each REPORT are training seeds of one setting.")
@click.option("--pairs", is_flag=True, help="All pairs, in place of each against the first.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "markdown", "latex", "json"]), default="table",
    show_default=True,
)  # fmt: skip
@debug_option
def compare(
    reports: tuple[Path, ...],
    at: str,
    metrics: tuple[str, ...],
    space: str,
    by: str,
    only: tuple[str, ...],
    groups: tuple[str, ...],
    seeds: bool,
    pairs: bool,
    form: str,
) -> None:
    """Compare the runs of one or several REPORTs: each against the first, with intervals of the differences.

    \b
    wganalyze compare a/report b/report
    wganalyze compare report --run 'mine*' --run baseline --at best
    wganalyze compare report --group 'lr=*/seed=*' --format latex

    A run is what lies in one folder of a report. Where seed, data and n agree, runs share z and reals, and their
    replicates are pairs; else Welch's t is used, and it is said. With --group (or --seeds) the unit is the training
    seed: the * behind "seed", or the last one, stands for it, the rest of the name is the setting.
    """
    from wganalyze.report.questions.comparing import compare as answer
    from wganalyze.report.questions.comparison_shown import latex, markdown, show_comparison
    from wganalyze.report.reading import open_report

    comparison = answer(
        [open_report(report) for report in reports],
        at=_at(at),
        metrics=metrics,
        space=space,
        by=by,
        only=only,
        groups=groups,
        seeds=seeds,
        pairs=pairs,
    )
    if form == "table":
        show_comparison(make_console(), comparison)
    elif form == "csv":
        click.echo(comparison.frame.to_csv(index=False), nl=False)
    elif form == "json":
        click.echo(comparison.frame.to_json(orient="records", indent=1))
    else:
        click.echo(markdown(comparison) if form == "markdown" else latex(comparison), nl=False)


def _at(text: str) -> At:
    if text == "last":
        return "last"
    if text == "best":
        return "best"
    if text.isdecimal():
        return int(text)
    raise UsageError(f"--at {text}: is neither last, nor best, nor a step")
