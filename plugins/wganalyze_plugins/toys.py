"""The 2-D laws of the GAN literature, sampled without end."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze import DataError, DataSource, Modes, Split, Values, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Toy(DataSource):
    """A law on the plane; seeded by the run's seed and the split."""

    shape = (2,)
    size = None
    value_range = None
    held_out = True

    def __init__(self, argument: str = "") -> None:
        if argument:
            raise DataError(f"--data {self.name}:{argument}: {self.name} takes no argument")

    @property
    def digest(self) -> str:
        """The law has no content but its definition."""
        return f"{self.name} 1"

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        """(n, 2)."""
        return self.sample(n, split.rng(seed, self.name))

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Values:
        """(n, 2) points, with the mode of each as its label where there are modes."""


def mixed(modes: Modes, n: int, rng: np.random.Generator) -> Values:
    """``n`` samples of modes of equal weight, with the mode of each as its label."""
    mode = rng.integers(0, len(modes.names), n)
    return Values(modes.centres[mode] + modes.deviation * rng.standard_normal((n, modes.centres.shape[1])), mode)


class Ring8(Toy):
    """Eight Gaussians of deviation .02 on a circle of radius 2 (Metz et al. 1611.02163)."""

    name: ClassVar[str] = "ring8"
    help: ClassVar[str] = "8 Gaussians of deviation .02 on a circle of radius 2, in the plane"
    classes = 8

    @property
    def modes(self) -> Modes:  # type: ignore[override]
        """By their angle."""
        import numpy as np

        angle = np.arange(8) * (2 * math.pi / 8)
        names = tuple(f"{45 * k} degrees" for k in range(8))
        return Modes(names, 2 * np.stack([np.cos(angle), np.sin(angle)], 1), 0.02)

    def sample(self, n: int, rng: np.random.Generator) -> Values:
        return mixed(self.modes, n, rng)


class Grid25(Toy):
    """Twenty-five Gaussians of deviation .05 on a 5x5 grid of spacing 2 (Srivastava et al. 1705.07761)."""

    name: ClassVar[str] = "grid25"
    help: ClassVar[str] = "25 Gaussians of deviation .05 on a grid of spacing 2, in the plane"
    classes = 25

    @property
    def modes(self) -> Modes:  # type: ignore[override]
        """By their place."""
        import numpy as np

        grid = np.arange(25)
        centres: npt.NDArray[Any] = np.stack([grid // 5, grid % 5], 1) * 2.0 - 4.0
        return Modes(tuple(f"({x:g}, {y:g})" for x, y in centres), centres, 0.05)

    def sample(self, n: int, rng: np.random.Generator) -> Values:
        return mixed(self.modes, n, rng)


class SwissRoll(Toy):
    """The Swiss roll in its plane, noise .25, divided by 7.5 (Gulrajani et al. 1704.00028)."""

    name: ClassVar[str] = "swissroll"
    help: ClassVar[str] = "the Swiss roll in its plane, noise .25, scaled by 1/7.5"

    def sample(self, n: int, rng: np.random.Generator) -> Values:
        from sklearn.datasets import make_swiss_roll

        points, _ = make_swiss_roll(n, noise=0.25, random_state=int(rng.integers(2**32)))
        return Values(points[:, [0, 2]] / 7.5)


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Ring8, Grid25, SwissRoll]
