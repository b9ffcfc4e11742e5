"""A report in a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wganalyze.report.condensing import Told
from wganalyze.report.format import number
from wganalyze.report.verdict import RunVerdict

if TYPE_CHECKING:
    import pandas as pd


def to_html(title: str, verdicts: Sequence[RunVerdict], summary: pd.DataFrame, told: Sequence[Told]) -> str:
    """The verdicts, the summary and the findings, for a notebook; the findings folded where there is a verdict."""
    whole = {"step": "Int64", "n": "Int64"}  # numbers of steps and samples have no decimals, even beside missing ones
    table = summary.astype(whole).to_html(index=False, float_format=number, na_rep="-", border=0)
    findings = f"<ul>{''.join(map(_item, told))}</ul>"
    if verdicts and told:
        findings = f"<details><summary>findings: {len(told)}</summary>{findings}</details>"
    return f"<div><p><b>{html.escape(title)}</b></p>{''.join(map(_paragraph, verdicts))}{table}{findings}</div>"


def _paragraph(verdict: RunVerdict) -> str:
    return f"<p><b>{html.escape(verdict.run)}</b>: {html.escape(verdict.text)}</p>"


def _item(told: Told) -> str:
    earlier = f" and {told.earlier} earlier" if told.earlier else ""
    place = html.escape(f"{', '.join(told.labels)}{earlier}")
    evidence = html.escape(", ".join(told.evidence))
    return f"<li><b>{html.escape(told.level)}</b> {place}: {html.escape(told.message)} <i>({evidence})</i></li>"
