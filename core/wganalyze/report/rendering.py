"""A report in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wganalyze.report.summary import number, select, spread

if TYPE_CHECKING:
    import pandas as pd

    from wganalyze.report.reading import Report

STYLES = {"fault": "bold red", "warning": "yellow", "info": "cyan"}
ORDER = {"fault": 0, "warning": 1, "info": 2}
LOG_WIDTH = 140


def render(report: Report, metrics: Sequence[str] = (), snapshots: Sequence[str] = ()) -> None:
    """Print the summary (or the rows of ``metrics``), what was skipped or failed, and the findings."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=LOG_WIDTH)
    frame = select(report, metrics, snapshots)
    if metrics:
        console.print(_rows(frame))
        return
    console.print(_summary(frame, report))
    console.print(Text(_legend(frame, report), style="dim"))
    shown = set(frame["snapshot"])
    _trouble(console, report, shown)
    _findings(console, report, shown)
    _assumptions(console, report, shown)
    console.print(Text(f"report: {report.path}   (pandas: pd.read_parquet('{report.path}/measurements'))", style="dim"))


def _summary(frame: pd.DataFrame, report: Report) -> Table:
    table = Table(title=f"{report.path}", title_justify="left", pad_edge=False, header_style="bold")
    table.add_column("snapshot", overflow="fold")
    for name in ("step", "W1 [95% CI]", "floor", "p (Holm)", "dual", "dual/W1", "best dual", "Lipschitz K"):
        table.add_column(name, justify="right")
    for row in frame.to_dict("records"):
        step = row["step"]
        table.add_row(
            str(row["snapshot"]),
            "-" if step is None or math.isnan(step) else f"{int(step)}",
            f"{number(row['w1'])} {spread(row['w1_ci_low'], row['w1_ci_high'])}".strip(),
            number(row["w1_floor"]),
            number(row["w1_pvalue_holm"]),
            number(row["dual_raw"]),
            number(row["dual_ratio"]),
            number(row["dual_c_best_scale"]),
            bracket(row["lipschitz_lower"], row["lipschitz_upper"]),
        )
    return table


def bracket(low: float, high: float) -> str:
    """A Lipschitz bracket; an end without a number is an open end."""
    if math.isnan(low) and math.isnan(high):
        return "-"
    return f"[{'0' if math.isnan(low) else number(low)}, {'none' if math.isnan(high) else number(high)}]"


def _legend(frame: pd.DataFrame, report: Report) -> str:
    sizes = sorted({int(n) for n in frame["n"].dropna()})
    spaces = sorted({str(s) for s in frame["space"].dropna()})
    told = f"n = {', '.join(map(str, sizes))}, {'; '.join(spaces)}. " if sizes else ""
    return (
        f"{told}W1: exact on samples of size n, interval for its expectation at this n. floor: W1 between two real "
        "samples. p: are real and fake told apart at all? dual: E f(real) - E f(fake) as the critic gives it; "
        "best dual: certified lower bound of W1 over all scales of f. K: bracket of the critic's Lipschitz constant."
    )


def _trouble(console: Console, report: Report, shown: set[Any]) -> None:
    rows = report.measurements
    rows = rows[(rows["status"] != "ok") & (rows["metric"] == "") & rows["snapshot"].isin(shown)]
    for (status, analyzer, message), group in rows.groupby(["status", "analyzer", "message"], sort=False):
        place = where(list(group["snapshot"]))
        style = "bold red" if status == "failed" else "dim"
        console.print(Text.assemble((f"{status} ", style), f"{analyzer} on {place}: {message}"), soft_wrap=True)


def _findings(console: Console, report: Report, shown: set[Any]) -> None:
    found = report.findings
    found = found[found["snapshot"].isin(shown)]
    if found.empty:
        return
    console.print(Text("\nFindings", style="bold"))
    ranked = found.assign(rank=found["level"].map(lambda level: ORDER.get(level, 3))).sort_values("rank", kind="stable")
    for (level, _, message), group in ranked.groupby(["level", "code", "message"], sort=False):
        evidence = ", ".join(dict.fromkeys(name for row in group["evidence"] for name in row))
        console.print(
            Text.assemble(
                (f"{level:8}", STYLES.get(str(level), "")),
                (f"{where(list(group['snapshot']))}: ", "bold"),
                str(message),
                (f"  ({evidence})" if evidence else "", "dim"),
            ),
        )


def _assumptions(console: Console, report: Report, shown: set[Any]) -> None:
    by_text: dict[str, list[str]] = {}
    for snapshot in report.run.get("snapshots", []):
        if snapshot["label"] in shown:
            for text in snapshot["assumptions"]:
                by_text.setdefault(text, []).append(snapshot["label"])
    if by_text:
        console.print(Text("\nAssumed while loading", style="bold"))
    for text, labels in by_text.items():
        console.print(Text.assemble((f"{where(labels)}: ", "bold"), text))


def where(labels: list[str]) -> str:
    """A few labels in words."""
    if len(labels) <= 2:
        return ", ".join(labels)
    return f"{labels[0]} and {len(labels) - 1} more"


def _rows(frame: pd.DataFrame) -> Table:
    table = Table(pad_edge=False, header_style="bold")
    for name in ("snapshot", "analyzer", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("value", "95% CI", "n", "certificate"):
        table.add_column(name, justify="right")
    table.add_column("message", overflow="fold", ratio=1)
    for row in frame.to_dict("records"):
        table.add_row(
            str(row["snapshot"]),
            str(row["analyzer"]),
            str(row["metric"]),
            number(row["value"]) if row["status"] == "ok" else str(row["status"]),
            spread(row["ci_low"], row["ci_high"]),
            "" if math.isnan(row["n"]) else str(int(row["n"])),
            str(row["certificate"] or ""),
            str(row["message"] or ""),
        )
    return table
