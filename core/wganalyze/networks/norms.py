"""Spectral and weight norm in their stored encodings become the effective weight, under the plain layer's name.

What counts is the weight that the layer would use next in eval mode. torch's own layers divide by u·(W v) with the
stored u and v; the others iterate once more at every forward, and so does this.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

ROUNDING = 1e-6
"""A folded weight has the stored type where that rounds it by less than this, else float64."""


ALIGNED = 0.5
"""Cosine of u and W v from which they are a pair; 1 after one forward in train mode, 1 / sqrt(n) by chance."""


def encodings(keys: Shapes) -> tuple[str, ...]:
    """The encodings among these keys, in words: "spectral norm (weight_bar, weight_u, weight_v) of 3 layers"."""
    kinds = Counter(source.kind for source in _sources(keys).values() if isinstance(source, _Weight))
    return tuple(f"{kind.words} of {n} layer{'s' if n > 1 else ''}" for kind, n in kinds.items())


def folded_keys(keys: Shapes) -> dict[str, Shape]:
    """Keys and shapes as plain layers have them, in the order of the layers; as given where none is encoded."""
    return {name: _shape(source, keys) for name, source in _sources(keys).items()}


def fold(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of ``folded_keys``: effective weights, computed in float64, and all that is no weight as it is."""
    plan = _sources({key: tuple(tensor.shape) for key, tensor in tensors.items()})
    return {name: tensors[s] if isinstance(s, str) else weigh(s, tensors) for name, s in plan.items()}


@dataclass(frozen=True)
class _Kind:
    """An encoding. ``endings``: of the keys that a weight is made of; that of the tensor of its shape comes first."""

    words: str
    endings: tuple[str, ...]
    fits: Callable[..., bool]
    weigh: Callable[..., Tensor]

    @property
    def is_parametrization(self) -> bool:
        """Of torch.nn.utils.parametrize?"""
        return self.endings[0].startswith(".")


@dataclass(frozen=True)
class _Weight:
    """A weight that is stored in ``parts``, whose keys share ``stem``."""

    kind: _Kind
    stem: str
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """As the layer under it, plain, would call it."""
        if self.kind.is_parametrization:
            layer, _, name = self.stem.rpartition("parametrizations.")
            return layer + name
        return self.stem + "weight" if self.kind.endings[0] == "weight" else self.stem


def _shape(source: _Weight | str, keys: Shapes) -> Shape:
    return keys[source if isinstance(source, str) else source.parts[0]]


def weigh(source: _Weight, tensors: Mapping[str, Tensor]) -> Tensor:
    """The effective weight, of the stored type where that is fine enough."""
    import torch

    stored = tensors[source.parts[0]].dtype
    weight = source.kind.weigh(*(tensors[part].detach().double() for part in source.parts))
    exact = stored.is_floating_point and torch.finfo(stored).eps < ROUNDING
    return weight.to(stored) if exact else weight


# Which key becomes which


def _sources(keys: Shapes) -> dict[str, _Weight | str]:
    """For each key of the plain layers: the key, or the weight, that it is stored as. A layer's weight comes first."""
    weights = stored_weights(keys)
    wrappers = {layer for w in weights if w.kind is BAR and _last(layer := _layer(w.stem)) == "module"}
    used = {part: weight for weight in weights for part in weight.parts}
    idle = {key for weight in weights for key in _idle(weight, keys)}
    by_layer: dict[str, list[_Weight]] = {}
    for weight in weights:
        by_layer.setdefault(_layer(_unwrapped(weight.name, wrappers)), []).append(weight)
    named: list[tuple[str, _Weight | str]] = []
    for key in keys:
        name = _unwrapped(used[key].name if key in used else key, wrappers)
        named += [(_unwrapped(weight.name, wrappers), weight) for weight in by_layer.pop(_layer(name), ())]
        if key not in used and key not in idle:
            named.append((name, key))
    plan = dict(named)
    return plan if len(plan) == len(named) else {key: key for key in keys}  # two of one name: not what it seemed


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _unwrapped(name: str, wrappers: set[str]) -> str:
    """A name without the components that are wrappers: net.0.module.bias is net.0.bias where net.0.module is one."""
    if not wrappers:
        return name
    words = name.split(".")
    return ".".join(word for i, word in enumerate(words) if ".".join(words[: i + 1]) not in wrappers)


def stored_weights(keys: Shapes) -> list[_Weight]:
    """The encoded weights among these keys."""
    parametrized = Counter(match[1] for key in keys if (match := _PARAMETRIZED.match(key)))
    weights = []
    for key in keys:
        for kind in KINDS:
            stem = key.removesuffix(kind.endings[0])
            if stem == key or (kind.endings[0] == "weight" and stem and not stem.endswith(".")):
                continue
            parts = tuple(stem + ending for ending in kind.endings)
            # What is done to a parameter beside its norm would show in further keys.
            alone = parametrized[stem] == (len(parts) if kind.is_parametrization else 0)
            if alone and all(part in keys for part in parts) and kind.fits(*(keys[part] for part in parts)):
                weights.append(_Weight(kind, stem, parts))
                break
    return weights


_PARAMETRIZED = re.compile(r"((?:.+\.)?parametrizations\.\w+)\.")


def _idle(weight: _Weight, keys: Shapes) -> list[str]:
    """Keys beside a weight that take no part in it: BigGAN's further singular vectors."""
    idle: list[str] = []
    while weight.kind is BIGGAN and (following := f"{weight.stem}u{len(idle) // 2 + 1}") in keys:
        idle += [following, f"{weight.stem}sv{len(idle) // 2 + 1}"]
    return idle


# What a weight is


def _axes(weight: Shape, u: Shape, v: Shape) -> list[int]:
    """The axes that u may belong to, where v belongs to all others."""
    if len(u) != 1 or len(v) != 1 or len(weight) < 2:
        return []
    fitting = [axis for axis, n in enumerate(weight) if n == u[0] and math.prod(weight) == n * v[0]]
    return fitting[:1] if len(weight) == 2 else fitting


def _over_stored(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """W / u·(W v). Where u fits several axes (a transposed convolution's is 1): the one that u and v are a pair for."""
    axes = _axes(tuple(weight.shape), tuple(u.shape), tuple(v.shape))
    images = [weight.movedim(axis, 0).flatten(1) @ v for axis in axes]
    cosines = [float(abs(u @ image) / (u.norm() * image.norm())) for image in images]
    best = max(range(len(axes)), key=cosines.__getitem__)
    sigma = u @ images[best if cosines[best] > ALIGNED else 0]
    return weight / sigma


def _over_iterated(weight: Tensor, u: Tensor, _: Tensor) -> Tensor:
    """W / u'·(W v') after one power iteration on the reshaped weight: v' = W'u and u' = W v', normalised."""
    matrix = weight.flatten(1)
    v = u.flatten() @ matrix
    image = matrix @ (v / v.norm().clamp(min=1e-12))
    effective: Tensor = weight / image.norm()
    return effective


def _is_magnitude(v: Shape, g: Shape) -> bool:
    """Is g one number for each slice of v along an axis, or a single one?"""
    lone = sum(k != 1 for k in g) <= 1
    return len(v) > 1 and (
        g == () or (len(g) == len(v) and lone and all(k in (1, n) for k, n in zip(g, v, strict=True)))
    )


def _scaled(v: Tensor, g: Tensor) -> Tensor:
    """g v / |v|, the norm taken over the axes that g has not."""
    axes = [axis for axis in range(v.dim()) if g.dim() == 0 or g.shape[axis] == 1]
    effective: Tensor = v * (g / v.square().sum(dim=axes, keepdim=True).sqrt())
    return effective


HOOK = _Kind(
    "spectral norm (weight_orig, weight_u, weight_v)",
    ("_orig", "_u", "_v"),
    lambda w, u, v: bool(_axes(w, u, v)),
    _over_stored,
)


PARAMETRIZATION = _Kind(
    "spectral norm (parametrizations.weight.original, 0._u, 0._v)",
    (".original", ".0._u", ".0._v"),
    lambda w, u, v: bool(_axes(w, u, v)),
    _over_stored,
)


BEFORE_V = _Kind(
    "spectral norm (weight_orig, weight_u, weight)",
    ("_orig", "_u", ""),
    lambda w, u, effective: len(u) == 1 and w == effective,
    lambda w, u, effective: effective,
)
"""Of torch 1.0 and before, which kept the effective weight beside the original."""


BAR = _Kind(
    "spectral norm (weight_bar, weight_u, weight_v)",
    ("_bar", "_u", "_v"),
    lambda w, u, v: len(w) > 1 and u == w[:1] and len(v) == 1,
    _over_iterated,
)
"""Of a wrapper, whose layer is called ``module``."""


BIGGAN = _Kind(
    "spectral norm (weight, u0, sv0)",
    ("weight", "u0", "sv0"),
    lambda w, u, sigma: len(w) > 1 and u == (1, w[0]) and sigma == (1,),
    _over_iterated,
)


MIMICRY = _Kind(
    "spectral norm (weight, sn_u, sn_sigma)",
    ("weight", "sn_u", "sn_sigma"),
    lambda w, u, sigma: len(w) > 1 and u == (1, w[0]) and sigma == (1,),
    _over_iterated,
)


WEIGHT_NORM = _Kind("weight norm (weight_g, weight_v)", ("_v", "_g"), _is_magnitude, _scaled)
WEIGHT_NORM_PARAMETRIZATION = _Kind(
    "weight norm (parametrizations.weight.original0, original1)", (".original1", ".original0"), _is_magnitude, _scaled
)


KINDS = (HOOK, PARAMETRIZATION, BEFORE_V, BAR, BIGGAN, MIMICRY, WEIGHT_NORM, WEIGHT_NORM_PARAMETRIZATION)
