"""What is compared: the runs of reports, each at one snapshot, alone or as the training seeds of a setting."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path

from wganalyze.errors import UsageError
from wganalyze.report.questions.best import best
from wganalyze.report.questions.comparison import At, Contender, Setting
from wganalyze.report.questions.trajectories import Trajectory, trajectories
from wganalyze.report.source import Source

_SEED = re.compile(r"seed[^A-Za-z0-9*/]*(\*)")


def contenders(
    reports: Sequence[Source], at: At, only: Sequence[str] = (), by: str = "", space: str = ""
) -> list[Contender]:
    """Every run of the reports, in their order; ``only``: patterns of names, the first match first.

    ``at``: which snapshot; for "best", ``by`` is the metric. UsageError where a run does not have it.
    """
    runs: list[tuple[str, Source, Trajectory]] = []
    for prefix, report in zip(_names([report.path for report in reports]), reports, strict=True):
        mine = trajectories(report)
        for run in mine:
            inside = [prefix] if len(reports) > 1 else []
            runs.append(("/".join([*inside, *([run.name] if len(mine) > 1 or not inside else [])]), report, run))
    if only:
        runs = [run for pattern in only for run in _matching(runs, pattern)]
    chosen = _chooser(at, by, space)
    once = {name: (report, run) for name, report, run in runs}
    return [Contender(name, report, run, chosen(report, run, name)) for name, (report, run) in once.items()]


def _matching(runs: Sequence[tuple[str, Source, Trajectory]], pattern: str) -> list[tuple[str, Source, Trajectory]]:
    hits = [run for run in runs if run[0] == pattern or fnmatchcase(run[0], pattern)]
    if not hits:
        raise UsageError(f"--run {pattern}: no run is called so; there are: {_listed(run[0] for run in runs)}")
    return hits


def _chooser(at: At, by: str, space: str) -> Callable[[Source, Trajectory, str], str]:
    if at == "last":
        return lambda report, run, name: run.last
    if at == "best":
        answers: dict[int, dict[str, str]] = {}

        def choose(report: Source, run: Trajectory, name: str) -> str:
            if id(report) not in answers:
                ranked = best(report, by, space).trajectories
                answers[id(report)] = {ranking.name: ranking.best.label for ranking in ranked}
            if run.name not in answers[id(report)]:
                raise UsageError(f"--at best: {name} has no number of {by}; leave it out with --run, or say --by")
            return answers[id(report)][run.name]

        return choose

    def of_step(report: Source, run: Trajectory, name: str) -> str:
        label = run.at(at)
        if label is None:
            steps = _listed(str(step) for step in run.steps.values() if step is not None)
            raise UsageError(f"--at {at}: {name} has no such step; it has: {steps}")
        return label

    return of_step


def settings_by_pattern(runs: Sequence[Contender], patterns: Sequence[str]) -> list[Setting]:
    """The runs whose names end as a pattern says, together where they differ by their training seed alone.

    Each * stands for a part of a folder's name; the one behind "seed", else the last one, is the training seed.
    """
    gathered: dict[str, list[Contender]] = {}
    for pattern in patterns:
        if "*" not in pattern:
            raise UsageError(f"--group {pattern}: has no * for the training seed; write it as 'lr=*/seed=*'")
        seed = _SEED.search(pattern)
        place = seed.start(1) if seed else pattern.rindex("*")
        parts = [re.escape(part).replace(r"\*", "[^/]*") for part in (pattern[:place], pattern[place + 1 :])]
        form = re.compile(f"((?:.*/)?{parts[0]})[^/]*({parts[1]})")
        found = [(match, run) for run in runs if (match := form.fullmatch(run.name))]
        if not found:
            raise UsageError(f"--group {pattern}: no run is called so; there are: {_listed(run.name for run in runs)}")
        for match, run in found:
            mine = gathered.setdefault(f"{match[1]}*{match[2]}", [])
            mine += [] if run in mine else [run]
    return [Setting(name, members) for name, members in gathered.items()]


def settings_by_report(runs: Sequence[Contender]) -> list[Setting]:
    """The runs of each report are the training seeds of one setting."""
    gathered: dict[int, list[Contender]] = {}
    for run in runs:
        gathered.setdefault(id(run.report), []).append(run)
    groups = [*gathered.values()]
    names = _names([group[0].report.path for group in groups])
    return [Setting(name, group) for name, group in zip(names, groups, strict=True)]


def _names(paths: Sequence[Path]) -> list[str]:
    """What tells paths apart: without the folders that all begin with, and the names that all end with."""
    parts = [path.resolve().parts for path in paths]
    if len({*parts}) < len(parts):
        twice = next(path for path, own in zip(paths, parts, strict=True) if parts.count(own) > 1)
        raise UsageError(f"{twice}: the same report twice; name each once")
    if len(parts) == 1:
        return [paths[0].name or str(paths[0].resolve())]
    head = len([*takewhile(lambda same: len({*same}) == 1, zip(*(own[:-1] for own in parts), strict=False))])
    rest = [own[head:] for own in parts]
    ends = [*takewhile(lambda same: len({*same}) == 1, zip(*(own[:0:-1] for own in rest), strict=False))]
    return ["/".join(own[: len(own) - len(ends)]) for own in rest]


def _listed(names: Iterable[str], most: int = 8) -> str:
    known = list(dict.fromkeys(names))
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return f"{', '.join(known[:most])}{more}" if known else "none"
