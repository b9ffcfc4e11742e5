"""Files as Keras 2 wrote them, for the tests: its spelling of layers and calls, and its HDF5 layout."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Config = dict[str, Any]
Weights = Mapping[str, Mapping[str, Any]]
"""By layer, its arrays by the names that stand in the file."""

COMMON = {"trainable": True, "dtype": "float32"}
TRAINING = {
    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
    "bias_initializer": {"class_name": "Zeros", "config": {}},
    "kernel_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
}


def numbers(seed: int, *shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Weights that no initializer gives."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def layer(kind: str, name: str, **settings: Any) -> Config:
    """A layer by its settings."""
    return {"class_name": kind, "config": {"name": name, **COMMON, **settings}}


def dense(name: str, units: int, activation: Any = "linear", **more: Any) -> Config:
    """With all that acts in training alone."""
    return layer("Dense", name, units=units, activation=activation, use_bias=True, **TRAINING, **more)


def given(name: str, *shape: int | None, dtype: str = "float32", batch: int | None = None) -> Config:
    """An input."""
    stated = {"batch_input_shape": [batch, *shape], "dtype": dtype, "sparse": False, "ragged": False, "name": name}
    return {"class_name": "InputLayer", "config": stated}


def sequential(name: str, *layers: Config) -> Config:
    """A chain of layers."""
    return {"class_name": "Sequential", "config": {"name": name, "layers": [*layers]}}


def called(what: Config, *calls: Any) -> Config:
    """A layer of a functional model, with its calls."""
    return {**what, "name": what["config"]["name"], "inbound_nodes": [*calls]}


def functional(name: str, layers: Sequence[Config], inputs: Any, outputs: Any) -> Config:
    """A graph of calls."""
    config = {"name": name, "trainable": True, "layers": [*layers], "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "config": config}


def written(path: Path, config: Config | None, weights: Weights, version: str = "2.15.0") -> Path:
    """The file: a full model with ``config``, else weights alone."""
    import h5py

    with h5py.File(path, "w") as file:
        top = file
        if config is not None:
            file.attrs["keras_version"], file.attrs["model_config"] = version, json.dumps(config)
            top = file.create_group("model_weights")
        top.attrs["keras_version"] = version.encode()
        top.attrs["layer_names"] = np.array([name.encode() for name in weights])
        for name, arrays in weights.items():
            group = top.create_group(name)
            group.attrs["weight_names"] = np.array([key.encode() for key in arrays], "S" if not arrays else None)
            for key, value in arrays.items():
                group[key] = value
    return path
