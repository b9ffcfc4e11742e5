"""Is one run better than another, or one setting than another? Differences with intervals, and what they rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from wganalyze.errors import UsageError
from wganalyze.report.holm import LEVEL
from wganalyze.report.questions.asked import Asked, all_asked, headline_metrics, meanings, with_direction
from wganalyze.report.questions.comparison import (
    Answered,
    At,
    Compared,
    Comparison,
    Contender,
    Entry,
    Member,
    Setting,
    Verdict,
)
from wganalyze.report.questions.comparison_notes import Measured, absences, notes_of_runs, notes_of_settings, senses
from wganalyze.report.questions.contenders import contenders, settings_by_pattern, settings_by_report
from wganalyze.report.questions.numbers import LEAST, Number, first_numbers, missing, which_of_several
from wganalyze.report.questions.telling_apart import Difference, paired, unpaired
from wganalyze.report.source import Source
from wganalyze.statistics import holm, student_t

Differ = Callable[[Entry, Entry], Difference]


def compare(
    reports: Sequence[Source],
    *,
    at: At = "last",
    metrics: Sequence[str] = (),
    space: str = "",
    by: str = "",
    only: Sequence[str] = (),
    groups: Sequence[str] = (),
    seeds: bool = False,
    pairs: bool = False,
) -> Comparison:
    """Compare the runs of reports, or (with ``groups`` or ``seeds``) settings over their training seeds.

    ``at``: the last snapshot of each run, its best ``by`` a metric, or that of a step. ``metrics``: the headlines,
    without. ``only``: patterns of runs. ``groups``: patterns of settings, as ``lr=*/seed=*``. ``seeds``: the runs of
    each report are training seeds of one setting. ``pairs``: all pairs; else each against the first. UsageError where
    there is nothing to compare.
    """
    if at == "best":
        chosen = with_direction(reports, by, space)
        by, space_of_best = f"{chosen.analyzer}.{chosen.metric}", chosen.space or ""
        runs = contenders(reports, at, only, by, space_of_best)
    else:
        runs = contenders(reports, at, only)
    wanted = all_asked(reports, metrics, space) or headline_metrics(reports, space)
    if not wanted:
        raise UsageError("--metric: the reports have no headline that can be compared; name metrics")
    settings = settings_by_pattern(runs, groups) if groups else settings_by_report(runs) if seeds else None
    names = [each.name for each in (settings or runs)]
    if len(names) < 2:
        what = "settings" if settings else "runs"
        raise UsageError(f"there are no two {what} to compare, only {names[0] if names else 'empty reports'}")
    measured = {run.name: {each: _of(run, each) for each in wanted} for run in runs}
    if settings is None:
        answers = [_by_replicates(runs, each, measured, pairs) for each in wanted]
        notes = notes_of_runs(runs, wanted, measured, pairs)
    else:
        _refuse_twins(settings, wanted, measured)
        answers = [_by_seeds(settings, each, measured, pairs) for each in wanted]
        notes = notes_of_settings(settings)
    if at == "best":
        notes.append(
            f"Each run is at its best by {by.rpartition('.')[2]}, chosen on the samples that it is compared by: that "
            "flatters, and more so the more snapshots a run has."
        )
    several = [line for each in wanted for line in which_of_several(each, (measured[run.name][each] for run in runs))]
    notes = [*senses(wanted), *several, *notes, *absences(answers), *meanings(reports, wanted)]
    return Comparison(names, at, "training seeds" if settings else "replicates", pairs, answers, notes)


def _of(run: Contender, asked: Asked) -> Number:
    return first_numbers(run.report, asked).get(run.snapshot) or missing(run.report, asked, run.snapshot)


def _by_replicates(runs: Sequence[Contender], asked: Asked, measured: Measured, pairs: bool) -> Answered:
    numbers = {run.name: measured[run.name][asked] for run in runs}
    entries = []
    for run in runs:
        own = numbers[run.name]
        count = len(own.values)
        entries.append(Entry(run.name, run.snapshot, run.step, own.n, own.value, own.low, own.high, count, own.reason))

    def differ(these: Entry, those: Entry) -> Difference:
        one, other = numbers[these.name], numbers[those.name]
        if not (one.replicated and other.replicated):
            return Difference((one.value or 0.0) - (other.value or 0.0), None, None, None, "")
        if one.draw == other.draw and len(one.values) == len(other.values):
            return paired(one.values, other.values)
        return unpaired(one.values, other.values)

    return Answered(asked, entries, _differences(entries, asked, differ, pairs))


def _by_seeds(settings: Sequence[Setting], asked: Asked, measured: Measured, pairs: bool) -> Answered:
    values = {each.name: _values(each, asked, measured) for each in settings}
    entries = [_entry(each, asked, values[each.name], measured) for each in settings]
    seeds = {each.name: each.seeds for each in settings}

    def differ(these: Entry, those: Entry) -> Difference:
        one, other = values[these.name], values[those.name]
        mean = (these.value or 0.0) - (those.value or 0.0)
        if min(len(one), len(other)) < LEAST:
            return Difference(mean, None, None, None, "")
        order = _same_seeds(seeds[these.name], seeds[those.name], len(one), len(other))
        if order is not None:
            return paired(one, [other[place] for place in order], "training seeds")
        return unpaired(one, other, "training seeds")

    return Answered(asked, entries, _differences(entries, asked, differ, pairs))


def _values(setting: Setting, asked: Asked, measured: Measured) -> list[float]:
    found = [measured[member.name][asked].value for member in setting.members]
    return [value for value in found if value is not None]


def _entry(setting: Setting, asked: Asked, values: Sequence[float], measured: Measured) -> Entry:
    steps = {member.step for member in setting.members}
    sizes = {measured[member.name][asked].n for member in setting.members}
    step, n = (next(iter(each)) if len(each) == 1 else None for each in (steps, sizes))
    reasons = [measured[member.name][asked].reason for member in setting.members]
    reason = next(filter(None, reasons), "")
    members = [
        Member(each.name, each.snapshot, each.step, each.trajectory.seed, measured[each.name][asked].value)
        for each in setting.members
    ]
    if not values:
        return Entry(setting.name, "", step, n, None, None, None, 0, reason, members)
    estimate = student_t(values)
    interval = estimate.interval
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Entry(setting.name, "", step, n, estimate.value, low, high, len(values), reason, members)


def _same_seeds(one: list[int] | None, other: list[int] | None, count: int, others: int) -> list[int] | None:
    """Where each seed of one stands in the other; None where they are not the same seeds, all with a number."""
    if one is None or other is None or {*one} != {*other} or not len(one) == count == others:
        return None
    return [other.index(seed) for seed in one]


def _differences(entries: Sequence[Entry], asked: Asked, differ: Differ, pairs: bool) -> list[Compared]:
    couples = [(b, a) for a, b in combinations(entries, 2)] if pairs else [(each, entries[0]) for each in entries[1:]]
    couples = [(a, b) for a, b in couples if a.value is not None and b.value is not None]
    differences = [differ(a, b) for a, b in couples]
    tested = [each.pvalue for each in differences if each.pvalue is not None]
    corrected = iter(holm(tested))
    found = []
    for (a, b), difference in zip(couples, differences, strict=True):
        pvalue = None if difference.pvalue is None else next(corrected)
        found.append(Compared(a, b, difference, pvalue, _verdict(difference.value, pvalue, asked)))
    return found


def _verdict(difference: float, pvalue: float | None, asked: Asked) -> Verdict:
    if pvalue is None:
        return ""
    if pvalue > LEVEL:
        return "not told apart"
    if asked.direction not in ("lower", "higher"):
        return "higher" if difference > 0 else "lower"
    return "better" if (difference < 0) == (asked.direction == "lower") else "worse"


def _refuse_twins(settings: Sequence[Setting], wanted: Sequence[Asked], measured: Measured) -> None:
    """Two measurements of one checkpoint are replicates, not training seeds."""
    for setting in settings:
        seen: dict[str, str] = {}
        for member in setting.members:
            digest = next(filter(None, (measured[member.name][each].digest for each in wanted)), "")
            if digest and digest in seen:
                twins = f"{seen[digest]} and {member.name}"
                raise UsageError(f"{setting.name}: {twins} are the same checkpoint, not two training seeds")
            seen[digest] = member.name
