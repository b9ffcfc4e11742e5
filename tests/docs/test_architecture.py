"""The page about the source is about the source as it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_picture_is_that_of_today() -> None:
    made = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "house.py")], capture_output=True, text=True, check=True
    ).stdout
    assert made.strip() in PAGE, "python docs/house.py --write"


def test_every_place_that_it_names_is_there() -> None:
    core = ROOT / "core" / "wganalyze"
    files = set(re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE))
    assert len(files) > 20
    places = (core, ROOT, ROOT / "checkpoints")
    assert [name for name in files if not any((place / name).is_file() for place in places)] == []


def test_every_room_has_its_paragraph() -> None:
    rooms = [path.name for path in (ROOT / "core" / "wganalyze").iterdir() if (path / "__init__.py").is_file()]
    titles = " ".join(re.findall(r"(?m)^\*\*(.+?)\.\*\*", PAGE)).replace(",", " ").split()
    assert set(rooms) <= set(titles)


def test_each_behaviour_is_where_it_says() -> None:
    """Both hops of the table: a room or lone module, and a name in it."""
    core = ROOT / "core" / "wganalyze"
    rows = re.findall(r"(?m)^\| [^|]+ \| `(\w+)` \| (.+) \|$", PAGE)
    assert len(rows) == 9
    for room, places in rows:
        for place in re.findall(r"`((?:\w+\.)?\w+)`", places):
            module, _, name = place.rpartition(".")
            file = next(p for p in (core / room / f"{module}.py", core / f"{module or room}.py") if p.is_file())
            assert re.search(rf"(?m)^(class |def )?{name}\b", file.read_text(encoding="utf-8")), place
