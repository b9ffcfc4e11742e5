"""From rows to what a person asks first: one line per snapshot, and the rows of chosen metrics."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wganalyze.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from wganalyze.report.reading import Report


HEADLINES = (
    "w1",
    "w1_floor",
    "w1_pvalue_holm",
    "dual_raw",
    "dual_ratio",
    "dual_c_best_scale",
    "dual_zero",
    "lipschitz_lower",
    "lipschitz_upper",
)


SIZED = ("w1", "dual_raw", "dual_ratio", "dual_c_best_scale")
"""Headlines whose n is that of the run; other metrics may have one of their own."""


LONG = (
    "snapshot",
    "step",
    "analyzer",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "certificate",
    "status",
    "message",
)


def summarise(report: Report) -> pd.DataFrame:
    """One row for each snapshot: label, step, n, the headline metrics, and the interval of W1."""
    import pandas as pd

    rows = report.measurements
    order = rows.drop_duplicates("snapshot")[["snapshot", "step", "step_unit"]]
    order = order.assign(_folder=[str(label).rpartition("/")[0] for label in order["snapshot"]])
    order = order.sort_values(["_folder", "step", "snapshot"]).drop(columns="_folder").reset_index(drop=True)
    interval = ["w1_ci_low", "w1_ci_high", "n", "space"]
    if order.empty:  # which pandas cannot join
        return order.reindex(columns=[*order.columns, *HEADLINES, *interval])
    found = of_one_setting(rows[rows["metric"].isin(HEADLINES) & (rows["status"] == "ok")], report)
    wide = found.pivot_table(index="snapshot", columns="metric", values="value", aggfunc="first")
    ends = found[found["metric"] == "w1"].set_index("snapshot")[["ci_low", "ci_high", "n", "space"]]
    ends.columns = pd.Index(interval)
    wide = wide.reindex(columns=list(HEADLINES))
    return order.join(wide, on="snapshot").join(ends[~ends.index.duplicated()], on="snapshot")


def of_one_setting(rows: pd.DataFrame, report: Report) -> pd.DataFrame:
    """Without rows of cells that another seed, other data or another n went into than W1 of the same snapshot.

    A report keeps what earlier runs measured; what is read side by side is to be about one setting.
    """
    numbers = report.measurements
    w1 = numbers[(numbers["metric"] == "w1") & (numbers["status"] == "ok")].drop_duplicates("snapshot")
    settings = {row["snapshot"]: _setting(row) for row in w1.to_dict("records")}
    other: set[Any] = set()
    for row in numbers[["snapshot", "seed", "data_id", "n", "metric", "cell"]].to_dict("records"):
        ours, (seed, data, n) = _setting(row), settings.get(row["snapshot"], _setting(row))
        sized = row["metric"] in SIZED and not math.isnan(row["n"]) and not math.isnan(n)
        if ours[:2] != (seed, data) or (sized and ours[2] != n):
            other.add(row["cell"])
    return rows[~rows["cell"].isin(other)]


def _setting(row: Mapping[Hashable, Any]) -> tuple[str, str, float]:
    return str(row["seed"]), str(row["data_id"]), row["n"]


def select(report: Report, metrics: Sequence[str] = (), snapshots: Sequence[str] = ()) -> pd.DataFrame:
    """The summary, or (with ``metrics``) the long rows; both cut to ``snapshots``. Patterns may hold wildcards."""
    frame = report.summary
    if metrics:
        rows = report.measurements
        frame = rows.loc[_matches(rows["metric"], metrics, "--metric"), list(LONG)]
    if snapshots:
        frame = frame[_matches(frame["snapshot"], snapshots, "--snapshot")]
    return frame.reset_index(drop=True)


def _matches(names: pd.Series[str], patterns: Sequence[str], option: str) -> list[bool]:
    # A label may hold brackets itself, so that its own name comes first.
    hit = [name in patterns or any(fnmatch.fnmatchcase(str(name), pattern) for pattern in patterns) for name in names]
    if not any(hit):
        there = ", ".join(sorted({str(name) for name in names if name}))
        raise UsageError(f"{option} {','.join(patterns)}: nothing in the report matches; there are: {there or 'none'}")
    return hit
