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
LOADS = re.compile(
    r"""(?:src|href|srcset|poster|data|action)\s*=\s*["']?\s*(?:https?:|//)|url\(\s*["']?(?:https?:|//)|@import"""
)
ANSWERS = (0, 1, 2)


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
                "loads something": LOADS.search(re.sub(r"<code>.*?</code>", "", text, flags=re.DOTALL)) is not None,
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
