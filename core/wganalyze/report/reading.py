"""Reading a report back: pandas tables, and a summary that shows itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.errors import UsageError
from wganalyze.report.condensing import Told, condense
from wganalyze.report.headlines import Headlined, headlined, of_one_setting, select, summarise
from wganalyze.report.html import to_html
from wganalyze.report.store import PLAN_FILE, RUN_FILE, CellStore
from wganalyze.report.views import Views

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Report:
    """A report folder. ``exit_code``: that of the run which returned this report (0 where it was only opened)."""

    def __init__(self, path: Path, exit_code: int = 0):
        self.path = path
        self.exit_code = exit_code

    @cached_property
    def _views(self) -> dict[str, pa.Table]:
        return dict(Views(CellStore(self.path)).read())

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row for each number; columns as in ``wganalyze.report.schema``."""
        return _frame(self._views["measurements"])

    @cached_property
    def findings(self) -> pd.DataFrame:
        """One row for each finding: level, code, message, evidence."""
        return _frame(self._views["findings"])

    @property
    def tables(self) -> list[str]:
        """Names of the detail tables ("lipschitz.layers")."""
        return sorted(name.removeprefix("tables/") for name in self._views if name.startswith("tables/"))

    def table(self, name: str) -> pd.DataFrame:
        """A detail table; UsageError names those that there are."""
        if name not in self.tables:
            raise UsageError(f"{self.path}: no table is called {name!r}; there are: {', '.join(self.tables) or 'none'}")
        return _frame(self._views[f"tables/{name}"])

    @cached_property
    def run(self) -> dict[str, Any]:
        """What run.json says: environment, versions, plugins, command, snapshots with their assumptions."""
        try:
            document: dict[str, Any] = json.loads((self.path / RUN_FILE).read_text())
        except (OSError, ValueError):
            return {}
        return document

    @cached_property
    def headlines(self) -> Sequence[Headlined]:
        """The metrics of the summary, from the left."""
        return headlined(self.measurements, self.run.get("metrics", {}))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row for each snapshot, with the headline metrics side by side."""
        return summarise(self.measurements, self.headlines)

    @property
    def told(self) -> list[Told]:
        """The findings as a reader is told them, of the setting that the summary is about."""
        return self.told_about(list(self.summary["snapshot"]))

    def told_about(self, labels: Sequence[str]) -> list[Told]:
        """``told``, of some snapshots, in the order of ``labels``."""
        return condense(of_one_setting(self.findings, self.measurements, self.headlines), labels)

    def select(self, metrics: Sequence[str] = (), snapshots: Sequence[str] = ()) -> pd.DataFrame:
        """The summary, or (with ``metrics``) the long rows; both cut to ``snapshots``. Patterns may hold wildcards."""
        return select(self.summary, self.measurements, metrics, snapshots)

    def __repr__(self) -> str:
        count = len(self.summary)
        return (
            f"<Report {self.path}: {count} snapshots, {len(self.measurements)} numbers, {len(self.findings)} findings>"
        )

    def _repr_html_(self) -> str:
        return to_html(str(self.path), self.summary, self.told)


def open_report(path: str | Path) -> Report:
    """Open a report folder; views that are behind its cells are brought up to date. UsageError where it is none."""
    folder = Path(path)
    try:
        there = (folder / PLAN_FILE).is_file()
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror}); see to its permissions") from None
    if not there and (folder / "report" / PLAN_FILE).is_file():
        raise UsageError(f"{folder}: no report, but {folder / 'report'} is one")
    if not there:
        raise UsageError(f"{folder}: no report (it has no {PLAN_FILE}); wganalyze run PATH --out {folder} makes one")
    return Report(folder)


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame
