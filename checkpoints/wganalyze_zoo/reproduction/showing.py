"""The verdicts as a table in a terminal and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

STYLES = {"supported": "green", "refuted": "bold red", "not testable": "dim"}
MISSING = "needs "


def worth_showing(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Without data on which a claim was not tested, where it was tested on others."""
    lacking = (verdicts["answer"] == "not testable") & verdicts["reason"].str.startswith(MISSING)
    tested = {*verdicts.loc[~lacking, "claim"]}
    keep = ~lacking | (~verdicts["claim"].isin(tested) & ~verdicts.duplicated("claim"))
    return verdicts[keep].reset_index(drop=True)


def print_table(verdicts: pd.DataFrame) -> None:
    """One line for each claim and data set, the numbers behind it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(header_style="bold", pad_edge=False, show_lines=True)
    table.add_column("claim", overflow="fold", ratio=3)
    table.add_column("data", overflow="fold", ratio=1)
    table.add_column("answer", no_wrap=True)
    table.add_column("seeds", justify="right")
    table.add_column("because", overflow="fold", ratio=4)
    before = ""
    for row in worth_showing(verdicts).to_dict("records"):
        statement = "" if row["claim"] == before else f"{row['statement']} ({row['claim']})"
        before = row["claim"]
        answer = Text(row["answer"], style=STYLES.get(row["answer"], ""))
        seeds = str(row["seeds"]) if row["seeds"] else ""
        table.add_row(Text(statement), Text(row["data"]), answer, seeds, Text(row["reason"]))
    console.print(table)
    counts = worth_showing(verdicts)["answer"].value_counts()
    console.print(", ".join(f"{count} {answer}" for answer, count in counts.items()), style="dim")


def to_markdown(verdicts: pd.DataFrame, preamble: Sequence[str] = ()) -> str:
    """A section for each claim, an item for each data set that it was put to."""
    lines = ["# The claims of the literature, put to runs", "", *preamble]
    before = ""
    for row in worth_showing(verdicts).to_dict("records"):
        if row["claim"] != before:
            lines += ["", f"## {row['statement']}", "", f"`{row['claim']}`: {row['source']}", ""]
            before = row["claim"]
        seeds = f", {row['seeds']} seeds" if row["seeds"] else ""
        lines.append(f"- {row['data']}{seeds}: **{row['answer']}**. {_escaped(row['reason'])}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def to_json(verdicts: pd.DataFrame) -> str:
    """All rows, the numbers as lists."""
    rows = verdicts.to_dict("records")
    return json.dumps([{**row, "numbers": json.loads(row["numbers"])} for row in rows], indent=1)
