"""``wganalyze.run``, the command as a function; ``wganalyze.data_source``, what ``--data`` names."""

from __future__ import annotations

from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, Unpack

from wganalyze.contracts.data import DataSource
from wganalyze.host.loading import load_host
from wganalyze.report.reading import Report
from wganalyze.running.execute import execute
from wganalyze.running.progress import Progress
from wganalyze.running.request import Request
from wganalyze.settings.config import from_python
from wganalyze.settings.facts import Said, facts, kind_of


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
