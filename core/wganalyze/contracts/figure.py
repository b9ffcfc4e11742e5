"""What of an analyzer's numbers the figures of a report show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Figure = Literal["trajectory", "critic", "modes", "sweep"]
"""Of a report: ``report.plot.trajectory()``, over the steps; ``critic()``, its loss beside the distance; ``modes()``,
what of the data is reached; ``sweep()``, over the size of the samples, at one snapshot."""


@dataclass(frozen=True)
class Series:
    """A line in a figure of the report, declared by the analyzer that has its numbers.

    Analyzers that know nothing of each other meet in a panel by its title.

    ``figure``: which one it joins.
    ``values``: a metric, drawn over the steps with its intervals; or, with ``over``, "TABLE.COLUMN", whose band are the
    columns COLUMN_low and COLUMN_high where the table has them.
    ``label``: as the legend calls it.
    ``panel``: title of the vertical axis, with its unit.
    ``over``: the column of that table along the horizontal axis; "": the steps.
    ``reference``: is it what others are held against (a floor, a total), and drawn in grey?
    """

    figure: Figure
    values: str
    label: str
    panel: str
    over: str = ""
    reference: bool = False
