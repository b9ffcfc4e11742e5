"""A line chart as geometry: known pixels, gaps, a single step, a thousand steps."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.report.page.chart import MOST_POINTS, draw, draw_rows, kept_indices, line, spaced
from wganalyze.report.page.drawing import Drawing, Series

NAN = math.nan


def points(path: str) -> list[tuple[float, float]]:
    """The points of a path."""
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


def bare(*series: Series, **more: object) -> Drawing:
    """A chart of 200 by 100 with nothing at its right side."""
    return draw(series, size=(200, 100), labelled=False, y_domain=(0, 10), x_domain=(0, 10), **more)  # type: ignore[arg-type]


def test_a_path_breaks_at_a_gap_and_leaves_out_what_stands_alone() -> None:
    assert line([(0, 1), (2, 3.14159)]) == "M0.0 1.0L2.0 3.1"
    assert line([(0, 1), (2, 3), (4, NAN), (6, 7), (8, 9)]) == "M0.0 1.0L2.0 3.0M6.0 7.0L8.0 9.0"
    assert line([(NAN, 1), (2, 3), (4, NAN)]) == ""
    assert line([]) == ""


def test_a_point_lies_where_its_numbers_say() -> None:
    drawing = bare(Series("a", [0, 5, 10], [0, 5, 10]))
    left, top, right, bottom = drawing.frame
    (x0, y0), (x1, y1), (x2, y2) = points(drawing.lines[0].path)
    assert (y0, y2) == (bottom, top)
    assert y1 == pytest.approx((top + bottom) / 2, abs=0.1)
    assert (x0, x2) == pytest.approx((left + 4, right - 4), abs=0.1)
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert [mark.x for mark in drawing.dots] == pytest.approx([x0, x1, x2], abs=0.06)
    assert [mark.y for mark in drawing.dots] == pytest.approx([y0, y1, y2], abs=0.06)


def test_ticks_lie_where_their_numbers_are() -> None:
    drawing = bare(Series("a", [0, 10], [0, 10]))
    assert [text for _, text in drawing.y_ticks] == ["0", "5", "10"]
    assert [pixel for pixel, _ in drawing.y_ticks] == pytest.approx([78, 43, 8])
    assert [text for _, text in drawing.x_ticks] == ["0", "5", "10"]


def test_a_gap_is_a_gap_and_a_lone_point_a_dot() -> None:
    long = [*range(40)]
    numbers: list[float] = [5.0] * 40
    numbers[10] = numbers[12] = NAN
    drawing = draw([Series("a", long, numbers)])
    assert drawing.lines[0].path.count("M") == 2
    assert len(points(drawing.lines[0].path)) == 37
    assert len(drawing.dots) == 1


def test_one_step_is_a_dot_with_its_interval() -> None:
    drawing = draw([Series("a", [700], [3.0], [2.5], [3.5])])
    assert drawing.lines == []
    assert len(drawing.dots) == 1
    corners = points(drawing.bands[0].path)
    assert len(corners) == 4
    assert max(x for x, _ in corners) - min(x for x, _ in corners) == pytest.approx(3)
    assert [text for _, text in drawing.x_ticks] == ["700"]


def test_a_band_joins_its_ends_and_breaks_where_one_is_missing() -> None:
    drawing = bare(Series("a", [0, 5, 10], [2, 2, 2], [1, NAN, 1], [3, 4, 3]))
    assert drawing.bands[0].path.count("Z") == 2
    whole = bare(Series("a", [0, 10], [2, 2], [0, 0], [10, 10]))
    _, top, _, bottom = whole.frame
    assert [y for _, y in points(whole.bands[0].path)] == [top, top, bottom, bottom]
    assert bare(Series("a", [0, 10], [2, 2], [NAN, NAN], [NAN, NAN])).bands == []


def test_what_no_log_scale_shows_is_left_out() -> None:
    drawing = draw([Series("a", [1, 2, 3, 4], [0, 1, 10, 100])], log=True)
    assert len(points(drawing.lines[0].path)) == 3
    assert [text for _, text in drawing.y_ticks] == ["1", "10", "100"]


def test_nothing_to_draw_is_an_empty_chart() -> None:
    drawing = draw([Series("a", [1, 2], [NAN, NAN])])
    assert (drawing.lines, drawing.dots, drawing.labels, drawing.bands) == ([], [], [], [])
    assert draw([]).y_ticks


def test_a_thousand_steps_keep_their_extremes_and_few_points() -> None:
    count = 1000
    steps = [*range(0, 10 * count, 10)]
    numbers = [math.sin(at / 30) for at in range(count)]
    numbers[123], numbers[777] = 50.0, -50.0
    drawing = draw([Series("a", steps, numbers, [v - 1 for v in numbers], [v + 1 for v in numbers])])
    shown = points(drawing.lines[0].path)
    assert len(shown) <= MOST_POINTS
    assert [x for x, _ in shown] == sorted(x for x, _ in shown)
    kept = kept_indices([numbers])
    assert {0, 123, 777, count - 1} <= {*kept}
    assert len(drawing.dots) == 0


def test_a_gap_in_a_long_line_stays_a_gap() -> None:
    numbers = [1.0] * 1000
    numbers[500:520] = [NAN] * 20
    drawing = draw([Series("a", [*range(1000)], numbers)])
    assert drawing.lines[0].path.count("M") == 2


@given(st.lists(st.floats(-100, 100) | st.just(NAN), min_size=1, max_size=600), st.integers(8, 100))
def test_what_is_kept_is_in_order_and_has_both_ends_and_extremes(numbers: list[float], most: int) -> None:
    kept = kept_indices([numbers], most)
    assert kept == sorted({*kept})
    assert {0, len(numbers) - 1} <= {*kept}
    assert len(kept) <= max(most + most // 4, 8)
    finite = [v for v in numbers if math.isfinite(v)]
    if finite:
        assert {max(finite), min(finite)} <= {numbers[at] for at in kept}


def test_labels_are_moved_apart_in_their_order() -> None:
    assert spaced([10, 50, 90], 10, 0, 100) == [10, 50, 90]
    assert spaced([50, 50], 10, 0, 100) == [50, 60]
    assert spaced([98, 99], 10, 0, 100) == [90, 100]
    assert spaced([99, 98], 10, 0, 100) == [100, 90]
    assert spaced([5, 5, 5], 60, 0, 100) == [0, 50, 100]
    assert spaced([], 10, 0, 100) == []


@given(st.lists(st.floats(0, 100), max_size=12), st.floats(1, 8))
def test_no_label_hides_another_and_none_leaves_the_chart(wanted: list[float], gap: float) -> None:
    found = sorted(spaced(wanted, gap, 0, 100))
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(found))
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in found)


def test_lines_are_named_at_their_ends_and_long_names_cut() -> None:
    drawing = draw([Series("short", [0, 10], [1, 2], colour=3), Series("a name beyond all measure", [0, 10], [1, 2])])
    texts = [mark.text for mark in drawing.labels]
    assert texts == ["short", "a name beyond …"]
    assert drawing.labels[0].colour == 3
    assert abs(drawing.labels[0].y - drawing.labels[1].y) >= 12
    assert all(mark.x > drawing.frame[2] for mark in drawing.labels)
    pale = draw([Series("behind", [0, 10], [1, 2], pale=True)])
    assert pale.labels == []
    assert pale.lines[0].pale


def test_rows_have_a_dot_an_interval_and_a_line_across() -> None:
    drawing = draw_rows([("a", 5, 0, 10), ("b", NAN, NAN, NAN), ("c" * 30, 10, NAN, NAN)], reference=0, width=300)
    left, top, right, bottom = drawing.frame
    assert [text for _, text in drawing.y_ticks] == ["a", "b", f"{'c' * 23}…"]
    floor, whisker = drawing.lines
    (low, _), (high, _) = points(whisker.path)
    assert left < low < high < right
    assert [x for x, _ in points(floor.path)] == [low, low]
    assert [y for _, y in points(floor.path)] == [top, bottom]
    assert [dot.x for dot in drawing.dots] == pytest.approx([(low + high) / 2, high], abs=0.1)
    assert [dot.y for dot in drawing.dots] == [drawing.y_ticks[0][0], drawing.y_ticks[2][0]]
