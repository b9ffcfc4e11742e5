"""``wganalyze worker REPORT``: compute cells of a prepared run beside other workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click

from wganalyze.cli import DEBUG, debug_option
from wganalyze.cli.locations import LOCATION
from wganalyze.interruption import interrupt
from wganalyze.threads import one_thread_each


@click.command(short_help="Compute cells of a run that was prepared, beside other workers.")
@click.argument("report", type=LOCATION)
@debug_option
def worker(report: Path) -> int:
    """Compute cells of the run that was prepared in REPORT, until all are done, by this worker or by others.

    \b
    wganalyze run ckpt/ --data NAME --out report/ --prepare
    wganalyze worker report/ & wganalyze worker report/ & wait
    sbatch --array=1-20 --wrap 'wganalyze worker report/'

    Any number of workers, on any machines that see the folder: each takes cells that nobody has. A worker that is
    killed costs the cell that it had a second try; the cell of which two died has failed. A worker does what the plan
    says, the code of its factories and --trust included: give it reports that you prepared. Each has one thread,
    unless OMP_NUM_THREADS says otherwise. Exit code 0: good; 1: a cell failed; 2: nothing was prepared.
    """
    os.environ.update(one_thread_each())  # before anything that reads it is imported
    from wganalyze.cli.progress import make_progress
    from wganalyze.running.prepared import work

    signal.signal(signal.SIGTERM, interrupt)  # as scancel and timeout do
    with make_progress(debug=click.get_current_context().find_root().meta.get(DEBUG, False)) as progress:
        return work(report, progress).exit_code
