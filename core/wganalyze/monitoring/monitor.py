"""``wganalyze.Monitor``: a training run is analysed while it goes, and is the same run with it and without it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.cells.measuring import Outcome, Question
from wganalyze.contracts.terms import Role
from wganalyze.errors import NotMeasurable, UsageError
from wganalyze.monitoring.memory import OF_FILES, given_networks
from wganalyze.monitoring.pace import Pace, find_pace
from wganalyze.monitoring.saving import save_state, write_facts
from wganalyze.monitoring.session import Session
from wganalyze.remote.path import RemotePath, location
from wganalyze.report.reading import Report, open_report
from wganalyze.report.store import CellStore
from wganalyze.report.views import Views
from wganalyze.running.basis import Basis
from wganalyze.running.given import in_words
from wganalyze.running.opened import Opened
from wganalyze.running.run_json import conclude
from wganalyze.settings.config import from_python
from wganalyze.settings.facts import facts
from wganalyze.settings.values import seconds
from wganalyze.study.undisturbed import undisturbed
from wganalyze.text import one_line, reason_of

if TYPE_CHECKING:
    from torch.nn import Module

log = logging.getLogger("wganalyze")


class Monitor:
    """Called in a training loop, saves generator and critic and analyses them: ``monitor(step, generator, critic)``.

    ``out``: its folder: ``checkpoints`` (state dicts, which ``wganalyze run out/checkpoints`` reads) and ``report``.
    ``data``: as for ``run``: a name, an array, a Dataset, a DataLoader, a DataFrame; read once, now.
    ``every``: steps from one analysis to the next; calls between them return at once.
    ``budget``: the time of a call, "10s", in which it analyses; analyzers and sizes are chosen by trying them in the
    first call, which takes longer, and are the same for all steps. No analyzer begins that is not expected to end in
    time; one that is slower than ever before does end. None: everything at its usual size.
    ``only``: the analyzers to choose from. ``save``: are checkpoints written?
    Every other name means what it means for ``analyze``.

    Training goes on bit for bit as without it: networks are copied, and random states, modes, gradients, devices and
    threads stay as they are. What goes wrong is one line of the logger "wganalyze" and a failed cell, and never ends
    the training. Of several processes the first one does all of it.
    """

    def __init__(
        self,
        out: str | Path,
        *,
        data: Any = None,
        every: int = 1,
        budget: str | float | None = "10s",
        only: str | Sequence[str] = (),
        save: bool = True,
        **said: Any,
    ):
        wanted = {"data": data, "only": only or None, **said}
        given = {name: value for name, value in wanted.items() if value is not None}
        for name in given:
            if name not in facts() or name in OF_FILES or name == "out":
                raise TypeError(f"Monitor() got an unexpected keyword argument {name!r}")
        if isinstance(every, bool) or int(every) != every or every < 1:
            raise UsageError(f"every={every!r}: write a whole number from 1 on")
        if isinstance(location(out), RemotePath):
            raise UsageError(f"out={str(out)!r}: a monitor saves checkpoints on this machine; name a folder")
        self.out, self.every, self.saves = Path(out), int(every), save
        self.budget = None if budget is None else _time(budget)
        self.pace: Pace | None = None
        self._last: int | None = None
        command = ["wganalyze.Monitor", str(out), *(f"{name}={in_words(value)}" for name, value in given.items())]
        self._session = Session(self.out / "report", from_python(given), command, self._settled)
        self._known: dict[str, float] = {}
        self._begun = 0.0
        self._session.read_data()

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.out / "checkpoints"

    @property
    def report(self) -> Report:
        """The report as it is now; UsageError before the first analysis."""
        return open_report(self.out / "report")

    def due(self, step: int) -> bool:
        """Is this a step to analyse: the first from each multiple of ``every`` on?"""
        last = self._last
        return step % self.every == 0 if last is None else step // self.every > last // self.every

    def __call__(self, step: int, generator: Any = None, critic: Any = None) -> Report | None:
        """Save and analyse the networks, where the step is due; None where it is not, and where that fails."""
        due, self._last = self.due(step), step
        if not due or not _first_of_all():
            return None
        self._begun = time.perf_counter()
        with undisturbed():
            try:
                given = {"generator": generator, "critic": critic}
                modules = {name: self.network_of(network) for name, network in given.items() if network is not None}
                networks = given_networks(modules.get("generator"), modules.get("critic"))
                return self._analysed(step, networks, self._saved(step, given))
            except Exception as error:  # whatever it is, training goes on
                _warn(step, error, "it could not be analysed")
                return None

    def network_of(self, given: Any) -> Any:
        """The module to be analysed; a subclass may wrap what is no module of torch."""
        return given

    def save(self, network: Module, stem: Path) -> Path:
        """Write a network to a file whose name begins with ``stem``; its path."""
        path = stem.with_name(f"{stem.name}.pt")
        save_state(network, path)
        return path

    def close(self) -> None:
        """Bring the files of the report up to date, and reach its verdicts anew."""
        basis = self._session.basis
        if basis is not None and basis.views is not None:
            try:
                basis.views.refresh(force=True)
                conclude(self.report, self._session.host.analyzers.values(), log.warning)
            except Exception as error:
                _warn(self._last, error, "the report could not be brought up to date")

    def _saved(self, step: int, given: Mapping[str, Any]) -> list[Path]:
        """Where the networks were written to; [] where that failed."""
        there = {role: network for role, network in given.items() if self.saves and network is not None}
        try:
            return [self.save(network, self.checkpoints / f"{role}_step_{step:06d}") for role, network in there.items()]
        except Exception as error:  # a disk that is full
            _warn(step, error, "the checkpoint could not be written")
            return []

    def _analysed(self, step: int, networks: Mapping[Role, Module], files: Sequence[Path]) -> Report | None:
        told = _Told()
        try:
            report = self._session.analyse(networks, step, files=files, progress=told, forbids=self._forbids)
        except Exception as error:
            _warn(step, error, "it could not be analysed")
            with suppress(Exception):  # where no report can be written, the line stays alone
                self._session.fail(networks, step, error)
            return None
        # What is done once for all steps counts for none of them.
        known = told.seconds if self._known or self.pace is None else self.pace.seconds
        self._known = {**self._known, **known}
        if told.failed:
            names, reason = ", ".join(told.failed), one_line(next(iter(told.failed.values())))
            log.warning("wganalyze: step %s: %s failed: %s; training goes on", step, names, reason)
        return report

    def _settled(self, basis: Basis, opened: Opened) -> Basis:
        """Analyzers and sizes of all calls; the first one does all of it, whatever time that takes."""
        request = self._session.request
        if self.saves:
            with suppress(OSError):  # which the checkpoints have told already
                write_facts(opened, self.checkpoints)
        basis.views = Views(CellStore(request.report_path))
        if self.budget is not None:
            self.pace = find_pace(basis, opened.snapshots[0], request.said, self.budget, self.out / "monitor.json")
            basis = self.pace.applied(basis, self.budget)
            if self.pace.left_out:
                left = ", ".join(f"{name} (about {spent:.2g} s)" for name, spent in self.pace.left_out.items())
                log.warning("wganalyze: in %g s a call there is no time for %s; see budget=", self.budget, left)
        return basis

    def _forbids(self, question: Question) -> BaseException | None:
        """No cell begins that is not expected to end in time."""
        if self.budget is None:
            return None
        left = self.budget - (time.perf_counter() - self._begun)
        expected = self._known.get(question.name, 0.0)
        if expected <= max(left, 0.0):
            return None
        self._known[question.name] = expected / 2  # it may have been slow by chance: it is tried again some time
        return NotMeasurable(f"no time was left of the {self.budget:g} s of this call")


class _Told:
    """What the cells of a call took, and which of them failed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: dict[str, str] = {}
        self._name = ""

    def note(self, line: str) -> None:
        log.debug(line)

    def begin(self, cells: int) -> None: ...

    def cell(self, snapshot: str, analyzer: str) -> None:
        self._name = analyzer

    def done(self, outcome: Outcome | None) -> None:
        if outcome is not None and outcome.status == "ok":
            self.seconds[self._name] = outcome.seconds
        if outcome is not None and outcome.status == "failed":
            self.failed[self._name] = outcome.message


def _warn(step: int | None, error: BaseException, what: str = "it could not be analysed") -> None:
    reason = one_line(error) if isinstance(error, UsageError) else reason_of(error)
    log.warning("wganalyze: step %s: %s (%s); training goes on", step, what, reason)


def _time(budget: str | float) -> float:
    try:
        return seconds(budget)
    except ValueError as error:
        raise UsageError(f"budget={budget!r}: {error}") from None


def _first_of_all() -> bool:
    """Is this the first of the processes that train together?"""
    import torch

    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0
