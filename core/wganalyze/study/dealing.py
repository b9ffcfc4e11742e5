"""How the real samples of a run are dealt out: disjoint splits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import cast

import numpy as np

from wganalyze.contracts.data import DataSource, Modes
from wganalyze.contracts.samples import Points, Preprocessing, Samples, Scores, Split
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.errors import DataError
from wganalyze.study.feeding import Fed, Feed, by_law

MOST_TRAINING = 100_000
"""Samples that were trained on, among which neighbours are looked for."""


@dataclass(frozen=True, eq=False)
class Deal:
    """A source, its preprocessing, and the sizes of a run.

    Splits "x" and "x2" of every replicate hold ``n`` samples each; "fit" holds what is left, at least ``n``.

    ``text``: the source as the user named it. ``size_note``: why ``n`` is below the default, where nobody chose it.
    ``stored``: the fewest samples that a snapshot stores in place of a generator, or that it is given.
    ``trained_on``: the data of training.
    ``feed``: data that networks are given beside the samples; None: nothing.
    """

    source: DataSource
    text: str
    preprocessing: Preprocessing
    n: int
    replicates: int
    seed: int
    held_out: bool | None = None
    assumptions: tuple[str, ...] = ()
    size_note: str = ""
    stored: int | None = None
    trained_on: DataSource | None = None
    feed: Feed | None = None

    @property
    def space(self) -> str:
        """Name of the space the samples live in, with its scale."""
        return f"critic input {self.preprocessing.name}"

    @property
    def data_id(self) -> str:
        """Digest of the data's content and preprocessing."""
        content: list[object] = [self.source.name, self.source.digest, asdict(self.preprocessing)]
        content += [] if self.feed is None else self.feed.digest
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()[:16]

    @property
    def training_id(self) -> str:
        """Digest of what was trained on; "" where that was not said."""
        return "" if self.trained_on is None else self.trained_on.digest

    @property
    def fit_size(self) -> int:
        """Samples in the split "fit": what is left of a finite source and of stored samples, at most 10 n."""
        sizes = [size for size in (self.source.size, self.stored) if size is not None]
        left = [size - 2 * self.n * self.replicates for size in sizes]
        return min([10 * self.n, *(k for k in left if k >= self.n)])  # stored samples too few for n say so themselves

    def real(self, n: int, split: Split) -> Samples:
        """``n`` real samples of a split; DataError where the split holds fewer, or the deal no such replicate."""
        limit = self.fit_size if split.name == "fit" else self.n
        if n > limit:
            raise DataError(f"{n} samples of the split {split.name!r} were asked for, the run deals {limit}")
        if split.name != "fit" and not 0 <= split.replicate < self.replicates:
            raise DataError(
                f"replicate {split.replicate} of the split {split.name!r} was asked for, counted from 0; "
                f"the run deals {self.replicates}"
            )
        drawn = self.source.draw(n, split, offset=self.offset(split), seed=self.seed)
        points = self.preprocessing.apply(drawn.values, self.source.shape)
        key = ("real", split.name, split.replicate, n)
        beside = {} if self.feed is None else self.feed.conditions_at(n, split, self.offset(split), self.seed)
        return Samples(points, self.source.shape, drawn.labels, key, shared=True, conditions=beside)

    def fed(self, latent: Latent, n: int, split: Split) -> Fed:
        """What a generator is given for ``n`` samples of a split; samples of data as the critic would see them."""
        if self.feed is None:
            return by_law(self.seed)(latent, n, split)
        fed, source = self.feed.fed(latent, n, split, self.offset(split), self.seed), self.feed.input
        if source is None:
            return fed
        values = fed.z.reshape(n, -1)
        if source is self.source:
            values = self.preprocessing.apply(values, source.shape)
        elif source.value_range is not None:
            values = self.from_range(values, source.shape, source.value_range)
        return replace(fed, z=values.astype(np.float32).reshape(fed.z.shape))

    def training(self) -> Samples:
        """Samples that the generator was trained on, up to MOST_TRAINING of them."""
        source = cast(DataSource, self.trained_on)
        n = min(MOST_TRAINING, source.size or MOST_TRAINING)
        drawn = source.draw(n, Split("training"), offset=0, seed=self.seed)
        if source.value_range is not None and source.value_range != self.source.value_range:
            points = self.from_range(drawn.values, source.shape, source.value_range)
        else:
            points = self.preprocessing.apply(drawn.values, source.shape)
        return Samples(points, source.shape, drawn.labels, ("training", n), shared=True)

    def other_side(self, n: int, split: Split) -> Samples:
        """``n`` samples of the other side of a pair, in the role of the generated ones."""
        drawn = self.source.draw_pair(n, split, seed=self.seed)
        points = self.preprocessing.apply(drawn.values, self.source.shape)
        key = ("other side", split.name, split.replicate, n)
        return Samples(points, self.source.shape, drawn.labels, key, shared=True)

    def log_ratio(self, samples: Samples) -> Scores | None:
        """log p / q of the two laws of a pair, (n,), where the source knows it."""
        return self.source.log_ratio(self.preprocessing.undo(samples.points, self.source.shape))

    @property
    def modes(self) -> Modes | None:
        """The modes of the source, brought into the critic's input space; None where that scales channels apart."""
        modes, scale = self.source.modes, self.preprocessing.scale
        if modes is None or len({*scale}) > 1:
            return None
        centres = self.preprocessing.apply(modes.centres, self.source.shape)
        return replace(modes, centres=centres, deviation=modes.deviation / scale[0])

    def from_range(self, points: Points, shape: tuple[int, ...], own: tuple[float, float]) -> Points:
        """Values that lie in ``own`` brought to where the real samples' range lies in the critic's input space."""
        low, high = self.source.value_range or own
        return self.preprocessing.apply(low + (points - own[0]) * ((high - low) / (own[1] - own[0])), shape)

    def marked(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with this preprocessing, and what was assumed for it, on it."""
        assumptions = (*snapshot.assumptions, *self.assumptions)
        return replace(snapshot, preprocessing=self.preprocessing, assumptions=assumptions)

    def offset(self, split: Split) -> int:
        """Where a split begins in the shuffled order of all samples."""
        if split.name == "fit":
            return 2 * self.n * self.replicates
        return (2 * split.replicate + (split.name == "x2")) * self.n
