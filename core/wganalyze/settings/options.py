"""From ``ANALYZER.KEY=VALUE`` to an analyzer's frozen Options."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.errors import UsageError


def split_options(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Sort ``ANALYZER.KEY=VALUE`` texts by analyzer."""
    sorted_: dict[str, dict[str, str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        analyzer, dot, key = name.rpartition(".")
        if not (equals and dot and analyzer and key):
            raise UsageError(f"--option {text}: write ANALYZER.KEY=VALUE, for example exact-w.metric=l1")
        sorted_.setdefault(analyzer, {})[key.replace("-", "_")] = value
    return sorted_


def make_options(analyzer: type[Analyzer], texts: Mapping[str, str]) -> Any:
    """The Options of ``analyzer`` with the given values; UsageError names the option and what it may be."""
    hints = typing.get_type_hints(analyzer.Options)
    names = [f.name for f in dataclasses.fields(analyzer.Options)]
    values: dict[str, Any] = {}
    for key, text in texts.items():
        if key not in names:
            there = ", ".join(names) or "none"
            raise UsageError(f"--option {analyzer.name}.{key}: {analyzer.name} has no such option; there are: {there}")
        try:
            values[key] = convert(text, hints[key])
        except ValueError as error:
            raise UsageError(f"--option {analyzer.name}.{key}={text}: {error}") from None
    try:
        return analyzer.Options(**values)
    except (ValueError, TypeError) as error:
        raise UsageError(f"--option of {analyzer.name}: {error}") from None


def convert(text: str, kind: Any) -> Any:
    """``text`` as a value of the annotation ``kind``: a scalar, a Literal, ``X | None`` or ``tuple[X, ...]``."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if text.lower() == "none" and type(None) in arguments:
            return None
        return convert(text, next(a for a in arguments if a is not type(None)))
    if origin is typing.Literal:
        for choice in arguments:
            if str(choice) == text:
                return choice
        raise ValueError(f"choose one of: {', '.join(map(str, arguments))}")
    if origin is tuple:
        return tuple(convert(item.strip(), arguments[0]) for item in text.split(",") if item.strip())
    if kind is bool:
        if text.lower() in ("true", "yes", "1", "on"):
            return True
        if text.lower() in ("false", "no", "0", "off"):
            return False
        raise ValueError("write true or false")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"not {'a whole number' if kind is int else 'a number'}") from None
    return text
