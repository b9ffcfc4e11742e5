"""Callbacks for the trainers of others, by name: ``from wganalyze.integrations import LightningMonitor``.

Any installed package may give some, as entry points of the group ``wganalyze.integrations``; each is imported when it
is first used, and the library that it is for with it.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

GROUP = "wganalyze.integrations"


def __getattr__(name: str) -> Any:
    for entry in entry_points(group=GROUP, name=name):
        return entry.load()
    there = ", ".join(__dir__()) or "none"
    raise AttributeError(f"module 'wganalyze.integrations' has no attribute {name!r}; there are: {there}")


def __dir__() -> list[str]:
    return sorted({entry.name for entry in entry_points(group=GROUP)})
