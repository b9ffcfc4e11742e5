"""What names and shapes of arrays say: are they a network's weights, of which framework, and of which networks?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from wganalyze import TensorSpec

_WEIGHT, _BIAS = "weight", "bias"
MEAN, VARIANCE, INVERSE = "running_mean", "running_var", "inverse_deviation"
SLOTS: Mapping[str, str] = {
    "kernel": _WEIGHT, "w": _WEIGHT, "weight": _WEIGHT, "weights": _WEIGHT, "scale": _WEIGHT, "gamma": _WEIGHT,
    "embedding": _WEIGHT, "embeddings": _WEIGHT, "filters": _WEIGHT,
    "b": _BIAS, "bias": _BIAS, "biases": _BIAS, "beta": _BIAS, "offset": _BIAS,
    "mean": MEAN, "avg_mean": MEAN, "moving_mean": MEAN, "running_mean": MEAN,
    "var": VARIANCE, "avg_var": VARIANCE, "moving_variance": VARIANCE, "moving_var": VARIANCE, "running_var": VARIANCE,
}  # fmt: skip
"""What the last word of a name calls its array."""

_COUNTERS = {"n", "num_batches_tracked", "seed", "t", "iteration", "count"}
TRANSPOSED = re.compile(r"transpose|deconv|upconv|(^|[/.])dc_?\d", re.IGNORECASE)
"""Names of transposed convolutions."""

_LAST = re.compile(r"(.*?)[/.]?([^/.]+?)(:\d+)?$", re.DOTALL)
_NUMBERED = re.compile(r"([a-z]+)_?(\d+)")
_POSITION = re.compile(r"arr_(\d+)")
_ROLE = re.compile(
    r"(net|model|params|state)?[_-]?(g|d|c|gen|dis|disc|generator|discriminator|critic)(_?(ema|params|state|model|net))?",
    re.IGNORECASE,
)
_OF_OPTIMIZERS = re.compile(
    r"(^|[/.])(opt_state|optimizer)[/.:]|(^|[/.])beta\d_power|[/.](Adam|RMSProp|Momentum|Adagrad)(_\d)?(:0)?$"
)
_SAMPLES = {"samples", "images", "fake", "fakes", "labels", "scores", "mu", "sigma", "losses"}


class Sized(Protocol):
    """An array as its header states it."""

    @property
    def spec(self) -> TensorSpec:
        """Shape and type."""
        ...


@dataclass(frozen=True)
class Layout:
    """How a framework lays out its kernels.

    ``name``: of the framework. ``in_out``: are dense kernels (in, out)? ``channels_last``: are those of convolutions
    (spatial..., in, out)? ``transposed_in_out``: those of transposed ones, too, and not (spatial..., out, in)?
    ``flips``, ``flips_transposed``: are kernels those of a true convolution, the mirror image of torch's?
    """

    name: str
    in_out: bool = False
    channels_last: bool = False
    transposed_in_out: bool = False
    flips: bool = False
    flips_transposed: bool = False


FLAX = Layout("Flax", in_out=True, channels_last=True, transposed_in_out=True, flips_transposed=True)
TENSORFLOW = Layout("TensorFlow", in_out=True, channels_last=True)
CHAINER = Layout("Chainer")
LASAGNE = Layout("Lasagne", in_out=True, flips=True, flips_transposed=True)
TORCH = Layout("torch")


@dataclass
class Layer:
    """The arrays of a layer: the key of each by what it is."""

    name: str
    keys: dict[str, str] = field(default_factory=dict)


def slot(name: str) -> tuple[str, str]:
    """Layer and slot of an array's name ("l1/W": "l1", "weight"; "W2": "2", "weight"); slot "": it says none."""
    found = _LAST.match(name)
    layer, last = (found[1], found[2].lower()) if found else ("", name.lower())
    if last in SLOTS:
        return layer, SLOTS[last]
    numbered = _NUMBERED.fullmatch(last)
    if numbered and numbered[1] in SLOTS:
        return f"{layer}/{numbered[2]}".strip("/"), SLOTS[numbered[1]]
    return layer, ""


def is_counter(name: str, spec: TensorSpec) -> bool:
    """Is it a number beside the weights?"""
    found = _LAST.match(name)
    return spec.size <= 1 and (not spec.dtype.startswith("float") or bool(found and found[2].lower() in _COUNTERS))


def holds_weights(arrays: Mapping[str, TensorSpec]) -> bool:
    """Are these the weights of a network, by their names (W, b, kernel, gamma ...) or, where they have none, by shapes?

    Arrays that share their first axis are samples with what belongs to them.
    """
    weights = {n: spec for n, spec in arrays.items() if not is_counter(n, spec) and not _OF_OPTIMIZERS.search(n)}
    if len(weights) < 2 or {name.lower() for name in weights} & _SAMPLES:
        return False
    if not all(spec.dtype.startswith("float") for spec in weights.values()):
        return False
    if all(_POSITION.fullmatch(name) for name in weights):
        return _is_chain([spec.shape for spec in _in_order(weights).values()])
    named = [name for name in weights if slot(name)[1]]
    return 2 * len(named) > len(weights) and any(len(weights[name].shape) > 1 for name in named)


def is_positional(arrays: Mapping[str, object]) -> bool:
    """Are they numbered, as ``np.savez(*arrays)`` does it?"""
    return all(_POSITION.fullmatch(name) for name in arrays)


def _in_order(arrays: Mapping[str, TensorSpec]) -> dict[str, TensorSpec]:
    return dict(sorted(arrays.items(), key=lambda item: int(item[0].rpartition("_")[2])))


def _is_chain(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Kernels, of which one's outputs are the next one's inputs, with vectors of their lengths between them."""
    kernels = [shape for shape in shapes if len(shape) > 1]
    vectors = [shape[0] for shape in shapes if len(shape) == 1]
    axes = {n for shape in kernels for n in shape}
    if not kernels or not vectors or any(len(shape) == 0 for shape in shapes) or not {*vectors} <= axes:
        return False
    if len(kernels) == 1:
        kernel = kernels[0]
        return len(kernel) == 2 and kernel[0] != kernel[1] and vectors[0] == kernel[1]
    if len({len(kernel) for kernel in kernels}) > 1 and len({kernel[0] for kernel in kernels}) > 1:
        return True
    return any(a[-1] == b[0] or a[0] == b[1] or a[1] == b[0] or a[-1] == b[-2] for a, b in pairwise(kernels))


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key under which numbers inside names count as numbers."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.findall(r"\d+|\D+", name)]


def layers_of(arrays: Mapping[str, TensorSpec]) -> list[Layer]:
    """The layers, sorted by name, so that Dense_2 comes before Dense_10; ValueError where a name says nothing."""
    layers: dict[str, Layer] = {}
    for name, spec in arrays.items():
        layer, what = slot(name)
        if is_counter(name, spec):
            continue
        if not what:
            raise ValueError(f"{name} is called neither kernel nor bias nor the like")
        found = layers.setdefault(layer, Layer(layer))
        if what in found.keys:
            raise ValueError(f"{name} and {found.keys[what]} are both the {what} of {layer}")
        found.keys[what] = name
    return sorted(layers.values(), key=lambda layer: natural(layer.name))


def layers_in_order(arrays: Mapping[str, TensorSpec], layout: Layout) -> list[Layer]:
    """The layers of arrays without names: a kernel, its bias or none, and the four vectors of a batch norm or none."""
    layers: list[Layer] = []
    vectors: list[str] = []

    def close() -> None:
        if len(vectors) in (1, 5):
            layers[-1].keys[_BIAS] = vectors.pop(0)
        if len(vectors) == 4:
            order = (_BIAS, _WEIGHT, MEAN, INVERSE) if layout is LASAGNE else (_WEIGHT, _BIAS, MEAN, VARIANCE)
            layers.append(Layer(f"{layers[-1].name}-norm", dict(zip(order, vectors, strict=True))))
        elif vectors:
            raise ValueError(f"{len(vectors)} vectors follow {layers[-1].name}: name its arrays, by np.savez(**arrays)")
        vectors.clear()

    for name, spec in _in_order(arrays).items():
        if len(spec.shape) > 1:
            if layers:
                close()
            layers.append(Layer(name, {_WEIGHT: name}))
        elif not layers:
            raise ValueError(f"{name} comes before every kernel: name its arrays, by np.savez(**arrays)")
        else:
            vectors.append(name)
    close()
    return layers


def layout_of(arrays: Mapping[str, TensorSpec]) -> Layout:
    """Whose arrays of an npz these are."""
    names = [name.lower() for name in arrays]
    if is_positional(arrays):
        return _layout_in_order([spec.shape for spec in _in_order(arrays).values()])
    if any(re.search(r"(^|[/.])(kernel|embedding)$", name.partition(":")[0]) for name in names):
        flax = any(re.search(r"(^|[/.])(params|batch_stats)[/.]|(^|[/.])[A-Z]\w*_\d+[/.]", name) for name in arrays)
        return FLAX if flax else TENSORFLOW
    dense = [(a, b) for a, b in _kernels_with_bias(arrays) if len(a) == 2 and a[0] != a[1]]
    in_out = [kernel[1] == bias for kernel, bias in dense]
    if in_out and all(in_out):
        return LASAGNE if not any(name.endswith("avg_mean") for name in names) else CHAINER
    return CHAINER


def _kernels_with_bias(arrays: Mapping[str, TensorSpec]) -> Iterator[tuple[tuple[int, ...], int]]:
    try:
        layers = layers_of(arrays)
    except ValueError:
        return
    for layer in layers:
        if {_WEIGHT, _BIAS} <= layer.keys.keys():
            yield arrays[layer.keys[_WEIGHT]].shape, (arrays[layer.keys[_BIAS]].shape or (0,))[0]


def _layout_in_order(shapes: Sequence[tuple[int, ...]]) -> Layout:
    followed = [(a, b[0]) for a, b in pairwise(shapes) if len(a) > 1 and len(b) == 1]
    if any(len(a) > 2 and a[-1] == n != a[0] and a[0] == a[-3] for a, n in followed):
        return TENSORFLOW
    dense = [a[1] == n for a, n in followed if len(a) == 2 and a[0] != a[1]]
    convolutions = any(len(a) > 2 for a, _ in followed)
    if dense and not any(dense):
        return TORCH
    return TORCH if convolutions and not dense else LASAGNE


def input_of(arrays: Mapping[str, TensorSpec], layout: Layout) -> tuple[int | None, ...] | None:
    """What a network takes, as its first layer shows it: of dense layers alone, and of transposed convolutions.

    The first dense layer is one whose inputs no other layer puts out. None: it is not shown.
    """
    try:
        layers = layers_in_order(arrays, layout) if is_positional(arrays) else layers_of(arrays)
    except ValueError:
        return None
    shapes = {layer.name: arrays[layer.keys[_WEIGHT]].shape for layer in layers if _WEIGHT in layer.keys}
    dense = [shape if layout.in_out else shape[::-1] for shape in shapes.values() if len(shape) == 2]
    up = [shape for name, shape in shapes.items() if len(shape) > 2 and TRANSPOSED.search(name)]
    if dense and (up or all(len(shape) < 3 for shape in shapes.values())):
        outputs = {out for _, out in dense}
        return None, next((width for width, _ in dense if width not in outputs), dense[0][0])
    if not up:
        return None
    first, spatial = up[0], len(up[0]) - 2
    width = first[-2 if layout.transposed_in_out else -1] if layout.channels_last else first[0]
    return None, width, *(1,) * spatial


def networks(arrays: Mapping[str, Sized], separator: str) -> dict[str, dict[str, str]]:
    """The networks in a file, "" where it is one: of each, the key in the file by the key in the network.

    A first word that says a role, for all arrays, tells them apart; counters and an optimizer's arrays are left out.
    """
    counters = {name for name, array in arrays.items() if is_counter(name, array.spec)}
    kept = {name: name for name in arrays if name not in counters and not _OF_OPTIMIZERS.search(name)}
    of_updater = {n: n.split("model:", 1)[1] for n in kept if n.startswith(("updater/model:", "model:"))}
    if of_updater:
        kept = of_updater
    heads = {name: short.partition(separator)[0] for name, short in kept.items()}
    deep = all(short.count(separator) > 1 for short in kept.values())
    if not kept or not deep or not all(_ROLE.fullmatch(head) for head in heads.values()):
        return {"": {short: name for name, short in kept.items()}}
    found: dict[str, dict[str, str]] = {}
    for name, short in kept.items():
        found.setdefault(heads[name], {})[short.partition(separator)[2]] = name
    return found
