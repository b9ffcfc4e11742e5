"""What generators are given: latents and labels by their law, or samples of data, and conditions beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from wganalyze.contracts.data import DataSource
from wganalyze.contracts.samples import Labels, Split
from wganalyze.contracts.snapshot import Latent

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Fed:
    """What a generator is given for n samples.

    ``z``: (n, *shape), a latent, or samples ``of_data``. ``labels``: (n,), or None. ``conditions``: (n, ...) by name.
    """

    z: Floats
    labels: Labels | None = None
    conditions: Mapping[str, Floats] = field(default_factory=dict)
    of_data: bool = False

    def __len__(self) -> int:
        return len(self.z)

    def repeated(self, n: int) -> Fed:
        """``n`` of these, the same ones again where there are fewer."""
        rows = np.arange(n) % len(self)
        labels = None if self.labels is None else self.labels[rows]
        conditions = {name: values[rows] for name, values in self.conditions.items()}
        return replace(self, z=self.z[rows], labels=labels, conditions=conditions)


Feeding = Callable[[Latent, int, Split], Fed]
"""What is given for so many samples of a split."""


def by_law(seed: int) -> Feeding:
    """Latents and labels alone."""

    def feed(latent: Latent, n: int, split: Split) -> Fed:
        z, labels = latent_draw(latent, n, split, seed)
        return Fed(z, labels)

    return feed


def latent_draw(latent: Latent, n: int, split: Split, seed: int) -> tuple[Floats, Labels | None]:
    """z (n, *shape) by the latent law and labels (n,), uniform over the classes, or None."""
    rng = split.rng(seed, "latent")
    z = latent.draw(n, rng)
    return z, rng.integers(0, latent.classes, n) if latent.classes else None


@dataclass(frozen=True, eq=False)
class Feed:
    """Data that networks are given beside what they generate or score.

    ``input``: given to the generator in place of a latent, None where it takes one. ``conditions``: sources of as many
    rows as the data, row by row theirs, by name.
    ``start``: the row of its shuffled order at which what generators are given begins, where it belongs to the data row
    by row: reals take those before it, so that no generated sample belongs to a real one that it is compared with. 0:
    it does not belong to them.
    """

    input: DataSource | None = None
    conditions: Mapping[str, DataSource] = field(default_factory=dict)
    start: int = 0

    @property
    def digest(self) -> list[object]:
        """Of all that is given."""
        given = [("", self.input), *self.conditions.items()]
        return [[name, source.digest] for name, source in given if source is not None]

    def conditions_at(self, n: int, split: Split, offset: int, seed: int) -> dict[str, Floats]:
        """Conditions (n, *shape) by name, of the rows from ``offset`` on."""
        return {name: _drawn(source, n, split, offset, seed) for name, source in self.conditions.items()}

    def fed(self, latent: Latent, n: int, split: Split, offset: int, seed: int) -> Fed:
        """What a generator is given for a split that begins at ``offset``."""
        conditions = self.conditions_at(n, split, self.start + offset, seed)
        if self.input is None:
            return replace(by_law(seed)(latent, n, split), conditions=conditions)
        # A law is seeded by its split: that of the generator's inputs is another than that of the reals.
        z = _drawn(self.input, n, Split(f"input {split.name}", split.replicate), self.start + offset, seed)
        return Fed(z, latent_draw(latent, n, split, seed)[1], conditions, of_data=True)


def _drawn(source: DataSource, n: int, split: Split, offset: int, seed: int) -> Floats:
    values = source.draw(n, split, offset=offset, seed=seed).values
    return values.astype(np.float32).reshape(n, *source.shape)
