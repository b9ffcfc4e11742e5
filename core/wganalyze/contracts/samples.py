"""Samples and splits, and the affine map that brings data into the critic's input space."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wganalyze.errors import DataError

Points = npt.NDArray[np.floating[Any]]
"""(n, d)."""

Labels = npt.NDArray[np.int64]
"""(n,)."""

Scores = npt.NDArray[np.float64]
"""(n,), what a critic says of each sample."""

Gradients = npt.NDArray[np.float64]
"""(n, d), of a score with respect to its sample."""

SplitName = Literal["x", "x2", "fit"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Points in the critic's input space.

    ``points``: (n, d), flattened.
    ``shape``: the shape of one sample before flattening.
    ``labels``: (n,), or None.
    ``conditions``: what else belongs to each sample and is given to networks beside it, by name, (n, ...) float32.
    ``key``: what the points are (side, split, replicate ...), so that work on them can be shared.
    ``shared``: True where they do not depend on the snapshot.
    """

    points: Points
    shape: tuple[int, ...]
    labels: Labels | None = None
    key: tuple[object, ...] = ()
    shared: bool = False
    conditions: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def dim(self) -> int:
        """Dimension of a point."""
        return int(self.points.shape[1])

    def take(self, index: slice | Sequence[int] | npt.NDArray[np.integer[Any]]) -> Samples:
        """The samples at ``index``, in that order; the result has no key, so that nothing is shared by mistake."""
        labels = None if self.labels is None else self.labels[index]
        conditions = {name: values[index] for name, values in self.conditions.items()}
        return replace(self, points=self.points[index], labels=labels, key=(), conditions=conditions)

    def with_points(self, points: Points) -> Samples:
        """Other points of the same shape, with the same labels (interpolates, for example)."""
        return replace(self, points=points, key=())

    @staticmethod
    def concatenate(parts: Sequence[Samples]) -> Samples:
        """All parts one after the other; labels and conditions are kept where every part has them."""
        labels = [p.labels for p in parts if p.labels is not None]
        return Samples(
            np.concatenate([p.points for p in parts]),
            parts[0].shape,
            np.concatenate(labels) if len(labels) == len(parts) else None,
            conditions={
                name: np.concatenate([p.conditions[name] for p in parts])
                for name in parts[0].conditions
                if all(name in p.conditions for p in parts)
            },
        )


@dataclass(frozen=True)
class Preprocessing:
    """An affine map per channel from a source's values to the critic's input: ``(value - shift) / scale``.

    ``shift``, ``scale``: one entry per channel, or one for all.
    ``name``: the map in words, as rows show it.
    """

    shift: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    name: str = "as stored"

    def __post_init__(self) -> None:
        if len(self.shift) != len(self.scale) or not all(np.isfinite(self.shift)) or not all(s > 0 for s in self.scale):
            raise ValueError("a preprocessing needs as many finite shifts as positive scales")

    @classmethod
    def to_range(cls, source: tuple[float, float], low: float, high: float) -> Preprocessing:
        """The map that takes ``source`` = (lowest, highest) onto [low, high]."""
        if not high > low:
            raise ValueError(f"a range needs LOW < HIGH, not {low:g},{high:g}")
        scale = (source[1] - source[0]) / (high - low)
        return cls((source[0] - low * scale,), (scale,), f"[{low:g}, {high:g}]")

    @classmethod
    def normalize(cls, source: tuple[float, float], mean: Sequence[float], std: Sequence[float]) -> Preprocessing:
        """Scale ``source`` to [0, 1], then subtract ``mean`` and divide by ``std`` (as torchvision's Normalize)."""
        if len(mean) != len(std) or not all(s > 0 for s in std):
            raise ValueError("--normalize needs as many means as positive standard deviations")
        width = source[1] - source[0]
        shift = tuple(source[0] + m * width for m in mean)
        scale = tuple(s * width for s in std)
        text = ", ".join(f"({m:g}, {s:g})" for m, s in zip(mean, std, strict=True))
        return cls(shift, scale, f"mean, std {text}")

    def apply(self, values: npt.NDArray[Any], shape: tuple[int, ...]) -> Points:
        """``values`` (n, d) of samples of this ``shape`` (channels first), mapped, as float32."""
        shift, scale = self._by_value(shape)
        mapped: Points = ((values.astype(np.float64) - shift) / scale).astype(np.float32)
        return mapped

    def undo(self, points: Points, shape: tuple[int, ...]) -> Points:
        """The values that ``apply`` takes to ``points`` (n, d), as float64."""
        shift, scale = self._by_value(shape)
        values: Points = points.astype(np.float64) * scale + shift
        return values

    def _by_value(self, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Shift and scale of each value of a sample, or one of all."""
        shift, scale = np.array(self.shift), np.array(self.scale)
        if len(shift) > 1:
            if len(shape) < 2 or shape[0] != len(shift):
                raise DataError(f"{len(shift)} channels to normalise, but a sample has the shape {shape}")
            repeat = int(np.prod(shape[1:]))
            shift, scale = np.repeat(shift, repeat), np.repeat(scale, repeat)
        return shift, scale


@dataclass(frozen=True)
class Split:
    """Which draw: "x" and "x2" are disjoint from each other and over replicates; "fit" is disjoint from both.

    ``name``: "x", "x2" or "fit".
    ``replicate``: counted from 0.
    """

    name: str
    replicate: int = 0

    def rng(self, *seed: int | str) -> np.random.Generator:
        """A generator of random numbers of this split's own."""
        text = repr((*seed, self.name, self.replicate)).encode()
        return np.random.default_rng(np.frombuffer(hashlib.sha256(text).digest(), np.uint32))


@dataclass(frozen=True, eq=False)
class Values:
    """What a source hands out.

    ``values``: as stored, (n, d) and flattened.
    ``labels``: (n,), where it has them.
    """

    values: npt.NDArray[Any]
    labels: Labels | None = None
