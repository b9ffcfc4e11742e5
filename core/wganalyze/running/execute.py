"""A request carried out: opened, dealt, run."""

from __future__ import annotations

from collections.abc import Sequence

from wganalyze.cells.computing import Forbids, nothing_forbidden
from wganalyze.cells.executors.others import Others
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import UsageError
from wganalyze.exit_codes import ExitCode
from wganalyze.report.reading import Report
from wganalyze.running.basis import Basis, find_basis, tell_problems
from wganalyze.running.opened import Opened, nothing_found, open_request
from wganalyze.running.progress import Progress, Silent
from wganalyze.running.request import Request
from wganalyze.running.run import Run
from wganalyze.settings.values import jobs as read_jobs


def execute(request: Request, progress: Progress | None = None) -> Report:
    """Carry out a request; the returned Report knows the run's exit code.

    Raises WganalyzeError where nothing can be run, or where the run had to stop. KeyboardInterrupt passes through,
    after the views have been brought up to date.
    """
    progress = progress or Silent()
    opened = open_request(request)
    tell_problems(opened, request, progress)
    if not opened.snapshots:
        raise UsageError(nothing_found(request.path, opened))
    basis, snapshots = find_basis(request, opened, progress)
    basis.others = _others(request, progress)
    return run_on(basis, request, opened, snapshots, progress)


def run_on(
    basis: Basis,
    request: Request,
    opened: Opened,
    snapshots: Sequence[Snapshot],
    progress: Progress,
    forbids: Forbids = nothing_forbidden,
) -> Report:
    """The cells of these snapshots, on this basis. ``forbids``: why one is not to be computed; None where it may."""
    run = Run(
        request,
        opened,
        snapshots,
        basis.questions,
        basis.deal,
        basis.device,
        progress,
        basis.plan,
        shared=basis.shared,
        forbids=forbids,
        kept=basis.views,
        many=basis.many,
        others=basis.others,
    )
    report = run.execute()
    return Report(report.path, ExitCode.FAILED) if basis.lost else report


def _others(request: Request, progress: Progress) -> Others | None:
    """Who computes the cells; None: this process alone."""
    said = request.said
    jobs, cluster = said.get("jobs"), said.get("dask")
    if jobs is None and cluster is None:
        return None
    if said.get("infer", False):
        progress.note(
            f"{'--jobs' if cluster is None else '--dask'}: with --infer all cells are computed by this process, which "
            "guessed the networks; wganalyze init --infer writes the guesses down, and other processes go by these"
        )
        return None
    if cluster == "slurm" and jobs is None:
        raise UsageError("--dask slurm: say with --jobs how many workers")
    if cluster not in (None, "local", "slurm") and jobs is not None:
        raise UsageError("--dask ADDRESS: the cluster has the workers that it has; leave --jobs out")
    return Others(read_jobs("auto") if jobs is None else jobs, cluster)
