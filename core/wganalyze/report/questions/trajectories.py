"""The snapshots of a report, by the training run that they are steps of."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from wganalyze.contracts.evidence import Fact
from wganalyze.report.source import Source
from wganalyze.report.training_runs import training_runs

_OF_SEVERAL_CRITICS = re.compile(r" \([^()]*\)$")


@dataclass(frozen=True)
class Trajectory:
    """Snapshots with a step that share a folder, in order; a snapshot without a step stands for itself.

    ``steps``: by the snapshots' labels. ``facts``: what the trainer says of the run, by name ("seed").
    """

    name: str
    steps: Mapping[str, int | None]
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def last(self) -> str:
        """Its last snapshot."""
        return [*self.steps][-1]

    @property
    def seed(self) -> int | None:
        """Of its training, where it is known."""
        seed = self.facts.get("seed")
        return int(seed) if isinstance(seed, int | float) and math.isfinite(seed) else None

    def at(self, step: int) -> str | None:
        """The snapshot of a step."""
        return next((label for label, own in self.steps.items() if own == step), None)


def trajectories(report: Source) -> list[Trajectory]:
    """Of a report, by name; where a step has several critics, each critic has a trajectory."""
    runs = training_runs(report.run, report.path.name)
    gathered: dict[str, dict[str, int | None]] = {}
    facts: dict[str, Mapping[str, Fact]] = {}
    for label, step in _steps(report).items():
        run = runs.get(label)
        name = label
        if step is not None:
            name = run.name if run else label.rpartition("/")[0] or report.path.name
            critic = _OF_SEVERAL_CRITICS.search(label)
            name += critic[0] if critic else ""
        gathered.setdefault(name, {})[label] = step
        facts.setdefault(name, run.facts if run else {})
    return [Trajectory(name, _ordered(gathered[name]), facts[name]) for name in sorted(gathered, key=_parts)]


def _parts(name: str) -> list[str]:
    """Folder by folder: "a/x" before "a-b/x", as loading has them."""
    return name.split("/")


def _ordered(steps: Mapping[str, int | None]) -> dict[str, int | None]:
    return dict(sorted(steps.items(), key=lambda item: (item[1] or 0, item[0])))


def _steps(report: Source) -> dict[str, int | None]:
    """The step of each snapshot."""
    first = report.measurements.drop_duplicates("snapshot")
    rows = zip(first["snapshot"], first["step"], strict=True)
    return {str(label): int(step) if step is not None and step == step else None for label, step in rows}
