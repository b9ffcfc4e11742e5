"""CITATION.cff is about this version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_citation_names_the_version_and_the_license_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = dict(re.findall(r"(?m)^([\w-]+): (\S.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8")))
    assert (stated["version"], stated["license"]) == (project["version"], project["license"])
    assert {"cff-version", "message", "title", "type"} <= stated.keys()
