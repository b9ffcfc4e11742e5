"""What a comparison comes to, in sentences: better, worse, or not to be told apart."""

from __future__ import annotations

from collections.abc import Sequence

from wganalyze.report.questions.comparison import Answered, Compared, Comparison
from wganalyze.report.questions.showing import measured

MOST = 3
"""Metrics that a sentence names with their numbers."""


def sentences(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """For each run or setting, and of ``pairs`` each pair: its name, and what is said of it, the verdict first."""
    found: dict[tuple[str, str], list[tuple[Answered, Compared]]] = {}
    for answer in comparison.answers:
        for each in answer.compared:
            found.setdefault((each.entry.name, each.against.name), []).append((answer, each))
    return [(f"{name} against {against}", _of_pair(name, against, mine)) for (name, against), mine in found.items()]


def _of_pair(name: str, against: str, answers: Sequence[tuple[Answered, Compared]]) -> list[str]:
    by = {verdict: [each for each in answers if each[1].verdict == verdict] for verdict in _VERDICTS}
    alike = [answer.asked.name for answer, _ in by["not told apart"]]
    directed = [
        answer.asked.name for answer, _ in by["not told apart"] if answer.asked.direction in ("lower", "higher")
    ]
    told = []
    if by["better"] and by["worse"]:
        told.append(f"{name} is better than {against} by {_listed(by['better'])}, and worse by {_listed(by['worse'])}.")
    elif by["better"] or by["worse"]:
        verdict = "better" if by["better"] else "worse"
        told.append(f"{name} is {verdict} than {against} by {_listed(by[verdict])}.")
    elif directed:
        told.append(f"{name} cannot be told from {against} by {_named(directed)}.")
        alike = [each for each in alike if each not in directed]
    elif not (by["higher"] or by["lower"] or alike):
        told.append(f"{name} and {against} were not tested against each other: {_listed(by[''])} without a test.")
        by[""] = []
    told += [f"{verdict.capitalize()}: {_listed(by[verdict])}." for verdict in ("higher", "lower") if by[verdict]]
    told += [f"Not told apart: {_named(alike)}."] if alike else []
    told += [f"Not tested: {_listed(by[''])}."] if by[""] else []
    return told


_VERDICTS = ("better", "worse", "higher", "lower", "not told apart", "")


def _listed(answers: Sequence[tuple[Answered, Compared]]) -> str:
    """Metrics with the difference, which has its sign."""
    shown = [f"{answer.asked.name} ({_gap(each)})" for answer, each in answers[:MOST]]
    return _joined([*shown, *_more(len(answers) - MOST)])


def _named(names: Sequence[str]) -> str:
    return _joined([*names[: 2 * MOST], *_more(len(names) - 2 * MOST)])


def _more(count: int) -> list[str]:
    return [f"{count} more"] if count > 0 else []


def _joined(texts: Sequence[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def _gap(each: Compared) -> str:
    gap = each.difference
    sign = "+" if gap.value > 0 else ""
    return f"{sign}{measured(gap.value, gap.low, gap.high)}"
