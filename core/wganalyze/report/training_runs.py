"""Which training run a snapshot belongs to, and what its trainer says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wganalyze.contracts.evidence import Fact, TrainingRun


def training_runs(record: Mapping[str, Any], report: str, prefix: str = "") -> dict[str, TrainingRun]:
    """The training run of each snapshot, by its label: those of one folder, one method and one seed that have a step.

    A snapshot without a step stands for itself. ``record``: run.json. ``report``: what a run is called whose snapshots
    lie in no folder. ``prefix``: before names.
    """
    gathered: dict[tuple[str, object, object], list[Mapping[str, Any]]] = {}
    for entry in record.get("snapshots", []):
        facts = _named(entry)
        label = str(entry["label"])
        folder = label if entry.get("step") is None else label.rpartition("/")[0]
        key = (folder, facts.get("method"), facts.get("seed"))
        gathered.setdefault(key, []).append(entry)
    folders = [folder for folder, *_ in gathered]
    runs: dict[str, TrainingRun] = {}
    for (folder, method, seed), entries in gathered.items():
        entries.sort(key=lambda entry: entry.get("step") or 0)
        by_step = {int(entry["step"]): _named(entry) for entry in entries if entry.get("step") is not None}
        name = "/".join(filter(None, (prefix, folder))) or report
        apart = [f"{method}"] * (method is not None) + [f"seed {seed}"] * (seed is not None)
        if folders.count(folder) > 1 and apart:
            name += f" ({', '.join(apart)})"
        run = TrainingRun(name, _named(entries[-1]), by_step)
        runs |= {str(entry["label"]): run for entry in entries}
    return runs


def _named(entry: Mapping[str, Any]) -> dict[str, Fact]:
    """The facts of a snapshot by the last part of their keys; of two, the one that lies less deep counts."""
    facts: Mapping[str, Fact] = {key: fact for key, fact in entry.get("facts", {}).items() if isinstance(fact, Fact)}
    return {key.rpartition(".")[2]: facts[key] for key in sorted(facts, key=lambda key: -key.count("."))}
