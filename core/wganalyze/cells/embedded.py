"""A study of samples in another space than that of the critic's input."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from wganalyze.cells.derived import DerivedStudy
from wganalyze.contracts.embedding import Embedding
from wganalyze.contracts.samples import Points, Samples, SplitName
from wganalyze.contracts.study import Need
from wganalyze.contracts.terms import Mode
from wganalyze.errors import DataError, NotMeasurable
from wganalyze.study.calling import rounded
from wganalyze.study.critic import ReadyCritic
from wganalyze.study.sharing import Shared
from wganalyze.study.study import SnapshotStudy

if TYPE_CHECKING:
    from wganalyze.contracts.snapshot import Snapshot

T = TypeVar("T")
PROBES = 8
"""Samples that tell one space from another."""


@dataclass(frozen=True, eq=False)
class Space:
    """A space as it was asked for.

    ``text``: as the user named it. ``snapshot``: whose networks the embedding takes, where it takes some.
    """

    text: str
    embedding: Embedding
    snapshot: Snapshot | None = None


def embedded(study: SnapshotStudy, space: Space) -> EmbeddedStudy:
    """The study with its samples in this space; one for all analyzers."""
    return study.cached(("study in", space.text), lambda: EmbeddedStudy(study, space))


def in_space(study: SnapshotStudy, space: Space | None) -> SnapshotStudy:
    """The study with its samples in this space; as it is, for None."""
    return study if space is None else embedded(study, space)


class EmbeddedStudy(DerivedStudy):
    """Samples of another study, embedded. Networks know nothing of the space, so that there are none in it."""

    def __init__(self, base: SnapshotStudy, space: Space):
        super().__init__(base)
        self._asked = space
        if isinstance(self.shared, Shared):  # what an embedding makes is known by its name alone
            self.shared = self.shared.alone

    @property
    def _embedding(self) -> Embedding:
        return self.cached("fitted", self._fitted, scope="data")

    def _fitted(self) -> Embedding:
        study, named = self._base, self._asked.snapshot
        if named is not None:
            marked = named if study.deal is None else study.deal.marked(named)
            study = SnapshotStudy(marked, study.deal, study.shared, study.device)
        embedding = self._asked.embedding
        embedding.fit(study)
        return embedding

    @property
    def fingerprint_of_space(self) -> str:
        """What the space makes of a few fixed samples, and of one of them alone; DataError where the two differ."""
        return self.cached("fingerprint of space", self._print, scope="data")

    def _print(self) -> str:
        first = self._base.real(min(PROBES, self._base.n))
        together = self._points(first)
        alone = self._points(first.take([0]))
        if not np.allclose(together[:1], alone, rtol=1e-3, atol=1e-3 * float(np.abs(together).max(initial=0))):
            raise DataError(
                f"--space {self._asked.text}: what it makes of a sample depends on the samples beside it (BatchNorm in "
                "train mode, statistics of a batch); it is no map of samples"
            )
        return rounded(together)

    def _points(self, samples: Samples) -> Points:
        points = np.asarray(self._embedding.embed(samples))
        if points.ndim != 2 or len(points) != len(samples) or not np.isfinite(points).all():
            wrong = "NaN or infinity" if points.ndim == 2 and len(points) == len(samples) else f"{points.shape}"
            raise DataError(f"--space {self._asked.text}: gives {wrong} for {len(samples)} samples, not (n, k)")
        return points

    def _embedded(self, samples: Samples) -> Samples:
        key = (self._asked.text, *samples.key)

        def make() -> Samples:
            points = self._points(samples)
            return replace(samples, points=points, shape=points.shape[1:], key=key if samples.key else ())

        return self.cached(key, make, scope="data" if samples.shared else "snapshot") if samples.key else make()

    def lacks(self, need: Need) -> str:
        """Why a need is not met; no network is to be had in a space."""
        if need in (Need.REAL, Need.FAKE):
            return self._base.lacks(need)
        return f"the space {self._asked.text} holds samples, and not {need.value}"

    @property
    def space(self) -> str:
        """The space as it was asked for, and what its embedding says of itself."""
        note = self._embedding.note
        return f"{self._asked.text} ({note})" if note else self._asked.text

    @property
    def dim(self) -> int:
        """Number of features."""
        return self.real().dim

    def real(self, n: int | None = None, replicate: int = 0, split: SplitName = "x") -> Samples:
        """Real samples, (n, k)."""
        return self._embedded(self._base.real(n, replicate, split))

    def fake(
        self, n: int | None = None, replicate: int = 0, split: SplitName = "x", mode: Mode | None = None
    ) -> Samples:
        """Generated samples, (n, k)."""
        return self._embedded(self._base.fake(n, replicate, split, mode))

    @property
    def training(self) -> Samples | None:
        """What the generator was trained on, (m, k)."""
        samples = self._base.training
        return None if samples is None else self._embedded(samples)

    @property
    def head(self) -> ReadyCritic:
        """NotMeasurable: there is no critic."""
        raise NotMeasurable(self.lacks(Need.CRITIC))

    def cached(self, key: Hashable, make: Callable[[], T], scope: Literal["snapshot", "data"] = "snapshot") -> T:
        """Apart from what is cached of other spaces."""
        return super().cached((self._asked.text, key), make, scope)
