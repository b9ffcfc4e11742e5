"""A verdict on a training run: a short paragraph, and how run.json keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from wganalyze.contracts.evidence import Sentence


@dataclass(frozen=True)
class RunVerdict:
    """What is said of one training run.

    ``run``: its name, the folder of its snapshots. ``labels``: these. ``sentences``: in the order in which they are
    told.
    """

    run: str
    labels: tuple[str, ...]
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        """The paragraph."""
        return " ".join(sentence.text for sentence in self.sentences)


def to_records(verdicts: Iterable[RunVerdict]) -> list[dict[str, Any]]:
    """As run.json keeps them."""
    return [asdict(verdict) for verdict in verdicts]


def of_records(records: Iterable[Mapping[str, Any]]) -> list[RunVerdict]:
    """From run.json."""
    return [
        RunVerdict(
            str(record["run"]),
            tuple(record["labels"]),
            tuple(Sentence(s["text"], s["rank"], tuple(s["evidence"])) for s in record["sentences"]),
        )
        for record in records
    ]
