"""Arrays of another framework in a torch module: layer by layer, kernels turned, nothing left over on either side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze import CheckpointError, TensorSpec
from wganalyze_checkpoints.arrays.naming import (
    INVERSE,
    MEAN,
    TRANSPOSED,
    VARIANCE,
    Layer,
    Layout,
    is_positional,
    layers_in_order,
    layers_of,
)
from wganalyze_checkpoints.wording import few

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_SHOWN = 6


@dataclass(frozen=True)
class _Place:
    """A layer of a torch module: its family, and its tensors by slot."""

    name: str
    family: str
    transposed: bool
    module: Any
    tensors: Mapping[str, Tensor]


def fill(place: str, tensors: Mapping[str, Tensor], layout: Layout, made: Any) -> Module:
    """The module that a factory made, with the arrays in it; CheckpointError where they do not fit, layer by layer.

    Layers of a family (dense, convolutions, norms) belong together by name where the module's are called so, else in
    the order of their names, else by shapes where those leave no choice.
    """
    from torch.nn import Module

    if not isinstance(made, Module):
        raise CheckpointError(f"{place}: the factory gave a {type(made).__name__}, not a torch.nn.Module")
    bad = [key for key, tensor in tensors.items() if tensor.is_floating_point() and not bool(tensor.isfinite().all())]
    if bad:
        raise CheckpointError(f"{place}: NaN or infinity in {few(bad, _SHOWN)}; this network cannot be analysed")
    specs = {key: TensorSpec(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for key, t in tensors.items()}
    try:
        layers = layers_in_order(specs, layout) if is_positional(specs) else layers_of(specs)
        places = _places(made)
        for layer, there in _matched(layers, places, tensors, layout):
            _put(layer, there, tensors, layout)
    except ValueError as error:
        raise CheckpointError(
            f"{place} does not fit the {type(made).__name__}: {error}; name the factory that it was trained with"
        ) from error
    return made


def _places(module: Module) -> list[_Place]:
    """The layers of a module; ValueError where it has tensors that belong to none."""
    from torch import nn

    transposed = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    places: list[_Place] = []
    for name, layer in module.named_modules():
        own = dict(layer.named_parameters(recurse=False)) | dict(layer.named_buffers(recurse=False))
        tensors: dict[str, Tensor] = {slot: tensor for slot, tensor in own.items() if slot != "num_batches_tracked"}
        if not tensors:
            continue
        strange = [slot for slot in tensors if slot not in ("weight", "bias", MEAN, VARIANCE)]
        if strange or not {"weight", MEAN} & tensors.keys():
            names = few([f"{name}.{slot}".strip(".") for slot in strange or tensors], _SHOWN)
            raise ValueError(f"the network's {names} are of no kind of layer that arrays are put into")
        family = _family(tensors["weight"].dim() if "weight" in tensors else 1)
        places.append(_Place(name, family, isinstance(layer, transposed), layer, tensors))
    return places


def _family(axes: int) -> str:
    """What a layer is by the axes of its weight."""
    return {1: "norm", 2: "dense layer"}.get(axes, "convolution")


def _matched(
    layers: Sequence[Layer], places: Sequence[_Place], tensors: Mapping[str, Tensor], layout: Layout
) -> list[tuple[Layer, _Place]]:
    by_name = {place.name: place for place in places}
    named = {layer.name.replace("/", "."): layer for layer in layers}
    if named.keys() == by_name.keys():
        return [(layer, by_name[name]) for name, layer in named.items()]
    told = any(TRANSPOSED.search(layer.name) for layer in layers)
    own: dict[str, list[Layer]] = {}
    there: dict[str, list[_Place]] = {}
    for layer in layers:
        family = _family(tensors[layer.keys["weight"]].dim() if "weight" in layer.keys else 1)
        transposed = told and family == "convolution" and bool(TRANSPOSED.search(layer.name))
        own.setdefault("transposed " * transposed + family, []).append(layer)
    for place in places:
        there.setdefault("transposed " * (told and place.transposed) + place.family, []).append(place)
    pairs: list[tuple[Layer, _Place]] = []
    for family in dict.fromkeys([*own, *there]):
        mine, theirs = own.get(family, []), there.get(family, [])
        if len(mine) != len(theirs):
            has = f"{_counted(len(mine), family)} in the file ({few([layer.name for layer in mine], _SHOWN) or 'none'})"
            raise ValueError(f"{has}, {len(theirs)} in the network ({few([p.name for p in theirs], _SHOWN) or 'none'})")
        _check_order(mine, tensors)
        pairs += _in_turn(mine, theirs, tensors, layout)
    return pairs


def _check_order(layers: Sequence[Layer], tensors: Mapping[str, Tensor]) -> None:
    """ValueError where layers are alike, and their names do not number them."""
    alike: dict[object, Layer] = {}
    for layer in layers:
        shapes = tuple(sorted((slot, tuple(tensors[key].shape)) for slot, key in layer.keys.items()))
        other = alike.setdefault(shapes, layer)
        if re.sub(r"_?\d+", "", layer.name) != re.sub(r"_?\d+", "", other.name):
            raise ValueError(
                f"{other.name} and {layer.name} are alike, and their names give no order: let the network call its "
                "layers as the file does"
            )


def _in_turn(
    own: Sequence[Layer], there: Sequence[_Place], tensors: Mapping[str, Tensor], layout: Layout
) -> list[tuple[Layer, _Place]]:
    """In order, where all shapes fit so; else each to the only place that it fits; ValueError where neither holds."""
    if all(_wrong(layer, place, tensors, layout) == "" for layer, place in zip(own, there, strict=True)):
        return [*zip(own, there, strict=True)]
    fits = [[p for p in there if _wrong(layer, p, tensors, layout) == ""] for layer in own]
    chosen = {places[0].name for places in fits if len(places) == 1}
    if len(chosen) == len(own):
        return [(layer, places[0]) for layer, places in zip(own, fits, strict=True)]
    wrong = [text for layer, p in zip(own, there, strict=True) if (text := _wrong(layer, p, tensors, layout))]
    raise ValueError(wrong[0] + (f" (and {len(wrong) - 1} more layers)" if len(wrong) > 1 else ""))


def _wrong(layer: Layer, place: _Place, tensors: Mapping[str, Tensor], layout: Layout) -> str:
    """Why a layer does not go to a place; "" where it does."""
    slots = {VARIANCE if slot == INVERSE else slot for slot in layer.keys}
    if slots != place.tensors.keys():
        wanted_slots = few([*place.tensors], 4)
        return f"{layer.name} has {few(sorted(slots), 4)}, the network's {place.name or 'layer'} {wanted_slots}"
    for slot, key in layer.keys.items():
        stored = _turned(tensors[key], slot, place, layout)
        wanted = place.tensors[VARIANCE if slot == INVERSE else slot]
        if stored is None or stored.shape != wanted.shape:
            shape = tuple(tensors[key].shape)
            return f"{key} is {shape} ({layout.name}), the network's {place.name}.{slot} {tuple(wanted.shape)}"
    return ""


def _turned(tensor: Tensor, slot: str, place: _Place, layout: Layout) -> Tensor | None:
    """A kernel as torch lays it out, the others as they are; None where that cannot be."""
    from torch import nn

    if slot != "weight" or tensor.dim() < 2:
        return tensor
    if tensor.dim() == 2:
        return tensor.T if layout.in_out and not isinstance(place.module, nn.Embedding) else tensor
    spatial = [*range(tensor.dim() - 2)]
    mirrored = layout.flips_transposed if place.transposed else layout.flips
    if layout.channels_last:
        last = (-2, -1) if place.transposed and layout.transposed_in_out else (-1, -2)
        tensor = tensor.permute(tensor.dim() + last[0], tensor.dim() + last[1], *spatial)
    return tensor.flip([2 + axis for axis in spatial]) if mirrored else tensor


def _put(layer: Layer, place: _Place, tensors: Mapping[str, Tensor], layout: Layout) -> None:
    import torch

    wrong = _wrong(layer, place, tensors, layout)
    if wrong:
        raise ValueError(wrong)
    with torch.no_grad():
        for slot, key in layer.keys.items():
            value = _turned(tensors[key], slot, place, layout)
            assert value is not None
            if slot == INVERSE:  # Lasagne keeps 1 / sqrt(variance + its epsilon)
                place.tensors[VARIANCE].copy_(value.double() ** -2 - place.module.eps)
            else:
                place.tensors[slot].copy_(value)


def _counted(n: int, family: str) -> str:
    return f"{n} {family}{'' if n == 1 else 's'}"


def path_of(path: Path, name: str) -> str:
    """A network in a file, for messages."""
    return f"{path.name}[{name}]" if name else path.name
