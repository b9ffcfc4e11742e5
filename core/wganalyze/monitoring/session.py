"""Networks in memory, analysed one moment after the other into one report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wganalyze.cells.computing import Forbids, nothing_forbidden
from wganalyze.contracts.terms import Role
from wganalyze.errors import UsageError
from wganalyze.host.loading import load_host
from wganalyze.monitoring.memory import OF_FILES, InMemory, device_of, snapshot_of
from wganalyze.report.reading import Report
from wganalyze.running.basis import Basis, find_basis
from wganalyze.running.choosing import choose_analyzers
from wganalyze.running.execute import run_on
from wganalyze.running.given import find_source
from wganalyze.running.opened import Opened
from wganalyze.running.progress import Progress, Silent
from wganalyze.running.request import Request
from wganalyze.settings.facts import Said
from wganalyze.snapshots.assembly import Assembled
from wganalyze.study.undisturbed import undisturbed

if TYPE_CHECKING:
    from torch.nn import Module


DATA = ("data", "training_data")

MANY = 64
"""Moments of a training, as long as nobody knows how many there will be."""

Settle = Callable[[Basis, Opened], Basis]
"""What a first moment and what was said make of the basis of all calls."""


class Session:
    """One report in the folder ``out``; data, sizes and what is computed once for the data are those of its first call.

    ``said``: as for a run, but for what is about files. ``settle``: asked once, what the calls are to stand on.
    ``many``: moments that there may be, for tests that are corrected for their number.
    UsageError where something is said about files.
    """

    def __init__(
        self, out: Path, said: Said, command: Sequence[str] = (), settle: Settle | None = None, many: int = MANY
    ):
        about_files = [name for name in said if name in OF_FILES]
        if about_files:
            raise UsageError(f"{about_files[0]}: says how files are read, and the networks are in memory; leave it out")
        self.request = Request(out, Said(**{**said, "out": out}), command, in_memory=True)
        self.host = load_host(said.get("no_plugins", ()))
        self.basis: Basis | None = None
        self._settle, self._many = settle, many

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
            snapshot, opened = self._opened(networks, step, files)
            if self.basis is None:
                said = self.request.said
                on = Said(**{**said, "device": said.get("device", device_of(networks))})
                basis, _ = find_basis(replace(self.request, said=on), opened, progress)
                basis.many = self._many
                self.basis = basis if self._settle is None else self._settle(basis, opened)
            return run_on(self.basis, self.request, opened, [snapshot], progress, forbids)

    def read_data(self) -> None:
        """Read the data now, once for all calls; DataError where there are none."""
        said: dict[str, Any] = cast("dict[str, Any]", self.request.said)
        with undisturbed():
            for name in DATA:
                if name in said:
                    source = find_source(said[name], self.host, f"--{name.replace('_', '-')}")
                    said[name] = said[name] if isinstance(said[name], str) else source

    def fail(self, networks: Mapping[Role, Module], step: int, error: BaseException) -> None:
        """A failed cell for each analyzer, with this reason: what kept the moment from being analysed at all."""
        with undisturbed():
            snapshot, opened = self._opened(networks, step, ())
            questions = choose_analyzers(opened.said, self.host)[0] if self.basis is None else self.basis.questions
            views = None if self.basis is None else self.basis.views
            basis = Basis(questions, None, "cpu", views=views)
            run_on(basis, self.request, opened, [snapshot], Silent(), lambda _: error)

    def _opened(
        self, networks: Mapping[Role, Module], step: int | None, files: Sequence[Path]
    ) -> tuple[InMemory, Opened]:
        snapshot = snapshot_of(networks, step, self.request.said, self.host, files)
        return snapshot, Opened((), Assembled((snapshot,), {}, {}, {}), self.request.said, self.host)
