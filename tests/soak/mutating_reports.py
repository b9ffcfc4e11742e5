"""A process that shows damaged reports, and says which did harm: ``mutating_reports.py FOLDER SEED COUNT``.

``FOLDER/report`` is whole. Of each copy one file is damaged, or texts of its records are a stranger's; a crash ends the
process, and the copy that did it lies in FOLDER/at-work-SEED.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.soak.mutating import HARM, damaged

from wganalyze.cli import call

STRANGE = (
    "<script src=//evil.example></script>",
    "\"><img src='http://evil.example'>",
    "{{ 7 * 7 }}",
    "\x1b[2J",
    "\0",
    "é" * 5_000,
)
ELSEWHERE = re.compile(r"\s*(?:https?:|//)")
LOADS = re.compile(
    r"""(?:src|href|srcset|poster|data|action)\s*=\s*["']?\s*(?:https?:|//)|url\(\s*["']?(?:https?:|//)|@import"""
)
LOADING = {"src", "href", "xlink:href", "srcset", "poster", "data", "action", "formaction", "background"}
SAID = {"alt", "title", "aria-label", "aria-description"}
ANSWERS = (0, 1, 2)


class Loads(HTMLParser):
    """What a page would have a browser fetch, in ``found``; text that looks like it is text."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            loads = ELSEWHERE.match if name in LOADING else LOADS.search
            if value is not None and name not in SAID and loads(value):
                self.found.append(f"<{tag} {name}={value}>")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem and LOADS.search(data):  # of styles and scripts
            self.found.append(data)


def estranged(value: Any, chance: random.Random) -> Any:
    """A document, some of whose texts are a stranger's, and some of whose values are of another kind."""
    if isinstance(value, dict):
        return {key: estranged(each, chance) for key, each in value.items()}
    if isinstance(value, list):
        return [estranged(each, chance) for each in value]
    if chance.random() > 0.1:
        return value
    return chance.choice(STRANGE) if isinstance(value, str) else chance.choice((None, -1, 1e999, "x", [], {}))


def answer(words: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = int(call(words))
    return code, out.getvalue(), err.getvalue()


def main() -> None:
    """Print a line for each report that did harm."""
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    whole, at_work, page = folder / "report", folder / f"at-work-{seed}", folder / f"page-{seed}.html"
    verbs = (["show", str(at_work), "--all"], ["page", str(at_work), "--out", str(page)])
    files = [path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file()]
    records = [file for file in files if file.suffix == ".json"]
    deeds: list[str] = []
    chance = random.Random(seed)
    shutil.copytree(whole, at_work)
    for words in verbs:  # imports are done by a report that is whole
        assert answer(words)[0] == 0
    scripts = page.read_text().count("<script")

    def watch(event: str, _: tuple[Any, ...]) -> None:
        if event.startswith(HARM):
            deeds.append(event)

    sys.addaudithook(watch)
    for each in range(count):
        shutil.rmtree(at_work)
        shutil.copytree(whole, at_work)
        file = at_work / chance.choice(records if chance.random() < 0.5 else files)
        if file.suffix == ".json" and chance.random() < 0.7:
            file.write_text(json.dumps(estranged(json.loads(file.read_text()), chance)))
        else:
            file.write_bytes(damaged(file.read_bytes(), chance))
        page.unlink(missing_ok=True)
        for words in verbs:
            code, out, err = answer(words)
            text = page.read_text() if page.exists() else ""
            errors = [line for line in err.splitlines() if line.startswith("Error: ")]
            wrong = {
                "did what it should not": bool(deeds),
                f"exits {code}": code not in ANSWERS,
                "has no error of one line": code != 0 and len(errors) != 1,
                "was not foreseen": "unforeseen" in err or "Traceback" in err,
                "acts on the terminal": "\x1b" in out + err,
                "loads something": bool(Loads(text).found),
                "runs something": bool(text) and text.count("<script") != scripts,
            }
            if any(wrong.values()):
                kept = folder / f"harm-{seed}-{each}"
                shutil.copytree(at_work, kept, dirs_exist_ok=True)
                said = [name for name, is_so in wrong.items() if is_so]
                print(kept, words[0], file.relative_to(at_work), said, deeds, err[-300:], flush=True)
                deeds.clear()
    print("done", flush=True)


if __name__ == "__main__":
    main()
