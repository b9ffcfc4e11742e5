"""``wganalyze.run``, the command as a function; ``wganalyze.data_source``, what ``--data`` names."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from wganalyze.contracts.data import DataSource
from wganalyze.host.loading import load_host
from wganalyze.report.reading import Report, open_report
from wganalyze.running.execute import execute
from wganalyze.running.judging import judge_all
from wganalyze.running.progress import Progress
from wganalyze.running.request import Request
from wganalyze.settings.config import from_python
from wganalyze.settings.facts import Said, facts, kind_of

if TYPE_CHECKING:
    import pandas as pd


def run(path: str | Path, *, progress: Progress | None = None, **said: Unpack[Said]) -> Report:
    """Analyse the checkpoints under ``path`` and return the report, as ``wganalyze run`` does.

    A run in which cells failed still returns its report: ``report.exit_code`` is then 1. WganalyzeError is raised where
    nothing could be run. ``progress`` is told how it goes; every other name means what the option of that name does:

    """
    given: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    for name in given:
        if name not in facts():
            raise TypeError(f"run() got an unexpected keyword argument {name!r}")
    command = ["wganalyze.run", str(path), *(f"{name}={value!r}" for name, value in given.items())]
    return execute(Request(Path(path), from_python(given), command), progress)


def data_source(text: str) -> DataSource:
    """The source that ``--data NAME:ARGUMENT`` names, to draw from; DataError says why there is none."""
    return load_host().data_source(text)


def judge(*reports: str | Path | Report, only: Sequence[str] = ()) -> pd.DataFrame:
    """The claims of the literature put to reports: a row for each claim and data set, as ``wganalyze claims`` shows it.

    ``reports``: folders, or what ``run`` and ``open_report`` return. ``only``: names of claims; all, without.
    """
    opened = [report if isinstance(report, Report) else open_report(report) for report in reports]
    return judge_all(load_host().claims, opened, only)


def _described() -> tuple[Signature, str]:
    """Signature and documentation, for ``help()``, with every fact that may be said."""
    known = [
        Parameter("path", Parameter.POSITIONAL_OR_KEYWORD, annotation="str | Path"),
        Parameter("progress", Parameter.KEYWORD_ONLY, default=None, annotation="Progress | None"),
    ]
    asked = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=f"{_shown(kind_of(name))} | None")
        for name in facts()
    ]
    lines = "\n".join(f"    ``{name}``: {fact.help}" for name, fact in facts().items())
    return Signature([*known, *asked], return_annotation=Report), f"{(run.__doc__ or '').rstrip()}\n\n{lines}\n    "


def _shown(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "").replace("collections.abc.", "")


vars(run)["__signature__"], run.__doc__ = _described()
