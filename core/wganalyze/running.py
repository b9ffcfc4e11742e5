"""A run: the plan of cells, their execution one snapshot at a time, and the record of how it went."""

from __future__ import annotations

import json
import os
import platform
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from wganalyze.analyzer import Analyzer
from wganalyze.data import DataSource
from wganalyze.dataplan import DataPlan, make_plan, said_preprocessing, with_assumptions
from wganalyze.errors import CheckpointError, UsageError, WganalyzeError
from wganalyze.execution import Outcome, measure
from wganalyze.keys import cell_key
from wganalyze.report.cells import CellStore, slot, write_atomically
from wganalyze.report.reading import Report
from wganalyze.report.views import Views
from wganalyze.request import Opened, Request, choose_analyzers, choose_device, nothing_found, open_request
from wganalyze.snapshot import Snapshot
from wganalyze.study import Cache, Study

RECORDED = (
    "torch", "numpy", "scipy", "pandas", "pyarrow", "pot", "faiss-gpu", "faiss-cpu", "scikit-learn", "pluggy", "click",
    "rich", "pillow", "packaging", "numba", "safetensors", "onnxruntime", "keras",
)  # fmt: skip


class Progress(Protocol):
    """Told how a run goes; the command line shows it."""

    def note(self, line: str) -> None:
        """A line worth reading once."""
        ...

    def begin(self, cells: int) -> None:
        """The run has this many cells."""
        ...

    def cell(self, snapshot: str, analyzer: str) -> None:
        """This cell is looked at next."""
        ...

    def done(self, outcome: Outcome | None) -> None:
        """That cell is done; None: it was reused."""
        ...


class Silent:
    """Shows nothing."""

    def note(self, line: str) -> None: ...
    def begin(self, cells: int) -> None: ...
    def cell(self, snapshot: str, analyzer: str) -> None: ...
    def done(self, outcome: Outcome | None) -> None: ...


def execute(request: Request, progress: Progress | None = None) -> Report:
    """Carry out a request; the returned Report knows the run's exit code.

    Raises WganalyzeError where nothing can be run, or where the run had to stop. KeyboardInterrupt passes through,
    after the views have been brought up to date.
    """
    progress = progress or Silent()
    opened = open_request(request)
    for file in opened.files:
        for problem in file.problems if file.kind != "unknown" else ():
            if request.trust and "--trust" in problem:
                continue
            progress.note(f"{file.path.name}: {problem}" if file.path.name not in problem else problem)
    if not opened.snapshots:
        raise UsageError(nothing_found(request.path, opened))
    analyzers, lost = choose_analyzers(request, opened.host)
    device = choose_device(request.device)
    source = _source(opened, progress)
    snapshots, plan = _resolved(request, opened, source, progress)
    if not any(s.make_generator or s.make_critic or s.make_samples for s in snapshots):
        raise UsageError(f"{request.path}: no network can be built: {'; '.join(_missing(snapshots))}")
    for line in [*lost, *_missing(snapshots)]:
        progress.note(line)
    report = Run(request, opened, snapshots, analyzers, plan, device, progress).execute()
    return Report(report.path, exit_code=1) if lost else report


def _source(opened: Opened, progress: Progress) -> DataSource | None:
    if opened.config.data is None:
        progress.note("no --data: analyzers that need real samples are skipped")
        return None
    return opened.host.data_source(opened.config.data)


def _resolved(
    request: Request, opened: Opened, source: DataSource | None, progress: Progress
) -> tuple[Sequence[Snapshot], DataPlan | None]:
    """The snapshots and the plan of their data; with --infer, architectures that nobody named are guessed on the way.

    Generators come first, since the range of the data may be read from what they make, and critics need both.
    """
    snapshots: Sequence[Snapshot] = opened.snapshots
    if not request.infer or not any(snapshot.unbuilt for snapshot in snapshots):
        return snapshots, None if source is None else _plan(source, opened, snapshots)
    if source is None:
        raise UsageError("--infer tries its guesses on the data: say --data NAME (wganalyze plugins lists the sources)")
    from wganalyze.inference import infer_critics, infer_generators

    progress.note("--infer: architectures are guessed and tried on the data, which takes a minute or so a network")
    said = said_preprocessing(source, opened.config.data or "", opened.config)
    snapshots = infer_generators(snapshots, source, opened.host, said)
    plan = _plan(source, opened, snapshots)
    return infer_critics(snapshots, plan, opened.host), plan


def _missing(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    """A line for each network that snapshots lack, with the option that would supply it."""
    told: set[str] = set()
    for role in ("generator", "critic"):
        lacking = [snapshot for snapshot in snapshots if role in snapshot.lacking]
        if not lacking or lacking[0].lacking[role] in told:
            continue
        reason = lacking[0].lacking[role]
        told.add(reason)
        roles = [r for r in ("generator", "critic") if lacking[0].lacking.get(r) == reason]
        more = f" (and {len(lacking) - 1} more snapshots)" if len(lacking) > 1 else ""
        yield f"{lacking[0].label}{more}: no {' and no '.join(roles)}: {reason}"


def _plan(source: DataSource, opened: Opened, snapshots: Sequence[Snapshot]) -> DataPlan:
    failures: list[CheckpointError] = []
    stored = min((s.samples_stored for s in snapshots if s.samples_stored is not None), default=None)
    for snapshot in [s for s in snapshots if s.make_generator is not None] or snapshots[:1]:
        try:
            return make_plan(source, opened.config.data or "", opened.config, snapshot, stored)
        except CheckpointError as error:  # this one's cells will say so; the next one may show the range of the data
            failures.append(error)
            snapshot.release()
    raise failures[0]


@dataclass
class Run:
    """One execution of a plan."""

    request: Request
    opened: Opened
    snapshots: Sequence[Snapshot]
    analyzers: Sequence[Analyzer]
    plan: DataPlan | None
    device: str
    progress: Progress
    run_id: str = field(
        default_factory=lambda: time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(3)
    )
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What run.json says about each snapshot of the report, by label."""
    tally: dict[str, int] = field(default_factory=lambda: {"ok": 0, "failed": 0, "skipped": 0, "reused": 0})
    shared: Cache = field(default_factory=dict)

    @cached_property
    def store(self) -> CellStore:
        """The cells of the report."""
        return CellStore(self.request.report_path)

    @cached_property
    def views(self) -> Views:
        """The views of the report."""
        return Views(self.store)

    def execute(self) -> Report:
        """All cells, in the order of the snapshots; each is committed when it is done."""
        path = self.request.report_path
        record = self._open_report(path)
        tally = self.tally
        self.store.sweep()
        here = {snapshot.label for snapshot in self.snapshots}
        gone = [label for label, earlier in self.records.items() if label not in here and _is_gone(earlier)]
        if gone:
            more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
            self.progress.note(f"{gone[0]}{more}: the files are gone; what was measured earlier stays in the report")
        self.progress.begin(len(self.snapshots) * len(self.analyzers))
        status = "interrupted"
        try:
            for snapshot in self.snapshots:
                self._snapshot(snapshot)
            status = "complete"
        except OSError as error:
            status = f"stopped: {error.strerror or error}"
            raise WganalyzeError(
                f"{path}: writing stopped ({error.strerror or error}); {tally['ok']} cells of this run are kept, "
                "and the same command goes on from there"
            ) from error
        except WganalyzeError as error:
            status = f"stopped: {error}"
            raise
        finally:
            record |= {"status": status, "cells": tally, "snapshots": [*self.records.values()]}
            self._finish(path, record)
        if tally["reused"]:
            total = sum(tally.values())
            self.progress.note(f"{tally['reused']} of {total} cells were reused from {path}")
        return Report(path, exit_code=0 if tally["ok"] + tally["reused"] and not tally["failed"] else 1)

    def _snapshot(self, snapshot: Snapshot) -> None:
        if self.plan is not None:
            snapshot = with_assumptions(self.plan, snapshot)
        study = Study(snapshot, self.plan, self.shared, self.device)
        try:
            keys = {analyzer.name: cell_key(study, analyzer) for analyzer in self.analyzers}
        except OSError as error:
            raise WganalyzeError(
                f"{error.filename}: cannot be read ({error.strerror}); what was done is kept, "
                "and the same command goes on from there"
            ) from error
        places = {name: slot(snapshot.label, name) for name in keys}
        # An earlier result stays in view until there is another one to take its place.
        self.store.choose({places[name]: key for name, key in keys.items() if places[name] not in self.store.plan})
        try:
            for analyzer in self.analyzers:
                self._cell(study, analyzer, keys[analyzer.name], places[analyzer.name])
        finally:
            self._remember(study, keys)
            snapshot.release()

    def _cell(self, study: Study, analyzer: Analyzer, key: str, place: str) -> None:
        self.progress.cell(study.snapshot.label, analyzer.name)
        if self.store.has(key):
            self.store.choose({place: key})
            self.tally["reused"] += 1
            self.progress.done(None)
            return
        outcome = measure(study, analyzer)
        name = self.store.next_name(key, outcome.status)
        origin = self.opened.host.origin("analyzer", analyzer.name)
        self.store.commit(name, outcome.tables(study, analyzer, name, self.run_id, origin))
        self.store.choose({place: key})
        self.tally[outcome.status] += 1
        self.views.refresh()
        self.progress.done(outcome)

    def _remember(self, study: Study, keys: Mapping[str, str]) -> None:
        """Take a snapshot into run.json; what its reused cells assumed when they were computed still holds."""
        snapshot = study.snapshot
        earlier = self.records.get(snapshot.label, {})
        cells = {name: key for name, key in keys.items() if self.store.has(key)}
        still = earlier["assumptions"] if {*cells.values()} & {*earlier.get("cells", {}).values()} else []
        self.records[snapshot.label] = {
            "label": snapshot.label,
            "step": snapshot.step,
            "files": [str(file) for file in snapshot.files],
            "designs": dict(snapshot.designs),
            "missing": dict(snapshot.missing),
            "assumptions": list(dict.fromkeys([*study.assumptions, *still])),
            "cells": cells,
        }

    def _open_report(self, path: Path) -> dict[str, Any]:
        """The record of this run; UsageError where the report folder cannot take it."""
        source = str(self.request.path.resolve())
        record = self._record(source)
        try:
            if path.exists() and not path.is_dir():
                raise UsageError(f"--out {path}: is a file; name a folder")
            before = path / "run.json"
            if before.is_file():
                document = json.loads(before.read_text())
                if document["source"] != source:
                    raise UsageError(f"--out {path}: holds the report of {document['source']}; name another folder")
                self.records = {entry["label"]: entry for entry in document["snapshots"]}
            elif path.is_dir() and any(path.iterdir()):
                raise UsageError(f"--out {path}: is not empty and holds no report; name another folder")
            path.mkdir(parents=True, exist_ok=True)
            running = {**record, "status": "running", "snapshots": [*self.records.values()]}
            write_atomically(before, json.dumps(running, indent=1).encode())
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "run.json is damaged"
            raise UsageError(f"--out {path}: cannot be used as a report folder ({reason}); name another") from None
        return record

    def _record(self, source: str) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "source": source,
            "command": list(self.request.command),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "device": self.device,
            "gpu": _gpu(self.device),
            "cores": os.cpu_count(),
            "versions": {name: found for name in ("wganalyze", *RECORDED) if (found := _version(name))},
            "plugins": [vars(plugin) for plugin in self.opened.host.plugins],
            "data": None
            if self.plan is None
            else {
                "source": self.plan.text,
                "space": self.plan.space,
                "n": self.plan.n,
                "replicates": self.plan.replicates,
                "seed": self.plan.seed,
                "held_out": self.plan.held_out,
            },
            "problems": [f"{f.path}: {p}" for f in self.opened.files for p in f.problems if f.kind != "unknown"],
        }

    def _finish(self, path: Path, record: dict[str, Any]) -> None:
        """Views and record as they stand; a disk that is full here has been reported already."""
        record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            self.views.refresh(force=True)
            write_atomically(path / "run.json", json.dumps(record, indent=1, default=str).encode())
        except OSError as error:
            if record["status"] == "complete":
                raise WganalyzeError(f"{path}: the views could not be written ({error.strerror})") from error


def _is_gone(record: Mapping[str, Any]) -> bool:
    return not all(Path(file).exists() for file in record.get("files", ()))


def _gpu(device: str) -> str | None:
    """Name of the GPU that the networks run on."""
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
