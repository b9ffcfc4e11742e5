"""The contract of an embedding: a space in which samples are compared instead of the critic's own input space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from wganalyze.contracts.samples import Points, Samples
from wganalyze.contracts.study import Study


class Embedding(ABC):
    """A map from samples in the critic's input space to features, whose Euclidean distance is then the ground metric.

    ``--space NAME:ARGUMENT`` makes ``cls(ARGUMENT)`` (ARGUMENT "" where there is none), once for a run; it raises
    DataError, in one line, for an argument that it does not understand or a file that it cannot read.

    ``name``: as ``--space`` calls it.
    ``help``: what it is, in one line.

    An instance says:

    ``of_snapshot``: the label of the snapshot whose networks it takes, for all snapshots alike; "": it takes none.
    ``note``: what a reader of its numbers should know ("accuracy 0.97 ..."), once it has been fitted.
    """

    name: ClassVar[str]
    help: ClassVar[str]

    of_snapshot: str = ""
    note: str = ""

    def __init__(self, argument: str = "") -> None:  # noqa: B027
        """``argument``: the text behind ``NAME:``."""

    def fit(self, study: Study) -> None:  # noqa: B027
        """Made ready, once for a run, before anything is embedded.

        ``study``: for real samples of the split "fit", which no distance is measured on, seed and device; where
        ``of_snapshot`` says so, of that snapshot, with its critic. The result must depend on nothing else.
        """

    @abstractmethod
    def embed(self, samples: Samples) -> Points:
        """(n, d) to (n, k), finite, a row by itself: whatever else is embedded in the same call.

        What it gives for a few fixed samples tells one space from another of the same name.
        """
