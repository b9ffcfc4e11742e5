"""Pictures on a page: which steps, each once, and no more than there is room for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wganalyze.contracts.picture import Picture
from wganalyze.report.page.gallery import MOST_STEPS, Gallery, gallery
from wganalyze.report.page.view import View
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]


def hung(report: Path) -> Gallery:
    """The pictures of a report."""
    found = gallery(View(open_report(report), "r1", "whole"))
    assert found is not None
    return found


def grey(name: str, level: int, size: int = 4) -> Picture:
    """A picture that is the same for the same level."""
    noise = np.random.default_rng(level).integers(0, 256, (size, size)).astype(np.uint8)
    return Picture.of_pixels(name, f"About {name}.", noise)


def test_a_name_is_a_row_by_step_for_each_run(report: Path, write_cell: WriteCell) -> None:
    for at, label in enumerate(("a/s1", "a/s2", "b/s1", "lone.pt")):
        step = None if label == "lone.pt" else int(label[-1])
        write_cell(report, label, {"x": 1.0}, step=step, pictures=[grey("samples", at)])
    (hanging,) = hung(report).hangings
    assert (hanging.name, hanging.caption, hanging.analyzer) == ("samples", "About samples.", "a")
    assert [(strip.name, [shot.title for shot in strip.shots]) for strip in hanging.strips] == [
        ("a", ["step 1", "step 2"]),
        ("b", ["step 1"]),
        ("", ["lone.pt"]),
    ]
    shot = hanging.strips[0].shots[0]
    assert (shot.alt, shot.width, shot.height) == ("About samples.", 4, 4)
    assert shot.source.startswith("data:image/png;base64,iVBOR")


def test_what_is_the_same_at_every_step_hangs_once(report: Path, write_cell: WriteCell) -> None:
    for step in range(3):
        write_cell(report, f"s{step}", {"x": 1.0}, step=step, pictures=[grey("reals", 1)])
    found = hung(report)
    ((shot,),) = [strip.shots for strip in found.hangings[0].strips]
    assert (shot.title, found.left_out) == ("the same at every step", "")


def test_of_many_steps_few_are_shown_and_the_others_counted(report: Path, write_cell: WriteCell) -> None:
    for step in range(10):
        write_cell(report, f"s{step}", {"x": 1.0}, step=step, pictures=[grey("samples", step)])
    found = hung(report)
    titles = [shot.title for shot in found.hangings[0].strips[0].shots]
    assert (len(titles), titles[0], titles[-1], found.left_out) == (MOST_STEPS, "step 0", "step 9", "4 more")


@pytest.mark.parametrize(("room", "shown"), [(10**9, 4), (40_000, 3), (15_000, 1), (100, 0)])
def test_a_page_stays_small(
    room: int, shown: int, report: Path, write_cell: WriteCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of four pictures has some ten thousand bytes."""
    monkeypatch.setattr("wganalyze.report.page.gallery.ROOM", room)
    for step in range(4):
        write_cell(report, f"s{step}", {"x": 1.0}, step=step, pictures=[grey("noise", step, size=104)])
    found = hung(report)
    assert sum(len(strip.shots) for each in found.hangings for strip in each.strips) == shown
    assert found.left_out == (f"{4 - shown} more" if shown < 4 else "")


def test_without_pictures_there_is_no_gallery(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "s", {"x": 1.0})
    assert gallery(View(open_report(report), "r1", "whole")) is None
