"""A comparison as a page: its numbers are those of the table, its pairs said, its forest plot where the numbers are."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from wganalyze.report.page.comparison import comparison_page
from wganalyze.report.questions.comparing import compare
from wganalyze.report.questions.comparison import Comparison
from wganalyze.report.questions.showing import measured
from wganalyze.report.reading import Report

Parsed = Callable[[str], Any]
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}\x1b\u202e"


def settings(runs: Callable[..., Report]) -> Comparison:
    names = {f"lr={lr}/seed={seed}": lr * (1 + seed**2 / 100) for lr in (1, 2, 4) for seed in range(4)}
    return compare([runs("r", names, {name: int(name[-1]) for name in names})], groups=["lr=*/seed=*"])


def test_the_verdict_comes_first_and_the_table_holds_every_number(runs: Callable[..., Report], parsed: Parsed) -> None:
    report = runs("r", {"a": 0, "b": 0.5})
    html = parsed(comparison_page(compare([report]), [report], "wganalyze compare r"))
    titles = [each.text for each in html.all("h2")]
    assert titles == ["Verdict", "What it rests on", "Differences", "In numbers", "Every run", "Provenance"]
    assert html.all("strong")[0].text.startswith("b is worse than a by ugly (+0.600")
    cells = [each.text for each in html.all("td")]
    assert (cells.count("worse"), cells.count("higher")) == (1, 1)
    for answer in compare([report]).answers:
        for entry in answer.entries:
            assert measured(entry.value, entry.low, entry.high) in cells
        (each,) = answer.compared
        assert measured(each.difference.value, each.difference.low, each.difference.high) in cells
    assert "wganalyze compare r" in html.all("pre")[0].text


def test_settings_are_judged_by_their_training_seeds(runs: Callable[..., Report], parsed: Parsed) -> None:
    html = parsed(comparison_page(settings(runs)))
    first, second = (each.text for each in html.all("strong"))
    assert first.startswith("lr=2/seed=* is worse than lr=1/seed=* by ugly (+1.242")
    assert second.startswith("lr=4/seed=* is worse than lr=1/seed=*")
    main = html.all("main")[0].text
    assert main.index("is worse than") < main.index("What it rests on") < main.index("In numbers")
    titles = [each.text for each in html.all("h2")]
    assert "Training seeds" in titles
    rows = [each.text for each in html.all("th") if each.attributes.get("scope") == "row"]
    assert sum(f"seed={seed}" in row for row in rows for seed in range(4)) == 12


@pytest.mark.parametrize(("seed", "kind"), [(0, "paired"), (1, "unpaired")])
def test_it_is_said_where_samples_are_shared(seed: int, kind: str, runs: Callable[..., Report], parsed: Parsed) -> None:
    reports = [runs("a", {"x": 0}), runs("b", {"x": 0.5}, seed=seed)]
    html = parsed(comparison_page(compare(reports), reports))
    badges = [each.text for each in html.all("span") if "badge" in str(each.attributes.get("class"))]
    assert badges == [kind]
    text = html.all("main")[0].text
    assert ("was not measured on the samples of a" in text) is (kind == "unpaired")
    assert all(str(report.path) in text for report in reports)


def test_the_forest_plot_has_the_difference_and_its_interval(runs: Callable[..., Report]) -> None:
    """Pixels are affine in numbers: 0, and both ends of the axis, say where everything is."""
    comparison = settings(runs)
    text = comparison_page(comparison)
    forest = re.search(r'<section id="differences".*?</figure>', text, re.DOTALL)
    assert forest is not None
    ticks = [
        (float(x), float(value))
        for x, value in re.findall(r'x="([\d.]+)" y="[\d.]+" text-anchor="middle">([-\d.]+)<', forest[0])
    ]
    (x0, v0), (x1, v1) = ticks[0], ticks[-1]
    scale = (x1 - x0) / (v1 - v0)
    dots = [float(x) for x in re.findall(r'<circle [^>]*cx="([\d.]+)"', forest[0])]
    whiskers = re.findall(r'<path class="line c1 d0" d="M([\d.]+) [\d.]+L([\d.]+) ', forest[0])
    answer = comparison.answers[0]
    assert len(dots) == len(whiskers) == len(answer.compared) == 2
    for dot, (low, high), each in zip(dots, whiskers, answer.compared, strict=True):
        gap = each.difference
        for x, value in ((dot, gap.value), (float(low), gap.low), (float(high), gap.high)):
            assert value is not None
            assert x == pytest.approx(x0 + scale * (value - v0), abs=0.3)


def test_it_is_made_as_every_page(runs: Callable[..., Report], parsed: Parsed) -> None:
    """Headings in steps of one, tables and charts that say what they are, nothing loaded, text of strangers as text."""
    report = runs("r", {f"a{HOSTILE}": 0, "b": 1.0, "c" * 60: 3.0})
    for pairs in (False, True):
        text = comparison_page(compare([report], pairs=pairs), [report], f"x {HOSTILE}")
        html = parsed(text)
        assert html.all("script") == []
        assert {c for c in text if not c.isprintable()} == {"\n"}
        assert "49" not in html.all("main")[0].text.replace("lr", "")
        levels = [int(each.tag[1]) for each in html.all("h1", "h2", "h3", "h4")]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert all(each.attributes.get("scope") in ("row", "col", "rowgroup") for each in html.all("th"))
        assert len(html.all("caption")) == len(html.all("table"))
        charts = [each for each in html.all("svg") if "aria-hidden" not in each.attributes]
        assert len(html.all("desc")) == len(charts) == 4
        anchors = {each.attributes["id"] for each in html.elements if "id" in each.attributes}
        links = {str(each.attributes["href"]) for each in html.all("a")}
        assert {link.removeprefix("#") for link in links} <= anchors
        assert len(anchors) == sum("id" in each.attributes for each in html.elements)
        assert 5_000 < len(text.encode()) < 100_000


def test_without_a_difference_there_are_the_numbers(runs: Callable[..., Report], parsed: Parsed) -> None:
    """A metric that the second run lacks: no forest plot, and why."""
    report = runs("r", {"a": 0, "b": 0.5})
    report.measurements.loc[report.measurements["snapshot"] == "b/s3", ["value", "status"]] = [None, "skipped"]
    html = parsed(comparison_page(compare([report]), [report]))
    titles = [each.text for each in html.all("h2")]
    assert "Differences" not in titles
    assert "No ugly of b, size of b" in html.all("main")[0].text
