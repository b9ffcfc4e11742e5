"""From rows to what a person asks first: one line per snapshot, and the rows of chosen metrics."""

from __future__ import annotations

import fnmatch
import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    "lipschitz_lower",
    "lipschitz_upper",
)
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
    order = order.sort_values(["step", "snapshot"], kind="stable") if order["step"].notna().all() else order
    order = order.assign(_folder=order["snapshot"].str.rpartition("/")[0]).sort_values("_folder", kind="stable")
    order = order.drop(columns="_folder").reset_index(drop=True)
    found = rows[rows["metric"].isin(HEADLINES) & (rows["status"] == "ok")]
    wide = found.pivot_table(index="snapshot", columns="metric", values="value", aggfunc="first")
    ends = found[found["metric"] == "w1"].set_index("snapshot")[["ci_low", "ci_high", "n", "space"]]
    ends.columns = pd.Index(["w1_ci_low", "w1_ci_high", "n", "space"])
    wide = wide.reindex(columns=list(HEADLINES))
    return order.join(wide, on="snapshot").join(ends[~ends.index.duplicated()], on="snapshot")


def select(report: Report, metrics: Sequence[str] = (), snapshots: Sequence[str] = ()) -> pd.DataFrame:
    """The summary, or (with ``metrics``) the long rows; both cut to ``snapshots``. Patterns may hold wildcards."""
    frame = report.summary
    if metrics:
        rows = report.measurements
        frame = rows.loc[_matches(rows["metric"], metrics, "--metric"), list(LONG)]
    if snapshots:
        frame = frame[_matches(frame["snapshot"], snapshots, "--snapshot")]
    return frame.reset_index(drop=True)


def _matches(names: pd.Series[str], patterns: Sequence[str], option: str) -> pd.Series[bool]:
    hit = names.map(lambda name: any(fnmatch.fnmatchcase(str(name), pattern) for pattern in patterns))
    if not hit.any():
        there = ", ".join(sorted({str(name) for name in names if name}))
        raise UsageError(f"{option} {','.join(patterns)}: nothing in the report matches; there are: {there}")
    return hit.astype(bool)


def number(value: float | None) -> str:
    """Three to four digits, as a table wants them; "-" where there is none."""
    if value is None or math.isnan(value):
        return "-"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}"
    digits = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1 if abs(value) < 1000 else 0
    return f"{value:.{digits}f}"


def spread(low: float | None, high: float | None) -> str:
    """An interval, or "" where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"[{number(low)}, {number(high)}]"


def to_html(report: Report) -> str:
    """The summary and the findings, for a notebook."""
    summary = report.summary.to_html(index=False, float_format=number, na_rep="-", border=0)
    items = "".join(
        f"<li><b>{html.escape(row['level'])}</b> {html.escape(row['snapshot'])}: {html.escape(row['message'])} "
        f"<i>({html.escape(', '.join(row['evidence']))})</i></li>"
        for row in report.findings.to_dict("records")
    )
    return f"<div><p><b>{html.escape(str(report.path))}</b></p>{summary}<ul>{items}</ul></div>"
