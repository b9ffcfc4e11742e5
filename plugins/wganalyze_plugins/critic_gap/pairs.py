"""One replicate: the exact transport of a real and a generated sample, and what the critic says of the same two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wganalyze import Samples, Study, WganalyzeError

if TYPE_CHECKING:
    from wganalyze.transport import Array, DualBounds, Transport

ROUNDING = 1e-9
SCORE_ROUNDING = 1e-14
AGREEING = 0.01
"""How far slopes in single and in double precision may differ, for the former to be trusted."""


class WeakDualityError(WganalyzeError):
    """A lower bound of W1 lies above W1: something is computed wrongly, and no number of it may be believed."""


@dataclass(frozen=True)
class Pair:
    """One replicate.

    Its scores may be of single precision: bounds of W1 hold for any numbers. What claims something of the critic itself
    is computed again, in double: ``slope`` (K_pair), and ``implied_slope``. ``size``: the largest absolute score, for
    the rounding of the bounds.
    """

    replicate: int
    transport: Transport
    bounds: DualBounds
    slope: float
    size: float

    @property
    def ratio(self) -> float | None:
        """raw / W1; None where the two samples are equal."""
        return self.bounds.raw / self.transport.value if self.transport.value > 0 else None

    @property
    def certified(self) -> dict[str, float]:
        """The lower bounds of W1 that hold for any f, by metric."""
        bounds = self.bounds
        return {
            "dual_c": bounds.c,
            "dual_c_from_real": bounds.c_first,
            "dual_c_from_fake": bounds.c_second,
            "dual_c_best_scale": bounds.best,
            "dual_zero": bounds.zero,
        }

    def check(self) -> None:
        """WeakDualityError where a bound exceeds the certified upper end of W1."""
        upper = self.transport.value
        room = ROUNDING * (upper + self.transport.scale) + SCORE_ROUNDING * max(1, self.bounds.best_scale) * self.size
        pair = {} if self.bounds.pair is None else {"dual_pair": self.bounds.pair}
        for name, value in {**pair, **self.certified}.items():
            if value > upper + room:
                raise WeakDualityError(
                    f"weak duality is violated: {name} = {value:.12g} exceeds W1 = {upper:.12g} on the same samples; "
                    "a fault of wganalyze, or a critic that is random in eval mode; please report it"
                )


def oriented(study: Study, x: Samples, y: Samples, *, single: bool = True) -> tuple[Array, Array]:
    """Scores of real and of generated samples, (n,) and (m,), real high, less a constant.

    Bounds do not see a constant, their rounding does.
    """
    on_x, on_y = (study.scores(side, single=single) for side in (x, y))
    middle = (on_x.mean() + on_y.mean()) / 2
    return study.orientation * (on_x - middle), study.orientation * (on_y - middle)


def pair_of(study: Study, replicate: int) -> Pair:
    """The transport, the bounds and the steepest slope of a replicate."""
    import numpy as np

    from wganalyze.transport import as_points, dual_bounds

    x, y = study.real(replicate=replicate), study.fake(replicate=replicate)
    points = as_points(x.points, "real"), as_points(y.points, "fake")
    for single in (True, False):
        fx, fy = oriented(study, x, y, single=single)
        bounds = dual_bounds(fx, fy, *points)
        slope = _in_double(study, x, y, bounds) if single else bounds.slope
        # Over a distance that is small, single precision finds slopes that are none.
        if abs(slope - bounds.slope) <= AGREEING * bounds.slope:
            break
    size = float(max(np.abs(fx).max(), np.abs(fy).max()))
    return Pair(replicate, study.transport(x, y), bounds, slope, size)


def _in_double(study: Study, x: Samples, y: Samples, bounds: DualBounds) -> float:
    """The slope of the steepest pair, its two samples scored in double precision; NaN where they cannot be."""
    from wganalyze.transport import as_points, paired_cost

    i, j = bounds.steepest
    first, second = x.take([i]), y.take([j])
    try:
        up, down = study.scores(Samples.concatenate([first, second]))
    except (RuntimeError, TypeError, ValueError, WganalyzeError):  # a critic that needs a batch
        return float("nan")
    (distance,) = paired_cost(as_points(first.points, "real"), as_points(second.points, "fake"))
    if bounds.slope == 0:
        return 0.0
    return float(study.orientation * (up - down) / distance) if distance > 0 else float("nan")


def implied_slope(study: Study, pairs: Sequence[Pair]) -> float:
    """The largest dual_raw / W1 of a replicate, in double precision: a lower bound of K; 0 where all W1 are 0."""
    found = [(p.ratio, p) for p in pairs if p.ratio is not None]
    if not found:
        return 0.0
    _, best = max(found, key=lambda pair: pair[0])
    on_x, on_y = (study.scores(side(replicate=best.replicate)) for side in (study.real, study.fake))
    return float(study.orientation * (on_x.mean() - on_y.mean()) / best.transport.value)
