"""A comparison as a page: who is better first, then the differences as a forest plot, and what they rest on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wganalyze.report.format import number
from wganalyze.report.page.chart import LONGEST_NAME, draw_rows
from wganalyze.report.page.drawing import Drawing, Figure, Figures, Key, Panel
from wganalyze.report.page.sections import Verdict
from wganalyze.report.page.telling import sentences
from wganalyze.report.page.templating import render
from wganalyze.report.page.view import short_names
from wganalyze.report.questions.comparison import Answered, Compared, Comparison
from wganalyze.report.questions.comparison_shown import in_a_line, laid_out, what
from wganalyze.report.questions.showing import measured

if TYPE_CHECKING:
    from wganalyze.report.source import Source

COLOURS = {"better": 2, "worse": 1, "higher": 0, "lower": 3, "not told apart": 5, "": 5}
"""Of each verdict, in the order of a legend."""
UNTESTED = "not tested"


@dataclass(frozen=True)
class Basis:
    """What the differences rest on. ``tests``: (kind of samples, test, what it was used for)."""

    tests: Sequence[tuple[str, str, str]]
    notes: Sequence[str]


@dataclass(frozen=True)
class Lines:
    """The numbers of a metric, a line for each run or pair; ``sense``: which way is better."""

    metric: str
    anchor: str
    sense: str
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Numbers:
    """The table; ``titles``: of its columns, the metric's left out."""

    titles: Sequence[str]
    groups: Sequence[Lines]


@dataclass(frozen=True)
class Seeds:
    """The training seeds of settings. ``rows``: setting, run, seed, step, and a number for each metric."""

    metrics: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Provenance:
    """``command``: as typed. ``reports``: path, data, n, replicates, seed, date. ``snapshots``: run and snapshot."""

    command: str
    reports: Sequence[Sequence[str]]
    snapshots: Sequence[tuple[str, str]]


def comparison_page(comparison: Comparison, reports: Sequence[Source] = (), command: str = "") -> str:
    """One HTML document, as ``page`` makes one of a report; ``reports``: those compared; ``command``: as typed."""
    contents: dict[tuple[str, str], Any] = {
        ("verdicts", "Verdict"): [Verdict(*each, ()) for each in sentences(comparison)],
        ("basis", "What it rests on"): _basis(comparison),
        ("differences", "Differences"): _figures(comparison, _of_differences),
        ("table", "In numbers"): _numbers(comparison),
        ("values", f"Every {what(comparison)}"): _figures(comparison, _of_values),
        ("seeds", "Training seeds"): _seeds(comparison),
        ("provenance", "Provenance"): _provenance(comparison, reports, command),
    }
    sections = [(key, title, content) for (key, title), content in contents.items() if content]
    names = short_names(comparison.names, "all")
    title = " and ".join(names) if len(names) == 2 else f"{len(names)} {what(comparison)}s"
    line = f"{in_a_line(comparison)}; intervals over {comparison.of}"
    return render("comparison.html", verb="compare", sections=sections, title=title, line=line)


def _anchor(at: int) -> str:
    return f"metric-{at}"


def _basis(comparison: Comparison) -> Basis:
    """The tests, each said once for all it was used for, and the notes."""
    used: dict[tuple[str, str], dict[str, list[str]]] = {}
    for answer in comparison.answers:
        for each in answer.compared:
            gap = each.difference
            kind = "no test" if gap.pvalue is None else "paired" if gap.pairs else "unpaired"
            place = used.setdefault((kind, gap.method), {})
            place.setdefault(answer.asked.name, []).append(_couple(each, comparison))
    tests = []
    for (kind, method), places in used.items():
        couples = [*dict.fromkeys(name for names in places.values() for name in names)]
        everywhere = all({*couples} == {*names} for names in places.values())
        told = [f"{name} of {', '.join(names)}" for name, names in places.items()]
        text = f"{', '.join(places)} of {', '.join(couples)}" if everywhere else "; ".join(told)
        tests.append((kind, method, text))
    return Basis(tests, comparison.notes)


def _couple(each: Compared, comparison: Comparison) -> str:
    return f"{each.entry.name} less {each.against.name}" if comparison.pairs else each.entry.name


def _figures(comparison: Comparison, draw: Callable[[Answered, Comparison], Figure | None]) -> Figures | None:
    found = [(draw(answer, comparison), at) for at, answer in enumerate(comparison.answers, 1)]
    charts = [figure for figure, _ in found if figure is not None]
    return Figures(charts, ()) if charts else None


def _of_differences(answer: Answered, comparison: Comparison) -> Figure | None:
    """The forest plot of a metric: each difference with its interval, beside 0."""
    if not answer.compared:
        return None
    first = short_names(comparison.names, "all")[0]
    names = dict(zip(comparison.names, short_names(comparison.names, "all"), strict=True))
    rows, told = [], []
    for each in answer.compared:
        name = names[each.entry.name]
        name = f"{name} − {names[each.against.name]}" if comparison.pairs else name
        gap = each.difference
        rows.append((name, gap.value, _or_nan(gap.low), _or_nan(gap.high)))
        told.append(f"{name}: {measured(gap.value, gap.low, gap.high)}, {each.verdict or UNTESTED}")
    colours = [COLOURS[each.verdict] for each in answer.compared]
    drawing = _drawn(rows, reference=0.0, colours=colours)
    legend = "difference of each pair" if comparison.pairs else f"less {first}"
    return _figure(answer, comparison, "differences", legend, drawing, told, [each.verdict for each in answer.compared])


def _of_values(answer: Answered, comparison: Comparison) -> Figure | None:
    """Each run's number with its interval; of a setting with those of its training seeds below it."""
    entries = [each for each in answer.entries if each.value is not None]
    if not entries:
        return None
    names = dict(zip(comparison.names, short_names(comparison.names, "all"), strict=True))
    rows = [(names[each.name], _or_nan(each.value), _or_nan(each.low), _or_nan(each.high)) for each in entries]
    told = [f"{names[each.name]}: {measured(each.value, each.low, each.high)}" for each in entries]
    points = [[member.value for member in each.members if member.value is not None] for each in entries]
    drawing = _drawn(rows, points=points if any(points) else ())
    legend = "mean over the training seeds, each of them below it" if any(points) else ""
    return _figure(answer, comparison, "values", legend, drawing, told, ())


def _drawn(rows: Sequence[tuple[str, float, float, float]], **more: Any) -> Drawing:
    return draw_rows(rows, reference_name="", above=any(len(name) > LONGEST_NAME for name, *_ in rows), **more)


def _figure(
    answer: Answered,
    comparison: Comparison,
    kind: str,
    legend: str,
    drawing: Drawing,
    told: Sequence[str],
    verdicts: Sequence[str],
) -> Figure:
    asked = answer.asked
    notes = [asked.sense] if asked.direction in ("lower", "higher") else []
    notes += [f"in {asked.unit}"] if asked.unit else []
    keys = [Key(verdict or UNTESTED, colour, 0) for verdict, colour in COLOURS.items() if verdict in verdicts]
    anchor = _anchor(comparison.answers.index(answer) + 1)
    panel = Panel("", "", "; ".join(told), drawing)
    return Figure(asked.name, f"{asked.name}, {kind}", legend, notes, [(asked.name, anchor)], [panel], "", keys)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _numbers(comparison: Comparison) -> Numbers:
    titles, rows = laid_out(comparison)
    groups: list[Lines] = []
    left = iter(rows)
    for at, answer in enumerate(comparison.answers, 1):
        mine = {id(each.entry): 0 for each in answer.compared}
        for each in answer.compared:
            mine[id(each.entry)] += 1
        count = sum(mine.get(id(entry), 1) for entry in answer.entries)
        sense = answer.asked.sense if answer.asked.direction in ("lower", "higher") else ""
        groups.append(Lines(answer.asked.name, _anchor(at), sense, [next(left)[1:] for _ in range(count)]))
    return Numbers([title or "verdict" for title in titles[1:]], groups)


def _seeds(comparison: Comparison) -> Seeds | None:
    rows: dict[tuple[str, str], list[str]] = {}
    for answer in comparison.answers:
        for entry in answer.entries:
            for each in entry.members:
                facts = [
                    entry.name,
                    each.name,
                    *("-" if fact is None else str(fact) for fact in (each.seed, each.step)),
                ]
                rows.setdefault((entry.name, each.name), facts).append(number(each.value))
    return Seeds([answer.asked.name for answer in comparison.answers], [*rows.values()]) if rows else None


def _provenance(comparison: Comparison, reports: Sequence[Source], command: str) -> Provenance:
    told = []
    for report in reports:
        data = report.run.get("data") or {}
        facts = [data.get("source"), data.get("n"), data.get("replicates"), data.get("seed")]
        date = str(report.run.get("finished") or report.run.get("started") or "")[:10]
        told.append([str(report.path), *("-" if fact is None else str(fact) for fact in facts), date or "-"])
    entries = comparison.answers[0].entries
    snapshots = [(each.name, each.snapshot) for each in entries if each.snapshot]
    snapshots += [(each.name, each.snapshot) for entry in entries for each in entry.members]
    return Provenance(command, told, snapshots)
