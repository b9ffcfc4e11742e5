"""What an analyzer yields: numbers, findings in plain words, and rows of its own detail tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Literal, Protocol

from wganalyze.statistics import Estimate, Interval

Direction = Literal["lower", "higher", "none"]
Level = Literal["info", "warning", "fault"]
Status = Literal["ok", "skipped", "failed"]
Scope = Literal["snapshot", "data"]
Correction = Literal["none", "holm"]
Scalar = float | int | str | bool | None


@dataclass(frozen=True)
class Headline:
    """A metric's place in the summary, one line for each snapshot.

    ``title``: head of the column; metrics of one title share it, as the two ends of a bracket do.
    ``legend``: what the column says, for the line under the table; "" where the title says it.
    ``interval``: is it shown with its interval?
    ``end``: "low" or "high" for the ends of a bracket; "" for a number of its own.
    ``share_of``: the headline of the same snapshot that it is shown as a percentage of; "" for the number itself.
    ``rank``: columns stand by it, from the left; those of strangers come behind ours.
    """

    title: str
    legend: str = ""
    interval: bool = False
    end: Literal["", "low", "high"] = ""
    share_of: str = ""
    rank: int = 100


@dataclass(frozen=True)
class Metric:
    """The definition of a number.

    ``name``: as the rows call it; unique within its analyzer.
    ``help``: what it is, in one sentence.
    ``unit``: "" for a pure number.
    ``direction``: which way is better.
    ``source``: paper and equation.
    ``headline``: its place in the summary, where it has one.
    ``correction``: "holm" for a p-value, corrected by Holm over the snapshots of a run in a row of its own
    (``NAME_holm``), which then is the headline.
    """

    name: str
    help: str
    unit: str = ""
    direction: Direction = "none"
    source: str = ""
    headline: Headline | None = None
    correction: Correction = "none"


@dataclass(frozen=True)
class Table:
    """The definition of a detail table.

    ``name``: the report calls it ``ANALYZER.NAME``.
    ``help``: what a row of it is.
    ``columns``: names to Arrow type names ("float64", "string").
    """

    name: str
    help: str
    columns: Mapping[str, str]


class Sized(Protocol):
    """What ``Measurement.of`` asks a study: size of the samples, and the name of their space."""

    @property
    def n(self) -> int:
        """Samples a split."""
        ...

    @property
    def space(self) -> str:
        """Name and scale of the space the samples live in."""
        ...


@dataclass(frozen=True)
class Measurement:
    """One number, or the reason why there is none.

    ``metric``: its name, declared by the analyzer.
    ``value``: the number; None only where the status is not "ok".
    ``interval``: its confidence interval, and how it was made.
    ``replicates``: how many fresh samples it is a mean over.
    ``n``: samples a side.
    ``dim``: dimension of a sample; None: that of the data.
    ``space``: name and scale of the space, and the ground metric.
    ``mode``: of the network ("eval", "train").
    ``method``: how it was computed.
    ``certificate``: "exact" (proved to rounding), "checked" (a bound, verified after the fact),
    "probabilistic(delta)" (a bound that fails with probability at most delta), "none" (an estimate).
    ``solver``: which one found it.
    ``message``: what a reader has to know beside it.
    ``status``: "ok", or "skipped" with the reason as its message.
    ``scope``: "data" where no network takes part, so that it is the same number (and the same test) at every snapshot.
    ``values``: one of each replicate, of a mean over them: snapshots share z and reals, so that theirs are pairs.
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
    scope: Scope = "snapshot"
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.status == "ok" and (self.value is None or not math.isfinite(self.value)):
            raise ValueError(
                f"metric {self.metric!r}: {self.value} is not a number; "
                "yield Measurement.absent(metric, reason) where there is none"
            )
        for name in ("n", "dim", "replicates"):
            count = getattr(self, name)
            if isinstance(count, Real) and float(count) % 1:
                raise ValueError(f"metric {self.metric!r}: {name} = {count} is no whole number")

    @classmethod
    def of(
        cls,
        metric: str,
        value: Estimate | float,
        study: Sized,
        *,
        n: int | None = None,
        dim: int | None = None,
        replicates: int | None = None,
        space: str = "",
        mode: str = "",
        method: str = "",
        certificate: str = "none",
        solver: str = "",
        message: str = "",
        scope: Scope = "snapshot",
    ) -> Measurement:
        """A number of this study: with n and space of its samples, and the interval of an Estimate.

        ``n``: where it is not that of the study's samples (it has none without data).
        ``dim``: where it is not that of the data, which its row is given.
        ``replicates``: of a number that is no Estimate (the largest of them, say), or where an Estimate counts others.
        ``space``: the ground metric, say, which is put behind the study's own space.
        """
        estimate = value if isinstance(value, Estimate) else Estimate(float(value), None, 0, ())
        return cls(
            metric,
            estimate.value,
            interval=estimate.interval,
            replicates=replicates or estimate.replicates or None,
            n=study.n if n is None else n,
            dim=dim,
            space=", ".join(filter(None, (study.space, space))),
            mode=mode,
            method=method,
            certificate=certificate,
            solver=solver,
            message=message,
            scope=scope,
            values=estimate.values if replicates in (None, estimate.replicates) else (),
        )

    @classmethod
    def absent(cls, metric: str, reason: str) -> Measurement:
        """A metric that has no value here, with the reason."""
        return cls(metric=metric, value=None, status="skipped", message=reason)


@dataclass(frozen=True)
class Finding:
    """A conclusion in plain words.

    ``level``: "info", "warning" or "fault".
    ``code``: its kind, the same for all snapshots.
    ``message``: one line.
    ``evidence``: the metrics (or facts) that it rests on.
    """

    level: Level
    code: str
    message: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Rows of a table that the analyzer declared.

    ``table``: its name.
    ``records``: each with exactly that table's columns.
    """

    table: str
    records: Sequence[Mapping[str, Scalar]] = field(default_factory=tuple)
