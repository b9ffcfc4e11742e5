"""Means with intervals, ranks and corrections: what analyzers and reports share of statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    ``low``, ``high``: its ends.
    ``method``: how it was made.
    """

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates.

    ``value``: the mean.
    ``interval``: of its expectation, or of what its method names; None where there is none.
    ``replicates``: how many there are.
    ``values``: one of each replicate.
    """

    value: float
    interval: Interval | None
    replicates: int
    values: tuple[float, ...]


def student_t(values: Sequence[float], level: float = 0.95) -> Estimate:
    """Mean and two-sided Student-t interval of independent values; no interval below three."""
    mean, count = math.fsum(values) / len(values), len(values)
    if count < 3:
        return Estimate(mean, None, count, tuple(values))
    from scipy.stats import t

    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (count - 1))
    half = float(t.ppf(0.5 + level / 2, count - 1)) * spread / math.sqrt(count)
    interval = Interval(mean - half, mean + half, f"Student t over {count} replicates, {level:.0%}")
    return Estimate(mean, interval, count, tuple(values))


def of_median(values: Sequence[float], level: float = 0.95, least: float = 0.9) -> Estimate:
    """Mean of independent values, and an interval of their median, for every law (David and Nagaraja 2003, sec. 7.1).

    The k-th least and the k-th largest hold the median between them unless fewer than k values fall on one side, which
    is a binomial matter. The narrowest of at least ``level``; else all of them, if they reach ``least``; no interval
    below. It is stretched to the mean, where that lies outside.
    """
    mean, ordered, count = math.fsum(values) / len(values), sorted(values), len(values)

    def coverage(k: int) -> float:
        return 1 - 2 * sum(math.comb(count, i) for i in range(k)) / (1 << count)

    narrow = [k for k in range(1, count // 2 + 1) if coverage(k) >= level]
    k = max(narrow, default=1)
    if coverage(k) < least:
        return Estimate(mean, None, count, tuple(values))
    low, high = min(mean, ordered[k - 1]), max(mean, ordered[-k])
    return Estimate(
        mean, Interval(low, high, f"median, by order over {count} replicates, {coverage(k):.3g}"), count, tuple(values)
    )


def auc(positive: npt.NDArray[np.floating[Any]], negative: npt.NDArray[np.floating[Any]]) -> float:
    """P(a positive is above a negative), ties counted half; both (n,)."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([positive, negative]))
    above = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))


def holm(pvalues: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given."""
    order = sorted(range(len(pvalues)), key=lambda i: pvalues[i])
    adjusted = [0.0] * len(pvalues)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(pvalues) - rank) * pvalues[index]))
        adjusted[index] = running
    return adjusted
