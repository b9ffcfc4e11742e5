"""Pairs of laws whose W1 is known: minima of funnels (Korotin, Kolesov, Burnaev 2022, arXiv 2206.07767)."""

from __future__ import annotations

import hashlib
import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze import DataError, DataSource, Split, Values, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

HALF_SIDE = 2.5
POWER = 8
BIAS_DEVIATION = 0.1
KNOWN_FROM = 2**18
"""Pairs that the known W1 is averaged over: a standard error of some 1e-3 of its value."""


class Funnel(DataSource):
    """u(x) = min_n (|x - a_n| + b_n): real is the moved side, in the role of the fake stands the uniform side.

    ``funnel:PATH.pt`` reads centres and biases from a state dict (``net.centers`` (width, D), ``net.bias`` (width,));
    ``funnel:D,WIDTH,SEED`` draws them. ``known_w1`` is the mean distance of paired samples.
    """

    name: ClassVar[str] = "funnel"
    help: ClassVar[str] = "funnel:PATH.pt or funnel:D,WIDTH,SEED: a pair of laws whose W1 is known"
    is_pair: ClassVar[bool] = True
    size = None
    value_range = None
    held_out = True

    def __init__(self, argument: str = "") -> None:
        self.centres, self.bias = _drawn(argument) if "," in argument else _stored(argument)
        self.shape = (self.centres.shape[1],)

    @property
    def digest(self) -> str:
        """Of the centres and biases."""
        return hashlib.sha256(self.centres.tobytes() + self.bias.tobytes()).hexdigest()

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        """The moved side, (n, D)."""
        return Values(self.paired(n, split.rng(seed, "funnel", "moved"))[0])

    def draw_pair(self, n: int, split: Split, *, seed: int) -> Values:
        """The uniform side, (n, D), independent of ``draw``."""
        return Values(self.uniform(n, split.rng(seed, "funnel", "uniform")))

    @property
    def known_w1(self) -> float:
        """E|x - y| over pairs, which an optimal coupling joins."""
        return self._mean_distance

    @cached_property
    def _mean_distance(self) -> float:
        import numpy as np

        # A stream of its own: default_rng(0) drew the centres of funnel:D,WIDTH,0, and points on them have no ray.
        rng = Split("known").rng("funnel")
        total, block = 0.0, max(1, 2**21 // sum(self.centres.shape))
        for start in range(0, KNOWN_FROM, block):
            x, y = self.paired(min(block, KNOWN_FROM - start), rng)
            total += float(np.linalg.norm(x - y, axis=1).sum())
        return total / KNOWN_FROM

    def uniform(self, n: int, rng: np.random.Generator) -> Array:
        """(n, D), uniform on the cube."""
        return rng.uniform(-HALF_SIDE, HALF_SIDE, (n, self.centres.shape[1]))

    def paired(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """(x, y), (n, D) each, with y uniform and x_i moved from y_i along the ray on which u is linear."""
        y = self.uniform(n, rng)
        return self.moved(y), y

    def potential(self, points: npt.NDArray[np.floating[Any]]) -> Array:
        """u, (n,); -u is an optimal critic, with gradient of norm 1 almost everywhere."""
        import numpy as np

        return np.asarray(self._rises(points).min(axis=1))

    def _rises(self, points: npt.NDArray[np.floating[Any]]) -> Array:
        from scipy.spatial.distance import cdist

        rises: Array = cdist(points, self.centres) + self.bias
        return rises

    def moved(self, y: Array) -> Array:
        """x(y): from the active centre through y to the end of the ray, at the share t^8 of the way."""
        import numpy as np

        rises = self._rises(y)
        active = rises.argmin(axis=1)
        low = self.centres[active]
        way = y - low
        before = np.linalg.norm(way, axis=1)
        # A point on a centre stays there, whatever its direction.
        v = np.divide(way, before[:, None], out=np.full_like(way, way.shape[1] ** -0.5), where=before[:, None] > 0)
        beyond = np.minimum(_to_wall(y, v), self._to_next_funnel(y, v, rises))
        share = before / (before + beyond)
        return np.asarray(low + (share**POWER * (before + beyond))[:, None] * v)

    def _to_next_funnel(self, y: Array, v: Array, rises: Array) -> Array:
        """Length of the ray from y until another funnel is lower; infinite where none ever is."""
        import numpy as np

        u = rises.min(axis=1, keepdims=True)
        distance, drop = rises - self.bias, u - self.bias
        along = np.einsum("nd,nd->n", y, v)[:, None] - v @ self.centres.T
        with np.errstate(divide="ignore", invalid="ignore"):
            # |y - a|^2 - drop^2 as a product: exact where another funnel is hardly higher, and no (n, width, D) array.
            r = (rises - u) * (distance + drop) / (2 * (drop - along))
        # The active funnel itself is out: its r is 0, or 0/0.
        return np.asarray(np.where((r > 0) & (r > -drop), r, np.inf).min(axis=1))


def _to_wall(y: Array, v: Array) -> Array:
    """Length of the ray from y along v to the wall of the cube."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.where(v != 0, (np.copysign(HALF_SIDE, v) - y) / v, np.inf)
    return np.asarray(lengths.min(axis=1))


def _drawn(argument: str) -> tuple[Array, Array]:
    import numpy as np

    try:
        dim, width, seed = (int(item) for item in argument.split(","))
    except ValueError:
        dim = width = seed = -1
    if dim < 1 or width < 1 or seed < 0:
        raise DataError(f"--data funnel:{argument}: write funnel:D,WIDTH,SEED with whole numbers, as funnel:2,4,0")
    rng = np.random.default_rng(seed)
    return rng.uniform(-HALF_SIDE, HALF_SIDE, (width, dim)), BIAS_DEVIATION * rng.standard_normal(width)


def _stored(argument: str) -> tuple[Array, Array]:
    import torch

    path = Path(argument).expanduser()
    if not argument or not path.is_file():
        raise DataError(f"--data funnel:{argument}: there is no such file; or write funnel:D,WIDTH,SEED")
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
        centres, bias = (state[key].detach().double().numpy() for key in ("net.centers", "net.bias"))
    except Exception:  # a damaged file makes torch raise nearly anything
        raise DataError(
            f"--data funnel:{argument}: holds no net.centers and net.bias, as a state dict of a funnel does"
        ) from None
    if not math.isfinite(float(centres.sum() + bias.sum())):
        raise DataError(f"--data funnel:{argument}: NaN or infinity among centres and biases")
    if centres.ndim != 2 or not centres.size or bias.shape != centres.shape[:1]:
        raise DataError(f"--data funnel:{argument}: centres {centres.shape} and bias {bias.shape} do not fit")
    return centres, bias


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Funnel]
