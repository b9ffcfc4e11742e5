"""Reading a report back: pandas tables, and a summary that shows itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.terms import PIXELS
from wganalyze.errors import StoreError, UsageError
from wganalyze.remote.path import location
from wganalyze.report.condensing import Told, condense
from wganalyze.report.headlines import Headlined, headlined, of_one_setting, select, summarise
from wganalyze.report.html import to_html
from wganalyze.report.joint import joint
from wganalyze.report.layout import Layout
from wganalyze.report.plotting import Plots
from wganalyze.report.questions.best import Best, best
from wganalyze.report.record import read_record
from wganalyze.report.schema import FINDINGS, MEASUREMENTS
from wganalyze.report.store import CellStore
from wganalyze.report.verdict import RunVerdict, of_records
from wganalyze.report.views import Views

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Report:
    """A report folder.

    ``exit_code``: that of the run which returned this report (0 where it was only opened).
    ``space``: that in which samples are compared in its summary and in ``told``; "": pixels, or the first there is.
    ``keeps``: what is to live as long as the report does: the temporary folder that it lies in.
    """

    def __init__(self, path: Path, exit_code: int = 0, space: str = "", keeps: object = None):
        self.path = path
        self.exit_code = exit_code
        self.space = space
        self.keeps = keeps

    @cached_property
    def _views(self) -> dict[str, pa.Table]:
        return dict(Views(CellStore(self.path)).read())

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row for each number; columns as in ``wganalyze.report.schema``."""
        return _whole(_frame(self._views["measurements"]), MEASUREMENTS)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """One row for each finding: level, code, message, evidence."""
        return _whole(_frame(self._views["findings"]), FINDINGS)

    @cached_property
    def pictures(self) -> pd.DataFrame:
        """One row for each picture: snapshot, step, analyzer, name, caption, alt, width, height, and its PNG bytes."""
        return self.pictures_of(None)

    def pictures_of(self, snapshots: Collection[str] | None) -> pd.DataFrame:
        """``pictures`` of some snapshots; the others' are not read."""
        return _frame(Views(CellStore(self.path)).pictures(snapshots))

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
    def spaces(self) -> list[str]:
        """The spaces in which samples were compared, that of the summary first."""
        there = [str(space) for space in self.measurements["embedding"].dropna().unique()]
        if self.space and self.space not in there:
            raise UsageError(f"--space {self.space}: nothing was measured in it; there are: {', '.join(there)}")
        first = self.space or PIXELS
        return sorted(there, key=lambda space: space != first)

    def in_space(self, space: str) -> Report:
        """The same report, its summary about another space; UsageError names those that there are."""
        report = Report(self.path, self.exit_code, space, self.keeps)
        _ = report.spaces
        return report

    def _shown(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows about the space of the summary, and those that are about no space."""
        here = rows["embedding"].isna() | rows["embedding"].isin(self.spaces[:1])
        return rows if here.all() else rows[here]

    @cached_property
    def run(self) -> dict[str, Any]:
        """What run.json says: environment, versions, plugins, command, snapshots with their assumptions."""
        return read_record(Layout.of(self.path).run)

    @property
    def verdicts(self) -> list[RunVerdict]:
        """A short paragraph on each training run, as the run that made the report wrote it."""
        return of_records(self.run.get("verdicts", ()))

    @cached_property
    def headlines(self) -> Sequence[Headlined]:
        """The metrics of the summary, from the left."""
        return headlined(self._shown(self.measurements), self.run.get("metrics", {}))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row for each snapshot, with the headline metrics side by side."""
        return summarise(self._shown(self.measurements), self.headlines)

    @property
    def told(self) -> list[Told]:
        """The findings as a reader is told them, of the setting that the summary is about."""
        return self.told_about(list(self.summary["snapshot"]))

    def told_about(self, labels: Sequence[str]) -> list[Told]:
        """``told``, of some snapshots, in the order of ``labels``."""
        rows = self._shown(self.measurements)
        return condense(of_one_setting(self._shown(self.findings), rows, self.headlines), labels)

    @cached_property
    def plot(self) -> Plots:
        """Figures for a paper: ``report.plot.trajectory()``, with matplotlib."""
        rows = self._shown(self.measurements)
        of_setting = of_one_setting(rows, rows, self.headlines)
        headlines = {each.metric: each.headline for each in self.headlines}
        pictures = self._shown(self.pictures)
        return Plots(self.path, of_setting, self.table, self.tables, pictures, self.run, headlines)

    def select(self, metrics: Sequence[str] = (), snapshots: Sequence[str] = ()) -> pd.DataFrame:
        """The summary, or (with ``metrics``) the long rows; both cut to ``snapshots``. Patterns may hold wildcards."""
        return select(self.summary, self._shown(self.measurements), metrics, snapshots)

    def best(self, by: str = "") -> Best:
        """The best snapshots by a metric (the first headline with a direction), and those that are as good."""
        return best(self, by, self.space)

    def __repr__(self) -> str:
        count = len(self.summary)
        return (
            f"<Report {self.path}: {count} snapshots, {len(self.measurements)} numbers, {len(self.findings)} findings>"
        )

    def _repr_html_(self) -> str:
        return to_html(str(self.path), joint(self.verdicts), self.summary, self.told)


def open_report(path: str | Path) -> Report:
    """Open a report folder; views that are behind its cells are brought up to date. UsageError where it is none."""
    folder = location(path)
    try:
        plan = Layout.of(folder).plan
        there = plan.is_file()
    except StoreError:
        raise
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror}); see to its permissions") from None
    if not there and Layout.of(folder / "report").plan.is_file():
        raise UsageError(f"{folder}: no report, but {folder / 'report'} is one")
    beside = folder.with_name(f"{folder.name}-report") if folder.name else folder
    if not there and Layout.of(beside).plan.is_file():
        raise UsageError(f"{folder}: no report, but {beside} is one")
    if not there:
        taken = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
        out = "" if taken else f" --out {folder}"
        raise UsageError(f"{folder}: no report (it has no {plan.name}); wganalyze run PATH{out} makes one")
    return Report(folder)


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _whole(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """With the columns that reports did not have when this one was written; empty ones."""
    return frame.assign(**dict.fromkeys([name for name in columns if name not in frame]))
