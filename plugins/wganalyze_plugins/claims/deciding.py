"""How numbers become an answer: by an interval over seeds, and where there are too few of them by sign alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wganalyze import Evidence, Evident, Interval, NotMeasurable, TrainingRun, Verdict
from wganalyze.statistics import student_t

if TYPE_CHECKING:
    import pandas as pd

FEW = 3
"""Seeds below which there is no interval."""

QUALITY = "quality.frechet"
W1 = "exact-w.w1"


def evident(name: str, values: Sequence[float]) -> Evident:
    """The mean of values, one for each seed, with its Student-t interval where there are three or more."""
    estimate = student_t(values)
    return Evident(name, estimate.value, estimate.interval)


def measured(row: pd.Series[Any], name: str) -> Evident:
    """A row of a report, with its own interval."""
    interval = None
    if row["ci_low"] == row["ci_low"]:  # no NaN
        interval = Interval(float(row["ci_low"]), float(row["ci_high"]), str(row["ci_method"]))
    return Evident(name, float(row["value"]), interval)


def ends(number: Evident) -> tuple[float, float]:
    """Of its interval; the number itself, twice, where it has none."""
    interval = number.interval
    return (number.value, number.value) if interval is None else (interval.low, interval.high)


def side(values: Sequence[float], of: float = 0.0) -> int:
    """1: above ``of``, -1: below, 0: undecided; by the interval of the mean, or with few values by all of them."""
    interval = student_t(values).interval
    low, high = (min(values), max(values)) if interval is None else (interval.low, interval.high)
    return 1 if low > of else -1 if high < of else 0


def verdict(decided: int, reason: str, numbers: Sequence[Evident], seeds: int) -> Verdict:
    """1: supported, -1: refuted, 0: undecided, which the reason then says."""
    if not decided:
        return Verdict("not testable", f"undecided: {reason}", (*numbers,), seeds)
    few = f" ({seeds} seeds: by sign alone)" if 1 < seeds < FEW else ""
    return Verdict("supported" if decided > 0 else "refuted", f"{reason}{few}", (*numbers,), seeds)


def told(numbers: Iterable[Evident]) -> str:
    """Numbers in a sentence."""
    return ", ".join(map(str, numbers))


def features(evidence: Evidence, metric: str = QUALITY) -> str:
    """The space of features in which quality was measured; NotMeasurable where it was in pixels alone."""
    spaces = evidence.spaces(metric)
    if not spaces:
        analyzer = metric.partition(".")[0]
        raise NotMeasurable(f"needs {metric} in a space of features: wganalyze run PATH --only {analyzer} --space NAME")
    return spaces[0]


def needed(evidence: Evidence, *methods: str, **facts: float | int | str | bool) -> list[TrainingRun]:
    """The runs of these methods; NotMeasurable names them where there is none."""
    runs = evidence.of(*methods, **facts)
    if not runs:
        more = "".join(f", {name} {value}" for name, value in facts.items())
        raise NotMeasurable(
            f"needs a run of {' or '.join(methods) or 'any method'}{more} (wganalyze zoo train, or method = in the "
            "configuration that its checkpoints store)"
        )
    return runs


def last_by_seed(
    evidence: Evidence, metric: str, runs: Iterable[TrainingRun], space: str | None = None
) -> dict[int, float]:
    """The value at the last step of each run that has one, by seed; runs that do not tell theirs are numbered."""
    found: dict[int, float] = {}
    for position, run in enumerate(runs):
        for value in evidence.last(metric, [run], space):
            found[position if run.seed is None else run.seed] = value
    return found


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """first - second of each seed that both have; where they share none, of their means."""
    both = sorted({*first} & {*second})
    if both:
        return [first[seed] - second[seed] for seed in both]
    if not first or not second:
        return []
    return [sum(first.values()) / len(first) - sum(second.values()) / len(second)]


def by_run(runs: Iterable[TrainingRun], measure: Callable[[TrainingRun], float | None]) -> dict[int, float]:
    """What ``measure`` gives of each run that it gives something of, by seed."""
    found = {}
    for position, run in enumerate(runs):
        value = measure(run)
        if value is not None:
            found[position if run.seed is None else run.seed] = value
    return found


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation; 0 where one side is constant."""
    from scipy.stats import spearmanr

    if len({*first}) < 2 or len({*second}) < 2:
        return 0.0
    return float(spearmanr(first, second).statistic)


def values(found: Mapping[int, float], what: str) -> list[float]:
    """The values of all seeds; NotMeasurable where there are none."""
    if not found:
        raise NotMeasurable(f"needs {what}")
    return [*found.values()]
