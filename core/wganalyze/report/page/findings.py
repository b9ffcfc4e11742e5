"""What a page says in words: findings with links to what they rest on, what is missing, what was assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wganalyze.report.condensing import assumptions
from wganalyze.report.format import where
from wganalyze.report.gathering import troubles
from wganalyze.report.page.view import View

if TYPE_CHECKING:
    import pandas as pd

QUIET = "info"


@dataclass(frozen=True)
class Said:
    """A line of a list. ``place``: whom it is about. ``links``: (text, anchor) of what it rests on."""

    level: str
    place: str
    text: str
    labels: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Findings:
    """``loud``: faults, warnings, and what strangers call otherwise. ``quiet``: information."""

    loud: Sequence[Said]
    quiet: Sequence[Said]
    of_last: bool


def findings(view: View) -> Findings | None:
    """Condensed, as ``show --all`` tells them; None where there are none."""
    told = view.report.told
    lines = []
    for line in told:
        earlier = f" and {line.earlier} earlier" if line.earlier else ""
        links = view.evidence(line.labels[0], line.evidence)
        lines.append(Said(line.level, f"{where(line.labels)}{earlier}", line.message, line.labels, links))
    loud, quiet = [s for s in lines if s.level != QUIET], [s for s in lines if s.level == QUIET]
    return Findings(loud, quiet, any(line.earlier for line in told)) if told else None


@dataclass(frozen=True)
class Missing:
    """``cells``: analyzers that failed or were skipped. ``numbers``: single metrics without a value."""

    cells: Sequence[Said]
    numbers: Sequence[Said]


def missing(view: View) -> Missing | None:
    """What failed, what was skipped, and why; None where everything is there."""
    rows = view.report.measurements
    rows = rows[(rows["status"] != "ok") & rows["snapshot"].isin(view.labels)]
    whole = _told_alike(rows[rows["metric"] == ""])
    cells = [
        Said(status, f"{', '.join(analyzers)} on {where(labels)}", message, labels, [])
        for status, analyzers, labels, message in troubles(whole)
    ]
    numbers = _grouped(rows[rows["metric"] != ""])
    cells.sort(key=lambda line: line.level != "failed")
    return Missing(cells, numbers) if cells or numbers else None


def _grouped(rows: pd.DataFrame) -> list[Said]:
    """One line for each reason, which may stand for many metrics and snapshots."""
    rows = _told_alike(rows)
    lines = []
    for (status, analyzer, message), group in rows.groupby(["status", "analyzer", "message"], sort=False):
        labels = [str(label) for label in dict.fromkeys(group["snapshot"])]
        metrics = [(str(metric), "") for metric in dict.fromkeys(group["metric"]) if metric]
        lines.append(Said(str(status), f"{analyzer} on {where(labels)}", str(message), labels, metrics))
    return lines


def _told_alike(rows: pd.DataFrame) -> pd.DataFrame:
    """A message that begins with its snapshot is the same for all of them."""
    return rows.assign(message=[str(r.message or "").removeprefix(f"{r.snapshot}: ") for r in rows.itertuples()])


def assumed(view: View) -> list[Said] | None:
    """What was assumed while loading, said once for all snapshots alike; None where nothing was."""
    told = assumptions(view.report.run.get("snapshots", []), {*view.labels})
    return [Said("", where(labels), text, labels) for labels, text in told] or None
