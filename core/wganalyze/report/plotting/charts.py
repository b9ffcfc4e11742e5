"""A figure before it is drawn: panels in rows, training runs in columns, and their lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """Numbers along an axis.

    ``x``, ``y``: (n,). ``low``, ``high``: (n,), of their band; NaN where there is none. ``reference``: drawn in grey.
    """

    label: str
    x: Numbers
    y: Numbers
    low: Numbers
    high: Numbers
    reference: bool = False


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure: ``cells`` by title of the panel (a row) and name of the training run (a column).

    ``across``: title of the horizontal axis. ``ticks``: names of its places 0, 1, 2 ..., where these are no numbers.
    ``bracket``: are the lines of a cell the two ends of one? ``log_x``, ``log_y``: are the axes logarithmic?
    ``from_zero``: does the vertical axis begin at 0, as that of counts does?
    """

    across: str
    cells: Mapping[tuple[str, str], Sequence[Line]]
    ticks: Sequence[str] = ()
    log_x: bool = False
    log_y: bool = False
    bracket: bool = False
    from_zero: bool = False

    @property
    def panels(self) -> list[str]:
        """Titles of the rows."""
        return [*dict.fromkeys(panel for panel, _ in self.cells)]

    @property
    def runs(self) -> list[str]:
        """Names of the columns."""
        return [*dict.fromkeys(run for _, run in self.cells)]


@dataclass(frozen=True, eq=False)
class Places:
    """Where the snapshots of each training run stand along the horizontal axis.

    ``run``: name of the training run by label; snapshots without a step stand in one column, side by side.
    ``chosen``: the one run that is drawn; "": all. ``by_name``: has no snapshot a step?
    """

    run: Mapping[str, str]
    chosen: str = ""
    by_name: bool = False

    def split(self, rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
        """The rows of each run, in order, with their place in the column ``at``."""
        if self.by_name:
            labels = [*self.run]
            yield "", rows.assign(at=[labels.index(str(label)) for label in rows["snapshot"]]).sort_values("at")
            return
        names = [self.run.get(str(label), "") for label in rows["snapshot"]]
        for name, group in rows.assign(at=rows["step"].astype(float), _run=names).groupby("_run", sort=False):
            if self.chosen in ("", name):
                yield str(name), group.sort_values("at", kind="stable")


def line_of(rows: pd.DataFrame, label: str, columns: tuple[str, str, str, str], *, reference: bool = False) -> Line:
    """A line from ``columns``: along, values, and both ends of the band, which may be missing."""
    import numpy as np

    x, y, low, high = (
        rows[name].to_numpy(np.float64) if name in rows else np.full(len(rows), np.nan) for name in columns
    )
    return Line(label, x, y, low, high, reference)


def added(cells: dict[tuple[str, str], list[Line]], panel: str, run: str, line: Line) -> None:
    """Put a line into its cell, where any of its places is a number."""
    if (line.x == line.x).any():
        cells.setdefault((panel, run), []).append(line)


def measured(rows: pd.DataFrame, metric: str, analyzer: str = "") -> pd.DataFrame:
    """The rows of a metric (of any analyzer) that hold a number, one for each snapshot."""
    there: Any = (rows["metric"] == metric) & (rows["status"] == "ok") & rows["value"].notna()
    if analyzer:
        there &= rows["analyzer"] == analyzer
    found: pd.DataFrame = rows[there].drop_duplicates("snapshot")
    return found
