"""Scales of a chart: from numbers to pixels, and the round numbers on the way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

ROUND = (1.0, 2.0, 5.0)
WIDE = 30.0
"""From this ratio of the largest to the smallest number on, a logarithmic scale shows what a linear one hides."""


@dataclass(frozen=True)
class Scale:
    """Numbers from ``low`` to ``high`` on pixels from ``start`` to ``end``; on a ``log`` scale both are positive."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a number; NaN where a log scale has none for it."""
        if self.log and not value > 0:
            return math.nan
        low, high, at = (math.log10(each) if self.log else each for each in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers between the ends, about ``most`` of them."""
        return log_ticks(self.low, self.high, most) if self.log else linear_ticks(self.low, self.high, most)


def linear_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten: the smallest such step with no more than ``most`` of them."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for each in (*ROUND, 10.0):
        ticks = _multiples(power * each, low, high)
        if len(ticks) <= most:
            return ticks
    return _multiples(power * 20.0, low, high)


def _multiples(step: float, low: float, high: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [each * step for each in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Powers of ten, thinned where there are too many; with their multiples by 2 and 5 where there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    inside = [each for each in range(first, last + 1) if low * (1 - 1e-9) <= 10.0**each <= high * (1 + 1e-9)]
    if len(inside) >= 3:
        stride = -(-len(inside) // most)
        return [10.0**each for each in inside if (each - inside[0]) % stride == 0]
    fine = [m * 10.0**each for each in range(first, last + 1) for m in ROUND]
    fine = [each for each in fine if low * (1 - 1e-9) <= each <= high * (1 + 1e-9)]
    if len(fine) > most + 1 and len(inside) >= 2:
        return [10.0**each for each in inside]
    return fine if len(fine) >= 2 else linear_ticks(low, high, most)


def domain(values: Iterable[float], *, log: bool = False, margin: float = 0.06) -> tuple[float, float]:
    """The ends of a scale that holds ``values``, with a margin of each side; (0, 1), or (1, 10), without any."""
    usable = [each for each in values if math.isfinite(each) and (each > 0 or not log)]
    if not usable:
        return (1.0, 10.0) if log else (0.0, 1.0)
    low, high = min(usable), max(usable)
    if log:
        more = (high / low) ** margin if high > low * 1.01 else 2.0
        return low / more, high * more
    more = (high - low) * margin if high - low > 1e-9 * max(abs(low), abs(high)) else abs(low) / 10 or 1.0
    return low - more, high + more


def across(steps: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis of steps: the first and the last; with room about it where there is only one."""
    low, high = min(steps, default=0.0), max(steps, default=0.0)
    return (low, high) if low < high else domain(steps)


def spans_decades(values: Iterable[float]) -> bool:
    """Are they all positive, and some of them many times as large as others?"""
    usable = [each for each in values if math.isfinite(each)]
    return bool(usable) and min(usable) > 0 and max(usable) / min(usable) >= WIDE


def is_log(values: Sequence[float], *, wanted: bool = False) -> bool:
    """Is the scale of these numbers logarithmic? Where that is ``wanted`` or they span decades, if all are positive."""
    return (wanted or spans_decades(values)) and all(v > 0 for v in values if math.isfinite(v))


def tick_labels(ticks: list[float], *, log: bool = False, percent: bool = False) -> list[str]:
    """Their texts, with as many decimals as tell them apart."""
    if percent:
        ticks = [100 * each for each in ticks]
    steps = [abs(b - a) for a, b in pairwise(ticks)] or [abs(ticks[0]) if ticks else 1.0]
    largest = max([0.0, *map(abs, ticks)])
    texts = [_short(each, abs(each), abs(each)) if log else _short(each, min(steps), largest) for each in ticks]
    return [f"{each} %" for each in texts] if percent else texts


def _short(value: float, step: float, largest: float) -> str:
    """``value`` with the decimals that ``step`` needs, in the unit (k, M, G) that the ``largest`` beside it has."""
    if abs(value) < step / 1e6 or value == 0:
        return "0"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if max(size, 1e4) <= largest * (1 + 1e-9) < 1000 * size:
            return f"{value / size:.{_decimals(step / size)}f}{letter}"
    if 1e-3 <= largest < 1e4:
        return f"{value:.{_decimals(step)}f}"
    mantissa, _, power = f"{value:.{max(0, _power(value) - _power(step))}e}".partition("e")
    return f"{mantissa}e{int(power)}"


def _decimals(step: float) -> int:
    return max(0, -_power(step)) if step > 0 else 0


def _power(value: float) -> int:
    return math.floor(math.log10(abs(value)) + 1e-9)
