"""A folder that a trainer writes into is followed: what is whole is analysed, the newest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from wganalyze.cells.measuring import Outcome
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import CheckpointError, TrustError, UsageError, WganalyzeError
from wganalyze.exit_codes import ExitCode
from wganalyze.files.opening import files_of
from wganalyze.host.loading import load_host
from wganalyze.monitoring.keeping import KeptPage
from wganalyze.networks.draft import Draft
from wganalyze.report.reading import Report
from wganalyze.report.store import CellStore
from wganalyze.report.views import Views
from wganalyze.running.basis import Basis, find_basis
from wganalyze.running.choosing import choose_analyzers
from wganalyze.running.execute import run_on
from wganalyze.running.opened import Opened, everything_said, open_request
from wganalyze.running.progress import Progress
from wganalyze.running.request import Request
from wganalyze.running.run_json import conclude
from wganalyze.text import one_line

K = TypeVar("K")
V = TypeVar("V")
Stamp = tuple[int, int, int]
"""Number of files, bytes and the time of the last change, in nanoseconds."""
PATIENCE = 10
"""How many times longer than others a snapshot waits for a network that it lacks, while files are being written."""


@dataclass
class Watch:
    """What has been seen of a folder.

    ``progress``: told how it goes, each line once. ``settle``: seconds for which what is whole has not changed.
    ``analysed``: labels of snapshots, in the order of their analysis. ``report``: as it was after the last one.
    ``page``: the file of a page of the report, written anew after each analysis.
    """

    request: Request
    progress: Progress
    settle: float
    analysed: list[str] = field(default_factory=list)
    report: Report | None = None
    page: Path | None = None
    _done: dict[str, tuple[tuple[Path, Stamp], ...]] = field(default_factory=dict)
    _quiet: Mapping[Path, Stamp] | None = None
    _basis: Basis | None = None
    _failed: bool = False

    def __post_init__(self) -> None:
        self.progress = _Once(self.progress)
        self._page = None if self.page is None else KeptPage(self.page, self.progress.note)
        said = self.request.said
        host = load_host(said.get("no_plugins", ()))
        self._loaders, self._foreign = host.loaders_for(said.get("loader")), host.foreign
        self._analyzers = [*host.analyzers.values()]
        self._files: _Calm[Path, Stamp] = _Calm(self.settle)
        self._snapshots: _Calm[str, tuple[tuple[Path, Stamp], ...]] = _Calm(self.settle)
        choose_analyzers(said, host)  # what is asked wrongly is said before there are files

    def look(self) -> str | None:
        """Look once, and analyse at most one snapshot; its label, or None where there is nothing to do.

        A file is whole where it has not changed for a while, and a snapshot where it is of the same files as long.
        What cannot be opened or written is a line, and is tried again: files when they change, the report at the next
        look.
        UsageError, TrustError or DataError where something was asked wrongly.
        """
        whole = self._whole()
        if not whole or whole == self._quiet:
            return None
        try:
            opened = open_request(self.request, whole.keys())
        except OSError:  # gone since it was listed
            return None
        for file in opened.files:
            for problem in file.problems if file.kind is not None else ():
                self.progress.note(f"{problem if file.path.name in problem else f'{file.path.name}: {problem}'}")
        made = {snapshot.label: _made_of(snapshot, whole) for snapshot in opened.snapshots}
        calm = self._snapshots.among(made)
        left = [s for s in opened.snapshots if made[s.label] != self._done.get(s.label)]
        self._quiet = None if left else whole
        ready = [s for s in left if s.label in calm and (not s.lacking or self._comes_alone(s.label))]
        if not ready:
            return None
        newest = max(ready, key=lambda snapshot: max((stamp[2] for _, stamp in made[snapshot.label]), default=0))
        return self._analysed(newest, opened, made[newest.label])

    def follow(self, poll: float, enough: Callable[[Watch, float], bool]) -> None:
        """Look every ``poll`` seconds until it is ``enough``; that is told the seconds since there was something new.

        New is an analysis, and a file or a snapshot that is not yet whole.
        """
        last = time.monotonic()
        try:
            while not enough(self, time.monotonic() - last):
                found = self.look()
                if found is not None or self._files.unsettled or self._snapshots.unsettled:
                    last = time.monotonic()
                if found is None:
                    time.sleep(poll)
        finally:
            self.close()

    def close(self) -> None:
        """Bring the report's files and its page up to date, and reach its verdicts anew."""
        self._bring_up_to_date(more=False)

    def _bring_up_to_date(self, *, more: bool) -> None:
        """``more``: is more to come?"""
        if self._basis is not None and self._basis.views is not None:
            try:
                self._basis.views.refresh(force=True)
                conclude(Report(self.request.report_path), self._analyzers, self.progress.note)
            except OSError as error:
                self.progress.note(f"{self.request.report_path}: the views could not be written ({error.strerror})")
            if self._page is not None:
                self._page.write(self.request.report_path, more=more)

    @property
    def exit_code(self) -> ExitCode:
        """As of one run over all that was analysed."""
        return ExitCode.FAILED if self._failed or not self.analysed else ExitCode.OK

    def _whole(self) -> Mapping[Path, Stamp]:
        """The files that have not changed for a while."""
        try:
            there = files_of(self.request.path, self._loaders, self._foreign)
        except (UsageError, OSError) as error:
            self.progress.note(f"{one_line(error)}; it is waited for")
            there = []
        now = {path: stamp for path in there if (stamp := _stamp(path)) is not None}
        for path in self._files.known - now.keys():
            self.progress.note(f"{path.name}: is gone; what was measured of it stays in the report")
        return self._files.among(now)

    def _comes_alone(self, label: str) -> bool:
        """Of a snapshot that lacks a network: is no file being written that could hold it, or was it long enough?"""
        return not self._files.unsettled or self._snapshots.age(label) >= PATIENCE * self.settle

    def _analysed(self, snapshot: Draft, opened: Opened, made: tuple[tuple[Path, Stamp], ...]) -> str | None:
        if not any((snapshot.make_generator, snapshot.make_critic, snapshot.make_samples, snapshot.unbuilt)):
            for reason in dict.fromkeys(snapshot.lacking.values()):
                self.progress.note(f"{snapshot.label}: {reason}")
            self._done[snapshot.label] = made
            return None
        alone = replace(opened, assembled=replace(opened.assembled, snapshots=(snapshot,)))
        found: Snapshot = snapshot
        try:
            if self._basis is None or self.request.said.get("infer"):
                self._basis, (found,) = find_basis(self.request, alone, self.progress)
                self._basis.views = Views(CellStore(self.request.report_path))
            self._basis.many = len(opened.snapshots)
            report = run_on(self._basis, self.request, alone, [found], self.progress)
            self._bring_up_to_date(more=True)
        except TrustError:
            raise
        except CheckpointError as error:
            self.progress.note(f"{snapshot.label}: {one_line(error)}; it is looked at again when its files change")
            self._done[snapshot.label] = made
            return None
        except WganalyzeError as error:
            if not self.analysed and not isinstance(error.__cause__, OSError):
                raise
            self.progress.note(f"{one_line(error)}; it is tried again")
            return None
        gone = [path.name for path, _ in made if not path.exists()]
        if gone:
            self.progress.note(f"{snapshot.label}: {', '.join(gone)} went away while it was analysed")
        self._failed |= report.exit_code != ExitCode.OK and not gone
        self._done[snapshot.label] = made
        self.analysed.append(snapshot.label)
        self.report = report
        return snapshot.label


def watched(request: Request, progress: Progress, settle: float, page: Path | None = None) -> Watch:
    """A watch of the request's path; UsageError where what is asked cannot be."""
    everything_said(request)  # a file beside the checkpoints that is damaged is said at once
    return Watch(request, progress, settle, page=page)


def _stamp(path: Path) -> Stamp | None:
    """Of a file, or of all files in a folder that counts as one; None where it is gone."""
    try:
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        states = [file.stat() for file in files]
    except OSError:
        return None
    return len(states), sum(state.st_size for state in states), max((state.st_mtime_ns for state in states), default=0)


def _made_of(snapshot: Snapshot, whole: Mapping[Path, Stamp]) -> tuple[tuple[Path, Stamp], ...]:
    """The files of a snapshot as they are; those inside a folder that counts as one have its stamp."""
    stamps: dict[Path, Stamp] = {}
    for path in snapshot.files:
        place = next((each for each in (path, *path.parents) if each in whole), None)
        stamp = whole[place] if place is not None else _stamp(path)
        if stamp is not None:
            stamps[path] = stamp
    return tuple(stamps.items())


class _Calm(Generic[K, V]):
    """Which things have not changed for ``seconds``; ``unsettled``: were there others at the last look?"""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._since: dict[K, tuple[V, float]] = {}
        self.unsettled = False

    @property
    def known(self) -> set[K]:
        """Those of the last look."""
        return {*self._since}

    def among(self, now: Mapping[K, V]) -> dict[K, V]:
        """Those of ``now`` that are as they were, and have been so long enough."""
        time_now, before = time.monotonic(), self._since
        same = {key: value for key, value in now.items() if key in before and before[key][0] == value}
        self._since = {key: (value, before[key][1] if key in same else time_now) for key, value in now.items()}
        calm = {key: value for key, value in same.items() if time_now - before[key][1] >= self._seconds}
        self.unsettled = len(calm) < len(now)
        return calm

    def age(self, key: K) -> float:
        """For how long a thing has been as it is, in seconds."""
        return time.monotonic() - self._since[key][1]


class _Once:
    """Tells the same line once."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._told: set[str] = set()
        self.begin, self.cell = progress.begin, progress.cell

    def note(self, line: str) -> None:
        """The line, where it is new."""
        if line not in self._told:
            self._told.add(line)
            self._progress.note(line)

    def done(self, outcome: Outcome | None) -> None:
        """As it is."""
        self._progress.done(outcome)
