"""What questions and verdicts need of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Named(Protocol):
    """A metric of the summary."""

    @property
    def metric(self) -> str:
        """What the rows call it."""
        ...


class Source(Protocol):
    """A report, opened."""

    @property
    def path(self) -> Path:
        """Its folder."""
        ...

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """Every number."""
        ...

    @cached_property
    def findings(self) -> pd.DataFrame:
        """Every finding."""
        ...

    @cached_property
    def run(self) -> Mapping[str, Any]:
        """run.json."""
        ...

    @cached_property
    def headlines(self) -> Sequence[Named]:
        """The metrics of the summary."""
        ...

    @cached_property
    def spaces(self) -> Sequence[str]:
        """The spaces in which samples were compared, that of the summary first."""
        ...

    @property
    def tables(self) -> Sequence[str]:
        """Names of the detail tables."""
        ...

    def table(self, name: str) -> pd.DataFrame:
        """A detail table."""
        ...
