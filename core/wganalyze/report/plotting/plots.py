"""``report.plot``: the figures of a report, each one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.evidence import TrainingRun
from wganalyze.contracts.figure import Series
from wganalyze.contracts.measurement import Headline
from wganalyze.errors import UsageError
from wganalyze.report.listing import evenly
from wganalyze.report.plotting.charts import Chart, Line, Places, added, line_of, measured
from wganalyze.report.training_runs import training_runs

if TYPE_CHECKING:
    from types import ModuleType

    import pandas as pd
    from matplotlib.figure import Figure

OVER_STEPS = ("at", "value", "ci_low", "ci_high")
MOST = 6
"""Pictures of one training run side by side."""


@dataclass(frozen=True, eq=False)
class Plots:
    """Figures for a paper, as matplotlib's own: ``report.plot.trajectory().savefig("w1.pdf")``.

    What they show is what headlines and ``Analyzer.series`` declare, as run.json keeps it: a stranger's analyzer joins
    by declaring, and no plugin is needed to draw. Training runs stand side by side; ``run`` chooses one of them.

    UsageError: nothing of a figure is in the report, or matplotlib is missing.

    ``path``: of the report. ``rows``: its measurements, of one setting. ``table``: gives a detail table by name;
    ``tables``: their names. ``pictures``: its pictures. ``record``: run.json. ``headlines``: of its summary, by metric.
    """

    path: Path
    rows: pd.DataFrame
    table: Callable[[str], pd.DataFrame]
    tables: Sequence[str]
    pictures: pd.DataFrame
    record: Mapping[str, Any]
    headlines: Mapping[str, Headline]

    def __repr__(self) -> str:
        return f"<Plots of {self.path}: trajectory(), brackets(), critic(), modes(), samples(), sweep()>"

    def trajectory(self, run: str = "") -> Figure:
        """Over the steps: every headline metric with a direction, with its interval, and what it is held against."""
        cells = self._over_steps("trajectory", run)
        known = {series.values for _, series in self._declared("trajectory")}
        for metric, headline in self.headlines.items():
            title = headline.title.partition(" [")[0]
            rows = measured(self.rows, metric)
            if metric in known or headline.end or not rows["direction"].isin(["lower", "higher"]).any():
                continue
            unit = next(iter(rows["unit"].dropna()), "")
            for name, group in self._places(run).split(rows):
                added(cells, f"{title} ({unit})" if unit else title, name, line_of(group, title, OVER_STEPS))
        return self._drawn("trajectory", cells, run)

    def brackets(self, run: str = "") -> Figure:
        """Over the steps, on a logarithmic scale: headline metrics that are the two ends of a bracket."""
        cells: dict[tuple[str, str], list[Line]] = {}
        for end, label in (("low", "at least"), ("high", "at most")):
            for metric, headline in self.headlines.items():
                if headline.end == end:
                    rows = measured(self.rows, metric)
                    for name, group in self._places(run).split(rows[rows["value"] > 0]):
                        line = line_of(group, label, ("at", "value", "", ""))
                        added(cells, headline.title, name, line)
        return self._drawn("brackets", cells, run, log_y=True, bracket=True)

    def critic(self, run: str = "") -> Figure:
        """Over the steps: the critic's loss, and the distance that it stands for."""
        return self._drawn("critic", self._over_steps("critic", run), run)

    def modes(self, run: str = "") -> Figure:
        """Over the steps: what of the data is reached, and what is lost."""
        return self._drawn("modes", self._over_steps("modes", run), run, from_zero=True)

    def sweep(self, snapshot: str = "", run: str = "") -> Figure:
        """Over the size of the samples, both axes logarithmic: at ``snapshot``, else at the last of each run."""
        cells: dict[tuple[str, str], list[Line]] = {}
        across = ""
        for analyzer, series in self._declared("sweep"):
            name, _, column = series.values.partition(".")
            if f"{analyzer}.{name}" not in self.tables:
                continue
            across = across or series.over
            rows = self.table(f"{analyzer}.{name}")
            if "embedding" in rows:
                rows = rows[rows["embedding"].isna() | rows["embedding"].isin([*self.rows["embedding"].dropna()])]
            if snapshot:
                rows = rows[rows["snapshot"] == snapshot]
            for of_run, group in self._places("" if snapshot else run).split(rows):
                last = group[group["snapshot"] == group["snapshot"].iloc[-1]].sort_values(series.over)
                columns = (series.over, column, f"{column}_low", f"{column}_high")
                line = line_of(last, series.label, columns, reference=series.reference)
                added(cells, series.panel, of_run, line)
        return self._drawn("sweep", cells, run, across=across, log_x=True, log_y=True)

    def samples(self, name: str = "", run: str = "", most: int = MOST) -> Figure:
        """The pictures of one name by step, ``most`` of them; "": the first name that each snapshot has."""
        pictures = self.pictures
        names = [*dict.fromkeys(pictures["name"])]
        if name and name not in names:
            raise UsageError(f"{self.path}: no picture is called {name!r}; there are: {', '.join(names) or 'none'}")
        if pictures.empty:
            raise UsageError(f"{self.path}: holds no pictures; wganalyze run PATH --out {self.path} takes them")
        chosen = name or pictures["name"].value_counts(sort=False).idxmax()
        rows = pictures[pictures["name"] == chosen].drop_duplicates("snapshot")
        self._check_run(run)
        shots = {}
        for of_run, group in self._places(run).split(rows):
            few = group.iloc[evenly(len(group), most)]
            places = zip(few["snapshot"], few["step"], strict=True)
            titles = [str(label) if step != step else f"{self._unit} {step:.0f}" for label, step in places]
            shots[of_run] = [*zip(titles, few["png"], strict=True)]
        if not shots:
            raise UsageError(f"{self.path}: {run} has no pictures {chosen!r}")
        figure: Figure = _paper().lay_out(shots, str(rows["caption"].iloc[0]))
        return figure

    def _declared(self, figure: str) -> list[tuple[str, Series]]:
        """The series of a figure, with their analyzers."""
        declared: Mapping[str, Sequence[Mapping[str, Any]]] = self.record.get("series", {})
        return [
            (analyzer, Series(**each)) for analyzer, all_of in declared.items() for each in all_of
            if each["figure"] == figure
        ]  # fmt: skip

    def _over_steps(self, figure: str, run: str) -> dict[tuple[str, str], list[Line]]:
        cells: dict[tuple[str, str], list[Line]] = {}
        for analyzer, series in self._declared(figure):
            for name, group in self._places(run).split(measured(self.rows, series.values, analyzer)):
                line = line_of(group, series.label, OVER_STEPS, reference=series.reference)
                added(cells, series.panel, name, line)
        return cells

    def _places(self, run: str) -> Places:
        runs: Mapping[str, TrainingRun] = training_runs(self.record, self.path.name)
        stepless = self.rows["step"].isna().all() and self.pictures["step"].isna().all()
        if stepless:
            labels = dict.fromkeys([*self.rows["snapshot"], *self.pictures["snapshot"]])
            return Places({str(label): "" for label in labels}, by_name=True)
        return Places({label: each.name for label, each in runs.items()}, run)

    def _drawn(
        self,
        figure: str,
        cells: Mapping[tuple[str, str], Sequence[Line]],
        run: str,
        *,
        across: str = "",
        log_x: bool = False,
        log_y: bool = False,
        bracket: bool = False,
        from_zero: bool = False,
    ) -> Figure:
        self._check_run(run)
        if not cells:
            raise UsageError(
                f"{self.path}: holds nothing for the figure {figure!r}: no number in it was declared for that; run "
                "again with this version and the analyzers that have such numbers"
            )
        places = self._places(run)
        ticks = [*places.run] if places.by_name and not across else []
        title = across or ("" if ticks else self._unit)
        drawn: Figure = _paper().draw(Chart(title, cells, ticks, log_x, log_y, bracket, from_zero))
        return drawn

    @property
    def _unit(self) -> str:
        """Of the steps."""
        return " or ".join(str(unit) for unit in self.rows["step_unit"].dropna().unique() if unit) or "step"

    def _check_run(self, run: str) -> None:
        there = [*dict.fromkeys(name for name in self._places("").run.values() if name)]
        if run and run not in there:
            raise UsageError(f"{self.path}: no training run is called {run!r}; there are: {', '.join(there) or 'none'}")


def _paper() -> ModuleType:
    try:
        from wganalyze.report.plotting import paper
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise UsageError("report.plot draws with matplotlib, which is missing: pip install 'wganalyze[plot]'") from None
    return paper
