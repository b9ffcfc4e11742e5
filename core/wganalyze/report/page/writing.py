"""A page is written: reports through templates into one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.report.page.sections import SECTIONS
from wganalyze.report.page.templating import render, write_text
from wganalyze.report.page.view import View, report_names
from wganalyze.report.record import trouble

if TYPE_CHECKING:
    from wganalyze.report.reading import Report


@dataclass(frozen=True)
class Part:
    """One report of a page. ``sections``: (key, anchor, title, content). ``troubles``: what to know before reading."""

    name: str
    anchor: str
    summary: str
    troubles: Sequence[tuple[str, str]]
    sections: Sequence[tuple[str, str, str, Any]]


def page(reports: Sequence[Report], *, refresh: int = 0, verb: str = "page") -> str:
    """One HTML document: no script, and nothing that it loads from elsewhere.

    ``refresh``: seconds after which it loads itself anew, for a page that is kept current; 0: it does not. ``verb``:
    the command that made it.
    """
    names = report_names([report.path for report in reports])
    views = [View(report, f"r{at}", name) for at, (report, name) in enumerate(zip(reports, names, strict=True), 1)]
    parts = [_part(view) for view in views]
    content = {"parts": parts, "title": ", ".join(names), "several": len(parts) > 1}
    return render("page.html", refresh=refresh, verb=verb, **content)


def write_page(reports: Sequence[Report], path: Path) -> int:
    """Write the page to a file, in one rename; returns its size in bytes. UsageError where it cannot be written."""
    return write_text(page(reports), path)


def _part(view: View) -> Part:
    sections = []
    for section in SECTIONS:
        content = section.content(view)
        if content:
            sections.append((section.key, f"{view.prefix}-{section.key}", section.title, content))
    return Part(view.name, view.prefix, _in_a_line(view), _troubles(view), sections)


def _in_a_line(view: View) -> str:
    data: Mapping[str, Any] = view.report.run.get("data") or {}
    count, runs = len(view.labels), len(view.trajectories)
    parts = [f"{count} snapshot{'s' if count != 1 else ''}"]
    parts[0] += f" of {runs} training runs" if runs > 1 else ""
    parts += [str(data["source"])] if data.get("source") else []
    parts += [f"n = {data['n']}"] if data.get("n") else []
    parts += [f"{data['replicates']} replicates"] if data.get("replicates") else []
    finished = str(view.report.run.get("finished") or view.report.run.get("started") or "")
    parts += [finished[:10]] if finished else []
    return " · ".join(parts)


def _troubles(view: View) -> list[tuple[str, str]]:
    """(Text, key of the section that says more)."""
    found = []
    if said := trouble(view.report.run):
        found.append((said, ""))
    rows = view.report.measurements
    failed = rows[(rows["status"] == "failed") & (rows["metric"] == "")]
    if not len(rows):
        found.append(("Nothing was measured.", ""))
    elif not (rows["status"] == "ok").any():
        found.append(("No number was measured: every analyzer failed or was skipped.", "missing"))
    elif len(failed):
        found.append((f"{len(failed)} cell{'s' if len(failed) > 1 else ''} failed.", "missing"))
    return found
