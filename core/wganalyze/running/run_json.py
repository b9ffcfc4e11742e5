"""_run.json: the record of a run, which the next run into the same report goes on from."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from wganalyze.cells.measuring import Question
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import UsageError
from wganalyze.files.unread import is_named
from wganalyze.remote.path import location
from wganalyze.report.claims import locked
from wganalyze.report.concluding import verdicts_of
from wganalyze.report.layout import Layout
from wganalyze.report.reading import Report
from wganalyze.report.record import read_record
from wganalyze.report.store import write_atomically
from wganalyze.report.verdict import to_records
from wganalyze.running.budget import Plan
from wganalyze.running.given import name_of
from wganalyze.running.opened import Opened
from wganalyze.running.request import Request
from wganalyze.study.dealing import Deal

OWN = "wganalyze"


@dataclass
class RunRecord:
    """What run.json says; ``snapshots`` by label, ``metrics`` and ``series`` by analyzer keep what earlier runs said.

    ``content``: all else.
    """

    path: Path
    content: dict[str, Any]
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    series: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def open(cls, report: Path, source: str, content: Mapping[str, Any], questions: Sequence[Question]) -> RunRecord:
        """Begin a record in the folder of a report; UsageError where that folder cannot take it."""
        layout = Layout.of(report)
        record = cls(layout.run, {**content, "source": source})
        try:
            if report.exists() and not report.is_dir():
                raise UsageError(f"--out {report}: is a file; name a folder")
            # Listed before the record is looked for: what another run makes in between, it makes after its record.
            strangers = report.is_dir() and not all(layout.precedes(each.name) for each in report.iterdir())
            if record.path.is_file():
                record._continue(json.loads(record.path.read_text()))
            elif strangers:
                raise UsageError(f"--out {report}: is not empty and holds no report; name another folder")
            report.mkdir(parents=True, exist_ok=True)
            for question in questions:
                analyzer = question.analyzer
                record.metrics[analyzer.name] = [asdict(metric) for metric in analyzer.metrics]
                record.series[analyzer.name] = [asdict(series) for series in analyzer.series]
            record.write(status="running")
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"{record.path.name} is damaged"
            raise UsageError(f"--out {report}: cannot be used as a report folder ({reason}); name another") from None
        return record

    def _continue(self, earlier: Mapping[str, Any]) -> None:
        self._refuse_another(earlier["source"])
        self.snapshots = {entry["label"]: entry for entry in earlier["snapshots"]}
        self.metrics = dict(earlier.get("metrics", {}))
        self.series = dict(earlier.get("series", {}))

    def _refuse_another(self, source: object) -> None:
        if source != self.content["source"]:
            raise UsageError(f"--out {self.path.parent}: holds the report of {source}; name another folder")

    def gone(self, here: Iterable[str]) -> list[str]:
        """The labels of snapshots of earlier runs whose files are not there any more."""
        labels = {*here}
        return [
            label
            for label, entry in self.snapshots.items()
            if label not in labels and not all(location(file).exists() for file in entry.get("files", ()))
        ]

    def assumptions(self, snapshot: Snapshot, now: Sequence[str], cells: Mapping[str, str]) -> list[str]:
        """What is assumed about a snapshot: now, and by cells that are reused when they were computed."""
        earlier = self.snapshots.get(snapshot.label, {})
        still = earlier["assumptions"] if {*cells.values()} & {*earlier.get("cells", {}).values()} else []
        return list(dict.fromkeys([*now, *still]))

    def remember(self, snapshot: Snapshot, assumptions: Sequence[str], cells: Mapping[str, str]) -> None:
        """Take a snapshot in; ``cells``: the keys of its cells that are ok, by analyzer."""
        self.snapshots[snapshot.label] = {
            "label": snapshot.label,
            "step": snapshot.step,
            "files": [str(file) for file in snapshot.files],
            "designs": dict(snapshot.designs),
            "missing": dict(snapshot.missing),
            "facts": dict(snapshot.facts),
            "assumptions": [*assumptions],
            "cells": dict(cells),
        }

    def write(self, **more: Any) -> None:
        """Replace the file in one rename; UsageError where a run on other checkpoints began at the same moment."""
        self.content |= more
        with locked(Layout.of(self.path.parent).lock):
            earlier = read_record(self.path)  # another run, which goes on beside this one, may have added to it
            self._refuse_another(earlier.get("source", self.content["source"]))
            by_label = {entry["label"]: entry for entry in earlier.get("snapshots", ())}
            document = {
                **self.content,
                "verdicts": earlier.get("verdicts", []),  # until there are others
                "snapshots": [*{**by_label, **self.snapshots}.values()],
                "metrics": {**earlier.get("metrics", {}), **self.metrics},
                "series": {**earlier.get("series", {}), **self.series},
            }
            write_atomically(self.path, json.dumps(document, indent=1, default=str).encode())


def conclude(report: Report, analyzers: Iterable[type[Analyzer]], tell: Callable[[str], None]) -> None:
    """Put what these analyzers say of the report as it stands into its record; ``tell``: what fails of it."""
    layout = Layout.of(report.path)
    verdicts = to_records(verdicts_of(report, analyzers, tell))
    with locked(layout.lock):
        document: dict[str, Any] = json.loads(layout.run.read_text())
        document["verdicts"] = verdicts
        write_atomically(layout.run, json.dumps(document, indent=1).encode())


def earlier_plan(report: Path) -> Plan | None:
    """The sizes that --budget chose for the last run into this report."""
    with suppress(OSError, ValueError, KeyError, TypeError):  # what is wrong with it, opening it will say
        return Plan(**json.loads(Layout.of(report).run.read_text())["plan"])
    return None


def describe_run(
    run_id: str, request: Request, opened: Opened, deal: Deal | None, device: str, plan: Plan | None = None
) -> dict[str, Any]:
    """Environment, versions, every plugin with its status, the exact command, the data."""
    distributions = dict.fromkeys([OWN, *(plugin.distribution for plugin in opened.host.plugins)])
    data = None if deal is None else {
        "source": deal.text,
        "space": deal.space,
        "n": deal.n,
        "size_note": deal.size_note,
        "replicates": deal.replicates,
        "seed": deal.seed,
        "held_out": deal.held_out,
        "training": None if deal.trained_on is None else name_of(deal.trained_on, request.said.get("training_data")),
    }  # fmt: skip
    return {
        "run_id": run_id,
        "command": list(request.command),
        "started": now(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device,
        "gpu": _gpu(device),
        "cores": os.cpu_count(),
        "versions": _versions(distributions),
        "plugins": [vars(plugin) for plugin in opened.host.plugins],
        "data": data,
        "plan": None if plan is None else asdict(plan),
        "problems": [f"{f.path}: {p}" for f in opened.files for p in f.problems if f.kind or is_named(f)],
    }


def now() -> str:
    """The time, as run.json writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _gpu(device: str) -> str | None:
    """Name of the GPU that the networks run on."""
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else None


def _versions(distributions: Iterable[str]) -> dict[str, str]:
    """Of these distributions and of everything that they require, as far as it is installed."""
    names: dict[str, None] = {}
    for distribution in distributions:
        names[distribution] = None
        try:
            lines = requires(distribution) or []
        except PackageNotFoundError:
            continue
        names |= dict.fromkeys(match[0] for line in lines if (match := re.match(r"[\w.-]+", line)))
    return {name: installed for name in names if (installed := _version(name)) is not None}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
