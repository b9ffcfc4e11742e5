"""How values are read from what a user writes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from wganalyze.errors import UsageError

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds_of(text: str) -> float:
    """ "20s", "2m", "1.5h" or plain seconds; UsageError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(s|min|m|h|)\s*", text)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not seconds > 0:
        raise UsageError(f"--budget {text}: write a time, as 20s, 2m or 1h")
    return seconds


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """``PATTERN=ROLE`` texts as a mapping."""
    found = {}
    for text in texts:
        pattern, equals, role = text.rpartition("=")
        if not pattern or not equals or role not in ("generator", "critic", "ignore"):
            raise UsageError(f"{option} {text}: write PATTERN=ROLE with the role generator, critic or ignore")
        found[pattern] = role
    return found


def size(text: str | None) -> int | Literal["max"] | None:
    """``300``, or ``max``."""
    if text is None or text == "max":
        return text  # type: ignore[return-value]
    if not text.isdecimal() or int(text) < 2:
        raise UsageError(f"--n {text}: write a whole number from 2 on, or max")
    return int(text)


def numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    """``1,2.5`` as finite floats."""
    if text is None:
        return None
    try:
        found = tuple(float(item) for item in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(map(math.isfinite, found)):
        raise UsageError(f"{option} {text}: write numbers with commas between them")
    return found


def shape(text: str | None) -> tuple[int, ...] | None:
    """``64,1,1`` as a shape."""
    found = numbers(text, "--latent")
    if found is not None and not all(v == int(v) > 0 for v in found):
        raise UsageError(f"--latent {text}: write whole numbers, as 64 or 64,1,1")
    return None if found is None else tuple(int(v) for v in found)


def low_high(text: str | None) -> tuple[float, float] | None:
    """``-1,1`` as a range."""
    found = numbers(text, "--range")
    if found is None:
        return None
    if len(found) != 2 or found[0] >= found[1]:
        raise UsageError(f"--range {text}: write LOW,HIGH with LOW < HIGH, as -1,1")
    return found[0], found[1]


def mean_std(text: str | None) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """``MEAN,STD``, or ``M1,M2,M3,S1,S2,S3`` for three channels."""
    found = numbers(text, "--normalize")
    if found is None:
        return None
    half, odd = divmod(len(found), 2)
    if odd or not half or min(found[half:]) <= 0:
        raise UsageError(f"--normalize {text}: write MEAN,STD (all means, then all deviations, which are positive)")
    return found[:half], found[half:]
