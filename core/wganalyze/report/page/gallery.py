"""Pictures on a page: those of one name side by side by step, each embedded once, and no more than a page may hold."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from wganalyze.report.listing import evenly
from wganalyze.report.page.view import View, whole

if TYPE_CHECKING:
    import pandas as pd

MOST_STEPS = 6
"""Pictures of one name and trajectory."""
ROOM = 1_500_000
"""Bytes of all pictures of a report, before they are embedded, which takes a third more."""


@dataclass(frozen=True)
class Shot:
    """One picture. ``source``: a data URI. ``title``: its step, or its snapshot. ``labels``: all that it stands for."""

    source: str
    title: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class Strip:
    """The pictures of a trajectory, by step; ``name`` is "" where there is but one strip."""

    name: str
    shots: Sequence[Shot]


@dataclass(frozen=True)
class Hanging:
    """All pictures of one name. ``analyzer``: which made them. ``space``: "" where they are about none."""

    name: str
    caption: str
    analyzer: str
    space: str
    strips: Sequence[Strip]


@dataclass(frozen=True)
class Gallery:
    """``left_out``: how many pictures the report has beside these ("12 more"), in words; "" for none."""

    hangings: Sequence[Hanging]
    left_out: str


def gallery(view: View) -> Gallery | None:
    """As many steps of each as there is room for; None without pictures."""
    everything = view.report.pictures_of(view.listed)
    pictures = everything.drop_duplicates(["analyzer", "embedding", "name", "snapshot"])
    if pictures.empty:
        return None
    most, chosen = MOST_STEPS, _chosen(view, pictures, MOST_STEPS)
    while most > 1 and sum(_size(strips) for _, strips in chosen) > ROOM:
        most -= 1
        chosen = _chosen(view, pictures, most)
    hangings, room = [], ROOM
    for group, strips in chosen:
        size = _size(strips)
        if size <= room:
            room -= size
            hangings.append(_hanging(view, group, strips))
    rest = _distinct(pictures) - sum(len(strip.shots) for each in hangings for strip in each.strips)
    return Gallery(hangings, "Many more" if view.left_out else f"{rest} more" if rest > 0 else "")


Records = list[dict[str, Any]]
Strips = list[tuple[str, Records]]


def _size(strips: Strips) -> int:
    return sum(len(row["png"]) for _, rows in strips for row in rows)


def _chosen(view: View, pictures: pd.DataFrame, most: int) -> list[tuple[dict[str, Any], Strips]]:
    """Of each name, by trajectory: first, last and evenly spaced steps; what is the same at every step, once."""
    found: list[tuple[dict[str, Any], Strips]] = []
    lone = [label for label in view.labels if not any(label in each.labels for each in view.trajectories)]
    for _, group in pictures.groupby(["analyzer", "embedding", "name"], sort=False, dropna=False):
        records = {str(row["snapshot"]): row for row in cast("Records", group.to_dict("records"))}
        first = next(iter(records.values()))
        if len({row["png"] for row in records.values()}) == 1:
            found.append((first, [("", [{**first, "everywhere": len(records) > 1}])]))
            continue
        rows = [
            (each.name, [records[label] for label in each.labels if label in records]) for each in view.trajectories
        ]
        rows += [("", [records[label] for label in lone if label in records])]
        strips = [(name, [strip[at] for at in evenly(len(strip), most)]) for name, strip in rows if strip]
        found.append((first, strips))
    return found


def _distinct(pictures: pd.DataFrame) -> int:
    groups = pictures.groupby(["analyzer", "embedding", "name"], sort=False, dropna=False)
    return sum(1 if group["png"].nunique() == 1 else len(group) for _, group in groups)


def _hanging(view: View, first: dict[str, Any], strips: Strips) -> Hanging:
    space = first["embedding"]
    return Hanging(
        str(first["name"]),
        str(first["caption"] or ""),
        str(first["analyzer"]),
        space if isinstance(space, str) and len(view.report.spaces) > 1 else "",
        [Strip(name if len(strips) > 1 else "", [_shot(row) for row in rows]) for name, rows in strips],
    )


def _shot(row: dict[str, Any]) -> Shot:
    step = whole(row["step"])
    title = str(row["snapshot"]) if step is None else f"step {step}"
    title = "the same at every step" if row.get("everywhere") else title
    alt = str(row["alt"] or row["caption"] or row["name"])
    source = f"data:image/png;base64,{b64encode(row['png']).decode()}"
    return Shot(source, title, alt, int(row["width"]), int(row["height"]))
