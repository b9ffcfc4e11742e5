"""Reading a ``wganalyze.toml``."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from wganalyze.errors import UsageError
from wganalyze.networks.factories import Named, Net
from wganalyze.settings.facts import Said, facts, read

_NET: Mapping[str, type] = {"factory": str, "architecture": str, "arguments": dict}
"""The keys under which a section names its network."""

_NETWORKS = ("generator", "critic")
_DATA = ("data", "training_data", "input")


def read_config(path: Path, *, trusted: bool) -> Said:
    """What a ``wganalyze.toml`` says; UsageError names the file and the key.

    ``trusted``: False for one that lies beside the checkpoints, whose factories are not the user's word.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a TOML file ({error})") from None
    said: dict[str, Any] = {}
    for section, content in document.items():
        if section not in _sections() or not isinstance(content, dict):
            raise UsageError(f"{path}: no section is called [{section}]{_near(section, _sections())}")
        if section in _NETWORKS and content.keys() & _NET.keys():
            named = {key: content.pop(key) for key in _NET if key in content}
            said[section] = _net(named, section, path, trusted)
        said |= _read_section(section, content, path)
    said |= {name: Named(said[name], trusted, path.parent) for name in _DATA if name in said}
    if "condition" in said:
        said["condition"] = {name: Named(text, trusted, path.parent) for name, text in said["condition"].items()}
    return cast(Said, said)


def _read_section(section: str, content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    known = _sections()[section]
    if "" in known:
        return {known[""]: read(known[""], content, f"{path}: [{section}]")} if content else {}
    said = {}
    for key, value in content.items():
        if key not in known:
            raise UsageError(f"{path}: [{section}] has no key {key!r}{_near(key, known)}")
        said[known[key]] = read(known[key], value, f"{path}: [{section}] {key} = {value!r}")
    return said


def _net(named: Mapping[str, Any], section: str, path: Path, trusted: bool) -> Net:
    for key, value in named.items():
        if not isinstance(value, _NET[key]):
            raise UsageError(f"{path}: [{section}] {key} = {value!r} is of the wrong type")
    return Net(named.get("factory"), named.get("architecture"), named.get("arguments", {}), trusted, path.parent)


@cache
def _sections() -> Mapping[str, Mapping[str, str]]:
    """By section, and in it by key, the name of the fact."""
    sections: dict[str, dict[str, str]] = {}
    for name, fact in facts().items():
        if fact.toml is not None:
            section, key = fact.toml
            sections.setdefault(section, {})[key] = name
    return sections


def _near(word: str, there: Iterable[str]) -> str:
    words = [*there]
    close = difflib.get_close_matches(word, words, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(words)}"
