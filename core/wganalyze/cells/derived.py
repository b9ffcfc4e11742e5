"""A study whose points are made of another's: what is known of the data's laws is not known of theirs."""

from __future__ import annotations

from collections.abc import Mapping

from wganalyze.contracts.data import Modes
from wganalyze.contracts.samples import Samples, Scores
from wganalyze.study.study import SnapshotStudy


class DerivedStudy(SnapshotStudy):
    """Another study's samples in another form; a subclass says in which."""

    def __init__(self, base: SnapshotStudy):
        super().__init__(base.snapshot, base.deal, base.shared, base.device)
        self._base = base

    @property
    def known_w1(self) -> float | None:
        """None: it is known of the samples as they are."""
        return None

    @property
    def known(self) -> Mapping[str, float]:
        """Nothing is known of these laws."""
        return {}

    def log_ratio(self, samples: Samples) -> Scores | None:
        """None: it is known of the samples as they are."""
        return None

    @property
    def modes(self) -> Modes | None:
        """None: they are known of the samples as they are."""
        return None

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Those of the snapshot."""
        return self._base.assumptions
