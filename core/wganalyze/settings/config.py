"""What was said in several places, one over the other."""

from __future__ import annotations

from typing import cast

from wganalyze.contracts.terms import Role
from wganalyze.networks.factories import Net
from wganalyze.settings.facts import Said, facts, flag_of, read


def from_command_line(texts: dict[str, object]) -> Said:
    """What options say, by name; None and () are unsaid. UsageError names the option."""
    said = {}
    for name, value in texts.items():
        if name in facts() and value is not None and value != () and value is not False:
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            said[name] = read(name, value, f"{flag_of(name)} {shown}")
    if texts.get("held_out") is False:  # the flag --not-held-out
        said["held_out"] = False
    return cast(Said, said)


def from_python(arguments: dict[str, object]) -> Said:
    """What arguments of a function say, by name; None is unsaid. UsageError names the argument."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return cast(Said, {name: read(name, value, f"{name}={value!r}") for name, value in given.items()})


def over(first: Said, second: Said) -> Said:
    """``first``, with what it leaves unsaid taken from ``second``."""
    merged = {**second, **first}
    if "range" in first or "normalize" in first:
        for other in {"range", "normalize"} - {*first}:
            merged.pop(other, None)
    own, others = first.get("roles", {}), second.get("roles", {})
    if own or others:  # the first pattern that fits a file decides, so one's own come first
        merged["roles"] = {**own, **{pattern: role for pattern, role in others.items() if pattern not in own}}
    if "options" in first and "options" in second:  # each for itself
        merged["options"] = {**second["options"], **first["options"]}
    return cast(Said, merged)


def net_of(said: Said, role: Role) -> Net | None:
    """The factory or the architecture that was named for a network."""
    named = said.get(role)
    return Net(named) if isinstance(named, str) else named
