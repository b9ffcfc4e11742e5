"""How the numbers of critic-gap become rows."""

from __future__ import annotations

from collections.abc import Sequence

from wganalyze import Estimate, Measurement, Study


def average(values: Sequence[float]) -> float:
    """Their mean."""
    return sum(values) / len(values)


def mean(
    study: Study,
    metric: str,
    values: Sequence[float],
    certificate: str = "none",
    message: str = "",
    *,
    n: int | None = None,
    mode: str = "eval",
) -> Measurement:
    """The estimate from one value per replicate."""
    estimate = study.estimate(values.__getitem__)
    return Measurement.of(
        metric,
        estimate,
        study,
        n=n,
        space="euclidean",
        mode=mode,
        method=f"mean over {estimate.replicates} fresh samples",
        certificate=certificate,
        message="; ".join(filter(None, (message, study.critic_note))),
    )


def largest(study: Study, metric: str, value: float, what: str) -> Measurement:
    """The largest of a number over the replicates, a lower bound of K."""
    if value == float("inf"):
        return Measurement.absent(metric, "two samples coincide and are scored differently: no slope between them")
    if value <= 0:
        return Measurement.absent(metric, "the critic does not score real above fake here: no bound")
    return Measurement.of(
        metric,
        value,
        study,
        replicates=study.replicates,
        space="euclidean",
        mode="eval",
        method=f"steepest {what} of {study.replicates} replicates, float64",
        certificate="checked",
        message=study.critic_note,
    )


def ends(name: str, estimate: Estimate) -> dict[str, float | None]:
    """A number of a table with its interval: ``name``, ``name_low``, ``name_high``."""
    interval = estimate.interval
    low, high = (interval.low, interval.high) if interval else (None, None)
    return {name: estimate.value, f"{name}_low": low, f"{name}_high": high}


def with_ends(*names: str) -> dict[str, str]:
    """The columns of such numbers."""
    return {f"{name}{end}": "float64" for name in names for end in ("", "_low", "_high")}
