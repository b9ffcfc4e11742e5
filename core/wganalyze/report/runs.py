"""Which snapshots of a report are one training run, and what its trainer says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wganalyze.contracts.evidence import Fact, TrainingRun


def training_runs(entries: Iterable[Mapping[str, Any]], report: str, prefix: str = "") -> dict[str, TrainingRun]:
    """The training run of each snapshot, by its label: those of one folder, one method and one seed that have a step.

    A snapshot without a step stands for itself. ``entries``: the snapshots, as run.json has them; ``report``: the name
    of a run in no folder; ``prefix``: of all names.
    """
    gathered: dict[tuple[str, object, object], list[Mapping[str, Any]]] = {}
    for entry in entries:
        facts = _named(entry)
        label = str(entry["label"])
        folder = label if entry.get("step") is None else label.rpartition("/")[0]
        key = (folder, facts.get("method"), facts.get("seed"))
        gathered.setdefault(key, []).append(entry)
    folders = [folder for folder, *_ in gathered]
    runs: dict[str, TrainingRun] = {}
    for (folder, method, seed), ordered in gathered.items():
        ordered.sort(key=lambda entry: entry.get("step") or 0)
        by_step = {int(entry["step"]): _named(entry) for entry in ordered if entry.get("step") is not None}
        name = "/".join(filter(None, (prefix, folder))) or report
        if folders.count(folder) > 1:
            name += f" ({method}, seed {seed})"
        run = TrainingRun(name, _named(ordered[-1]), by_step)
        runs |= {str(entry["label"]): run for entry in ordered}
    return runs


def _named(entry: Mapping[str, Any]) -> dict[str, Fact]:
    """The facts of a snapshot by the last part of their keys; of two, the one that lies less deep counts."""
    facts: Mapping[str, Fact] = entry.get("facts", {})
    return {key.rpartition(".")[2]: facts[key] for key in sorted(facts, key=lambda key: -key.count("."))}
