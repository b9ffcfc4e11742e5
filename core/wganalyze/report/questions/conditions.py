"""Conditions that a person writes: ``w1 < 3.5``, ``METRIC@SPACE >= 0.8``, ``no fault``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from wganalyze.errors import UsageError

Outcome = Literal["passed", "failed", "undecided", "not measured"]
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_COMPARISON = re.compile(r"\s*([^\s<>][^<>]*?)\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")
_ABSENCE = re.compile(r"\s*no\s+(fault|warning)s?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Bound:
    """A number is to lie on one side of a bound; ``metric``: as it was written, with ``@SPACE`` or without."""

    text: str
    metric: str
    operator: str
    bound: float

    def judge(self, value: float, low: float | None, high: float | None) -> Outcome:
        """Does the whole interval hold it (the number, without one), does none of it, or is it undecided?"""
        ends = (value, value) if low is None or high is None else (low, high)
        held = [OPERATORS[self.operator](end, self.bound) for end in ends]
        return "passed" if all(held) else "undecided" if any(held) else "failed"


@dataclass(frozen=True)
class Absence:
    """No finding of a level, or a worse one."""

    text: str
    level: Literal["fault", "warning"]

    @property
    def levels(self) -> tuple[str, ...]:
        """A fault is also no reason to be content where warnings are none."""
        return ("fault",) if self.level == "fault" else ("fault", "warning")


Condition = Bound | Absence


def parse(text: str) -> Condition:
    """A condition; UsageError says how one is written."""
    absence = _ABSENCE.fullmatch(text)
    if absence is not None:
        return Absence(f"no {absence[1].lower()}", "fault" if absence[1].lower() == "fault" else "warning")
    match = _COMPARISON.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r}: is no condition; write 'METRIC < 3.5' (or <=, >, >=; METRIC@SPACE), 'no fault' or 'no warning'"
        )
    return Bound(f"{match[1]} {match[2]} {match[3]}", match[1], match[2], float(match[3]))
