"""The command line of a script whose definitions are taken: nothing was said on it, so that defaults count."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any


class Defaults(argparse.Namespace):
    """What a parser gives where nothing is said; what has no default, or is required, is no attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"the command line of the script has no default for {name!r}: give it one there")


def defaults_of(parser: argparse.ArgumentParser) -> Defaults:
    """The defaults of a parser, converted as it converts them; no file that they name is opened."""
    said = Defaults()
    for action in parser._actions:
        default, converted = action.default, isinstance(action.default, str)
        if argparse.SUPPRESS in (action.dest, default) or (action.required and default is None):
            continue
        if converted and not isinstance(action.type, argparse.FileType):
            try:
                default = parser._get_value(action, default)
            except argparse.ArgumentError:
                continue
        setattr(said, action.dest, default)
    for name, value in parser._defaults.items():
        if name not in vars(said):
            setattr(said, name, value)
    return said


@contextmanager
def without_arguments(script: Path, *, whole: bool) -> Iterator[None]:
    """Inside, the arguments of this process are hidden from scripts that parse them; ``whole``: parsers do as ever."""
    arguments = sys.argv
    sys.argv = [str(script)]  # ours are not meant for them
    parser = argparse.ArgumentParser
    parsing = {name: getattr(parser, name) for name in ("parse_args", "parse_known_args")}
    if not whole:
        setattr(parser, "parse_args", lambda self, *_, **__: defaults_of(self))  # noqa: B010
        setattr(parser, "parse_known_args", lambda self, *_, **__: (defaults_of(self), []))  # noqa: B010
    try:
        with nullcontext() if whole else redirect_stdout(io.StringIO()):
            yield
    finally:
        sys.argv = arguments
        for name, method in parsing.items():
            setattr(parser, name, method)
