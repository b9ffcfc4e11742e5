"""A page as a document: whole, safe, and readable for those who hear it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.contracts.picture import Picture
from wganalyze.errors import UsageError
from wganalyze.report.page.sections import SECTIONS, Section
from wganalyze.report.page.writing import page, write_page
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]
WriteReport = Callable[..., Path]
Parsed = Callable[[str], Any]
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}javascript:&amp;\x00\x1b[31m\u202e"
)

OWN = tuple(Metric(name, "Mine.", headline=Headline(name)) for name in ("same", "own"))
EMPTY = '{"slots": {}}'


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Pages that are made once."""
    return {}


@pytest.fixture(
    params=["everything", "hostile", "two", "empty", "failed", "stranger", "no steps", "one run", "one step"]
)
def text(
    request: pytest.FixtureRequest, made: dict[str, str], report: Path, write_report: WriteReport, write_cell: WriteCell
) -> str:
    """Pages of all kinds of reports."""
    if request.param not in made:
        made[request.param] = make(request.param, report, write_report, write_cell)
    return made[request.param]


def make(kind: str, report: Path, write_report: WriteReport, write_cell: WriteCell) -> str:
    """The page of a kind of report."""
    if kind == "two":
        return page([open_report(write_report(name)) for name in ("first", "second")])
    if kind in ("everything", "hostile"):
        return page([open_report(write_report(said=HOSTILE if kind == "hostile" else ""))])
    if kind == "failed":
        write_cell(report, "a", {"": {"message": "ValueError: x"}}, status="failed")
    if kind == "stranger":
        write_cell(report, "a", {"sharp": 3.5, "spread": 1.0}, step=1)
    if kind in ("one run", "one step"):
        for step in (1, 2) if kind == "one run" else (1,):
            write_cell(report, f"s{step}", {"same": 1.0, "own": step, "other": 2 * step}, step=step, metrics=OWN)
        record = json.loads((report / "_run.json").read_text())
        series = {"figure": "f", "values": "other", "label": "l", "panel": "p", "over": "", "reference": False}
        (report / "_run.json").write_text(json.dumps({**record, "series": {"a": [series]}}))
    if kind == "no steps":
        for label in ("a.pt", "b.pt"):
            write_cell(report, label, {"sharp": 3.5}, step=None)
    if kind == "empty":
        (report / "_plan.json").write_text(EMPTY)
    return page([open_report(report)])


def test_every_link_leads_somewhere_and_every_name_is_given_once(text: str, parsed: Parsed) -> None:
    html = parsed(text)
    names = [each.attributes["id"] for each in html.elements if "id" in each.attributes]
    assert len(names) == len({*names})
    for each in html.elements:
        for key in ("aria-labelledby", "aria-describedby"):
            assert {*(each.attributes.get(key) or "").split()} <= {*names}
    links = [each.attributes["href"] for each in html.all("a")]
    assert {link.removeprefix("#") for link in links} <= {*names}


def test_it_loads_nothing_and_runs_nothing(text: str, parsed: Parsed) -> None:
    html = parsed(text)
    assert html.all("script", "iframe", "object", "embed", "form", "base", "foreignobject", "use") == []
    for each in html.elements:
        assert not [name for name in each.attributes if name.startswith("on") or name in ("srcset", "action", "style")]
        if each.tag == "img":
            assert str(each.attributes["src"]).startswith("data:image/png;base64,")
    assert [each.attributes["href"] for each in html.all("link")] == ["data:,"]
    style = html.all("style")[0].text
    assert "url(" not in style
    assert "@import" not in style
    policy = [each.attributes["content"] for each in html.all("meta") if "http-equiv" in each.attributes]
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in str(policy[0])


def test_headings_go_down_in_steps_of_one(text: str, parsed: Parsed) -> None:
    levels = [int(each.tag[1]) for each in parsed(text).all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_landmarks_tables_and_pictures_say_what_they_are(text: str, parsed: Parsed) -> None:
    html = parsed(text)
    for landmark in ("header", "nav", "main", "footer"):
        assert len(html.all(landmark)) == 1
    assert all(each.attributes.get("scope") in ("row", "col") for each in html.all("th"))
    assert len(html.all("caption")) == len(html.all("table"))
    assert all(each.attributes.get("alt") for each in html.all("img"))
    charts = [each for each in html.all("svg") if "aria-hidden" not in each.attributes]
    assert len(html.all("desc")) == len(charts)
    assert all(each.attributes["role"] == "img" for each in charts)
    for row in html.all("tr"):
        assert "table" in row.inside
    assert html.all("html")[0].attributes["lang"] == "en"


def test_text_of_strangers_is_text(write_report: WriteReport, parsed: Parsed) -> None:
    """Labels, analyzers, messages, captions, alternative texts, assumptions, data and command: all are said as they
    are, but for characters that act unseen."""
    text = page([open_report(write_report(said=HOSTILE))])
    html = parsed(text)
    shown = HOSTILE.replace("\x00", "?").replace("\x1b", "?").replace("\u202e", "?")
    assert text.isprintable() or {c for c in text if not c.isprintable()} == {"\n"}
    assert "49" not in re.sub(r"[\d.]*\d{3,}[\d.]*|base64,\S+", "", html.all("main")[0].text)
    body = html.all("main")[0].text
    for begin in ("Far.", "too far", "no rule", "ValueError", "latent", "digits", "Generated.", "n = 100", "distance"):
        assert f"{begin}{shown}" in body, begin
    assert shlex.quote(f"a b{shown}") in body
    assert any(each.attributes["alt"].startswith(f"grey{shown}") for each in html.all("img"))
    assert any(shown.split("/")[0] in each.text for each in html.all("th"))


def test_one_report_has_its_sections_and_two_have_each_theirs(write_report: WriteReport, parsed: Parsed) -> None:
    first, second = (open_report(write_report(name)) for name in ("first", "second"))
    one, two = parsed(page([first])), parsed(page([first, second]))
    titles = [section.title for section in SECTIONS]
    assert [each.text for each in one.all("h2")] == titles
    assert [each.text for each in one.all("a") if "nav" in each.inside] == titles
    assert one.all("h1")[0].text == "first"
    assert two.all("h1")[0].text == "2 reports"
    assert [each.text for each in two.all("h2")] == ["first", "second"]
    assert [each.text for each in two.all("a") if "nav" in each.inside] == ["first", *titles, "second", *titles]


def test_a_report_without_something_has_no_section_for_it(report: Path, write_cell: WriteCell, parsed: Parsed) -> None:
    write_cell(report, "a", {"sharp": 3.5, "spread": 2.25}, step=None)
    html = parsed(page([open_report(report)]))
    assert [each.text for each in html.all("h2")] == ["Headlines in numbers", "All numbers"]
    assert "3.500" in html.all("main")[0].text


@pytest.mark.parametrize(
    ("status", "numbers", "told"),
    [
        ("failed", {"": {"message": "ValueError: x"}}, "No number was measured"),
        ("skipped", {"": {"message": "no --data"}}, "No number was measured"),
    ],
)
def test_what_went_wrong_is_said_first(
    status: str, numbers: dict[str, Any], told: str, report: Path, write_cell: WriteCell, parsed: Parsed
) -> None:
    write_cell(report, "a", numbers, status=status)
    (report / "_run.json").write_text('{"status": "interrupted"}')
    main = parsed(page([open_report(report)])).all("main")[0].text
    assert told in main
    assert "did not come to its end (interrupted)" in main
    assert main.index(told) < main.index("Not measured")
    assert numbers[""]["message"] in main


def test_an_empty_report_says_so(report: Path, parsed: Parsed) -> None:
    (report / "_plan.json").write_text(EMPTY)
    assert "Nothing was measured." in parsed(page([open_report(report)])).all("main")[0].text


def test_a_further_section_is_a_line_and_a_template(
    write_report: WriteReport, parsed: Parsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A section is found by its key, its anchor from it; one without content is left out."""
    report = open_report(write_report())
    more = [Section("assumed", "First", lambda view: []), Section("verdicts", "Said", lambda view: [])]
    monkeypatch.setattr("wganalyze.report.page.writing.SECTIONS", [*more, SECTIONS[-1]])
    assert [each.text for each in parsed(page([report])).all("h2")] == [SECTIONS[-1].title]


def test_the_same_report_makes_the_same_page(write_report: WriteReport) -> None:
    folder = write_report()
    assert page([open_report(folder)]) == page([open_report(folder)])


def test_fifty_steps_of_a_full_run_are_a_small_page(report: Path, write_cell: WriteCell) -> None:
    """As many numbers as all built-in analyzers give, and pictures of 25 kB that no compression makes smaller."""
    noise = np.random.default_rng(0)
    row = {"ci_low": 1.234567, "ci_high": 1.345678, "method": "mean over 5 fresh samples", "message": "n = 2000"}
    for step in range(50):
        numbers = {f"a_metric_of_some_length_{at}": {"value": noise.normal(), **row} for at in range(140)}
        pixels = noise.integers(0, 256, (5, 160, 160)).astype(np.uint8)
        pictures = [Picture.of_pixels(f"picture {at}", "Seen.", each) for at, each in enumerate(pixels)]
        write_cell(report, f"checkpoints/wgan-gp/step_{step:06}", numbers, step=step, pictures=pictures)
    text = page([open_report(report)])
    assert len(text.encode()) < 3_000_000
    assert text.count("<td id=") == 50 * 140
    assert 10 <= text.count("<img") <= 30


def test_a_page_is_written_whole_or_not_at_all(write_report: WriteReport, tmp_path: Path) -> None:
    report = open_report(write_report())
    out = tmp_path / "page.html"
    out.write_text("before")
    size = write_page([report], out)
    assert out.stat().st_size == size > 10_000
    assert out.read_text(encoding="utf-8") == page([report])
    with pytest.raises(
        UsageError, match=r"^--out .*nowhere/page.html: cannot be written \(No such file or directory\)"
    ):
        write_page([report], tmp_path / "nowhere" / "page.html")


def test_landmarks_have_names_of_their_own(text: str, parsed: Parsed) -> None:
    """Of two reports too, whose sections have the same titles."""
    html = parsed(text)
    names = [each.attributes.get("aria-labelledby") for each in html.all("section")]
    assert len(names) == len({*names})
    titles = {each.attributes["id"]: each.text for each in html.elements if "id" in each.attributes}
    told = [" ".join(titles[part] for part in str(name).split()) for name in names]
    assert len(told) == len({*told})
