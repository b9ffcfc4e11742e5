"""Pairs of laws whose divergences are known in closed form: parallel lines, and two Gaussians."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from wganalyze import DataError, DataSource, Points, Scores, Split, Values, hookimpl

if TYPE_CHECKING:
    import numpy as np

LOG2 = math.log(2)
REACH = 12.0
"""Deviations from the means within which a Gaussian is integrated; what lies outside is below 1e-30."""


class KnownPair(DataSource):
    """A pair of laws without end, seeded by the run's seed and the split; a subclass draws p and q."""

    is_pair: ClassVar[bool] = True
    size = None
    value_range = None
    held_out = True

    @property
    def digest(self) -> str:
        """The laws have no content but their definition."""
        return f"{self.name} {self.said} 1"

    @property
    @abstractmethod
    def said(self) -> str:
        """The parameters, as a user writes them."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator, *, real: bool) -> Points:
        """(n, d) of p (``real``) or of q."""

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        """(n, d) of p."""
        return Values(self.sample(n, split.rng(seed, self.name, "p"), real=True))

    def draw_pair(self, n: int, split: Split, *, seed: int) -> Values:
        """(n, d) of q, independent of ``draw``."""
        return Values(self.sample(n, split.rng(seed, self.name, "q"), real=False))


def lines(theta: float) -> dict[str, float]:
    """JS, TV, KL, reverse KL (nats) and W1 of the parallel lines (0, z) and (theta, z), z uniform on [0, 1].

    Arjovsky et al. 1701.07875, example 1: all but W1 jump at theta = 0.
    """
    apart = theta != 0
    infinite = math.inf if apart else 0.0
    return {
        "js": LOG2 if apart else 0.0,
        "tv": float(apart),
        "kl": infinite,
        "reverse_kl": infinite,
        "w1": abs(theta),
    }


class Lines(KnownPair):
    """(0, z) against (theta, z), z uniform on [0, 1] (Arjovsky et al. 1701.07875, example 1)."""

    name: ClassVar[str] = "lines"
    help: ClassVar[str] = "lines:THETA: two parallel unit segments in the plane at distance THETA; real is the one at 0"
    shape = (2,)

    def __init__(self, argument: str = "") -> None:
        (self.theta,) = _numbers(argument, 1, "lines:THETA with a number, as lines:0.5")

    @property
    def said(self) -> str:
        return f"{self.theta:g}"

    @property
    def known(self) -> Mapping[str, float]:  # type: ignore[override]
        """JS is log 2 and KL infinite at every distance but 0."""
        return {name: value for name, value in lines(self.theta).items() if name != "w1"}

    @property
    def known_w1(self) -> float:
        """The distance of the lines."""
        return lines(self.theta)["w1"]

    def sample(self, n: int, rng: np.random.Generator, *, real: bool) -> Points:
        import numpy as np

        return np.stack([np.full(n, 0.0 if real else self.theta), rng.uniform(0, 1, n)], axis=1)


class Gaussians(KnownPair):
    """N(0, I) against N(SHIFT e_1, I) in D dimensions."""

    name: ClassVar[str] = "gaussians"
    help: ClassVar[str] = "gaussians:D,SHIFT: N(0, I) in D dimensions, and the same moved by SHIFT along the first axis"

    def __init__(self, argument: str = "") -> None:
        example = "gaussians:D,SHIFT with a whole D and SHIFT >= 0, as gaussians:2,1.5"
        dim, self.shift = _numbers(argument, 2, example)
        if dim < 1 or dim % 1 or self.shift < 0:
            raise DataError(f"--data gaussians:{argument}: write {example}")
        self.shape = (int(dim),)

    @property
    def said(self) -> str:
        return f"{self.shape[0]},{self.shift:g}"

    @property
    def known(self) -> Mapping[str, float]:  # type: ignore[override]
        """TV 2 Phi(SHIFT / 2) - 1 and KL SHIFT^2 / 2, both ways; JS by quadrature along the first axis."""
        kl = self.shift**2 / 2
        tv = math.erf(self.shift / 2 / math.sqrt(2))
        return {"js": _js_of_normals(self.shift), "tv": tv, "kl": kl, "reverse_kl": kl}

    @property
    def known_w1(self) -> float:
        """The shift: a translation is optimal."""
        return self.shift

    def log_ratio(self, values: Points) -> Scores:
        """log p / q = SHIFT^2 / 2 - SHIFT x_1."""
        import numpy as np

        return np.asarray(self.shift**2 / 2 - self.shift * values[:, 0], np.float64)

    def sample(self, n: int, rng: np.random.Generator, *, real: bool) -> Points:
        points = rng.standard_normal((n, *self.shape))
        if not real:
            points[:, 0] += self.shift
        return points


def _js_of_normals(shift: float) -> float:
    """JS of N(0, 1) and N(shift, 1): E_p log 2 p / (p + q), which is the same for q by symmetry."""
    import numpy as np
    from scipy.integrate import quad

    def integrand(x: float) -> float:
        density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        return density * (LOG2 - float(np.logaddexp(0, shift * x - shift**2 / 2)))

    middle = min(shift / 2, REACH / 2)  # where the integrand bends
    value, _ = quad(integrand, -REACH, REACH, points=[0.0, middle], limit=200, epsabs=1e-12)
    return float(value)


def _numbers(argument: str, count: int, example: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(item) for item in argument.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise DataError(f"--data {example.partition(':')[0]}:{argument}: write {example}")
    return numbers


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Lines, Gaussians]
