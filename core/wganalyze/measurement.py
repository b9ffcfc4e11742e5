"""What an analyzer yields: numbers, findings in plain words, and rows of its own detail tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["lower", "higher", "none"]
Level = Literal["info", "warning", "fault"]
Status = Literal["ok", "skipped", "failed"]
OF_THE_DATA = "one test for all snapshots: no network takes part in it"
"""Ends the method of a p-value that is the same hypothesis, tested once, at every snapshot."""
Scalar = float | int | str | bool | None


@dataclass(frozen=True)
class Metric:
    """The definition of a number: what it is, which way is better, and where it comes from.

    ``unit`` "p-value" has a meaning of its own: such a metric is corrected by Holm over the snapshots of a run.
    """

    name: str
    help: str
    unit: str = ""
    direction: Direction = "none"
    source: str = ""


@dataclass(frozen=True)
class Table:
    """The definition of a detail table; ``columns`` maps names to Arrow type names ("float64", "string")."""

    name: str
    help: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Interval:
    """A confidence interval and the way it was made."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Measurement:
    """One number, or the reason why there is none (``value`` None, ``status`` "skipped").

    ``certificate``: "exact" (proved to rounding), "checked" (a bound, verified after the fact),
    "probabilistic(delta)" (a bound that fails with probability at most delta), "none" (an estimate).
    """

    metric: str
    value: float | None
    interval: Interval | None = None
    replicates: int | None = None
    n: int | None = None
    dim: int | None = None
    space: str = ""
    mode: str = ""
    method: str = ""
    certificate: str = "none"
    solver: str = ""
    message: str = ""
    status: Status = "ok"

    def __post_init__(self) -> None:
        if self.status == "ok" and (self.value is None or not math.isfinite(self.value)):
            raise ValueError(
                f"metric {self.metric!r}: {self.value} is not a number; "
                "yield Measurement.absent(metric, reason) where there is none"
            )

    @classmethod
    def absent(cls, metric: str, reason: str) -> Measurement:
        """A metric that has no value here, with the reason."""
        return cls(metric=metric, value=None, status="skipped", message=reason)


@dataclass(frozen=True)
class Finding:
    """A conclusion in plain words; ``evidence`` names the metrics (or facts) that it rests on."""

    level: Level
    code: str
    message: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Rows of a table that the analyzer declared; each record has exactly that table's columns."""

    table: str
    records: Sequence[Mapping[str, Scalar]] = field(default_factory=tuple)


Yielded = Measurement | Finding | Rows
