"""A request carried out: opened, dealt, run."""

from __future__ import annotations

from collections.abc import Sequence

from wganalyze.cells.computing import Forbids, nothing_forbidden
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import UsageError
from wganalyze.exit_codes import ExitCode
from wganalyze.report.reading import Report
from wganalyze.running.basis import Basis, find_basis, tell_problems
from wganalyze.running.opened import Opened, nothing_found, open_request
from wganalyze.running.progress import Progress, Silent
from wganalyze.running.request import Request
from wganalyze.running.run import Run


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
    basis.jobs = _jobs(request, progress)
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
        jobs=basis.jobs,
    )
    report = run.execute()
    return Report(report.path, ExitCode.FAILED) if basis.lost else report


def _jobs(request: Request, progress: Progress) -> int | None:
    """How many processes compute the cells; None: this one alone."""
    jobs = request.said.get("jobs")
    if jobs is not None and request.said.get("infer", False):
        progress.note(
            "--jobs: with --infer all cells are computed by this process, which guessed the networks; wganalyze init "
            "--infer writes the guesses down, and --jobs goes with what it wrote"
        )
        return None
    return jobs
