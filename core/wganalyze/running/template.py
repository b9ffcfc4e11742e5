"""The ``wganalyze.toml`` that ``init`` writes."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wganalyze.contracts.terms import Role
from wganalyze.running.opened import Opened
from wganalyze.settings.config import net_of
from wganalyze.settings.facts import facts
from wganalyze.text import one_line

_SECTIONS = ("generator", "critic", "latent", "data", "training", "run", "files")


def to_toml(opened: Opened) -> str:
    """A ``wganalyze.toml`` that says what was found or said; what is unknown or assumed stands there as a comment."""
    assumed = sorted({text for snapshot in opened.snapshots for text in snapshot.assumptions})
    lines = [
        "# Facts about these checkpoints, for `wganalyze run`. Lines with # are unknown, assumed or defaults.",
        *(_comment(f"assumed: {text}") for text in assumed),
    ]
    for section in _SECTIONS:
        lines += ["", f"[{section}]", *_section(section, opened)]
    return "\n".join(lines) + "\n"


def _section(section: str, opened: Opened) -> Iterator[str]:
    known, shown = _stated(opened), _recognised(opened)
    for name, fact in facts().items():
        if fact.toml is None or fact.toml[0] != section:
            continue
        if name in ("generator", "critic"):
            yield from _net(opened, "generator" if name == "generator" else "critic")
        elif name == "roles":
            yield from _files(opened)
        else:
            yield _line(fact.toml[1], known.get(name), shown.get(name, fact.example), fact.remark)


def _stated(opened: Opened) -> Mapping[str, Any]:
    """What is a fact: everything that was said, and the penalty that a file states."""
    said: dict[str, Any] = {**opened.said}
    penalties = [snapshot.penalty for snapshot in opened.snapshots[:1] if snapshot.penalty is not None]
    if penalties:
        said["gradient_penalty"] = penalties[0]
    if "normalize" in said:
        mean, std = said["normalize"]
        said["normalize"] = {"mean": mean, "std": std}
    return said


def _recognised(opened: Opened) -> Mapping[str, Any]:
    """What the first snapshot shows, as examples better than any."""
    if not opened.snapshots:
        return {}
    first = opened.snapshots[0]
    shape = {"latent": first.latent.shape} if first.latent.shape else {}
    return {"weights": first.weights, "latent_law": first.latent.law, **shape}


def _line(key: str, said: object, example: object, remark: str) -> str:
    """``key = value`` where it was said, else a commented example."""
    line = f"{key} = {_value(said)}" if said is not None else f"# {key} = {_value(example)}"
    return f"{line:26} # {remark}" if remark else line


def _net(opened: Opened, role: Role) -> Iterator[str]:
    net = net_of(opened.said, role)
    if net is not None:
        said = {"factory": net.factory, "architecture": net.architecture, "arguments": dict(net.arguments) or None}
        yield from (f"{key} = {_value(value)}" for key, value in said.items() if value is not None)
        return
    designs = [snapshot.designs[role] for snapshot in opened.snapshots if role in snapshot.designs]
    if designs:
        yield _comment(f"recognised: {designs[0]}")
    else:
        yield f'# factory = "train:{role.capitalize()}(64)"  # MODULE:NAME or FILE.py:NAME, with literal arguments'


def _files(opened: Opened) -> Iterator[str]:
    yield from (f"{_value(pattern)} = {_value(role)}" for pattern, role in opened.said.get("roles", {}).items())
    assembled = opened.assembled
    unknown = [path for path, roles in assembled.roles.items() if roles == {None}]
    if not unknown:
        yield '# "method_*.pt" = "critic"  # generator, critic or ignore, where names do not say it'
    for path in unknown:
        for pattern in assembled.unknown.get(path, (glob.escape(path.name),)):
            yield f'# {_value(pattern)} = "critic"  # generator, critic or ignore'


def _value(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_value(str(key))} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool | str | Path):
        text = value if isinstance(value, bool) else str(value)
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)


def _comment(text: str) -> str:
    """What comes with a checkpoint must not become a fact."""
    return f"# {one_line(text)}"
