"""What arrays hold that are no samples, by names and shapes: weights, noise, labels, losses, statistics of FID."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np


Shape = tuple[int, ...]
SAMPLES = ("samples", "images", "fake", "fakes", "x", "arr_0")
_CALLED_SAMPLES = SAMPLES[:4]
_OF_SAMPLES = {"samples", "images", "imgs", "fake", "fakes", "generated", "synthetic", "outputs"}
_SERIES = {"loss", "losses", "history", "histories", "curve", "curves", "fid", "fids", "scores", "metrics"}
_NOISE = {"noise", "noises", "latent", "latents", "z", "zs"}
_LABELS = {"labels", "targets", "onehot", "onehots"}
_LABEL = {"label", "target", "y"}
_WEIGHTS = {
    "w", "b", "weight", "weights", "kernel", "bias", "biases", "gamma", "beta", "running_mean", "running_var",
    "moving_mean", "moving_variance", "avg_mean", "avg_var", "weight_g", "weight_v", "weight_orig", "params",
}  # fmt: skip
_CALLED_WEIGHTS = {"weight", "weights", "kernel", "bias", "biases", "params"}
_SHOWN = 3


class Headed(Protocol):
    """An array of which the header is known."""

    @property
    def shape(self) -> Shape:
        """Its lengths by axis."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its numbers."""
        ...

    @property
    def holds_samples(self) -> bool:
        """Could it be samples, by shape and type?"""
        ...


def kind_by_name(name: str, shape: Shape) -> str:
    """ "fixed noise", "labels", "a series" or "weights", where a name or a shape says that; else ""."""
    words = re.findall(r"[a-z]+|\d+", name.lower())
    found = {*words}
    if found & _SERIES:
        return "a series of losses or scores"
    if found & _OF_SAMPLES:
        return ""
    if found & _NOISE or (len(shape) == 4 and shape[2:] == (1, 1) and shape[1] > 4):
        return "fixed noise"
    if found & _LABELS or (found & _LABEL and not any(word.isdigit() for word in words)):
        return "labels"
    return "weights" if found & _CALLED_WEIGHTS else ""


def are_weights(arrays: Mapping[str, Headed]) -> bool:
    """Are these the weights of a network: by their names, or as matrices of which each takes what another gives?"""
    if any(name in arrays and arrays[name].holds_samples for name in _CALLED_SAMPLES):
        return False
    called = [name for name in arrays if _is_weight_name(name)]
    matrices = [array.shape for array in arrays.values() if len(array.shape) > 1]
    if any(len(arrays[name].shape) > 1 for name in called) and 2 * len(called) > len(arrays):
        return True
    first, rest = {shape[0] for shape in matrices}, {shape[1:] for shape in matrices}
    vectors = [array.shape for array in arrays.values() if len(array.shape) == 1]
    sides = {side for shape in matrices for side in (*shape[:2], shape[-1])}
    if len(first) < 2 or len(rest) < 2 or any(length not in sides for (length,) in vectors):
        return False
    chained = [bool({*a[:2], a[-1]} & {*b[:2], b[-1]}) for a, b in pairwise(matrices)]
    return 2 * sum(chained) >= len(chained)


def _is_weight_name(name: str) -> bool:
    """ "l0/W", "params/Dense_0/kernel", "0.weight", "W1"."""
    return re.sub(r"_?\d+$", "", re.split(r"[/.:]", name)[-1]).lower() in _WEIGHTS


def told(stem: str, arrays: Mapping[str, Headed]) -> str:
    """What a file without samples holds, in one line."""
    shown = ", ".join(
        f"{name} {array.shape}" if name else str(array.shape) for name, array in [*arrays.items()][:_SHOWN]
    )
    shown = f"({shown}{', ...' if len(arrays) > _SHOWN else ''})" if arrays.keys() != {""} else shown
    if are_weights(arrays):
        return (
            f"holds weights {shown}, and no samples; weights are read from a state dict: "
            "torch.save({k: torch.from_numpy(v) for k, v in numpy.load(FILE).items()}, 'NAME.pt')"
        )
    if {"mu", "sigma"} <= arrays.keys():
        return f"holds the statistics of FID {shown}, and no samples"
    if arrays.keys() == {""} and not kind_of(stem, "", arrays[""]) and len(arrays[""].shape) > 1:
        return f"samples are numbers of shape (n, ...) with n of 2 or more, not {arrays[''].dtype} {shown}"
    if arrays and all(len(array.shape) < 2 for array in arrays.values()):
        return f"holds series of numbers {shown}, and no samples, which have the shape (n, ...)"
    kinds = {kind_of(stem, name, array) for name, array in arrays.items() if prod(array.shape) and len(array.shape) > 1}
    kinds.discard("")
    if len(kinds) == 1:
        return f"holds {kinds.pop()} by its name or shape {shown}, and no samples; if it does, call it samples"
    return f"none of its arrays {shown} holds samples, of shape (n, ...); if one does, call it 'samples'"


def kind_of(stem: str, name: str, array: Headed) -> str:
    """``kind_by_name`` of an array in a file, which has the file's name where it has none of its own."""
    return kind_by_name(stem if not name or re.fullmatch(r"arr_\d+", name) else name, array.shape)


def chosen_from(stem: str, arrays: Mapping[str, Headed]) -> str | None:
    """The samples among the arrays: by name, else the only floats with two axes; "" where the file is one array."""
    if {"mu", "sigma"} <= arrays.keys() or are_weights(arrays):
        return None
    fitting = [n for n, array in arrays.items() if array.holds_samples and not kind_of(stem, n, array)]
    for name in ("", *SAMPLES):
        if name in fitting:
            return name
    floats = [name for name in fitting if arrays[name].dtype.kind == "f"]
    return floats[0] if len(floats) == 1 else None
