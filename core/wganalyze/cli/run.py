"""``wganalyze run PATH``: analyse checkpoints and write a report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from wganalyze.cli import DEBUG, debug_option
from wganalyze.cli.locations import LOCATION
from wganalyze.cli.options import make_request, options_for


@click.command(short_help="Analyse the checkpoints under PATH and write a report.")
@click.argument("path", type=LOCATION)
@options_for(opening=False)
@click.option("--prepare", is_flag=True, help="Compute nothing: leave the cells to any number of wganalyze worker.")
@debug_option
def run(path: Path, prepare: bool, **texts: Any) -> int:
    """Analyse the checkpoints under PATH (a folder, or one file) and write a report.

    \b
    wganalyze run ckpt/ --data NAME --generator train:Generator --critic train:Critic
    wganalyze run ckpt/                       # facts taken from ckpt/wganalyze.toml
    wganalyze run ckpt/ --only ANALYZER --option ANALYZER.KEY=VALUE
    wganalyze run ckpt/ --jobs auto           # with all cores
    wganalyze run ckpt/ --prepare             # for wganalyze worker, on any number of machines

    Running again computes only what changed. Exit code 0: good; 1: a cell failed, or all were skipped; 2: usage,
    or nothing could be opened; 130: interrupted (what was done is kept).
    """
    from wganalyze.cli.progress import make_progress
    from wganalyze.cli.show import print_report
    from wganalyze.exit_codes import ExitCode
    from wganalyze.running.execute import execute
    from wganalyze.running.prepared import Prepared
    from wganalyze.running.prepared import prepare as leave_to_workers

    request = make_request(path, texts, ["wganalyze", *sys.argv[1:]])
    with make_progress(debug=click.get_current_context().find_root().meta.get(DEBUG, False)) as progress:
        if prepare:
            made = leave_to_workers(request, texts, progress)
            cells = len(Prepared.read(made.path).tasks)
            progress.note(f"{cells} cells are prepared: wganalyze worker {made.path}, as often as you like")
            return ExitCode.OK
        report = execute(request, progress)
    print_report(report)
    return report.exit_code
