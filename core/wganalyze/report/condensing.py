"""Many findings, told briefly: of a trajectory the last snapshot speaks, and what all say alike is said once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pandas as pd

RANKS = {"fault": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Told:
    """One line for a reader: whom it is about, and how many earlier snapshots say the same with other numbers."""

    level: str
    labels: tuple[str, ...]
    message: str
    evidence: tuple[str, ...]
    earlier: int = 0


def condense(findings: pd.DataFrame, labels: Sequence[str]) -> list[Told]:
    """Findings about ``labels`` (in their order), by level; assumptions, which are told apart, left out.

    Snapshots with a step that share a folder are a trajectory: of those that say the same by a code, but for the
    numbers, only the last one speaks.
    """
    place = {label: position for position, label in enumerate(labels)}
    told_here = findings[findings["snapshot"].isin(labels) & (findings["kind"] != "assumption").fillna(True)]
    rows = cast("list[dict[str, Any]]", told_here.to_dict("records"))
    # Of a snapshot, what the files themselves show comes behind what was measured.
    rows.sort(key=lambda row: (place[row["snapshot"]], not row["analyzer"], row["analyzer"]))
    last: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = (row["level"], _trajectory(row), row["analyzer"], row["code"], _words(row["message"]))
        speaking = last.setdefault(key, [])
        # A snapshot may have several findings of one code (one for each layer, say): they all stay.
        if speaking and speaking[-1]["snapshot"] != row["snapshot"]:
            row["earlier"] = speaking[-1].get("earlier", 0) + 1
            speaking.clear()
        elif speaking:
            row["earlier"] = speaking[-1].get("earlier", 0)
        speaking.append(row)
    alike: dict[tuple[str, str, str, int], list[dict[str, Any]]] = {}
    for row in (row for speaking in last.values() for row in speaking):
        alike.setdefault((row["level"], row["code"], row["message"], row.get("earlier", 0)), []).append(row)
    told = [
        Told(level, tuple(row["snapshot"] for row in group), message, _evidence(group), earlier)
        for (level, _, message, earlier), group in alike.items()
    ]
    return sorted(told, key=lambda line: RANKS.get(line.level, len(RANKS)))


def assumptions(snapshots: Sequence[Mapping[str, Any]], shown: Collection[str]) -> list[tuple[list[str], str]]:
    """What was assumed about the snapshots of run.json that are ``shown``: of whom, and what; once for all alike."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for snapshot in snapshots:
        if snapshot["label"] in shown:
            for text in snapshot.get("assumptions", ()):
                alike.setdefault(_without(text, snapshot.get("step")), []).append((snapshot["label"], text))
    told = []
    for group in alike.values():
        texts = [*dict.fromkeys(text for _, text in group)]
        told.append(([label for label, _ in group], f"{texts[0]}{', and so on' if len(texts) > 1 else ''}"))
    return told


def _without(text: str, step: int | None) -> str:
    """The text, but for what is said of each step alike: where it was read from."""
    return "step" if text.startswith(f"step {step} read from ") else text


def _words(message: str) -> str:
    return re.sub(r"[-+]?\d[\d.e+%-]*", "#", message)


def _trajectory(row: dict[str, Any]) -> str:
    """The folder of a snapshot that has a step; a snapshot without one stands for itself."""
    has_step = row["step"] is not None and row["step"] == row["step"]
    return f"{row['snapshot'].rpartition('/')[0]}/" if has_step else str(row["snapshot"])


def _evidence(group: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in group for name in row["evidence"]))
