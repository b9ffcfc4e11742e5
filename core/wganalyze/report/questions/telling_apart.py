"""Can numbers be told apart? Student's and Welch's t over replicates, and the set of those as good as the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.report.holm import LEVEL
from wganalyze.statistics import holm, student_t

Array = npt.NDArray[np.float64]
_NO_SPREAD = 1e-12
"""Relative to the values: below it, differences are all equal but for rounding."""
_NOTHING = 1e-150
"""Of which the square is 0."""


@dataclass(frozen=True)
class Difference:
    """A difference of two means.

    ``low``, ``high``: its interval of 95%; None where there is none.
    ``pvalue``: two-sided; None where there is no test.
    ``method``: how it was tested, or why it was not.
    ``pairs``: were these and those measured on the same samples, or with the same training seeds?
    """

    value: float
    low: float | None
    high: float | None
    pvalue: float | None
    method: str
    pairs: bool = False


def paired(these: Sequence[float], those: Sequence[float], of: str = "replicates") -> Difference:
    """These less those, pair by pair (Student 1908); ``of``: what the pairs are. At least three pairs."""
    gaps = np.subtract(these, those)
    mean, count = float(gaps.mean()), len(gaps)
    rounding = _rounding(np.abs([these, those]).max())
    if np.ptp(gaps) <= rounding:
        # Equal whole numbers or shares, three times over, show no law of the spread: the signs alone are counted.
        same = abs(mean) <= rounding
        end = 0.0 if same else None
        method = f"sign test over {count} {of}: the differences are all equal"
        return Difference(mean, end, end, 1.0 if same else 2.0 ** (1 - count), method, pairs=True)
    from scipy.stats import t

    interval = student_t(gaps.tolist()).interval
    spread = float(np.std(gaps, ddof=1)) / math.sqrt(count)
    pvalue = 2 * float(t.sf(abs(mean) / spread, count - 1))
    assert interval is not None
    method = f"paired Student t over {count} {of}"
    return Difference(mean, interval.low, interval.high, pvalue, method, pairs=True)


def unpaired(these: Sequence[float], those: Sequence[float], of: str = "replicates") -> Difference:
    """The mean of these less that of those, of any variances (Welch 1947). At least three a side."""
    sides = [np.array([*these], dtype=float), np.array([*those], dtype=float)]
    mean = float(sides[0].mean() - sides[1].mean())
    squares = [float(side.var(ddof=1)) / len(side) for side in sides]
    counts = f"{len(sides[0])} and {len(sides[1])} {of}"
    if math.sqrt(sum(squares)) <= _rounding(max(np.abs(side).max() for side in sides)):
        return Difference(mean, None, None, None, f"no test: neither side varies over {counts}")
    from scipy.stats import t

    spread = math.sqrt(sum(squares))
    shares = [square / sum(squares) for square in squares]
    freedom = 1 / sum(share**2 / (len(side) - 1) for share, side in zip(shares, sides, strict=True))
    half = float(t.ppf(1 - LEVEL / 2, freedom)) * spread
    pvalue = 2 * float(t.sf(abs(mean) / spread, freedom))
    return Difference(mean, mean - half, mean + half, pvalue, f"Welch's t over {counts}")


def not_among_the_best(values: Array) -> list[float]:
    """p-values of "it is as good as the best" for each of k candidates, corrected together; (k, R), lower is better.

    With a probability of at least 1 - level no candidate that is as good as the best has a p-value at or below the
    level, whichever of them looks best on these samples. A candidate is tested against every other one by a one-sided
    t over the R >= 3 paired replicates, and its least p-value counts k - 1 times (Bonferroni), for the other one was
    chosen by the same samples; over the candidates stands Holm's correction. (The set of Hansen, Lunde and Nason,
    2011, without their bootstrap, for which replicates are too few.)
    """
    from scipy.stats import t

    k, count = values.shape
    if k < 2:
        return [1.0] * k
    least = []
    for own in values:
        gaps = own - values
        means, rounding = gaps.mean(axis=1), _rounding(np.abs(values).max(axis=1) + np.abs(own).max())
        equal = np.ptp(gaps, axis=1) <= rounding
        spreads = np.where(equal, 1.0, gaps.std(axis=1, ddof=1) / math.sqrt(count))
        by_sign = np.where(means > rounding, 0.5**count, 1.0)
        least.append(float(np.where(equal, by_sign, t.sf(means / spreads, count - 1)).min()))
    return holm([min(1.0, (k - 1) * p) for p in least])


def _rounding(scale: Any) -> Any:
    """Differences of numbers of this size that are at most so large are none."""
    return _NO_SPREAD * scale + _NOTHING


def chosen_by_others(values: Array) -> float:
    """The mean of a best candidate that did not choose itself; (k, R), lower is better.

    Replicate by replicate: the candidate that is best on the others, measured on this one.
    """
    others = values.sum(axis=1, keepdims=True) - values
    return float(np.mean(values[others.argmin(axis=0), np.arange(values.shape[1])]))
