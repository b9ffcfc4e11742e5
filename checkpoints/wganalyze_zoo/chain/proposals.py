"""The usual readings of a chain, as arguments that build them: what sizes allow, and what numbers do not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from wganalyze import Role, Shapes
from wganalyze_zoo.chain.geometry import Way, ways
from wganalyze_zoo.chain.reading import Chain, read

MOST = 2000
FIRST: Mapping[Role, Sequence[str]] = {
    "critic": ("leaky_relu(0.2)", "relu", "leaky_relu(0.01)", "elu", "silu", "tanh"),
    "generator": ("relu", "leaky_relu(0.2)", "leaky_relu(0.01)", "elu", "silu", "tanh"),
}
FOILS = (
    *(f"leaky_relu({slope:g})" for slope in (0.02, 0.05, 0.08, 0.12, 0.15, 0.18, 0.22, 0.25, 0.28, 0.32, 0.4, 0.5)),
    "elu(0.5)",
)
"""Hardly anybody takes these: a usual activation counts where the data tell it from those beside it."""
FURTHER = (
    "leaky_relu(0.1)", "leaky_relu(0.3)", "selu", "gelu", "mish", "softplus", "hardswish", "hardtanh", "softsign",
    "sigmoid", *FOILS,
)  # fmt: skip
OUTPUTS = ("tanh", "sigmoid", "none")
DROPOUTS = (0.0, 0.5, 0.3, 0.25, 0.2, 0.4)
EPSILONS = (1e-5, 0.8)
"""What BatchNorm adds to the variance: the default, and what copies of a well-known slip meant as its momentum."""
DEFAULTS: Mapping[str, Any] = {"eps": EPSILONS[0], "dropout": DROPOUTS[0], "resize": "nearest"}


def propose(
    keys: Shapes, role: Role, sample_shape: tuple[int, ...], near: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Arguments of ``build``, the most usual first: everything that the sizes allow, with a few activations each.

    With ``near``: this one, with every activation, output, dropout and epsilon. ValueError says why there are none.
    """
    chain = read(keys)
    if near is not None:
        return list(_variations(chain, role, near))
    geometries = list(_geometries(chain, role, sample_shape))
    if not geometries:
        raise ValueError(f"no usual strides and paddings lead through it to samples of shape {sample_shape}")
    readings = [
        {**activation, **active, **geometry, **({"output": OUTPUTS[0]} if role == "generator" else {})}
        for geometry in geometries
        for i, placement in enumerate(chain.placements())
        for active in [{"active": list(placement)} if i else {}]
        for activation in ([{"activation": name} for name in FIRST[role]] if placement else [{}])
    ]
    if len(readings) > MOST:
        raise ValueError(f"{len(readings)} usual readings lead to samples of shape {sample_shape}, too many to try")
    return readings


def _variations(chain: Chain, role: Role, near: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Around one reading: what sizes do not decide."""
    norms = [i for i, layer in enumerate(chain.layers) if layer.kind == "norm"]
    seen_by_norms = any(i < norms[-1] for i in chain.rooms) if norms else False
    choices: dict[str, Sequence[Any]] = {
        "activation": (*FIRST[role], *FURTHER) if "activation" in near else (),
        "output": OUTPUTS if role == "generator" else (),
        "eps": EPSILONS if norms else (),
        "dropout": DROPOUTS if seen_by_norms else (),
        "resize": ("nearest", "bilinear") if "scales" in near else (),
    }
    choices = {name: values for name, values in choices.items() if values}
    for values in product(*choices.values()):
        chosen = {name: value for name, value in zip(choices, values, strict=True) if DEFAULTS.get(name) != value}
        yield {**near, **chosen}


def _geometries(chain: Chain, role: Role, sample_shape: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Strides, paddings ... of all ways through the layers; a critic is transposed only where it must be."""
    orientations = sorted(chain.orientations(), key=sum, reverse=role == "generator")
    if role == "critic":
        orientations = [marks for marks in orientations if sum(marks) == sum(orientations[0])]
    usual = next(chain.orientations())
    for marks in orientations:
        for way in ways(chain, marks, role, sample_shape):
            turned = [mark for mark, layer in zip(marks, chain.layers, strict=True) if layer.kind == "conv"]
            yield {**_lists(way), **({"transposed": turned} if marks != usual else {})}


def _lists(way: Way) -> dict[str, list[int]]:
    """The settings as ``build`` takes them; of what is seldom used, only what is used."""
    if not way:
        return {}
    strides, paddings, extras, scales = map(list, zip(*way, strict=True))
    rare = {"output_paddings": extras} if any(extras) else {}
    return {"strides": strides, "paddings": paddings, **rare, **({"scales": scales} if max(scales) > 1 else {})}
