"""The contract of a data source."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from wganalyze.contracts.samples import Points, Scores, Split, Values
from wganalyze.errors import DataError


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes that a law is known to have.

    ``names``: of each.
    ``centres``: (k, d).
    ``deviation``: of a sample from the centre of its mode, along each axis.
    """

    names: tuple[str, ...]
    centres: Points
    deviation: float


class DataSource(ABC):
    """Real data: a finite set, or a law that can be sampled without end.

    ``--data NAME:ARGUMENT`` makes ``cls(ARGUMENT)`` (ARGUMENT "" where there is none); it raises DataError, in one
    line, for an argument that it does not understand or a file that it cannot read.

    ``name``: as ``--data`` calls it.
    ``help``: what it is, in one line.
    ``is_pair``: is it a pair of laws? Then ``draw_pair`` gives the other side, which stands in for generated samples
    where a snapshot has no generator.

    An instance says:

    ``shape``: of one sample, channels first for images.
    ``size``: how many samples there are; None: as many as one asks for.
    ``value_range``: lowest and highest value that can occur as stored ((0, 255) for bytes); None: unbounded, used as
    stored.
    ``classes``: number of labels, where the samples have them.
    ``held_out``: False: generators are known to be trained on these samples; True: they are not; None: unknown.
    ``notes``: what was done to what is stored (scaled, coded, left out), a line each; a run says them as assumptions.
    ``modes``: of a law that is known to have some, in its own values.
    ``known``: of a pair: true divergences of its two laws p (``draw``) and q (``draw_pair``) in nats, of these names:
    "js", "tv", "kl" (of p from q), "reverse_kl".
    """

    name: ClassVar[str]
    help: ClassVar[str]
    is_pair: ClassVar[bool] = False

    shape: tuple[int, ...]
    size: int | None
    value_range: tuple[float, float] | None
    classes: int | None = None
    held_out: bool | None = None
    notes: tuple[str, ...] = ()
    modes: Modes | None = None
    known: Mapping[str, float] = {}

    def __init__(self, argument: str = "") -> None:  # noqa: B027
        """``argument``: the text behind ``NAME:``."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """A hash of the content: the same digest means the same samples."""

    @abstractmethod
    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        """``n`` samples.

        A finite source shuffles once with ``seed`` and returns the rows [offset, offset + n) of that order; the host
        hands out offsets that never overlap. A law ignores ``offset`` and seeds itself with (seed, split).
        """

    def draw_pair(self, n: int, split: Split, *, seed: int) -> Values:
        """The other side of a pair: samples independent of ``draw`` (generated, in the role of the fake)."""
        raise DataError(f"{self.name} is not a pair")

    def log_ratio(self, values: Points) -> Scores | None:
        """log p / q of a pair at ``values`` (n, d), as stored; (n,), or None where it is not known."""
        return None

    @property
    def known_w1(self) -> float | None:
        """The true W1 between the two sides of a pair, where it is known."""
        return None


class FiniteSource(DataSource):
    """A source that holds all its samples: a subclass writes ``load``, once; order and digest are made here."""

    @abstractmethod
    def load(self) -> Values:
        """All samples; called once."""

    @cached_property
    def everything(self) -> Values:
        """What ``load`` returned."""
        return self.load()

    @property
    def size(self) -> int:  # type: ignore[override]
        return len(self.everything.values)

    @cached_property
    def _content(self) -> str:
        values = np.ascontiguousarray(self.everything.values)
        digest = hashlib.sha256(repr((values.dtype.str, values.shape, self.shape)).encode())
        digest.update(values.data)
        if self.everything.labels is not None:
            digest.update(np.ascontiguousarray(self.everything.labels).data)
        return digest.hexdigest()

    @property
    def digest(self) -> str:
        return self._content

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        if offset + n > self.size:
            raise DataError(f"{self.name}: {offset + n} samples were asked for, there are {self.size}")
        rows = np.random.default_rng(seed).permutation(self.size)[offset : offset + n]
        labels = self.everything.labels
        return Values(self.everything.values[rows], None if labels is None else labels[rows])
