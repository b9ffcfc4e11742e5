"""The sections of a page, in order; a further one is a line of SECTIONS and a template."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wganalyze.report.headlines import by_column, entry
from wganalyze.report.joint import joint
from wganalyze.report.page.declared import declared_figures
from wganalyze.report.page.drawing import Figures
from wganalyze.report.page.figures import figures
from wganalyze.report.page.findings import assumed, findings, missing
from wganalyze.report.page.gallery import gallery
from wganalyze.report.page.tables import AnalyzerTable
from wganalyze.report.page.view import View, whole

HELD_OUT: Mapping[Any, str] = {True: "yes", False: "no: the networks may have seen them"}
AT_A_GLANCE = 24
"""Lines of a table."""


@dataclass(frozen=True)
class Section:
    """A part of a page.

    ``key``: ends its anchor, and names its template (``sections/KEY.html``). ``content``: what the template is given
    as ``content``; None or empty: the section is left out.
    """

    key: str
    title: str
    content: Callable[[View], Any]


@dataclass(frozen=True)
class Verdict:
    """A paragraph on a training run. ``links``: (metric, anchor) of what it rests on, at the last snapshot."""

    run: str
    sentences: Sequence[str]
    links: Sequence[tuple[str, str]]


def verdicts(view: View) -> list[Verdict]:
    """Of each training run, or setting, of which there is something to say."""
    found = []
    for verdict in joint(view.report.verdicts):
        names = [*dict.fromkeys(name for sentence in verdict.sentences for name in sentence.evidence)]
        last = verdict.labels[-1] if verdict.labels else ""
        links = [(name, anchor) for name, anchor in view.evidence(last, names) if anchor]
        found.append(Verdict(verdict.run, [sentence.text for sentence in verdict.sentences], links))
    return found


Line = tuple[str, str, Sequence[str]]
"""Label, step and entries of a snapshot."""


@dataclass(frozen=True)
class Summary:
    """The headlines of every snapshot that is listed. ``groups``: the lines of each training run; ``last``: of each the
    last, where there are more lines than are read at a glance. ``legend``: of the columns. ``left_out``: snapshots.
    """

    columns: Sequence[str]
    groups: Sequence[Sequence[Line]]
    last: Sequence[Sequence[Line]]
    legend: Sequence[str]
    count: int
    left_out: int


def summary(view: View) -> Summary | None:
    """One line for each snapshot, as ``show`` has it; None where nothing was measured."""
    frame = view.report.summary
    frame = frame[frame["snapshot"].isin(view.listed)]
    columns = by_column(view.report.headlines)
    if frame.empty or not columns:
        return None
    runs = {label: each.name for each in view.trajectories for label in each.labels}
    groups: dict[str | None, list[Line]] = {}
    for row in frame.to_dict("records"):
        label, step = str(row["snapshot"]), whole(row["step"])
        entries = [entry(row, metrics) for metrics in columns.values()]
        groups.setdefault(runs.get(label), []).append((label, "-" if step is None else f"{step}", entries))
    last = [[lines[-1]] if run is not None else lines for run, lines in groups.items()]
    legend = [each.headline.legend for each in view.report.headlines if each.headline.legend]
    glance = last if len(frame) > AT_A_GLANCE else []
    return Summary([*columns], [*groups.values()], glance, legend, len(view.labels), view.left_out)


@dataclass(frozen=True)
class Numbers:
    """``left_out``: snapshots that the tables have no line for, of ``count``."""

    tables: Sequence[AnalyzerTable]
    count: int
    left_out: int


def numbers(view: View) -> Numbers | None:
    """The tables of all analyzers; None without any."""
    return Numbers(view.tables, len(view.labels), view.left_out) if view.tables else None


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from. ``facts``: (name, text). ``files``: (snapshot, files, digest) of those listed."""

    command: str
    facts: Sequence[tuple[str, str]]
    versions: Sequence[tuple[str, str]]
    plugins: Sequence[tuple[str, str, str]]
    files: Sequence[tuple[str, Sequence[str], str]]
    details: Sequence[tuple[str, int]]
    path: str
    count: int


def provenance(view: View) -> Provenance | None:
    """Command, versions, digests, data, seed; None where the report has no record of its run."""
    report, run = view.report, view.report.run
    if not run:
        return None
    data = run.get("data") or {}
    ids = ", ".join(str(each) for each in view.rows["data_id"].dropna().unique() if each)
    held_out = HELD_OUT.get(data.get("held_out"), "")
    facts = [
        ("checkpoints", run.get("source")),
        ("data", data.get("source")),
        ("held out", held_out),
        ("training data", data.get("training")),
        ("digest of the data", ids),
        ("compared in", data.get("space")),
        ("samples", data.get("size_note") or (f"n = {data['n']}" if data.get("n") else "")),
        ("replicates", data.get("replicates")),
        ("seed", data.get("seed")),
        ("started", run.get("started")),
        ("finished", run.get("finished")),
        ("device", run.get("gpu") or run.get("device")),
        ("cores", run.get("cores")),
        ("platform", run.get("platform")),
        ("Python", run.get("python")),
        ("run", run.get("run_id")),
    ]
    listed = {*view.listed}
    last = report.measurements.drop_duplicates("snapshot", keep="last")
    digests = dict(zip(last["snapshot"], last["digest"], strict=True))
    return Provenance(
        _command([str(word) for word in run.get("command", [])]),
        [(name, str(text)) for name, text in facts if text not in (None, "")],
        [(str(name), str(version)) for name, version in run.get("versions", {}).items()],
        [
            (
                f"{each['name']}",
                f"{each['distribution']} {each['version']}",
                f"{each['status']} {each['reason']}".strip(),
            )
            for each in run.get("plugins", [])
        ],
        [
            (str(each["label"]), [str(f) for f in each.get("files", ())], str(digests.get(each["label"]) or ""))
            for each in run.get("snapshots", [])
            if each["label"] in listed
        ],
        [(name, len(report.table(name))) for name in report.tables],
        str(report.path),
        len(view.labels),
    )


def _command(words: Sequence[str]) -> str:
    """As it is typed: into a shell, or (a dotted name) into Python."""
    if words and "." in words[0]:
        return f"{words[0]}({', '.join(words[1:])})"
    return shlex.join(words)


def charts(view: View) -> Figures | None:
    """The headlines, and behind them what analyzers declare to belong together."""
    found = figures(view)
    charts, constant = (found.charts, found.constant) if found else ((), ())
    everything = [*charts, *declared_figures(view, charts)]
    return Figures(everything, constant) if everything or constant else None


SECTIONS: list[Section] = [
    Section("verdicts", "Verdict", verdicts),
    Section("figures", "Headlines", charts),
    Section("summary", "Headlines in numbers", summary),
    Section("gallery", "Pictures", gallery),
    Section("findings", "Findings", findings),
    Section("missing", "Not measured", missing),
    Section("numbers", "All numbers", numbers),
    Section("assumed", "Assumed while loading", assumed),
    Section("provenance", "Provenance", provenance),
]
