"""``wganalyze claims``: which claims of the literature are true of these runs?"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wganalyze import UsageError

if TYPE_CHECKING:
    import pandas as pd

_SECONDS = {"s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def _duration(context: click.Context, parameter: click.Parameter, text: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*(s|min|m|h|)\s*", text)
    if match is None or not float(match[1]):
        raise click.BadParameter(f"{text!r}: write a time, as 20m or 2h")
    return float(match[1]) * _SECONDS[match[2]]


@click.command(short_help="Put the claims of the literature to reports, or to runs that are trained for it.")
@click.argument("reports", nargs=-1, type=click.Path(path_type=Path))
@click.option("--only", metavar="CLAIM", multiple=True, help="Only this claim; may be repeated.")
@click.option("--reproduce", is_flag=True, help="Train what the claims need, with several seeds, and measure it.")
@click.option(
    "--data", multiple=True, metavar="DATA", help="With --reproduce: what to train on [default: digits, ring8]."
)
@click.option(
    "--budget", default="30m", show_default=True, metavar="30m", callback=_duration,
    help="With --reproduce: its time; a longer one buys seeds and steps.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="With --reproduce: the first seed.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=None,
    help="Write claims.parquet and claims.md here [with --reproduce: claims].",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "markdown"]), default="table", show_default=True
)
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def claims(
    reports: tuple[Path, ...],
    only: tuple[str, ...],
    reproduce: bool,
    data: tuple[str, ...],
    budget: float,
    seed: int,
    out: Path | None,
    form: str,
    debug: bool,
) -> int:
    """Put the claims of the literature to REPORTs: supported, refuted, or not testable here, and by which numbers.

    \b
    wganalyze claims ckpt-report/
    wganalyze claims --reproduce --budget 30m

    Reports on the same data count together. Which method trained a run is read from its checkpoints (method = in the
    configuration that they store, as those of wganalyze zoo do). With --reproduce, GANs are trained on digits and in
    the plane, analysed, and judged; interrupted, the same command goes on.
    """
    import wganalyze

    if bool(reports) == reproduce:
        raise UsageError("name one REPORT or more (wganalyze run PATH makes one), or --reproduce, and not both")
    preamble: list[str] = []
    judged = list(reports)
    if reproduce:
        out = out or Path("claims")
        judged, preamble = _reproduced(out, data, budget, seed)
    verdicts = wganalyze.judge(*judged, only=only)
    if out is not None:
        _write(out, verdicts, preamble)
    _show(verdicts, form, preamble)
    return 0


def _reproduced(out: Path, data: tuple[str, ...], budget: float, seed: int) -> tuple[list[Path], list[str]]:
    from wganalyze_zoo.reproduction.recipes import DATA, subject_of
    from wganalyze_zoo.reproduction.reproducing import Reproduction

    subjects = [subject_of(name) for name in dict.fromkeys(data or DATA)]
    work = Reproduction(out, subjects, budget, seed, lambda line: click.echo(line, err=True))
    reports = work.execute()
    last = seed + work.seeds - 1
    preamble = [
        f"Made by `{shlex.join(['wganalyze', *sys.argv[1:]])}`: seeds {seed} to {last}, steps of the recipes times "
        f"{work.scale:g}, {work.cores} cores.",
        "An interval is Student t over seeds, 95%; below three seeds the sign decides, and the answer says so.",
    ]
    return reports, preamble


def _write(out: Path, verdicts: pd.DataFrame, preamble: list[str]) -> None:
    from wganalyze_zoo.reproduction.showing import to_markdown

    try:
        out.mkdir(parents=True, exist_ok=True)
        verdicts.to_parquet(out / "claims.parquet", index=False)
        (out / "claims.md").write_text(to_markdown(verdicts, preamble))
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror or error}); name another folder") from None


def _show(verdicts: pd.DataFrame, form: str, preamble: list[str]) -> None:
    from wganalyze_zoo.reproduction import showing

    if form == "table":
        showing.print_table(verdicts)
    elif form == "csv":
        click.echo(verdicts.to_csv(index=False), nl=False)
    elif form == "json":
        click.echo(showing.to_json(verdicts))
    else:
        click.echo(showing.to_markdown(verdicts, preamble), nl=False)
