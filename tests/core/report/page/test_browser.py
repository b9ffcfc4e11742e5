"""A page in a real browser: drawn as meant on a phone and a desk, in the dark, in print, and without JavaScript.

Chromium is Debian's (``apt-get install chromium``), driven by playwright; by ``tox -e browser``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wganalyze.report.page.comparison import comparison_page
from wganalyze.report.page.templating import write_text
from wganalyze.report.page.writing import write_page
from wganalyze.report.questions.comparing import compare
from wganalyze.report.reading import Report, open_report

pytestmark = pytest.mark.browser
WriteReport = Callable[..., Path]
WriteCell = Callable[..., str]

CHROMIUM = os.environ.get("WGANALYZE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
BODY_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3: text against its background."""
UNFOLD = "document.querySelectorAll('details').forEach(each => each.open = true)"
CONTRASTS = """() => {
  const parse = text => { const [r, g, b, a] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a ?? 1]; };
  const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  const found = {};
  for (const each of document.querySelectorAll('body *')) {
    const own = [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || ['STYLE', 'TITLE', 'DESC', 'title', 'desc'].includes(each.tagName)) continue;
    const style = getComputedStyle(each);
    const ink = parse(each instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(each))].sort((x, y) => y - x);
    const name = each.tagName.toLowerCase() + '.' + (each.getAttribute('class') || '');
    found[name] = Math.min(found[name] ?? 99, (a + 0.05) / (b + 0.05));
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    if not CHROMIUM:
        pytest.skip("no Chromium: apt-get install chromium, or name one in WGANALYZE_CHROMIUM")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def made() -> list[Path]:
    """The page that is made once."""
    return []


@pytest.fixture
def written(made: list[Path], write_report: WriteReport, write_cell: WriteCell, tmp_path: Path) -> Path:
    """A page of two reports, one with seven more runs and long names."""
    if made:
        return made[0]
    reports = [write_report("first"), write_report("second")]
    names = [f"{'a-very-long-folder-name' * 3}/run{at}/{'x' * 70}" for at in range(7)]
    for at, name in enumerate(names):
        for step in (1, 20000):
            findings = [{"level": level, "code": level, "message": "m " * 60} for level in ("fault", "warning", "info")]
            write_cell(reports[1], f"{name}/s{step}", {"w1": at + 1.0 / step}, step=step, findings=findings)
    out = tmp_path / "page.html"
    write_page([open_report(report) for report in reports], out)
    made.append(out)
    return out


@pytest.fixture(params=["runs", "pairs", "settings"])
def compared(request: pytest.FixtureRequest, runs: Callable[..., Report], tmp_path: Path) -> Path:
    """A page of a comparison: of runs with long names, of all pairs of them, and of settings."""
    names = {
        f"lr={lr}/{'a-very-long-setting-' * lr}/seed={seed}": lr * (1 + seed**2 / 9)
        for lr in (1, 2, 4)
        for seed in range(3)
    }
    report = runs("r", names, {name: int(name[-1]) for name in names})
    how: dict[str, Any] = {"pairs": request.param == "pairs"}
    how |= {"groups": ["lr=*/*/seed=*"]} if request.param == "settings" else {}
    out = tmp_path / "comparison.html"
    write_text(comparison_page(compare([report], **how), [report], f"wganalyze compare {'r ' * 99}"), out)
    return out


def visit(browser: Any, path: Path, told: list[str], **options: Any) -> Any:
    """The page, opened; ``told`` is given what the console and the network saw."""
    page = browser.new_context(**options).new_page()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith("data:") else told.append(request.url))
    page.goto(path.as_uri())
    return page


def test_it_is_drawn_alike_everywhere(browser: Any, written: Path) -> None:
    """On a phone and a desk nothing overflows, no error is told, and nothing is asked of the network."""
    for width in (360, 768, 1440):
        told: list[str] = []
        page = visit(browser, written, told, viewport={"width": width, "height": 800})
        page.evaluate(UNFOLD)
        wide, there = page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.scrollingElement)")
        assert wide <= there == width
        assert told == [written.as_uri()]
        assert page.locator("svg").first.bounding_box()["width"] > 200
        assert page.evaluate("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
        size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('main p')).fontSize)")
        assert size >= 12
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(scheme: str, browser: Any, written: Path) -> None:
    page = visit(browser, written, [], color_scheme=scheme)
    page.evaluate(UNFOLD)
    found: dict[str, float] = page.evaluate(CONTRASTS)
    names = {"p.muted", "span.badge fault", "span.badge warning", "span.badge info", "text.tick", "p.line"}
    assert names <= {*found}
    assert {name: ratio for name, ratio in found.items() if ratio < BODY_CONTRAST} == {}
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is (scheme == "light")
    page.context.close()


def test_a_link_opens_the_table_that_it_leads_to(browser: Any, written: Path) -> None:
    """Evidence of a finding: the folded table opens, and its number is in sight; no script has a part in it."""
    desk = {"width": 1440, "height": 800}
    page = visit(browser, written, [], java_script_enabled=False, viewport=desk, reduced_motion="reduce")
    link = page.locator("#r1-findings a", has_text="w1").first
    target = page.locator(f"[id='{link.get_attribute('href').removeprefix('#')}']")
    assert not target.is_visible()
    link.click()
    assert target.is_visible()
    assert target.bounding_box()["y"] < 800
    assert target.inner_text().startswith("4.003")  # of the last snapshot of "gp"
    page.context.close()


def test_it_is_whole_without_javascript(browser: Any, written: Path) -> None:
    page = visit(browser, written, [], java_script_enabled=False)
    assert page.locator("h2").all_inner_texts() == ["first", "second"]
    assert page.locator("svg path.line").count() > 10
    folded = page.locator("#r1-numbers details").first
    assert not folded.locator("table").first.is_visible()
    folded.locator("summary").click()
    assert folded.locator("table").first.is_visible()
    page.context.close()


def test_it_is_walked_by_keyboard(browser: Any, written: Path) -> None:
    """The first stop skips to the content; every stop is seen."""
    page = visit(browser, written, [], viewport={"width": 1440, "height": 800})
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.context.close()


def test_it_is_printed_dark_on_white_and_without_its_contents(browser: Any, written: Path) -> None:
    page = visit(browser, written, [], color_scheme="dark", viewport={"width": 794, "height": 1123})
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert not page.locator("nav").is_visible()
    assert page.locator("svg").first.is_visible()
    found: dict[str, float] = page.evaluate(CONTRASTS)
    assert {name: ratio for name, ratio in found.items() if ratio < BODY_CONTRAST} == {}
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.context.close()


def test_strangers_run_nothing(browser: Any, write_report: WriteReport, tmp_path: Path) -> None:
    """What a hostile label would do, were it not text; and what the page's policy forbids beside that."""
    said = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    out = tmp_path / "page.html"
    write_page([open_report(write_report(said=said))], out)
    told: list[str] = []
    page = visit(browser, out, told)
    assert page.title().startswith("all")
    assert told == [out.as_uri()]
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"http://127.0.0.1:9/x.png\">')")
    page.wait_for_timeout(200)
    assert any("Content Security Policy" in line for line in told)
    page.context.close()


def test_a_comparison_is_drawn_alike_everywhere(browser: Any, compared: Path) -> None:
    """As a page of a report: without JavaScript, on a phone and a desk, light and dark."""
    for width in (360, 768, 1440):
        for scheme in ("light", "dark"):
            told: list[str] = []
            options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
            page = visit(browser, compared, told, java_script_enabled=False, **options)
            assert page.locator("section#differences figure svg[role=img]").count() == 2
            assert page.locator("section#verdicts strong").first.is_visible()
            page.context.close()
            page = visit(browser, compared, told, **options)
            page.evaluate(UNFOLD)
            wide, there = page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.scrollingElement)")
            assert wide <= there == width
            assert told == [compared.as_uri()] * 2
            found: dict[str, float] = page.evaluate(CONTRASTS)
            assert {name: ratio for name, ratio in found.items() if ratio < BODY_CONTRAST} == {}
            cut = page.evaluate(
                "[...document.querySelectorAll('#differences svg[role=img] text')].filter(each => {"
                "const [a, b] = [each, each.ownerSVGElement].map(e => e.getBoundingClientRect());"
                "return a.left < b.left - 2 || a.right > b.right + 8; }).map(each => each.textContent)"
            )
            assert cut == []
            page.context.close()


def test_a_comparison_is_printed_dark_on_white(browser: Any, compared: Path) -> None:
    page = visit(browser, compared, [], color_scheme="dark", viewport={"width": 794, "height": 1123})
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    found: dict[str, float] = page.evaluate(CONTRASTS)
    assert {name: ratio for name, ratio in found.items() if ratio < BODY_CONTRAST} == {}
    page.context.close()
