"""A run: the plan of cells, their execution one snapshot at a time, and the record of how it went."""

from __future__ import annotations

import json
import os
import platform
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from wganalyze.cells.key import cell_key
from wganalyze.cells.measuring import measure
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import UsageError, WganalyzeError
from wganalyze.report.reading import Report
from wganalyze.report.store import CellStore, slot, write_atomically
from wganalyze.report.views import Views
from wganalyze.running.opened import Opened
from wganalyze.running.progress import Progress
from wganalyze.running.request import Request
from wganalyze.running.run_json import RECORDED, _gpu, _is_gone, _version
from wganalyze.running.sizes import with_assumptions
from wganalyze.study.dealing import Deal
from wganalyze.study.study import Cache, SnapshotStudy


@dataclass
class Run:
    """One execution of a request."""

    request: Request
    opened: Opened
    snapshots: Sequence[Snapshot]
    analyzers: Sequence[Analyzer]
    deal: Deal | None
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
        if self.deal is not None:
            snapshot = with_assumptions(self.deal, snapshot)
        study = SnapshotStudy(snapshot, self.deal, self.shared, self.device)
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

    def _cell(self, study: SnapshotStudy, analyzer: Analyzer, key: str, place: str) -> None:
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

    def _remember(self, study: SnapshotStudy, keys: Mapping[str, str]) -> None:
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
            if self.deal is None
            else {
                "source": self.deal.text,
                "space": self.deal.space,
                "n": self.deal.n,
                "replicates": self.deal.replicates,
                "seed": self.deal.seed,
                "held_out": self.deal.held_out,
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
