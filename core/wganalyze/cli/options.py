"""From what a user can say to the options of a verb, and from those to a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from wganalyze.running.request import Request
from wganalyze.settings.config import from_command_line
from wganalyze.settings.facts import facts, flag_of, kind_of

F = TypeVar("F", bound=Callable[..., Any])


def options_for(*, opening: bool) -> Callable[[F], F]:
    """An option for every fact; ``opening``: only for those that decide how a path is opened."""
    names = [name for name, fact in facts().items() if fact.opening or not opening]

    def decorate(function: F) -> F:
        for name in reversed(names):
            function = _option(name)(function)
        return function

    return decorate


def make_request(path: Path, texts: dict[str, Any], command: Sequence[str] = ()) -> Request:
    """The request that a verb's options describe; ``texts`` maps names of facts to what click parsed."""
    return Request(path, from_command_line(texts), command)


def _option(name: str) -> Callable[[F], F]:
    fact, kind, flag = facts()[name], kind_of(name), flag_of(name)
    if kind is bool and "/" in flag:
        return click.option(flag, name, default=None, help=fact.help)
    if kind is bool:
        return click.option(flag, name, is_flag=True, help=fact.help)
    if get_origin(kind) is Literal:
        return click.option(flag, name, type=click.Choice([*map(str, get_args(kind))]), help=fact.help)
    return click.option(flag, name, metavar=fact.metavar, multiple=fact.repeated, help=fact.help)
