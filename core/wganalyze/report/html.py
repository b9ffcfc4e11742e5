"""A report in a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from wganalyze.report.condensing import Told, condense
from wganalyze.report.format import number
from wganalyze.report.headlines import of_one_setting

if TYPE_CHECKING:
    from wganalyze.report.reading import Report


def to_html(report: Report) -> str:
    """The summary and the findings, for a notebook."""
    whole = {"step": "Int64", "n": "Int64"}  # numbers of steps and samples have no decimals, even beside missing ones
    summary = report.summary.astype(whole).to_html(index=False, float_format=number, na_rep="-", border=0)
    items = "".join(map(_item, condense(of_one_setting(report.findings, report), list(report.summary["snapshot"]))))
    return f"<div><p><b>{html.escape(str(report.path))}</b></p>{summary}<ul>{items}</ul></div>"


def _item(told: Told) -> str:
    earlier = f" and {told.earlier} earlier" if told.earlier else ""
    place = html.escape(f"{', '.join(told.labels)}{earlier}")
    evidence = html.escape(", ".join(told.evidence))
    return f"<li><b>{html.escape(told.level)}</b> {place}: {html.escape(told.message)} <i>({evidence})</i></li>"
