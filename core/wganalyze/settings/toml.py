"""Reading a ``wganalyze.toml``."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from operator import index
from pathlib import Path
from typing import Any, cast

from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.settings.config import ROLES, Config
from wganalyze.settings.texts import seconds_of

_SCHEMA: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "generator": {"factory": str, "architecture": str, "arguments": dict, "weights": str, "mode": str},
    "critic": {"factory": str, "architecture": str, "arguments": dict, "output": str, "orientation": int},
    "latent": {"law": str, "shape": list, "classes": int, "encoding": str},
    "data": {"source": str, "range": list, "normalize": dict, "held_out": bool},
    "training": {"gradient_penalty": (int, float)},
    "run": {"n": (int, str), "budget": (int, float, str), "replicates": int, "seed": int},
}


_CHOICES = {
    ("generator", "weights"): ("raw", "ema"),
    ("critic", "output"): ("score", "logit", "probability"),
    ("critic", "orientation"): (1, -1),
    ("latent", "law"): ("normal", "uniform"),
    ("latent", "encoding"): ("index", "onehot", "concat"),
    ("generator", "mode"): ("eval", "train"),
}


def read_config(path: Path, *, trusted: bool) -> Config:
    """The facts of a ``wganalyze.toml``; UsageError names the file and the key."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a TOML file ({error})") from None
    roles = document.pop("files", {})
    _check(document, path)
    if not isinstance(roles, dict) or any(role not in ROLES for role in roles.values()):
        raise UsageError(f'{path}: [files] maps patterns to one of {", ".join(ROLES)}, as "method_*.pt" = "critic"')
    part = cast(Mapping[str, Mapping[str, Any]], {name: document.get(name, {}) for name in _SCHEMA})
    data, latent = part["data"], part["latent"]
    try:
        return Config(
            generator=_net(part["generator"], path, trusted),
            critic=_net(part["critic"], path, trusted),
            weights=part["generator"].get("weights"),
            generator_mode=part["generator"].get("mode"),
            output=part["critic"].get("output"),
            orientation=part["critic"].get("orientation"),
            law=latent.get("law"),
            latent_shape=tuple(index(k) for k in latent["shape"]) if "shape" in latent else None,
            classes=latent.get("classes"),
            encoding=latent.get("encoding"),
            data=data.get("source"),
            range=_pair(data["range"]) if "range" in data else None,
            normalize=(_floats(data["normalize"]["mean"]), _floats(data["normalize"]["std"]))
            if "normalize" in data
            else None,
            held_out=data.get("held_out"),
            penalty=part["training"].get("gradient_penalty"),
            n=part["run"].get("n"),
            budget=seconds_of(str(part["run"]["budget"])) if "budget" in part["run"] else None,
            replicates=part["run"].get("replicates"),
            seed=part["run"].get("seed"),
            roles=roles,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: a value is of the wrong form ({error})") from None


def _check(document: Mapping[str, Any], path: Path) -> None:
    for section, values in document.items():
        if section not in _SCHEMA or not isinstance(values, dict):
            raise UsageError(f"{path}: no section is called [{section}]{_near(section, [*_SCHEMA, 'files'])}")
        for key, value in values.items():
            if key not in _SCHEMA[section]:
                raise UsageError(f"{path}: [{section}] has no key {key!r}{_near(key, _SCHEMA[section])}")
            kind = _SCHEMA[section][key]
            # A bool is an int to Python, and not to anybody else.
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise UsageError(f"{path}: [{section}] {key} = {value!r} is of the wrong type")
            if (section, key) == ("run", "n") and isinstance(value, str) and value != "max":
                raise UsageError(f'{path}: [run] n = {value!r}; write a number, or "max"')
            choices = _CHOICES.get((section, key))
            if choices is not None and value not in choices:
                raise UsageError(
                    f"{path}: [{section}] {key} = {value!r}; choose one of: {', '.join(map(str, choices))}"
                )


def _near(word: str, there: Any) -> str:
    close = difflib.get_close_matches(word, list(there), 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(there)}"


def _net(section: Mapping[str, Any], path: Path, trusted: bool) -> Net | None:
    if "factory" not in section and "architecture" not in section:
        return None
    return Net(
        section.get("factory"),
        section.get("architecture"),
        section.get("arguments", {}),
        trusted,
        path.parent,
    )


def _floats(value: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in value) if isinstance(value, list) else (float(value),)


def _pair(value: list[Any]) -> tuple[float, float]:
    low, high = (float(v) for v in value)
    return low, high
