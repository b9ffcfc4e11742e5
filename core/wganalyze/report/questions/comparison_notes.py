"""What a reader of a comparison has to know beside the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wganalyze.report.format import where
from wganalyze.report.questions.asked import Asked
from wganalyze.report.questions.comparison import Answered, Contender, Setting
from wganalyze.report.questions.numbers import LEAST, Number, differences_of_draws, why_without_replicates

Measured = Mapping[str, Mapping[Asked, Number]]
"""By run and metric."""


def notes_of_runs(runs: Sequence[Contender], wanted: Sequence[Asked], measured: Measured, pairs: bool) -> list[str]:
    """Of a comparison over replicates: what is tested, what is not and why, and which samples are not shared."""
    apart: dict[str, None] = {}
    silent: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    tested = False
    for run in runs:
        for each in wanted:
            first, own = measured[runs[0].name][each], measured[run.name][each]
            if own.value is None:
                continue
            told = differences_of_draws(first.draw, own.draw) if first.value is not None else []
            if not told and first.replicated and own.replicated and len(first.values) != len(own.values):
                told = [f"{len(first.values)} and {len(own.values)} replicates"]
            if told:
                apart[_apart(runs[0].name, run.name, told)] = None
            tested = tested or own.replicated
            if not own.replicated:
                names, places = silent.setdefault(_why(run, own), ({}, {}))
                names[each.name] = places[run.name] = None
    lines = [f"No test of {', '.join(names)} of {where([*places])}: {why}." for why, (names, places) in silent.items()]
    if tested:
        many = _of_many("pairs" if pairs else "runs") if len(runs) > 2 else ""
        lines.insert(
            0,
            f"Intervals and tests are over replicates{many}: of these checkpoints on fresh samples. Which setting is "
            "better, several training seeds tell (--group, --seeds).",
        )
    return [*lines, *apart]


def _why(run: Contender, own: Number) -> str:
    if own.values:
        return f"{len(own.values)} replicates are too few, run with --replicates 5"
    return why_without_replicates(run.report)


def _apart(first: str, name: str, told: Sequence[str]) -> str:
    by = "; numbers that depend on n differ by that alone" if any("n =" in each for each in told) else ""
    by = "; they are about different things" if "other data" in told else by
    return f"{name} was not measured on the samples of {first} ({', '.join(told)}): Welch's t, unpaired{by}."


def notes_of_settings(settings: Sequence[Setting]) -> list[str]:
    """Of a comparison over training seeds."""
    counts = ", ".join(f"{each.name}: {len(each.members)}" for each in settings)
    stated = [each.seeds and sorted(each.seeds) for each in settings]
    same = stated[0] is not None and all(each == stated[0] for each in stated)
    how = "paired by the seeds that the trainers state" if same else "Welch's t"
    many = _of_many("settings") if len(settings) > 2 else ""
    lines = [f"Intervals and tests are between training seeds ({counts}), {how}{many}; all on the same samples."]
    few = [each.name for each in settings if len(each.members) < LEAST]
    if few:
        lines.append(f"No test of {where(few)}: fewer than {LEAST} training seeds.")
    return lines


def _of_many(what: str) -> str:
    return f", each interval by itself, p corrected by Holm over the {what}"


def senses(wanted: Sequence[Asked]) -> list[str]:
    """Which way each metric is better."""
    told = []
    for direction in ("lower", "higher"):
        names = [each.name for each in wanted if each.direction == direction]
        if names:
            told.append(f"{direction.capitalize()} is better: {', '.join(names)}.")
    return [" ".join(told)] if told else []


def absences(answers: Sequence[Answered]) -> list[str]:
    """Which numbers are not there, and why."""
    gone: dict[str, list[str]] = {}
    for answer in answers:
        for entry in answer.entries:
            if entry.reason:
                gone.setdefault(entry.reason, []).append(f"{answer.asked.name} of {entry.name}")
    return [f"No {where(list(dict.fromkeys(places)))}: {reason}." for reason, places in gone.items()]
