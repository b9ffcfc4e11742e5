"""Weights as arrays: npz files (Chainer, Lasagne, TensorFlow, state dicts of torch) and Flax's msgpack.

Those of torch have its names, and are a state dict. Those of others fill the torch module that the user's factory
makes: kernels are turned to torch's layout, and layers belong together by name, or in order within their kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze import CheckpointError, Input, Loader, Part, TensorSpec, hookimpl
from wganalyze_checkpoints.arrays import filling, msgpack, naming, npz
from wganalyze_checkpoints.arrays.naming import Layout

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_PARAMETERS = ("params", "ema_params", "params_ema", "target_params")
_STEPS = ("step", "epoch", "iteration", "global_step")


class NpzWeights(Loader):
    """The loader of kind "npz-weights"."""

    name = "npz-weights"

    def sniff(self, path: Path) -> float:
        """High where the arrays are a network's weights, by their names or shapes."""
        try:
            arrays = npz.read(path)
        except CheckpointError:
            return 0.0
        return 0.95 if arrays and naming.holds_weights({name: array.spec for name, array in arrays.items()}) else 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part for each network: a state dict, or arrays that a factory's module is filled with."""
        arrays = npz.read(path)
        if not arrays or not naming.holds_weights({name: array.spec for name, array in arrays.items()}):
            raise CheckpointError(f"{path}: holds no weights; save them by np.savez(FILE, **{{name: array}})")
        specs = {name: array.spec for name, array in arrays.items()}
        facts = {n: int(v) for n, v in npz.values(path, arrays, _counters(specs)).items()}
        separator = "/" if any("/" in name for name in arrays) else "."
        parts = []
        for name, keys in naming.networks(arrays, separator).items():
            own = {key: specs[stored] for key, stored in keys.items()}
            read = partial(_read_npz, path, keys)
            layout = naming.layout_of(own)
            torch_named = separator == "." and _is_state_dict(own)
            parts.append(
                Part(
                    path,
                    self.name,
                    name,
                    keys=own,
                    facts={**facts, "layout": naming.TORCH.name if torch_named else layout.name},
                    read_tensors=read,
                    fill=None if torch_named else partial(_fill, path, name, read, layout),
                    inputs=() if torch_named else _inputs(own, layout),
                    problems=_guessed(layout) if naming.is_positional(own) else (),
                )
            )
        return parts


def _counters(specs: Mapping[str, Any]) -> list[str]:
    """Names of whole numbers that may be a step."""
    steps = [n for n in specs if n.rpartition("/")[2].lower() in _STEPS and specs[n].size == 1]
    return [name for name in steps if specs[name].dtype.startswith("int")]


def _is_state_dict(keys: Iterable[str]) -> bool:
    """Are all names those of torch?"""
    last = {key.rpartition(".")[2] for key in keys}
    return last <= {
        "weight",
        "bias",
        "running_mean",
        "running_var",
        "num_batches_tracked",
        "weight_orig",
        "weight_u",
        "weight_v",
    }


def _guessed(layout: Layout) -> tuple[str, ...]:
    mirrored = ", its convolutions true ones" if layout.flips else ""
    return (f"its arrays have no names: taken in the order and layout of {layout.name}{mirrored}",)


def _inputs(keys: Mapping[str, TensorSpec], layout: Layout) -> tuple[Input, ...]:
    shape = naming.input_of(keys, layout)
    return () if shape is None else (Input("", shape, "float32"),)


def _read_npz(path: Path, keys: Mapping[str, str]) -> Mapping[str, Tensor]:
    import torch

    arrays = npz.read(path)
    if arrays is None or not {*keys.values()} <= arrays.keys():
        raise CheckpointError(f"{path}: has changed since it was opened; open it again")
    values = npz.values(path, arrays, keys.values())
    return {key: torch.from_numpy(values[stored].copy()) for key, stored in keys.items()}


def _fill(path: Path, name: str, read: partial[Mapping[str, Tensor]], layout: Layout, made: Any) -> Module:
    return filling.fill(filling.path_of(path, name), read(), layout, made)


class FlaxWeights(Loader):
    """The loader of kind "flax"."""

    name = "flax"

    def sniff(self, path: Path) -> float:
        """High where the tree of a Flax file is whole."""
        try:
            return 0.95 if msgpack.read(path) is not None else 0.0
        except CheckpointError:
            return 0.3

    def open(self, path: Path) -> list[Part]:
        """One Part for each network of the tree, with the arrays that a factory's module is filled with."""
        tree = msgpack.read(path)
        if tree is None:
            raise CheckpointError(f"{path}: is no file of flax.serialization.to_bytes")
        if any(msgpack.CHUNKED in key for key in _flat(tree)):
            raise CheckpointError(f"{path}: holds arrays in chunks, which are not read; save the weights alone")
        parts = []
        for network in _networks(tree):
            keys = {key: array.spec for key, array in network.arrays.items()}
            read = partial(_read_flax, path, network.arrays)
            parts.append(
                Part(
                    path,
                    self.name,
                    network.name,
                    keys=keys,
                    facts=_facts(path, tree),
                    read_tensors=read,
                    fill=partial(_fill, path, network.name, read, naming.FLAX),
                    inputs=_inputs(keys, naming.FLAX),
                )
            )
        if not parts:
            raise CheckpointError(f"{path}: holds no parameters of a network")
        return parts


@dataclass(frozen=True)
class _Network:
    """A network of a tree: where it lies, and its arrays by layer and name."""

    name: str
    arrays: Mapping[str, msgpack.Array]


def _flat(tree: Mapping[str, Any], front: str = "") -> dict[str, Any]:
    """Leaves by path."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{front}{key}/")
        else:
            flat[f"{front}{key}"] = value
    return flat


def _networks(tree: Mapping[str, Any], place: tuple[str, ...] = ()) -> list[_Network]:
    """Where "params" lie, each a network; else what the first words of the names tell apart."""
    found: list[_Network] = []
    for name in _PARAMETERS:
        if isinstance(tree.get(name), dict):
            average = () if name == "params" else ("ema",)
            arrays = _arrays(tree[name], tree.get("batch_stats"))
            found += [_Network(".".join((*place, *average)), arrays)] if arrays else []
    if not found and len(place) < 2:
        for key, value in tree.items():
            if isinstance(value, dict) and key != "opt_state":
                found += _networks(value, (*place, key))
    if found or place:
        return found
    arrays = _arrays(tree, None)
    return [
        _Network(name, {key: arrays[stored] for key, stored in keys.items()})
        for name, keys in naming.networks(arrays, "/").items()
        if keys
    ]


def _arrays(parameters: Mapping[str, Any], statistics: object) -> dict[str, msgpack.Array]:
    """Arrays by path within the network, with the running statistics of norms."""
    while isinstance(parameters.get("params"), dict):
        statistics = parameters.get("batch_stats", statistics)
        parameters = parameters["params"]
    flat = {**_flat(parameters), **(_flat(statistics) if isinstance(statistics, dict) else {})}
    return {key: value for key, value in flat.items() if isinstance(value, msgpack.Array)}


def _facts(path: Path, tree: Mapping[str, Any]) -> dict[str, float | int | str | bool]:
    """Steps, which are numbers or arrays of one."""
    facts: dict[str, float | int | str | bool] = {}
    for key, value in _flat(tree).items():
        if key.count("/") > 1 or key.rpartition("/")[2] not in _STEPS:
            continue
        if isinstance(value, msgpack.Array) and value.spec.size == 1 and value.spec.dtype.startswith("int"):
            value = int(_read_flax(path, {key: value})[key])
        if isinstance(value, int) and not isinstance(value, bool):
            facts[key.replace("/", ".")] = value
    return facts


def _read_flax(path: Path, arrays: Mapping[str, msgpack.Array]) -> Mapping[str, Tensor]:
    import torch

    tensors: dict[str, Tensor] = {}
    with path.open("rb") as file:
        for key, array in arrays.items():
            dtype = getattr(torch, array.spec.dtype)
            size = array.spec.size * dtype.itemsize
            file.seek(array.offset)
            content = bytearray(file.read(size))
            if len(content) < size:
                raise CheckpointError(f"{path}: cut off; copy or save it again")
            flat = torch.frombuffer(content, dtype=dtype) if size else torch.empty(0, dtype=dtype)
            tensors[key] = flat.reshape(array.spec.shape)
    return tensors


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loaders of arrays as weights."""
    return [NpzWeights, FlaxWeights]
