"""``wganalyze export REPORT --to TARGET DIR``: a report for an experiment tracker."""

from __future__ import annotations

from pathlib import Path

import click

from wganalyze.cli import debug_option
from wganalyze.cli.locations import LOCATION

TARGETS = ("tensorboard", "wandb", "mlflow", "trackio", "csv", "json")


@click.command(short_help="Write a report for TensorBoard, W&B, MLflow or trackio, as CSV or JSON.")
@click.argument("report", type=LOCATION)
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="What it is written for.")
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Only these metrics (* is a wildcard).")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@debug_option
def export(report: Path, target: str, metrics: tuple[str, ...], folder: Path) -> None:
    """Write the numbers of REPORT into DIR: one run for each trajectory, the snapshots with a step that share a folder.

    A number is called ANALYZER/METRIC, and ANALYZER/METRIC/SPACE where samples were compared in another space than
    pixels; the ends of its interval stand beside it as .../ci_low and .../ci_high. Nothing is uploaded.
    """
    from wganalyze.report.exporting.series import exported
    from wganalyze.report.exporting.targets import export as write
    from wganalyze.report.reading import open_report

    chosen = exported(open_report(report), metrics)
    shown = write(chosen, target, folder)
    if chosen.left_out:
        more = f" and {len(chosen.left_out) - 1} more" if len(chosen.left_out) > 1 else ""
        click.echo(f"left out, since it has no training step: {chosen.left_out[0]}{more}", err=True)
    points = sum(len(each.points) for each in chosen.series)
    click.echo(f"{points} numbers in {len(chosen.series)} series of {len(chosen.by_run())} runs: {shown}")
