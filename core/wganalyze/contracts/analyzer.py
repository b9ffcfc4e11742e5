"""The contract of an analyzer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from wganalyze.contracts.evidence import Evidence, Sentence, TrainingRun
from wganalyze.contracts.figure import Series
from wganalyze.contracts.measurement import Finding, Measurement, Metric, Rows, Table
from wganalyze.contracts.picture import Picture
from wganalyze.contracts.study import Need, Study

Yielded = Measurement | Finding | Rows | Picture


@dataclass(frozen=True)
class NoOptions:
    """The options of an analyzer that has none."""


class Analyzer(ABC):
    """One question asked of every snapshot; made by the host, with its options, for each of them.

    ``name``: as ``--only`` and the rows call it.
    ``version``: a new one makes its cells new, where the source does not show the change.
    ``needs``: what it cannot do without; where one is missing, its cell is skipped and says so.
    ``metrics``, ``tables``: everything that it may yield.
    ``series``: what of these the figures of a report draw; headlines with a direction and brackets are drawn anyway.
    ``on_request``: does it run only where it is asked for by name, since it takes minutes?
    ``in_spaces``: does it look at nothing but samples, so that it can be asked in any space that they are put into?
    ``Options``: a frozen dataclass whose fields carry ``metadata={"help": ...}`` and whose ``__post_init__`` raises
    ValueError on a bad value; ``self.options`` is one of these.

    The first line of the class's docstring is its help in ``wganalyze plugins``.

    Analyzers share nothing but the Study and may run in any order, on any worker.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[Need]] = frozenset()
    metrics: ClassVar[tuple[Metric, ...]] = ()
    tables: ClassVar[tuple[Table, ...]] = ()
    series: ClassVar[tuple[Series, ...]] = ()
    on_request: ClassVar[bool] = False
    in_spaces: ClassVar[bool] = False
    Options: ClassVar[type[Any]] = NoOptions

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

    @classmethod
    def for_run(cls, options: Any, snapshots: int) -> Any:
        """``options``, where some of them follow from the number of snapshots of a run unless they were said.

        Called before ``measure``; the answer is part of a cell's key, so that it had better change rarely.
        """
        return options

    @classmethod
    def verdict(cls, run: TrainingRun, evidence: Evidence) -> Iterable[Sentence]:
        """What its numbers say of a training run as a whole, in a sentence or two; none by default.

        ``run``: its snapshots, in order. ``evidence``: the report's measurements. A sentence that a perfect generator
        or an honest critic would also get says nothing. NotMeasurable, where a number is missing, is no sentence.
        """
        return ()

    @abstractmethod
    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield what this analyzer finds; raise NotMeasurable with the reason where it cannot answer."""
