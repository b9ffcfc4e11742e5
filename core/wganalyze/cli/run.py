"""``wganalyze run PATH``: analyse checkpoints and write a report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from wganalyze.cli import DEBUG, debug_option
from wganalyze.cli.common import opening_options


@click.command(short_help="Analyse the checkpoints under PATH and write a report.")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--data", metavar="DATA", help="Real data: digits, npz:FILE#KEY, idx:FILE, folder:DIR, ring8, funnel:...")
@click.option("--range", "range_", metavar="LOW,HIGH", help="Bring the data to this range, the critic's (often -1,1).")
@click.option("--normalize", metavar="MEAN,STD", help="Bring the data to [0,1], subtract MEAN, divide by STD.")
@click.option("--held-out/--training-data", default=None, help="Was the generator trained on these data?")
@click.option("--only", metavar="A,B", multiple=True, help="Run only these analyzers.")
@click.option("--skip", metavar="A,B", multiple=True, help="Leave these analyzers out.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Report folder [default: PATH-report].")
@click.option("--n", metavar="N|max", help="Samples a split [default: 2000, or what the data allow].")
@click.option("--budget", metavar="20s", help="With --n max: as many as one exact distance takes in this time.")
@click.option("--replicates", type=click.IntRange(1), metavar="R", help="Fresh samples, R times [default: 5].")
@click.option("--seed", type=click.IntRange(0), help="Seed of all draws [default: 0].")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:I]", help="Where networks run.")
@click.option("--option", "options", metavar="ANALYZER.KEY=VALUE", multiple=True, help="An analyzer's option.")
@opening_options
@debug_option
def run(path: Path, **said: Any) -> int:
    """Analyse the checkpoints under PATH (a folder, or one file) and write a report.

    \b
    wganalyze run ckpt/ --data digits --generator train:Generator --critic train:Critic
    wganalyze run ckpt/                       # facts taken from ckpt/wganalyze.toml
    wganalyze run ckpt/ --only exact-w --option exact-w.metric=l1

    Running again computes only what changed. Exit code 0: good; 1: a cell failed, or all were skipped; 2: usage,
    or nothing could be opened; 130: interrupted (what was done is kept).
    """
    from wganalyze.cli.progress import make_progress
    from wganalyze.cli.request import make_request
    from wganalyze.cli.show import print_report
    from wganalyze.running.execute import execute

    request = make_request(path, {**said, "command": ["wganalyze", *sys.argv[1:]]})
    with make_progress(debug=click.get_current_context().find_root().meta.get(DEBUG, False)) as progress:
        report = execute(request, progress)
    print_report(report)
    return report.exit_code
