"""What names say: the role of a network, whether it is an average, and the step it was saved at."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

NetRole = Literal["generator", "critic"]

_GENERATOR = {"generator", "gen", "g", "netg", "modelg"}
_CRITIC = {"critic", "crit", "discriminator", "disc", "dis", "d", "netd", "modeld"}
_AVERAGED_GENERATOR = {"gema", "ge", "avgg", "emag", "generatorema", "gavg"}
_AVERAGE = {"ema", "avg", "averaged", "swa"}
_FILLER = {"state", "dict", "model", "net", "weights", "params", "module"}
_UNITS = {
    "step": "step", "steps": "step", "globalstep": "step", "kimg": "kimg",
    "iter": "iteration", "iters": "iteration", "itr": "iteration", "iteration": "iteration", "iterations": "iteration",
    "epoch": "epoch", "epochs": "epoch", "ep": "epoch",
    "ckpt": "", "checkpoint": "", "snapshot": "",
}  # fmt: skip
_STEP_FACTS = ("step", "global_step", "iteration", "iterations", "iter", "itr", "n_iter", "epoch")


@dataclass(frozen=True)
class Named:
    """What a name says. ``rest``: its words without role and average, which two halves of a pair share."""

    role: NetRole | None
    averaged: bool
    rest: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A step, its unit ("step", "iteration", "epoch", "kimg"; "" unknown), and where it was read."""

    number: int
    unit: str
    source: str


def words(name: str) -> list[str]:
    """The words of a name: split at everything but letters and digits, and between a word and its number."""
    pieces = re.findall(r"[A-Za-z0-9]+", name)
    found: list[str] = []
    for piece in pieces:
        numbered = re.fullmatch(r"([A-Za-z]+)(\d+)", piece)
        known = numbered is not None and (numbered[1].lower() in _UNITS or numbered[1].lower() in _GENERATOR | _CRITIC)
        found += [numbered[1], numbered[2]] if numbered is not None and known else [piece]
    return found


def read_name(name: str) -> Named:
    """Role and average from a name such as ``netG_epoch_10``, ``g_ema``, ``discriminator_state_dict``."""
    role: NetRole | None = None
    averaged = False
    rest: list[str] = []
    for word in words(name):
        low = word.lower()
        if low in _AVERAGED_GENERATOR:
            role, averaged = role or "generator", True
        elif low in _AVERAGE:
            averaged = True
        elif role is None and low in _GENERATOR:
            role = "generator"
        elif role is None and low in _CRITIC:
            role = "critic"
        else:
            rest.append(word)
    return Named(role, averaged, tuple(rest))


def is_filler(named: Named) -> bool:
    """Does the name say nothing beyond "here are weights"?"""
    return all(word.lower() in _FILLER or word.isdigit() for word in named.rest)


def read_step(facts: Mapping[str, float | int | str | bool], stem: str, folders: Sequence[str]) -> Step | None:
    """The step a file was saved at: from the scalars in it, else its name, else the names of its folders."""
    for fact in _STEP_FACTS:
        value = facts.get(fact)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
            unit = _UNITS.get(fact.replace("_", ""), "iteration")
            return Step(int(value), unit, f"{fact!r} in the file")
    for name, anywhere in [(stem, True), *((folder, False) for folder in reversed(folders))]:
        found = _step_in(words(name), anywhere=anywhere)
        if found is not None:
            return Step(*found, f"the name {name!r}")
    return None


def _step_in(tokens: Sequence[str], *, anywhere: bool) -> tuple[int, str] | None:
    """A number after a word that means steps; failing that, the last number (in folders: only where it is alone)."""
    for word, number in pairwise(tokens):
        if word.lower() in _UNITS and number.isdigit():
            return int(number), _UNITS[word.lower()]
    for number, word in pairwise(tokens):
        if word.lower() in _UNITS and number.isdigit():
            return int(number), _UNITS[word.lower()]
    numbers = [token for token in tokens if token.isdigit()]
    if numbers and (anywhere or len(tokens) == 1):
        return int(numbers[-1]), ""
    return None
