"""From what was said of an analyzer's options to its frozen Options."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.errors import UsageError
from wganalyze.settings.values import Text, from_python, from_text


def by_analyzer(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Sort "ANALYZER.KEY" by analyzer."""
    sorted_: dict[str, dict[str, Any]] = {}
    for name, value in options.items():
        analyzer, dot, key = name.rpartition(".")
        if not (dot and analyzer and key):
            raise UsageError(f"--option {name}: write ANALYZER.KEY=VALUE")
        sorted_.setdefault(analyzer, {})[key.replace("-", "_")] = value
    return sorted_


def make_options(analyzer: type[Analyzer], given: Mapping[str, Any]) -> Any:
    """The Options of ``analyzer`` with the given values; UsageError names the option and what it may be.

    A Text is read as the command line writes it; other values keep their types.
    """
    hints = typing.get_type_hints(analyzer.Options)
    names = [field.name for field in dataclasses.fields(analyzer.Options)]
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in names:
            there = ", ".join(names) or "none"
            raise UsageError(f"--option {analyzer.name}.{key}: {analyzer.name} has no such option; there are: {there}")
        try:
            values[key] = (from_text if isinstance(value, Text) else from_python)(value, hints[key])
        except ValueError as error:
            raise UsageError(f"--option {analyzer.name}.{key}={value}: {error}") from None
    try:
        return analyzer.Options(**values)
    except (ValueError, TypeError) as error:
        raise UsageError(f"--option of {analyzer.name}: {error}") from None
