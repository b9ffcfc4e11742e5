"""Pictures of the docs that show the demo of two settings with three seeds: its verbs in a terminal, and its page.

    wganalyze demo --seeds 3 --out demo
    python docs/pictures.py          # in the folder where demo/ lies; the page needs playwright and Debian's Chromium

Verbs are run as a user runs them, with colours and 120 columns, and become SVGs; the page is opened in Chromium.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent / "pictures"
DEMO = Path("demo")
COLUMNS = 120
CHROMIUM = os.environ.get("WGANALYZE_CHROMIUM", "/usr/bin/chromium")
FONTS = re.compile(r"@font-face\s*\{.*?\}", re.DOTALL)
"""What an SVG of rich fetches from elsewhere."""
MOST = 44
"""Lines of an answer that a picture shows."""


def commands() -> list[list[str]]:
    """What the demo names, by the words of a shell."""
    from wganalyze_zoo.demo import questions

    named = (line.partition("wganalyze ")[2] for line in questions(DEMO))
    return [shlex.split(words) for words in named if words]


def answer(arguments: list[str]) -> str:
    """What a command prints on a terminal, with its colours."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    done = subprocess.run(
        [sys.executable, "-m", "wganalyze", *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.stdout


def svg(arguments: list[str], text: str) -> str:
    """A terminal in which a command was run."""
    from rich.console import Console
    from rich.text import Text

    lines = text.rstrip().splitlines()
    if len(lines) > MOST:
        lines = [*lines[:MOST], f"... and {len(lines) - MOST} lines more"]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {shlex.join(['wganalyze', *arguments])}", style="bold"))
    console.print(Text.from_ansi("\n".join(lines)))
    drawn = FONTS.sub("", console.export_svg(title=f"wganalyze {arguments[0]}", unique_id=f"wganalyze-{arguments[0]}"))
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def photograph(page: Path, picture: Path) -> None:
    """A page from its pictures on, as a screen shows it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1100, "height": 1300})
        tab.goto(page.resolve().as_uri())
        tab.locator("h2", has_text="Pictures").first.evaluate(
            "heading => heading.scrollIntoView({behavior: 'instant'})"
        )
        tab.screenshot(path=picture)
        browser.close()


def main() -> None:
    """Write all of them."""
    for arguments in commands():
        text = answer(arguments)
        if arguments[0] == "page":
            photograph(DEMO / "page.html", HERE / "questions-page.png")
        else:
            (HERE / f"questions-{arguments[0]}.svg").write_text(svg(arguments, text), encoding="utf-8")


if __name__ == "__main__":
    main()
