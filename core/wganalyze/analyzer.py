"""The contract of an analyzer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze.measurement import Metric, Table, Yielded

if TYPE_CHECKING:
    from wganalyze.study import Study


class Need(Enum):
    """What an analyzer cannot do without; where it is missing, its cell is skipped and says so."""

    REAL = "real samples"
    FAKE = "generated samples"
    SCORES = "critic scores"
    GRADIENT = "gradients of the critic"
    CRITIC = "a critic"
    GENERATOR = "a generator"


@dataclass(frozen=True)
class NoOptions:
    """The options of an analyzer that has none."""


class Analyzer(ABC):
    """One question asked of every snapshot.

    Subclasses declare ``name``, ``needs``, ``metrics`` and, if they have any, ``tables`` and ``Options`` (a frozen
    dataclass whose fields carry ``metadata={"help": ...}`` and whose ``__post_init__`` raises ValueError on a bad
    value). Analyzers share nothing but the Study and may run in any order, on any worker.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[Need]] = frozenset()
    metrics: ClassVar[tuple[Metric, ...]] = ()
    tables: ClassVar[tuple[Table, ...]] = ()
    Options: ClassVar[type[Any]] = NoOptions
    reports_loading: ClassVar[bool] = False
    """Does it repeat ``snapshot.findings``, so that new ones make its cells new?"""

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

    @abstractmethod
    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield what this analyzer finds; raise NotMeasurable with the reason where it cannot answer."""
