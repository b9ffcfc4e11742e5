"""From keys and shapes to a chain of layers: what the numbering shows of the modules that store nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal

from wganalyze import Shapes

Path = tuple[str, ...]

MOST_LAYERS = 40
_NORM = {"running_mean", "running_var"}
_NORM_LEAVES = _NORM | {"weight", "bias", "num_batches_tracked"}


@dataclass(frozen=True)
class Layer:
    """A module with weights: ``shape`` of its weight, or (channels,) of a norm."""

    name: str
    kind: Literal["linear", "conv", "norm"]
    shape: tuple[int, ...]
    bias: bool

    @property
    def kernel(self) -> int:
        """Side of a convolution's kernel."""
        return self.shape[2]

    @property
    def axes(self) -> int:
        """Axes that a convolution goes along: 1 of a series, 2 of an image; 0 of other layers."""
        return len(self.shape) - 2 if self.kind == "conv" else 0

    def channels(self, transposed: bool) -> tuple[int, int]:
        """What it takes and what it gives; a transposed convolution stores them the other way round."""
        if self.kind == "norm":
            return self.shape[0], self.shape[0]
        return (self.shape[0], self.shape[1]) if transposed else (self.shape[1], self.shape[0])


@dataclass(frozen=True)
class Link:
    """What lies between two layers: ``slots``: numbers without weights; ``hidden``: modules may be there unnumbered."""

    slots: int
    hidden: bool


@dataclass(frozen=True)
class Chain:
    """Layers in order, and the links between them. ``gives``: the length of each layer's bias or norm, where known."""

    layers: tuple[Layer, ...]
    links: tuple[Link, ...]
    gives: Mapping[str, int]

    @property
    def convolutions(self) -> tuple[Layer, ...]:
        """The convolutions in order, transposed or not."""
        return tuple(layer for layer in self.layers if layer.kind == "conv")

    @property
    def axes(self) -> int:
        """Axes of what the convolutions work on: 1 of series, 2 of images (and where there are none)."""
        return max((conv.axes for conv in self.convolutions), default=2)

    @property
    def reshapes(self) -> frozenset[int]:
        """Links at which the data are flattened, or brought into the shape of an image or a series."""
        return frozenset(i for i in range(len(self.links)) if self.is_flat(i) != self.is_flat(i + 1))

    def is_flat(self, i: int) -> bool:
        """Does layer ``i`` work on vectors? A norm does where its layer does and gives as many numbers as it takes."""
        layer = self.layers[i]
        if layer.kind != "norm":
            return layer.kind == "linear"
        before = self.layers[i - 1] if i else None
        if before is None:
            return self.layers[1].kind == "linear" if len(self.layers) > 1 else True
        return before.kind == "linear" and before.shape[0] == layer.shape[0]

    def orientations(self) -> Iterator[tuple[bool, ...]]:
        """All ways to say of each layer whether it is transposed (a convolution may be) under which channels fit.

        Those with as many channels in as out fit either way; the ones of one kernel size are taken to be alike.
        """
        kernels = sorted({conv.kernel for conv in self.convolutions if conv.shape[0] == conv.shape[1]})
        for choice in product((False, True), repeat=len(kernels)):
            yield from self._oriented({k for k, transposed in zip(kernels, choice, strict=True) if transposed}, ())

    def _oriented(self, squares: Collection[int], begun: tuple[bool, ...]) -> Iterator[tuple[bool, ...]]:
        if len(begun) == len(self.layers):
            yield begun
            return
        layer = self.layers[len(begun)]
        options: tuple[bool, ...] = (False,)
        if layer.kind == "conv":
            options = (False, True) if layer.shape[0] != layer.shape[1] else (layer.kernel in squares,)
        for transposed in options:
            if self._fits((*begun, transposed)):
                yield from self._oriented(squares, (*begun, transposed))

    def _fits(self, transposed: Sequence[bool]) -> bool:
        """Does the last of these layers give what is known of it, and take what the one before it gives?"""
        i = len(transposed) - 1
        takes, gives = self.layers[i].channels(transposed[i])
        if self.gives.get(self.layers[i].name, gives) != gives:
            return False
        given = self.layers[i - 1].channels(transposed[i - 1])[1] if i else takes
        if i - 1 not in self.reshapes:
            return given == takes
        flat, channels = (given, takes) if self.is_flat(i - 1) else (takes, given)
        return flat % channels == 0

    def with_marks(self, transposed: Sequence[bool]) -> tuple[bool, ...]:
        """An orientation that says of the convolutions, in order, whether they are transposed; ValueError: no fit."""
        said = iter(transposed)
        marks = tuple(next(said) if layer.kind == "conv" else False for layer in self.layers)
        if not all(self._fits(marks[: i + 1]) for i in range(len(marks))):
            raise ValueError("transposed: the channels do not fit so")
        return marks

    @property
    def rooms(self) -> frozenset[int]:
        """Layers behind which the numbering shows an activation and one module more, which may be a dropout."""
        return frozenset(i for i, link in enumerate(self.links) if link.slots - (i in self.reshapes) > 1)

    def placements(self) -> list[tuple[int, ...]]:
        """The layers that an activation follows, by number: the usual reading first.

        A number that is missing is an activation, save that one may be the reshape where there is one. Where modules
        may hide, one activation is taken to lie between each pair of weights: behind the norm, or before it.
        """
        readings = [
            tuple(sorted(i for stage in self._stages() for i in self._active(stage, early=early, bare=bare)))
            for bare in (False, True)
            for early in (False, True)
        ]
        return list(dict.fromkeys(readings))

    def _stages(self) -> list[list[int]]:
        """Links by weights: those up to the next weights, one or (with a norm) two."""
        stages: list[list[int]] = []
        for i in range(len(self.links)):
            if self.layers[i].kind != "norm" or not stages:
                stages.append([])
            stages[-1].append(i)
        return stages if not self.layers or self.layers[0].kind != "norm" else stages[1:]

    def _active(self, stage: Sequence[int], *, early: bool, bare: bool) -> list[int]:
        shown = [i for i in stage if self.links[i].slots - (i in self.reshapes) > 0]
        if shown:
            return shown
        hiding = [i for i in stage if self.links[i].hidden]
        if hiding:
            return [hiding[0] if early else hiding[-1]]
        return [] if bare else [i for i in stage if self.links[i].slots]


def read(shapes: Shapes) -> Chain:
    """The chain that keys and shapes describe; ValueError says in one line why they do not."""
    modules: dict[Path, dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        *path, leaf = key.split(".")
        modules.setdefault(tuple(path), {})[leaf] = tuple(shape)
    paths = list(_in_order(list(modules)))
    if len(paths) > MOST_LAYERS:
        raise ValueError(f"it has {len(paths)} layers; a chain of more than {MOST_LAYERS} is hardly a plain one")
    layers = [_layer(path, modules[path]) for path in paths]
    if not any(layer.kind != "norm" for layer in layers):
        raise ValueError("there are no weights in it")
    links = [_link(a, b) for a, b in pairwise(paths)]
    gives = {layer.name: modules[path]["bias"][0] for path, layer in zip(paths, layers, strict=True) if layer.bias}
    for before, layer in pairwise(layers):
        if layer.kind == "norm" and before.kind == "norm":
            raise ValueError(f"{before.name} and {layer.name} are two norms in a row, so its keys are not in order")
        if layer.kind == "norm" and before.kind == "conv":
            gives.setdefault(before.name, layer.shape[0])
    if len({layer.axes for layer in layers if layer.kind == "conv"}) > 1:
        raise ValueError("its convolutions go along one axis here and along two there")
    chain = Chain(tuple(layers), tuple(links), gives)
    if next(chain.orientations(), None) is None:
        raise ValueError("its layers do not take what the layers before them give, so it is no chain")
    return chain


def _layer(path: Path, stored: Mapping[str, tuple[int, ...]]) -> Layer:
    name = ".".join(path)
    weight, bias = stored.get("weight", ()), stored.get("bias")
    if not path or any(0 in shape for shape in stored.values()):
        raise ValueError("it has tensors without a layer's name, or empty ones")
    if set(stored) >= _NORM and set(stored) <= _NORM_LEAVES:
        sizes = {shape for leaf, shape in stored.items() if leaf != "num_batches_tracked"}
        if len(sizes) == 1 and len(stored["running_mean"]) == 1 and ("weight" in stored) == ("bias" in stored):
            return Layer(name, "norm", stored["running_mean"], "bias" in stored)
    if len(weight) == 1 and set(stored) <= {"weight", "bias"}:
        raise ValueError(f"{name} has one number a channel and no running statistics: which norm it is cannot be read")
    plain = set(stored) <= {"weight", "bias"} and (bias is None or len(bias) == 1)
    if plain and len(weight) == 2 and bias in (None, weight[:1]):
        return Layer(name, "linear", weight, bias is not None)
    kernel = set(weight[2:])
    if plain and len(weight) in (3, 4) and len(kernel) == 1 and (bias is None or bias[0] in weight[:2]):
        return Layer(name, "conv", weight, bias is not None)
    listed = ", ".join(f"{leaf} {shape}" for leaf, shape in stored.items())
    raise ValueError(f"{name} ({listed}) is no Linear, Conv, ConvTranspose (of series or squares) or BatchNorm")


def _in_order(paths: Sequence[Path]) -> Iterator[Path]:
    """As stored, but siblings of one name and many numbers by number: some formats sort keys as text."""
    heads = list(dict.fromkeys(path[0] for path in paths if path))
    numbered = [re.fullmatch(r"(\D*)(\d+)", head) for head in heads]
    if len({match[1] if match else head for match, head in zip(numbered, heads, strict=True)}) == 1:
        heads.sort(key=lambda head: int(re.sub(r"\D", "", head) or 0))
    if () in paths:
        yield ()
    for head in heads:
        for rest in _in_order([path[1:] for path in paths if path and path[0] == head]):
            yield (head, *rest)


def _link(before: Path, after: Path) -> Link:
    """Missing numbers where the two paths part, and in front of the second inside its own containers."""
    depth = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    a, b = before[depth], after[depth]
    siblings = a.isdecimal() and b.isdecimal()
    slots = int(b) - int(a) - 1 if siblings else 0
    slots += sum(int(part) for part in after[depth + 1 :] if part.isdecimal())
    return Link(slots, not siblings or len(before) > depth + 1)


def side_of(numbers: int, channels: int, axes: int) -> int:
    """Side of the square image, or length of the series, of so many channels that so many numbers make; 0: of none."""
    side = math.isqrt(numbers // channels) if axes == 2 else numbers // channels
    return side if side**axes * channels == numbers else 0
