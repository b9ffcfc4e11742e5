"""How numbers become an answer: by an interval over seeds, and where there are too few of them by sign alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wganalyze import Evidence, Evident, Interval, NotMeasurable, TrainingRun, Verdict
from wganalyze.statistics import student_t

if TYPE_CHECKING:
    import pandas as pd

FEW = 3
"""Seeds below which there is no interval."""

LEVEL = 0.95
SETTING = ("arch", "preset", "loss", "constraint", "data", "steps", "batch")
"""What runs of one method may differ in beside their seeds."""

QUALITY = "quality.frechet"
SAME = 1e-12
"""Frechet distances below count as this one, so that they have a logarithm."""
BETTER = math.log(1.1)
"""Of the ratio of two Frechet distances, where seeds are too few for an interval."""
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


def side(values: Sequence[float], of: float = 0.0, *, tests: int = 1, margin: float = 0.0) -> int:
    """1: above ``of``, -1: below, 0: undecided, as of no values.

    By the interval of the mean, at 95% over all ``tests`` that one answer rests on (Bonferroni); with values that are
    too few for one by all of them, which are to lie beyond ``margin``.
    """
    if not values:
        return 0
    interval = student_t(values, 1 - (1 - LEVEL) / tests).interval
    low, high = (min(values) - margin, max(values) + margin) if interval is None else (interval.low, interval.high)
    return 1 if low > of else -1 if high < of else 0


def every(parts: Sequence[Sequence[float]], *, margin: float = 0.0) -> int:
    """A statement of several parts, the values of each of which are to lie above 0: 1, -1 or 0 as for ``side``.

    All parts support it, each at 95% (an intersection-union test); any part refutes it, at its share of 5%
    (Bonferroni).
    """
    if all(side(part, margin=margin) > 0 for part in parts):
        return 1
    return -1 if any(side(part, tests=len(parts), margin=margin) < 0 for part in parts) else 0


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
    """The runs of these methods, each in one setting; NotMeasurable names them where there is none."""
    runs = [run for method in methods for run in in_one_setting(evidence.of(method, **facts))]
    if not methods:
        runs = evidence.of(**facts)
    if not runs:
        more = "".join(f", {name} {value}" for name, value in facts.items())
        raise NotMeasurable(
            f"needs a run of {' or '.join(methods) or 'any method'}{more} (wganalyze zoo train, or method = in the "
            "configuration that its checkpoints store)"
        )
    return runs


def in_one_setting(runs: Iterable[TrainingRun]) -> list[TrainingRun]:
    """The runs of a method that differ in their seeds alone: those of the setting that most of them have."""
    settings: dict[tuple[object, ...], list[TrainingRun]] = {}
    for run in runs:
        settings.setdefault(tuple(run.facts.get(name) for name in SETTING), []).append(run)
    return max(settings.values(), key=len, default=[])


def last_by_seed(
    evidence: Evidence, metric: str, runs: Iterable[TrainingRun], space: str | None = None
) -> dict[int, float]:
    """The value at the last step of each run of one method that has one, by seed; see ``by_seed``."""
    last = ((run, evidence.last(metric, [run], space)) for run in runs)
    return by_seed((run, value[0] if value else None) for run, value in last)


def last_log_by_seed(evidence: Evidence, runs: Iterable[TrainingRun], space: str) -> dict[int, float]:
    """The logarithm of the last Frechet distance of each run of one method, by seed."""
    last = last_by_seed(evidence, QUALITY, runs, space)
    return {seed: math.log(max(value, SAME)) for seed, value in last.items()}


def ratio(name: str, logs: Sequence[float]) -> Evident:
    """The geometric mean of ratios of which these are the logarithms, with the interval that theirs has."""
    shown = evident(name, logs)
    interval = shown.interval
    if interval is None:
        return Evident(name, math.exp(shown.value))
    low, high = (math.exp(min(end, 700)) for end in (interval.low, interval.high))
    return Evident(name, math.exp(shown.value), Interval(low, high, f"{interval.method}, of logarithms"))


def by_seed(found: Iterable[tuple[TrainingRun, float | None]]) -> dict[int, float]:
    """Values of runs of one method by seed; those that do not tell theirs are numbered below 0."""
    values: dict[int, float] = {}
    for position, (run, value) in enumerate(found):
        if value is not None:
            values.setdefault(-1 - position if run.seed is None else run.seed, value)
    return values


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """first - second of each seed that both have; where they share none, in the order of their runs."""
    both = sorted(seed for seed in first if seed in second and seed >= 0)
    if both:
        return [first[seed] - second[seed] for seed in both]
    return [a - b for a, b in zip(first.values(), second.values(), strict=False)]


def by_run(runs: Iterable[TrainingRun], measure: Callable[[TrainingRun], float | None]) -> dict[int, float]:
    """What ``measure`` gives of each run of one method that it gives something of, by seed."""
    return by_seed((run, measure(run)) for run in runs)


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
