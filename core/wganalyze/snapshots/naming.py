"""What names say: the role of a network, whether it is an average, and the step it was saved at."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wganalyze.contracts.terms import Role

_GENERATOR = {"generator", "gen", "g", "netg", "gnet", "modelg", "gmodel", "generators", "gens", "generate"}
_CRITIC = {
    "critic", "crit", "discriminator", "disc", "dis", "d", "netd", "dnet", "modeld", "dmodel",
    "critics", "discriminators", "discs", "mpd", "msd", "mrd",
}  # fmt: skip
_AVERAGED_GENERATOR = {"gema", "ge", "gs", "netge", "avgg", "emag", "generatorema", "gavg"}
_AVERAGE = {"ema", "avg", "average", "averaged", "running", "swa", "shadow"}
_FILLER = {
    "state", "states", "dict", "checkpoint", "checkpoints", "ckpt", "ckpts", "model", "models", "net", "nets",
    "network", "networks", "weight", "weights", "module", "modules",
}  # fmt: skip
_SETTINGS = {"params"}  # weights as a name; as a container of numbers, the settings of a run
_UNITS = {
    "step": "step", "steps": "step", "globalstep": "step", "globalsteps": "step", "kimg": "kimg",
    "iter": "iteration", "iters": "iteration", "itr": "iteration", "itrs": "iteration",
    "iteration": "iteration", "iterations": "iteration", "it": "iteration", "i": "iteration",
    "epoch": "epoch", "epochs": "epoch", "ep": "epoch",
    "ckpt": "", "checkpoint": "", "snapshot": "",
}  # fmt: skip


_FINEST_FIRST = ("step", "iteration", "kimg", "epoch", "")
_STEP_FACTS = (
    "step", "global_step", "global_steps", "steps", "iteration", "iterations", "iter", "itr", "n_iter", "epoch",
)  # fmt: skip
_LONG_ROLES = {"generator", "gen", "critic", "discriminator", "disc", "generators", "critics", "discriminators"}
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


_COUNTS_OTHERS = {
    "rank", "mp", "tp", "pp", "dp", "shard", "shards", "part", "of", "world", "worker", "node", "proc", "process",
    "gpu", "gpus", "cuda", "device", "fold", "cv", "split", "seed", "trial", "run", "exp", "experiment", "rep",
    "repeat", "copy", "v", "ver", "version", "class", "digit", "label", "size", "res", "resolution", "px", "dim",
    "width", "depth", "layers", "channels", "nz", "ngf", "ndf", "nc", "z", "latent", "hidden", "batch", "bs", "lr",
    "pac",
}  # fmt: skip
_COUNTED_BEFORE = {"of", "px", "gpus"}
_SIZED = {
    "ffhq", "celeba", "celebahq", "hq", "afhq", "lsun", "bedroom", "bedrooms", "church", "cat", "cats", "dog", "dogs",
    "car", "cars", "face", "faces", "anime", "flowers", "imagenet", "tinyimagenet", "metfaces", "mnist", "cifar", "stl",
    "svhn", "art", "stylegan", "biggan", "sagan", "progan", "pggan", "sngan", "resnet",
}  # fmt: skip
"""Data sets and architectures, whose names are followed by a size, and at times by a step."""
_SIZES = {"28", "32", "48", "64", "96", "112", "128", "160", "192", "224", "256", "299", "384", "512", "1024"}
_NAMED_SO = {("cifar", "10"), ("cifar", "100"), ("stl", "10"), ("stylegan", "2"), ("stylegan", "3")}
_OTHERS = re.compile(
    r"\d+(\.\d+)+(e[-+]?\d+)?|\d+e-\d+"  # fractions, and the parts of a version
    r"|(19|20)\d\d([-_.])(0[1-9]|1[0-2])\4(0[1-9]|[12]\d|3[01])([-_T ]+\d\d[-_.:h]\d\d([-_.:m]\d\d)?)?"  # dates
)
Series = frozenset[str]
"""Names with "#" for their number, where some of the numbers are no usual sizes: what is counted there are steps."""


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


def names_both(name: str) -> bool:
    """Does a name speak of a generator and of a critic (``G_and_D``)? Then it says of neither."""
    found = {word.lower() for word in words(name)}
    return bool(found & _CRITIC) and bool(found & (_GENERATOR | _AVERAGED_GENERATOR))


def is_filler(named: Named) -> bool:
    """Does the name say nothing beyond "here are weights"?"""
    return all(word.lower() in _FILLER | _SETTINGS or word.isdigit() for word in named.rest)


def read_step(
    facts: Mapping[str, float | int | str | bool], stem: str, folders: Sequence[str], series: Series = frozenset()
) -> Step | None:
    """The step a file was saved at: from the scalars in it, else its name, else the names of its folders.

    ``series``: of the files beside it, see ``series_of``.
    """
    # What stands in a container of networks ("model.iter") counts, a setting ("args.iter") does not.
    stated = {key: value for key, value in facts.items() if _is_plain(key.rpartition(".")[0])}
    for fact in _STEP_FACTS:
        for key, value in stated.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
            if number and key.rpartition(".")[2] == fact:
                unit = _UNITS.get(fact.replace("_", ""), "iteration")
                return Step(int(value), unit, f"{key!r} in the file")
    for name, anywhere in [(stem, True), *((folder, False) for folder in reversed(folders))]:
        step = step_in(name, series, anywhere=anywhere)
        if step is not None:
            return Step(*step, f"the name {name!r}")
    return None


def _is_plain(container: str) -> bool:
    return all(word.lower() in _FILLER for word in read_name(container).rest)


def step_in(name: str, series: Series = frozenset(), *, anywhere: bool = True) -> tuple[int, str] | None:
    """The number at the word for the finest steps; failing that, the last one (in folders: only where it is alone)."""
    tokens = words(name)
    after = [(number, word.lower()) for word, number in pairwise(tokens)]
    before = [(number, word.lower()) for number, word in pairwise(tokens)]
    for pairs in (after, before):
        steps = {_UNITS[word]: int(number) for number, word in reversed(pairs) if word in _UNITS and number.isdigit()}
        for unit in _FINEST_FIRST:
            if unit in steps:
                return steps[unit], unit
    numbers = _step_like(name, tokens, series)
    if numbers and (anywhere or len(tokens) == 1):
        return int(numbers[-1]), ""
    return None


# Numbers that may be a step: no ranks and shards, seeds and folds, versions, sizes, dates, fractions


def series_of(names: Iterable[str]) -> Series:
    """The series among the names of a folder: beside celeba_30, the 64 of celeba_64 is no size."""
    return frozenset(
        f"{name[: number.start()]}#{name[number.end() :]}"
        for name in names
        for number in re.finditer(r"\d+", name)
        if number[0] not in _SIZES | {named for _, named in _NAMED_SO}
    )


def _step_like(name: str, words: Sequence[str], series: Collection[str] = ()) -> list[str]:
    """The numbers among the ``words`` of a name that may be a step, in their order."""
    text = _OTHERS.sub(" ", name)
    left = re.findall(r"\d+", text)
    return [
        word
        for i, word in enumerate(words)
        if word.isdigit() and word in left and not _counts_others(words, i) and not _is_size(name, words, i, series)
    ]


def _counts_others(words: Sequence[str], i: int) -> bool:
    before, after = _neighbour(words, i - 1), _neighbour(words, i + 1)
    side = (before == "x" and _neighbour(words, i - 2).isdigit()) or (
        after == "x" and _neighbour(words, i + 2).isdigit()
    )
    return side or before in _COUNTS_OTHERS or after in _COUNTED_BEFORE


def _is_size(name: str, words: Sequence[str], i: int, series: Collection[str]) -> bool:
    """Does it stand behind a data set or an architecture as a size does, in a name that is of no series?"""
    before, number = _neighbour(words, i - 1), words[i]
    if (before, number) not in _NAMED_SO and not (before in _SIZED and number in _SIZES):
        return False
    return re.sub(rf"(?<!\d){number}(?!\d)", "#", name, count=1) not in series


def _neighbour(words: Sequence[str], i: int) -> str:
    return words[i].lower() if 0 <= i < len(words) else ""
