"""A study of packs: of a critic that looks at several samples together, whose score is of all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from typing import Literal, TypeVar

from wganalyze.cells.derived import DerivedStudy
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.samples import Samples, SplitName
from wganalyze.contracts.study import Need
from wganalyze.contracts.terms import Mode
from wganalyze.errors import NotMeasurable
from wganalyze.study.critic import ReadyCritic
from wganalyze.study.study import ORIENTATION, SnapshotStudy

T = TypeVar("T")
ASKS_THE_CRITIC = frozenset({Need.CRITIC, Need.SCORES, Need.GRADIENT})
FEWEST = 8
"""Packs, of which anything is to be said."""


def as_the_critic_sees(study: SnapshotStudy, analyzer: type[Analyzer]) -> SnapshotStudy:
    """The study, or that of its packs, for an analyzer that asks a critic which looks at several samples together.

    A critic that cannot be made ready says so where its numbers are wanted.
    """
    if not analyzer.needs & ASKS_THE_CRITIC:
        return study
    with suppress(Exception, SystemExit):
        if study.lacks(Need.CRITIC):
            return study
        size = study.head.packed
        return study if size == 1 else study.cached("packs", lambda: PackedStudy(study, size))
    return study


class PackedStudy(DerivedStudy):
    """Of each ``size`` samples of another study, one after the other, one point; its law is the product law."""

    def __init__(self, base: SnapshotStudy, size: int):
        super().__init__(base)
        self._size = size

    @property
    def n(self) -> int:
        """Packs a split."""
        packs = self._base.n // self._size
        if packs < FEWEST:
            raise NotMeasurable(
                f"the critic looks at {self._size} samples together, and {self._base.n} samples make {packs} packs: "
                f"say --n {FEWEST * self._size} or more"
            )
        return packs

    @property
    def fit_size(self) -> int:
        """Packs in the split "fit"."""
        return self._base.fit_size // self._size

    @property
    def dim(self) -> int:
        """Dimension of a pack."""
        return self._base.dim * self._size

    @property
    def space(self) -> str:
        """The space of the samples, and how many of them make a point."""
        return f"{self._base.space}, packs of {self._size}"

    def _packed(self, samples: Samples) -> Samples:
        points = samples.points.reshape(len(samples) // self._size, -1)
        key = ("packs", self._size, *samples.key) if samples.key else ()
        return replace(samples, points=points, shape=self.head.shape, labels=None, key=key)

    def real(self, n: int | None = None, replicate: int = 0, split: SplitName = "x") -> Samples:
        """Packs of real samples, (n, size * d)."""
        size = self.n if n is None else n
        return self._packed(self._base.real(size * self._size, replicate, split))

    def fake(
        self, n: int | None = None, replicate: int = 0, split: SplitName = "x", mode: Mode | None = None
    ) -> Samples:
        """Packs of generated samples, (n, size * d)."""
        size = self.n if n is None else n
        return self._packed(self._base.fake(size * self._size, replicate, split, mode))

    @property
    def training(self) -> Samples | None:
        """None: what was trained on is no pack."""
        return None

    @property
    def head(self) -> ReadyCritic:
        """The critic, which takes a pack."""
        return self._base.head

    @property
    def orientation(self) -> Literal[1, -1]:
        """Found from packs, and recorded with the snapshot."""
        return self._base.cached(ORIENTATION, lambda: super(PackedStudy, self).orientation)

    def cached(self, key: Hashable, make: Callable[[], T], scope: Literal["snapshot", "data"] = "snapshot") -> T:
        """Apart from what is cached of single samples."""
        return super().cached(("packs", self._size, key), make, scope)
