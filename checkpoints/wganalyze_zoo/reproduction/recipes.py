"""What is trained and measured to put the claims to a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DATA = ("digits", "ring8")
"""Both at once, where no data are named."""


@dataclass(frozen=True)
class Recipe:
    """One training: a method with its constraints on an architecture, for so many steps of the generator at scale 1."""

    method: str
    steps: int
    constraints: tuple[str, ...] = ()
    arch: str = "mlp"

    @property
    def folder(self) -> str:
        """Where its checkpoints go, below those of its seed."""
        parts = [self.method, *self.constraints, *([self.arch] if self.arch != "mlp" else [])]
        return "-".join(parts)


CRITICS = [Recipe(name, 2000) for name in ("wgan", "wgan-gp", "wgan-c", "wgan-div")]
CLASSIFIERS = [
    Recipe(loss, 3000, constraints)
    for loss in ("gan", "gan-saturating")
    for constraints in ((), ("sn",), ("gp",), ("zero",))
]
PRIMAL = [Recipe(name, 3000) for name in ("primal", "primal-stratified")]
IMAGES = [
    Recipe(method, steps, arch=arch)
    for method, steps in (("wgan-gp", 400), ("gan", 1200))
    for arch in ("dcgan", "dcgan-nobn", "mlp-nobn")
]
"""As many steps of a method on each architecture: convolutions with BatchNorm and without, and none at all."""

CONTINUED = ("wgan-gp", "wgan-div", "wgan", "wgan-c", "gan", "gan-saturating", "primal")
"""Recipes whose last snapshot is trained on by ``gradients`` and ``forgetting``."""

EVERYWHERE = ("exact-w", "critic-gap", "kmeans", "minibatch", "quality", "coverage")
"""Analyzers of every snapshot."""
FURTHER = ("gradients", "forgetting")
"""Analyzers of the last snapshots in CONTINUED."""
PAIRS = ("lines:0.25", "lines:1", "gaussians:2,1", "gaussians:8,2")
"""Pairs of laws whose divergences are known: disjoint supports, and two that overlap."""


@dataclass(frozen=True)
class Subject:
    """A data set: what is trained on, what is measured on, and how.

    ``said``: further facts for ``wganalyze.run``. ``recipes``: in the order in which they are trained.
    """

    name: str
    training: str
    data: str
    said: Mapping[str, Any]
    recipes: Sequence[Recipe]


def subject_of(name: str) -> Subject:
    """The data set of this name; DataError where there is none. Digits are measured on what was not trained on."""
    from wganalyze import data_source

    if name == "digits":
        said = {"range": (-1, 1), "training_data": "digits:train", "n": 100, "replicates": 3}
        return Subject(name, "digits:train", "digits:held-out", said, _recipes(images=True))
    source = data_source(name)
    bounded = {} if source.value_range is None else {"range": (-1, 1)}
    held_out = {} if source.size is None else {"held_out": False}
    images = len(source.shape) == 3 and source.shape[1:] in ((8, 8), (28, 28), (32, 32))
    said = {**bounded, **held_out, "n": _size(source.size), "replicates": 3}
    return Subject(name, name, name, said, _recipes(images=images))


def _recipes(*, images: bool) -> Sequence[Recipe]:
    """The dearest first; convolutions are for images."""
    return [*CRITICS, *(IMAGES if images else []), *CLASSIFIERS, *PRIMAL]


def _size(size: int | None) -> int:
    """Samples a split: 256, or what leaves room for seven of them."""
    return 256 if size is None else max(16, min(256, size // 7))


ROUND = 600.0
"""Seconds of two cores that a seed on both data sets takes at scale 1, some."""
SEEDS = 3
"""Seeds that the steps are chosen for."""
SCALES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)


def scale_for(budget: float, subjects: int, cores: int) -> float:
    """How many times the steps of the recipes leave time for SEEDS seeds in ``budget`` seconds."""
    seed = ROUND * subjects / len(DATA) * 2 / max(1, min(cores, 8))
    return max([SCALES[0], *(scale for scale in SCALES if scale * seed * SEEDS <= budget)])


def scaled(steps: int, scale: float) -> int:
    """Steps of a recipe at a scale."""
    return max(5, math.ceil(steps * scale))
