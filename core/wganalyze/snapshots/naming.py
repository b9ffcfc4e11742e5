"""What names say: the role of a network, whether it is an average, and the step it was saved at."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wganalyze.contracts.terms import Role

_GENERATOR = {"generator", "gen", "g", "netg", "gnet", "modelg", "gmodel"}
_CRITIC = {"critic", "crit", "discriminator", "disc", "dis", "d", "netd", "dnet", "modeld", "dmodel"}
_AVERAGED_GENERATOR = {"gema", "ge", "gs", "netge", "avgg", "emag", "generatorema", "gavg"}
_AVERAGE = {"ema", "avg", "average", "averaged", "running", "swa"}
_FILLER = {"state", "dict", "checkpoint", "model", "models", "net", "nets", "network", "networks", "weights", "module"}
_SETTINGS = {"params"}  # weights as a name; as a container of numbers, the settings of a run
_UNITS = {
    "step": "step", "steps": "step", "globalstep": "step", "kimg": "kimg",
    "iter": "iteration", "iters": "iteration", "itr": "iteration", "iteration": "iteration", "iterations": "iteration",
    "it": "iteration", "i": "iteration",
    "epoch": "epoch", "epochs": "epoch", "ep": "epoch",
    "ckpt": "", "checkpoint": "", "snapshot": "",
}  # fmt: skip


_FINEST_FIRST = ("step", "iteration", "kimg", "epoch", "")
_STEP_FACTS = ("step", "global_step", "iteration", "iterations", "iter", "itr", "n_iter", "epoch")
_LONG_ROLES = {"generator", "gen", "critic", "discriminator", "disc"}
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True)
class Named:
    """What a name says. ``rest``: its words without role and average, which two halves of a pair share."""

    role: Role | None
    averaged: bool
    rest: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A step, its unit ("step", "iteration", "epoch", "kimg"; "" unknown), and where it was read."""

    number: int
    unit: str
    source: str


def bare(filename: str) -> str:
    """The name of a file without its extension, which is of letters: netG.1000 has none, and G.pth.tar has two."""
    return re.sub(r"\.[A-Za-z]+\d?$", "", filename.removesuffix(".tar"))


def words(name: str) -> list[str]:
    """The words of a name: split at everything but letters and digits, and between a word and its number."""
    return [word for piece in re.findall(r"[A-Za-z0-9]+", name) for word in _split(piece)]


def _split(piece: str) -> list[str]:
    """ "epoch10", "100steps" and "BestGenerator" are two words each; "seed3", "stylegan2" and "netG" are one."""
    counted = re.fullmatch(r"([A-Za-z]+)(\d+)", piece) or re.fullmatch(r"(\d+)([A-Za-z]+)", piece)
    if counted is not None:
        first, last = counted.groups()
        known = _UNITS.keys() | (_GENERATOR | _CRITIC if last.isdigit() else set())
        if first.lower() in known or last.lower() in known:
            return [first, last]
    parts: list[str] = _CAMEL.findall(piece)
    return parts if any(part.lower() in _LONG_ROLES for part in parts) else [piece]


def read_name(name: str) -> Named:
    """Role and average from a name such as ``netG_epoch_10``, ``g_ema``, ``discriminator_state_dict``."""
    role: Role | None = None
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
    return all(word.lower() in _FILLER | _SETTINGS or word.isdigit() for word in named.rest)


def read_step(facts: Mapping[str, float | int | str | bool], stem: str, folders: Sequence[str]) -> Step | None:
    """The step a file was saved at: from the scalars in it, else its name, else the names of its folders."""
    # What stands in a container of networks ("model.iter") counts, a setting ("args.iter") does not.
    stated = {key: value for key, value in facts.items() if _is_plain(key.rpartition(".")[0])}
    for fact in _STEP_FACTS:
        for key, value in stated.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
            if number and key.rpartition(".")[2] == fact:
                unit = _UNITS.get(fact.replace("_", ""), "iteration")
                return Step(int(value), unit, f"{key!r} in the file")
    for name, anywhere in [(stem, True), *((folder, False) for folder in reversed(folders))]:
        step = _step_in(words(name), anywhere=anywhere)
        if step is not None:
            return Step(*step, f"the name {name!r}")
    return None


def _is_plain(container: str) -> bool:
    return all(word.lower() in _FILLER for word in read_name(container).rest)


def _step_in(tokens: Sequence[str], *, anywhere: bool) -> tuple[int, str] | None:
    """The number at the word for the finest steps; failing that, the last one (in folders: only where it is alone)."""
    after = [(number, word.lower()) for word, number in pairwise(tokens)]
    before = [(number, word.lower()) for number, word in pairwise(tokens)]
    for pairs in (after, before):
        steps = {_UNITS[word]: int(number) for number, word in reversed(pairs) if word in _UNITS and number.isdigit()}
        for unit in _FINEST_FIRST:
            if unit in steps:
                return steps[unit], unit
    numbers = [token for token in tokens if token.isdigit()]
    if numbers and (anywhere or len(tokens) == 1):
        return int(numbers[-1]), ""
    return None
