"""Former forms of plugins, which still work, each with one line of warning for its author."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import wganalyze
from wganalyze.contracts.architecture import Architecture, Proposer
from wganalyze.contracts.loader import Loader

_ADDRESSES = ("analyzer", "data", "hooks", "measurement", "snapshot", "study")
"""Modules that public names were imported from before all of them were names of ``wganalyze``."""


class _Address(ModuleType):
    """A module of old, which gives the names of today; ``asked`` says whether somebody came."""

    asked = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.asked = True
        return getattr(wganalyze, name)


@contextmanager
def former_addresses() -> Iterator[list[str]]:
    """Inside, imports from the modules of old are answered; the list holds a warning for each that was asked."""
    warnings: list[str] = []
    modules = {name: _Address(name) for name in (f"wganalyze.{address}" for address in _ADDRESSES)}
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield warnings
    finally:
        for name, module in modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
            if module.asked:
                warnings.append(f"imports from {name}, a former address: import from wganalyze")
        sys.modules.update(before)


def class_of(kind: str, given: Any) -> tuple[Any, str]:
    """The class for what a plugin gave, and a warning where that was an instance, as loaders and architectures were."""
    if isinstance(given, type) or kind not in ("loader", "architecture"):
        return given, ""
    base: type[Any] = Loader
    if kind == "architecture":
        base = Proposer if hasattr(given, "propose") else Architecture
    members = {name: getattr(given, name) for name in (*vars(base), *base.__annotations__) if _is_open(given, name)}
    members |= {name: staticmethod(member) for name, member in members.items() if callable(member)}
    members |= {name: getattr(given, name) for name in ("name", "role", "help") if hasattr(given, name)}
    made = type(type(given).__name__, (base,), {**members, "__doc__": type(given).__doc__})
    warning = f"gives the {kind} {getattr(given, 'name', given)!r} as an instance: give its class, a {base.__name__}"
    return made, warning


def _is_open(given: Any, name: str) -> bool:
    return not name.startswith("_") and hasattr(given, name)
