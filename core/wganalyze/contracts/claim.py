"""The contract of a claim of the literature: a statement that is put to the measurements of one's own runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from wganalyze.contracts.evidence import Evidence
from wganalyze.statistics import Interval

Answer = Literal["supported", "refuted", "not testable"]


@dataclass(frozen=True)
class Evident:
    """A number that a verdict rests on.

    ``name``: what it is, in words.
    ``value``: the number.
    ``interval``: its confidence interval, where it has one.
    """

    name: str
    value: float
    interval: Interval | None = None

    def __str__(self) -> str:
        ends = f" [{self.interval.low:.3g}, {self.interval.high:.3g}]" if self.interval else ""
        return f"{self.name} {self.value:.4g}{ends}"


@dataclass(frozen=True)
class Verdict:
    """What a claim's test came to.

    ``answer``: "supported", "refuted", or "not testable" where the numbers decide nothing.
    ``reason``: one line.
    ``numbers``: those that it rests on.
    ``seeds``: independently trained runs of each method, the fewest; 0: no trained run takes part.
    """

    answer: Answer
    reason: str
    numbers: tuple[Evident, ...] = ()
    seeds: int = 0


class Claim(ABC):
    """A statement of the literature; made by the host, without arguments.

    ``name``: as ``wganalyze claims`` calls it.
    ``statement``: what is claimed, in one sentence.
    ``source``: paper.
    ``needs``: in words: which runs and which analyzers it takes to test it.
    ``rank``: claims are told in its order; those of strangers come behind ours.
    """

    name: ClassVar[str]
    statement: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[str]
    rank: ClassVar[int] = 1000

    @abstractmethod
    def judge(self, evidence: Evidence) -> Verdict:
        """The verdict on one data set; NotMeasurable says what is missing where it cannot be tested."""
