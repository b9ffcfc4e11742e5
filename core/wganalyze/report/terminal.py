"""A report in a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import HEAVY_HEAD, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wganalyze.report.condensing import Told, assumptions
from wganalyze.report.console import Folded, make_console, say
from wganalyze.report.format import LOG_WIDTH, number, spread, where
from wganalyze.report.gathering import troubles
from wganalyze.report.headlines import by_column, entry
from wganalyze.report.holm import corrected_name, families
from wganalyze.report.joint import joint
from wganalyze.report.listing import listed
from wganalyze.report.questions.trajectories import trajectories
from wganalyze.report.record import trouble
from wganalyze.report.verdict import RunVerdict

if TYPE_CHECKING:
    import pandas as pd

    from wganalyze.report.reading import Report

STYLES = {"fault": "bold red", "warning": "yellow", "info": "cyan"}
LEAST_WIDTH = 80
NAME_WIDTH, LEAST_OF = 12, {"message": 40}
"""What a column of words gives up first."""
MOST = 8
"""Metrics that a message names."""
NAMES = ("snapshot", "analyzer", "metric")


def render(report: Report, metrics: Sequence[str] = (), snapshots: Sequence[str] = (), *, whole: bool = False) -> None:
    """Print the verdicts, the summary (or the rows of ``metrics``), and what was skipped or failed.

    ``whole``: with the findings and what was assumed, which are only counted under a verdict, and a line for each
    snapshot, however many there are.
    """
    console = make_console()
    # Below LEAST_WIDTH the terminal breaks the lines: a number that is cut is a wrong number.
    console.width = max(console.width, LEAST_WIDTH) if console.is_terminal else LOG_WIDTH
    everything = frame = report.select(metrics, snapshots)
    if not (whole or snapshots):
        runs = (run.steps for run in trajectories(report))
        frame = frame[frame["snapshot"].isin(listed([*dict.fromkeys(frame["snapshot"])], runs))]
    if metrics:
        table, narrow = _fitting(
            console, lambda narrow: _rows(frame, narrow), frame[[*NAMES, "certificate", "message"]]
        )
        console.print(table)
        _left_out(console, report, frame, everything)
        if narrow:
            _messages(console, frame)
        return
    shown = set(everything["snapshot"])
    told = _verdicts(console, report.verdicts if whole else joint(report.verdicts), shown)
    say(console, Text(str(report.path), style="italic"))
    console.print(_fitting(console, lambda narrow: _summary(frame, report, narrow), frame[["snapshot"]])[0])
    _left_out(console, report, frame, everything)
    console.print(Text(_legend(everything, report), style="dim"))
    if report.spaces[1:]:
        others = f"{', '.join(report.spaces[1:])} (wganalyze show {report.path} --space NAME)"
        console.print(Text(f"Measured in other spaces too: {others}", style="dim"))
    if said := trouble(report.run):
        console.print(Text(said, style="yellow"))
    _trouble(console, report, shown)
    if whole or not told:
        _findings(console, report, list(everything["snapshot"]))
        _assumptions(console, report, shown)
    else:
        _folded(console, report, list(everything["snapshot"]))
    console.print(Text(f"report: {report.path}   (pandas: pd.read_parquet('{report.path}/measurements'))", style="dim"))


def _left_out(console: Console, report: Report, frame: pd.DataFrame, everything: pd.DataFrame) -> None:
    """Say where not every snapshot has a line."""
    lines, count = frame["snapshot"].nunique(), everything["snapshot"].nunique()
    if lines < count:
        say(console, f"{lines:,} of {count:,} snapshots (wganalyze show {report.path} --all)", "dim")


def _verdicts(console: Console, verdicts: Sequence[RunVerdict], shown: set[Any]) -> bool:
    """A paragraph on each training run, or setting, of which snapshots are shown; were there any?"""
    verdicts = [verdict for verdict in verdicts if shown & {*verdict.labels}]
    for verdict in verdicts:
        console.print(Text.assemble((f"{verdict.run}: ", "bold"), verdict.text))
    if verdicts:
        console.print()
    return bool(verdicts)


def _folded(console: Console, report: Report, labels: Sequence[str]) -> None:
    """Faults, and how much more there is to read."""
    told = report.told_about(labels)
    _list(console, [line for line in told if line.level == "fault"])
    counts = [(sum(line.level == level for line in told), level) for level in ("fault", "warning", "info")]
    texts = [f"{count} {level}{'s' if count > 1 and level != 'info' else ''}" for count, level in counts if count]
    assumed = {text for snapshot in report.run.get("snapshots", []) for text in snapshot.get("assumptions", ())}
    parts = [f"findings: {', '.join(texts)}"] if texts else []
    parts += [f"assumptions: {len(assumed)}"] if assumed else []
    if parts:
        console.print(
            Text(f"{'; '.join(parts)} (wganalyze show {report.path} --all)", style="dim"),
            soft_wrap=not console.is_terminal,
        )


def latest(report: Report, console: Console, most: int) -> Table:
    """The table of the summary, its last ``most`` snapshots, as wide as the console."""
    frame = report.summary.tail(most)
    table, _ = _fitting(console, lambda narrow: _summary(frame, report, narrow), frame[["snapshot"]])
    table.title, table.title_justify = Text(str(report.path)), "left"
    return table


def _fitting(console: Console, make: Callable[[bool], Table], folding: pd.DataFrame) -> tuple[Table, bool]:
    """The table, or its narrow form where columns would be cut although those of ``folding`` give what they can.

    Is it narrow?
    """
    wide = make(False)
    full = console.measure(wide, options=console.options.update(width=10_000)).maximum
    texts = ([str(cell or "") for cell in folding[name]] for name in folding)
    least = [LEAST_OF.get(str(name), NAME_WIDTH) for name in folding]
    spare = sum(max([0, *(len(text) - few for text in column)]) for few, column in zip(least, texts, strict=True))
    narrow = full - spare > console.width
    return (make(True), True) if narrow else (wide, False)


def _table(narrow: bool) -> Table:
    return Table(
        header_style="bold",
        box=SIMPLE_HEAD if narrow else HEAVY_HEAD,
        padding=0 if narrow else (0, 1),
        pad_edge=False,
        show_edge=not narrow,
    )


def _summary(frame: pd.DataFrame, report: Report, narrow: bool) -> Table:
    table = _table(narrow)
    columns = by_column(report.headlines)
    table.add_column("snapshot")
    for title in ("step", *columns):
        table.add_column(_stacked(title.replace("/", " /"), narrow) if narrow else title, justify="right", no_wrap=True)
    for row in frame.to_dict("records"):
        step = row["step"]
        table.add_row(
            _text(row["snapshot"]),
            "-" if step is None or math.isnan(step) else f"{int(step)}",
            *(_stacked(entry(row, metrics), narrow) for metrics in columns.values()),
        )
    return table


def _stacked(text: str, narrow: bool) -> Text:
    """One word on each line, where room is scarce."""
    return Text(text.replace(" ", "\n") if narrow else text)


def _text(value: object) -> Folded:
    """A label or message as it is: brackets in it are no markup; nothing where there is none."""
    return Folded(value if isinstance(value, str) else "")


def _legend(frame: pd.DataFrame, report: Report) -> str:
    sizes = sorted({int(n) for n in frame["n"].dropna()})
    spaces = sorted({str(s) for s in frame["space"].dropna()})
    data = report.run.get("data") or {}
    size = f"n = {', '.join(map(str, sizes))}"
    if data.get("size_note") and sizes == [data.get("n")]:
        size = data["size_note"]
    told = [size, f"Space: {'; '.join(spaces)}"] if sizes else []
    told += [each.headline.legend for each in report.headlines if each.headline.legend]
    return " ".join(text if text.endswith(("?", ".")) else f"{text}." for text in told)


def _trouble(console: Console, report: Report, shown: set[Any]) -> None:
    rows = report.measurements
    rows = rows[(rows["status"] != "ok") & (rows["metric"] == "") & rows["snapshot"].isin(shown)]
    # A message that begins with its snapshot is the same for all of them.
    rows = rows.assign(message=[str(r.message or "").removeprefix(f"{r.snapshot}: ") for r in rows.itertuples()])
    for status, analyzers, labels, reason in troubles(rows):
        style = "bold red" if status == "failed" else "dim"
        line = f"{', '.join(analyzers)} on {where(labels)}: {reason}"
        console.print(Text.assemble((f"{status} ", style), line), soft_wrap=not console.is_terminal)
    headlines = [each.metric for each in report.headlines]
    numbers = report.measurements[report.measurements["snapshot"].isin(shown)]
    pvalues = numbers[(numbers["correction"] == "holm") & (numbers["status"] == "ok")]
    pvalues = pvalues[[corrected_name(str(name)) in headlines for name in pvalues["metric"]]]
    for family in families(pvalues.to_dict("records")):  # type: ignore[arg-type]
        if family.note:
            console.print(Text(family.note, style="yellow"), soft_wrap=not console.is_terminal)
    absent = numbers[(numbers["status"] == "skipped") & numbers["metric"].isin(headlines)]
    for (metric, message), group in absent.groupby(["metric", "message"], sort=False, dropna=False):
        line = f"{metric} of {where(list(group['snapshot']))}: {message}"
        console.print(Text.assemble(("no ", "dim"), line), soft_wrap=not console.is_terminal)


def _findings(console: Console, report: Report, labels: Sequence[str]) -> None:
    told = report.told_about(labels)
    if not told:
        return
    console.print(Text("\nFindings", style="bold"))
    _list(console, told)
    if any(line.earlier for line in told):
        hint = "Of each trajectory the last snapshot is shown; --snapshot NAME shows another."
        console.print(Text(hint, style="dim"))


def _list(console: Console, told: Sequence[Told]) -> None:
    lines = Table.grid(padding=(0, 1))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for line in told:
        earlier = f" and {line.earlier} earlier" if line.earlier else ""
        evidence = f"  ({', '.join(line.evidence)})" if line.evidence else ""
        place = (f"{where(line.labels)}{earlier}: ", "bold")
        lines.add_row(
            Text(line.level, style=STYLES.get(line.level, "")),
            Text.assemble(place, line.message, (evidence, "dim")),
        )
    if told:
        console.print(lines)


def _assumptions(console: Console, report: Report, shown: set[Any]) -> None:
    assumed = assumptions(report.run.get("snapshots", []), shown)
    if assumed:
        console.print(Text("\nAssumed while loading", style="bold"))
    for labels, text in assumed:
        console.print(Text.assemble((f"{where(labels)}: ", "bold"), text))


def _rows(frame: pd.DataFrame, narrow: bool) -> Table:
    """``narrow``: without the messages, for which there is no room."""
    table = _table(narrow)
    for name in NAMES:
        table.add_column(name)
    for name in ("value", "95% CI", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("certificate")
    if not narrow:
        table.add_column("message", ratio=1)
    for row in frame.to_dict("records"):
        table.add_row(
            *(_text(row[name]) for name in NAMES),
            number(row["value"]) if row["status"] == "ok" else str(row["status"]),
            _stacked(spread(row["ci_low"], row["ci_high"]), narrow),
            "" if math.isnan(row["n"]) else str(int(row["n"])),
            _text(row["certificate"]),
            *([] if narrow else [_text(row["message"])]),
        )
    return table


def _messages(console: Console, frame: pd.DataFrame) -> None:
    """What a narrow table leaves out, each once with the metrics that it is about."""
    said = frame[frame["message"].fillna("") != ""]
    for message, group in said.groupby("message", sort=False):
        names = [*dict.fromkeys(str(name) for name in group["metric"] if name)] or [*dict.fromkeys(group["analyzer"])]
        say(console, Text.assemble((f"{', '.join(names[:MOST])}{_more(names)}: ", "bold"), str(message)))


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - MOST} more" if len(names) > MOST else ""
