"""What Keras keeps in an HDF5 file: the names of layers and weights, the configuration, the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from wganalyze_checkpoints import bounded
from wganalyze_checkpoints.keras.hdf5 import Array, DamagedHdf5, Hdf5

Layers = tuple[tuple[str, tuple[str, ...]], ...]

LEGACY_ROOT = "model_weights"
_OPTIMIZERS = ("optimizer_weights", "optimizer", "_optimizer")


@dataclass(frozen=True, slots=True)
class Header:
    """``arrays`` by path, of the model alone. ``layout`` None: nothing that Keras wrote.

    "vars" is Keras 3's; "legacy" Keras 2's, where ``layers`` gives each layer's paths in order.
    """

    layout: Literal["legacy", "vars"] | None
    arrays: Mapping[str, Array]
    config: Mapping[str, Any] | None = None
    version: str = ""
    layers: Layers = ()


def read(file: BinaryIO, start: int, size: int) -> Header:
    """The header of the HDF5 file of ``size`` bytes at ``start``; ValueError where it is damaged."""
    hdf5 = Hdf5(file, start, size)
    config = hdf5.texts(hdf5.root, "model_config")
    front = f"{LEGACY_ROOT}/" if LEGACY_ROOT in hdf5.children(hdf5.root) else ""
    objects = dict(hdf5.walk())
    top = objects.get(LEGACY_ROOT, hdf5.root)
    names = _names(hdf5, top, "layer_names")
    if config is None and names is None and not any("vars" in path.split("/") for path in objects):
        return Header(None, {})
    own = {path: address for path, address in objects.items() if path.partition("/")[0] not in _OPTIMIZERS}
    stored = {path: hdf5.array(address) for path, address in own.items()}
    arrays = {path.removeprefix(front): array for path, array in stored.items() if array is not None}
    if sum(array.nbytes for array in arrays.values()) > size:
        raise DamagedHdf5("its arrays overlap")
    version = hdf5.texts(top, "keras_version") or hdf5.texts(hdf5.root, "keras_version") or [""]
    described = None if config is None else object_of("".join(config[:1]), "model_config")
    if names is None:
        return Header("vars", arrays, described, version[0])
    layers = []
    for name in names:
        weights = _names(hdf5, objects[front + name], "weight_names") if front + name in objects else None
        if weights is None:
            raise DamagedHdf5(f"the layer {name} is named and not there")
        layers.append((name, tuple(f"{name}/{weight}" for weight in weights)))
    ordered = [key for _, keys in layers for key in keys]
    if lacking := [key for key in ordered if key not in arrays]:
        raise DamagedHdf5(f"{lacking[0]} is named and not there")
    return Header("legacy", {key: arrays[key] for key in [*ordered, *arrays]}, described, version[0], tuple(layers))


def object_of(text: str | bytes, name: str) -> dict[str, Any]:
    """The description of a model or the like, as JSON."""
    value = bounded.parse_json(text.encode() if isinstance(text, str) else text)
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    return value


def _names(hdf5: Hdf5, address: int, name: str) -> list[str] | None:
    """A list of names, which Keras cuts into several attributes where it is long; None where there is none."""
    whole = hdf5.texts(address, name)
    if whole is not None:
        return whole
    joined: list[str] = []
    for piece in range(10_000):
        names = hdf5.texts(address, f"{name}{piece}")
        if names is None:
            return joined if piece else None
        joined += names
    raise DamagedHdf5(f"{name} without end")
