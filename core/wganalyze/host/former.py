"""Former forms of plugins, which still work, each with one line of warning for its author."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from wganalyze.contracts.architecture import Architecture, Proposer
from wganalyze.contracts.loader import Loader

_ADDRESSES = ("analyzer", "data", "hooks", "measurement", "snapshot", "study")
"""Modules that public names were imported from before all of them were names of ``wganalyze``."""

_HOMES = ("wganalyze", "wganalyze.statistics", "wganalyze.contracts.terms", "wganalyze.contracts.measurement")
"""Where those names are now; the first is the face, which core itself does not import."""


class _Address(ModuleType):
    """A module of old, which gives the names of today; ``asked`` says whether somebody came."""

    asked = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for home in map(import_module, _HOMES):
            if hasattr(home, name):
                self.asked = True
                return getattr(home, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


@contextmanager
def former_addresses() -> Iterator[list[str]]:
    """Inside, imports from the modules of old are answered; the list holds a warning for each that was asked."""
    warnings: list[str] = []
    modules = {name: _Address(name) for name in (f"wganalyze.{address}" for address in _ADDRESSES)}
    for name, module in modules.items():
        module.__path__ = _folder(name)
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


@cache
def _folder(name: str) -> list[str]:
    """Where the modules of a package lie that has such a name today: they are imported as ever."""
    spec = find_spec(name)
    return [*(spec.submodule_search_locations or ())] if spec is not None else []


def class_of(kind: str, given: Any) -> tuple[Any, str]:
    """The class for what a plugin gave, and a warning where that was an instance, as loaders and architectures were."""
    if isinstance(given, type) or kind not in ("loader", "architecture"):
        return given, ""
    base: type[Any] = Loader
    if kind == "architecture":
        base = Proposer if hasattr(given, "propose") else Architecture
    declared = {name for cls in base.__mro__ for name in (*vars(cls), *vars(cls).get("__annotations__", {}))}
    names = [name for name in sorted(declared | {"help"}) if not name.startswith("_") and hasattr(given, name)]
    members = {name: getattr(given, name) for name in names}
    members |= {name: staticmethod(member) for name, member in members.items() if callable(member)}
    made = type(type(given).__name__, (base,), {**members, "__doc__": type(given).__doc__})
    warning = f"gives the {kind} {getattr(given, 'name', given)!r} as an instance: give a subclass of {base.__name__}"
    return made, warning
