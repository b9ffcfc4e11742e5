"""Which snapshots get a line of their own, where a report has very many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST_LINES = 100


def listed(labels: Sequence[str], runs: Iterable[Iterable[str]], most: int = MOST_LINES) -> list[str]:
    """At most ``most`` of the labels, in their order: of each run the last, the first, and some between.

    ``runs``: the labels of each trajectory, by step; where there are more than ``most``, of some of them the last.
    """
    if len(labels) <= most:
        return [*labels]
    there = {*labels}
    here = [[label for label in run if label in there] for run in runs]
    share = max(1, most // max(1, len(here)))
    chosen = {run[at] for run in here for at in evenly(len(run), share)}
    shown = [label for label in labels if label in chosen]
    return [shown[at] for at in evenly(len(shown), most)]


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of the positions below ``count``: the last, the first, and evenly spaced ones between."""
    if count <= most:
        return [*range(count)]
    if most == 1:
        return [count - 1]
    return [round(each * (count - 1) / (most - 1)) for each in range(most)]
