"""What may be said behind a table's name: ``FILE?scale=standard&missing=drop``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CHOICES: Mapping[str, tuple[str, ...]] = {"scale": ("none", "minmax", "standard"), "missing": ("refuse", "drop")}
LISTS = ("columns", "without")
HELP = "scale=none|minmax|standard, missing=refuse|drop, columns=A,B, without=A,B, label=NAME"


@dataclass(frozen=True)
class Options:
    """How a table becomes numbers.

    ``scale``: of columns of numbers: "none" as stored, "minmax" to [0, 1], "standard" to mean 0 and deviation 1.
    ``missing``: are rows with missing values refused or dropped?
    ``columns``: those that are taken; (): all but ``without``. ``label``: the column of labels, which is no coordinate.
    """

    scale: str = "none"
    missing: str = "refuse"
    columns: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    label: str = ""


def parse(argument: str) -> tuple[str, Options]:
    """File and options; ValueError names what may be said."""
    path, mark, text = argument.partition("?")
    said: dict[str, str | tuple[str, ...]] = {}
    for piece in text.split("&") if mark else []:
        name, equal, value = piece.partition("=")
        if name not in (*CHOICES, *LISTS, "label") or not equal or not value:
            raise ValueError(f"behind ? stand {HELP}; not {piece!r}")
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"{name} is {' or '.join(CHOICES[name])}, not {value!r}")
        said[name] = tuple(value.split(",")) if name in LISTS else value
    return path, Options(**said)  # type: ignore[arg-type]
