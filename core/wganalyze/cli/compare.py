"""``wganalyze compare REPORT_A REPORT_B``: is A better than B, and does one setting train better than another?"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wganalyze.cli import debug_option
from wganalyze.cli.console import make_console
from wganalyze.cli.locations import LOCATION
from wganalyze.errors import UsageError

if TYPE_CHECKING:
    from wganalyze.report.questions.comparison import At


PAGE = Path("comparison.html")


@click.command(short_help="Compare runs, or settings over their training seeds: differences with intervals.")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...", type=LOCATION)
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
    "--format", "form", type=click.Choice(["table", "csv", "markdown", "latex", "json", "page"]), default="table",
    show_default=True,
)  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="The file to write [default: stdout; of a page comparison.html].")  # fmt: skip
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
    out: Path | None,
) -> None:
    """Compare the runs of one or several REPORTs: each against the first, with intervals of the differences.

    \b
    wganalyze compare a/report b/report
    wganalyze compare report --run 'mine*' --run baseline --at best
    wganalyze compare report --group 'lr=*/seed=*' --format latex
    wganalyze compare a/report b/report --format page --out a-and-b.html

    A run is what lies in one folder of a report. Where seed, data and n agree, runs share z and reals, and their
    replicates are pairs; else Welch's t is used, and it is said. With --group (or --seeds) the unit is the training
    seed: the * behind "seed", or the last one, stands for it, the rest of the name is the setting.
    """
    from wganalyze.report.questions.comparing import compare as answer
    from wganalyze.report.questions.comparison_shown import latex, markdown, show_comparison
    from wganalyze.report.reading import open_report

    if out is not None and form == "table":
        raise UsageError("--out: a table is for the terminal; say --format csv, markdown, latex, json or page")
    opened = [open_report(report) for report in reports]
    comparison = answer(
        opened,
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
    elif form == "page":
        from wganalyze.report.page.comparison import comparison_page

        _write(comparison_page(comparison, opened, shlex.join(["wganalyze", *sys.argv[1:]])), out or PAGE)
    elif form == "csv":
        _write(comparison.frame.to_csv(index=False), out)
    elif form == "json":
        _write(f"{comparison.frame.to_json(orient='records', indent=1)}\n", out)
    else:
        _write(markdown(comparison) if form == "markdown" else latex(comparison), out)


def _write(text: str, out: Path | None) -> None:
    """To a file, and its name and size to the terminal; without one to stdout."""
    if out is None:
        click.echo(text, nl=False)
        return
    from wganalyze.report.page.templating import write_text

    click.echo(f"{out}: {max(1, round(write_text(text, out) / 1000))} kB")


def _at(text: str) -> At:
    if text == "last":
        return "last"
    if text == "best":
        return "best"
    if text.isdecimal():
        return int(text)
    raise UsageError(f"--at {text}: is neither last, nor best, nor a step")
