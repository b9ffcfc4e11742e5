"""``help()`` of every public class says what each of its fields, properties and methods is."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterator

import pytest

import wganalyze

CLASSES = {name: getattr(wganalyze, name) for name in wganalyze.__all__ if inspect.isclass(getattr(wganalyze, name))}


def text_of(cls: type) -> str:
    """The docstrings of a class and of those that it extends."""
    return "\n".join(vars(base)["__doc__"] or "" for base in cls.__mro__[:-1] if "__doc__" in vars(base))


def members(cls: type) -> Iterator[tuple[str, object]]:
    """What a class itself declares and does not hide, by name; None: by an annotation alone."""
    if issubclass(cls, enum.Enum):
        return
    declared = {**dict.fromkeys(inspect.get_annotations(cls)), **vars(cls)}
    yield from ((name, value) for name, value in declared.items() if not name.startswith("_"))


def is_told(cls: type, name: str, member: object) -> bool:
    """Is it named in the class's text, or has it a text of its own, or of what it overrides?"""
    if re.search(rf"``{name}``", text_of(cls)):
        return True
    described = isinstance(member, classmethod | staticmethod | property) or inspect.isfunction(member)
    described = described or type(member).__name__ == "cached_property"
    overridden = [vars(base)[name] for base in cls.__mro__ if name in vars(base)]
    return described and any((each.__doc__ or "").strip() for each in overridden)


def test_there_are_classes_to_ask() -> None:
    assert {"Analyzer", "Architecture", "Loader", "Part", "Snapshot", "Study", "NetworkNotes"} <= set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_everything_that_a_class_declares_is_told(name: str) -> None:
    cls = CLASSES[name]
    assert (vars(cls).get("__doc__") or "").strip()
    assert not (cls.__doc__ or "").startswith(f"{name}("), "a text that dataclass made"
    assert [member for member, value in members(cls) if not is_told(cls, member, value)] == []


def test_what_is_not_told_is_noticed() -> None:
    class Silent:
        """Tells of ``told``."""

        told: int
        untold: int = 3

        def method(self) -> None: ...

        def described(self) -> None:
            """Something."""

        @property
        def state(self) -> int:
            return 0

    class Telling(Silent):
        """Of ``untold``, too."""

        untold: int

        def described(self) -> None: ...

    assert [n for n, value in members(Silent) if not is_told(Silent, n, value)] == ["untold", "method", "state"]
    assert [n for n, value in members(Telling) if not is_told(Telling, n, value)] == []
