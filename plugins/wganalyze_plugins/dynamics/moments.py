"""The moments at which a training is looked at, and what an objective gains along them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wganalyze.transport import Array


def decades(last: int) -> tuple[int, ...]:
    """0, 10, 100 ... below ``last``, and ``last``."""
    return (0, *(10**k for k in range(1, 10) if 10**k < last), last)


def gained(reached: Array) -> Array:
    """From the first moment to the best one, (B,), of what was ``reached`` (moments, B) on B samples; NaN is no best.

    For every other sample the best moment is chosen on the rest, so that the gain is no maximum of noise. (One sample
    has no rest: its gain is one.)
    """
    import numpy as np

    rise = np.empty(reached.shape[1])
    for own, rest in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        others = reached[:, rest] if reached.shape[1] > 1 else reached
        best = int(np.nan_to_num(others.mean(axis=1), nan=-np.inf).argmax())
        rise[own] = reached[best, own] - reached[0, own]
    return rise
