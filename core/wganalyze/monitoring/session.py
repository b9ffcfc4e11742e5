"""Networks in memory, analysed one moment after the other into one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze.contracts.terms import Role
from wganalyze.errors import UsageError
from wganalyze.host.loading import load_host
from wganalyze.monitoring.memory import OF_FILES, device_of, opened_of, snapshot_of
from wganalyze.report.reading import Report
from wganalyze.running.execute import Basis, find_basis, run_on
from wganalyze.running.progress import Progress, Silent
from wganalyze.running.request import Request
from wganalyze.running.run import Forbids, nothing_forbidden
from wganalyze.settings.facts import Said
from wganalyze.study.undisturbed import undisturbed

if TYPE_CHECKING:
    from torch.nn import Module


class Session:
    """One report in the folder ``out``; data, sizes and what is computed once for the data are those of its first call.

    ``said``: as for a run, but for what is about files. UsageError where something is.
    """

    def __init__(self, out: Path, said: Said, command: Sequence[str] = ()):
        about_files = [name for name in said if name in OF_FILES]
        if about_files:
            raise UsageError(f"{about_files[0]}: says how files are read, and the networks are in memory; leave it out")
        self.request = Request(out, Said(**{**said, "out": out}), command, in_memory=True)
        self.host = load_host(said.get("no_plugins", ()))
        self.basis: Basis | None = None

    def analyse(
        self,
        networks: Mapping[Role, Module],
        step: int | None,
        *,
        files: Sequence[Path] = (),
        progress: Progress | None = None,
        forbids: Forbids = nothing_forbidden,
    ) -> Report:
        """Analyse copies of these networks; nothing outside changes, but for the report.

        Another call with the same step takes the place of the first, and reuses the cells of equal weights. ``files``:
        where they were saved, for the record.
        """
        progress = progress or Silent()
        with undisturbed():
            said, host = self.request.said, self.host
            snapshot = snapshot_of(networks, step, said, host, files)
            opened = opened_of(snapshot, said, host)
            if self.basis is None:
                on = Said(**{**said, "device": said.get("device", device_of(networks))})
                request = Request(self.request.path, on, self.request.command, in_memory=True)
                self.basis, _ = find_basis(request, opened, progress)
            return run_on(self.basis, self.request, opened, [snapshot], progress, forbids)
