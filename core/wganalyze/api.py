"""``wganalyze.run``, the command as a function; ``analyze``, the same for networks in memory; what ``--data`` names."""

from __future__ import annotations

import inspect
from collections.abc import Sequence, Set
from inspect import Parameter, Signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Unpack

from wganalyze.contracts.data import DataSource
from wganalyze.errors import UsageError
from wganalyze.host.loading import load_host
from wganalyze.monitoring.memory import OF_FILES, given_networks
from wganalyze.monitoring.session import MANY, Session
from wganalyze.remote.path import location
from wganalyze.report.questions.checking import Check, Undecided, Which
from wganalyze.report.questions.checking import check as check_report
from wganalyze.report.questions.comparing import compare as compare_all
from wganalyze.report.questions.comparison import At, Comparison
from wganalyze.report.reading import Report, open_report
from wganalyze.running.execute import execute
from wganalyze.running.given import find_source, in_words
from wganalyze.running.judging import judge_all
from wganalyze.running.progress import Progress
from wganalyze.running.request import Request
from wganalyze.settings.config import from_python
from wganalyze.settings.facts import Said, facts, kind_of

if TYPE_CHECKING:
    import pandas as pd
    from torch.nn import Module


def run(path: str | Path, *, progress: Progress | None = None, **said: Unpack[Said]) -> Report:
    """Analyse the checkpoints under ``path`` and return the report, as ``wganalyze run`` does.

    A run in which cells failed still returns its report: ``report.exit_code`` is then 1. WganalyzeError is raised where
    nothing could be run. ``progress`` is told how it goes; every other name means what the option of that name does:

    """
    given: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    for name in given:
        if name not in facts():
            raise TypeError(f"run() got an unexpected keyword argument {name!r}")
    command = ["wganalyze.run", str(path), *(f"{name}={in_words(value)}" for name, value in given.items())]
    return execute(Request(location(path), from_python(given), command), progress)


def analyze(
    generator: Module | None = None,
    critic: Module | None = None,
    *,
    step: int | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **said: Any,
) -> Report:
    """Analyse networks that are in memory, as they are now: no file is read, and the modules are not touched.

    ``generator``, ``critic``: modules of torch, or one of them. ``step``: when in its training this is; calls with the
    same ``out`` make one trajectory, and a step that was analysed is computed anew only where its weights changed.
    ``out``: the folder of the report; None: a temporary one, which lives as long as the report that is returned.
    Networks run where they lie, unless ``device`` says otherwise. Every other name means what it means for ``run``:

    """
    given = {name: value for name, value in said.items() if value is not None}
    for name in given:
        if name not in facts() or name in OF_FILES:
            raise TypeError(f"analyze() got an unexpected keyword argument {name!r}")
    networks = given_networks(generator, critic)
    if step is not None and (isinstance(step, bool) or int(step) != step or step < 0):
        raise UsageError(f"step={step!r}: write a whole number from 0 on")
    temporary = TemporaryDirectory(prefix="wganalyze-") if out is None else None
    folder = location(out or Path(temporary.name if temporary else "") / "report")
    command = ["wganalyze.analyze", *(f"{name}={in_words(value)}" for name, value in given.items())]
    many = MANY if out is not None and step is not None else 1
    report = Session(folder, from_python(given), command, many=many).analyse(networks, step, progress=progress)
    return Report(report.path, report.exit_code, keeps=temporary)


def data_source(data: Any) -> DataSource:
    """The source that ``--data`` names, or that an array, Dataset, DataLoader or DataFrame is, to draw from.

    DataError says why there is none.
    """
    return find_source(data, load_host())


def check(
    report: str | Path | Report,
    conditions: Sequence[str],
    *,
    at: Which = "last",
    by: str = "",
    space: str = "",
    undecided: Undecided = "fail",
) -> Check:
    """Conditions put to a report ("METRIC < 3.5", "METRIC@SPACE >= 0.8", "no fault"), as ``wganalyze check`` does.

    ``report``: a folder, or what ``run`` and ``open_report`` return. ``at``: the "last" snapshot of each trajectory,
    its "best" ``by`` a metric, or "all". ``undecided``: what counts where the bound lies within the interval.
    UsageError for a condition that cannot be read, and for a metric that the report does not know.
    """
    return check_report(_opened([report])[0], conditions, at=at, by=by, space=space, undecided=undecided)


def compare(
    reports: Sequence[str | Path | Report],
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
    """Runs, or settings over their training seeds, compared as ``wganalyze compare`` does.

    ``reports``: folders, or what ``run`` and ``open_report`` return. ``at``: the "last" snapshot of each run, its
    "best" ``by`` a metric, or that of a step. ``metrics``: headlines, without. ``only``: patterns of runs, the first
    first. ``groups``: patterns of settings, as ``lr=*/seed=*``. ``seeds``: the runs of each report are the training
    seeds of one setting. ``pairs``: all pairs, not each against the first. UsageError where there is nothing to
    compare.
    """
    return compare_all(
        _opened(reports), at=at, metrics=metrics, space=space, by=by, only=only, groups=groups, seeds=seeds, pairs=pairs
    )


def _opened(reports: Sequence[str | Path | Report]) -> list[Report]:
    return [report if isinstance(report, Report) else open_report(report) for report in reports]


def judge(*reports: str | Path | Report, only: Sequence[str] = ()) -> pd.DataFrame:
    """The claims of the literature put to reports: a row for each claim and data set, as ``wganalyze claims`` shows it.

    ``reports``: folders, or what ``run`` and ``open_report`` return. ``only``: names of claims; all, without.
    """
    return judge_all(load_host().claims, _opened(reports), only)


def _describe(function: Any, leave_out: Set[str] = frozenset()) -> None:
    """Signature and documentation, for ``help()``, with every fact that may be said."""
    signature = inspect.signature(function, eval_str=False)
    known = [each for each in signature.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    told = {name: fact for name, fact in facts().items() if name not in {*signature.parameters} | leave_out}
    asked = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=f"{_shown(kind_of(name))} | None")
        for name in told
    ]
    lines = "\n".join(f"    ``{name}``: {fact.help}" for name, fact in told.items())
    function.__signature__ = Signature([*known, *asked], return_annotation=Report)
    function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n{lines}\n    "


def _shown(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "").replace("collections.abc.", "")


_describe(run)
_describe(analyze, {*OF_FILES})
