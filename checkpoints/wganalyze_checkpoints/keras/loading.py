"""Keras models loaded from files that were read before: by Keras itself, in safe mode, or filled without leniency."""

from __future__ import annotations

import importlib
import json
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wganalyze import CheckpointError
from wganalyze_checkpoints.keras import config as keras_config
from wganalyze_checkpoints.keras import file as keras_file
from wganalyze_checkpoints.keras.config import Asked
from wganalyze_checkpoints.keras.file import KerasFile
from wganalyze_checkpoints.keras.network import KerasNetwork
from wganalyze_checkpoints.keras.weights import LEGACY_ROOT
from wganalyze_checkpoints.wording import what_it_says

_SHOWN = 6


def load_model(path: Path, asked: Sequence[Asked]) -> KerasNetwork:
    """The model of a file. ``asked``: the classes beyond Keras's own that may be imported; with none, in safe mode."""
    keras = keras_on_torch(path)
    file = _read(path)
    if file.config is None or not {*keras_config.foreign(file.config)} <= {*asked}:
        raise CheckpointError(f"{path}: has changed since it was opened; open it again")
    objects = {**_known(keras), **_imported(path, asked, keras)}
    with _faults(file), _rewritten(file) as clean, keras.device("cpu"):
        model = keras.saving.load_model(clean, custom_objects=objects, compile=False, safe_mode=not asked)
    return _network(path, model)


def fill(path: Path, made: Any) -> KerasNetwork:
    """The model that a factory made, with the weights of the file in it: all of them, and no others."""
    keras = keras_on_torch(path)
    file = _read(path)
    if not isinstance(made, keras.Model):
        kind = f"{type(made).__module__}.{type(made).__qualname__}"
        raise CheckpointError(
            f"{path.name} holds Keras weights, and the factory gave a {kind}; let it return the keras.Model "
            "that they were saved from"
        )
    if not made.built:
        raise CheckpointError(
            f"{path.name}: the factory's model {made.name} has no weights yet; begin it with "
            "keras.Input(shape=...), or call it once before it is returned"
        )
    with _faults(file), keras.device("cpu"):
        differences = _by_order(file, made) if file.suffix == ".h5" else _by_key(file, made)
        if differences:
            raise CheckpointError(
                f"{path.name} does not fit the Keras model {made.name}: {'; '.join(differences)}; "
                "name the factory that it was trained with"
            )
        with _rewritten(file) as clean:
            made.load_weights(clean)
    return _network(path, made)


def keras_on_torch(path: Path) -> Any:
    """Keras, on its torch backend."""
    keras_file.choose_backend()
    lacking = [name for name in ("keras", "h5py") if not keras_file.installed(name)]
    if lacking:
        raise CheckpointError(f"{path}: is run by Keras, and {lacking[0]} is not installed; {keras_file.INSTALL}")
    import keras

    backend = keras.backend.backend()
    if backend != "torch":
        raise CheckpointError(
            f"{path}: Keras was started on its {backend} backend here; set KERAS_BACKEND=torch in the environment"
        )
    return keras


def _read(path: Path) -> KerasFile:
    file = keras_file.read(path)
    if file is None:
        raise CheckpointError(f"{path}: is no Keras file; open it again")
    return file


def _known(keras: Any) -> dict[str, Any]:
    """The models whose modules Keras 2 names otherwise: Keras looks these names up before it looks for modules."""
    tensor = keras.Input((1,))
    return {"Functional": type(keras.Model(tensor, tensor)), "Sequential": keras.Sequential}


def _imported(path: Path, asked: Sequence[Asked], keras: Any) -> dict[str, Any]:
    """The classes and functions that a file asks for, by the names that Keras looks them up by."""
    objects: dict[str, Any] = {}
    for item in asked:
        known = keras.saving.get_registered_object(item.registered)
        if known is None and item.module in ("", "__main__"):
            raise CheckpointError(
                f"{path}: asks for {item.name} and does not say where that is defined, perhaps in the training script; "
                "save the weights alone (model.save_weights) and name a factory that makes the model"
            )
        if known is None and not item.is_code:
            try:
                known = getattr(importlib.import_module(item.module), item.name)
            except (ImportError, AttributeError) as error:
                raise CheckpointError(
                    f"{path}: {what_it_says(error)}; put the code that defined {item.text} on PYTHONPATH"
                ) from error
        if known is not None:
            objects |= {item.registered: known, item.name: known}
    return objects


@contextmanager
def _rewritten(file: KerasFile) -> Iterator[str]:
    """The model or weights written anew for Keras, with the extension that Keras goes by and nothing else in it.

    So the HDF5 library, which may crash on what is damaged, reads only what it wrote itself; training is left out.
    """
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{file.suffix}"
        weights = Path(folder) / "model.weights.h5" if file.suffix == ".keras" else path
        config = json.dumps(_modern(file.config))
        with h5py.File(weights, "w") as hdf5:
            top = hdf5.create_group(LEGACY_ROOT) if file.config and file.suffix == ".h5" else hdf5
            for key, value in file.numbers():
                stored = top.create_dataset(key, data=value)
                if value.dtype.name == "bfloat16":
                    stored.attrs["dtype"] = "bfloat16"
            if file.suffix == ".h5":
                _name(top, "layer_names", [name for name, _ in file.layers])
                for name, keys in file.layers:
                    _name(top.require_group(name), "weight_names", [key.removeprefix(f"{name}/") for key in keys])
                top.attrs["keras_version"] = file.version or "2"
                if file.config:
                    hdf5.attrs["model_config"] = config
        if file.suffix == ".keras":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("metadata.json", json.dumps({"keras_version": file.version}))
                archive.writestr("config.json", config)
                archive.write(weights, weights.name)
        yield str(path)


def _name(group: Any, attribute: str, names: Sequence[str]) -> None:
    import h5py

    group.attrs.create(attribute, [*names], (len(names),), h5py.string_dtype())


def _modern(config: Any) -> Any:
    """A configuration without losses and optimizers; a Sequential of Keras 2 with its input as a layer of its own."""
    if isinstance(config, list):
        return [_modern(value) for value in config]
    if not isinstance(config, Mapping):
        return config
    modern = {key: _modern(value) for key, value in config.items() if key != "compile_config"}
    if modern.get("class_name") == "Sequential":
        inner = modern.get("config")
        modern["config"] = inner = {"name": "sequential", "layers": inner} if isinstance(inner, list) else inner
        layers = inner.get("layers") if isinstance(inner, dict) else None
        first = layers[0] if isinstance(layers, list) and layers else None
        settings = first.get("config") if isinstance(first, dict) and first.get("class_name") != "InputLayer" else None
        shape = settings.pop("batch_input_shape", None) if isinstance(settings, dict) else None
        if shape is not None and isinstance(layers, list):
            layers.insert(0, {"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "input"}})
    return modern


@contextmanager
def _faults(file: KerasFile) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an optimizer's state, which nobody asked for
            yield
    except CheckpointError:
        raise
    except Exception as error:  # Keras, and layers of a stranger
        written = f"the Keras {file.version} that wrote it" if file.version else "the Keras that wrote it"
        raise CheckpointError(
            f"{file.path}: Keras cannot load it ({what_it_says(error)}); "
            f"save its weights with {written} and name a factory, or copy it again if it is damaged"
        ) from error


def _by_key(file: KerasFile, made: Any) -> list[str]:
    """How the keys of a file differ from those that the model would be saved under."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.weights.h5"
        made.save_weights(saved)
        expected = _shapes(_read(saved))
    stored = _shapes(file)
    wrong = [
        f"{key} is {stored[key]}, the model has {expected[key]}"
        for key in expected
        if key in stored and stored[key] != expected[key]
    ]
    missing, unexpected = expected.keys() - stored.keys(), stored.keys() - expected.keys()
    return _lists(missing=missing, unexpected=unexpected, wrong_shape=wrong)


def _shapes(file: KerasFile) -> dict[str, tuple[int, ...]]:
    """Keys as Keras 3 writes them, without the seeds of random layers."""
    keys = {key.replace("_layer_checkpoint_dependencies", "layers"): spec.shape for key, spec in file.keys.items()}
    return {key: shape for key, shape in keys.items() if "seed_generator" not in key}


def _by_order(file: KerasFile, made: Any) -> list[str]:
    """How the layers of a legacy file differ from the model's: they belong together by order, not by name."""
    stored = [(name, keys) for name, keys in file.layers if keys]
    layers = [(layer.name, _weights_of(layer)) for layer in made.layers]
    layers = [(name, weights) for name, weights in layers if weights]
    if len(stored) != len(layers):
        return [
            f"it has {len(stored)} layers with weights ({_few([n for n, _ in stored])}), "
            f"the model {len(layers)} ({_few([n for n, _ in layers])})"
        ]
    wrong = []
    for (name, keys), (own, weights) in zip(stored, layers, strict=True):
        there, here = [file.keys[key].shape for key in keys], [tuple(weight.shape) for weight in weights]
        if there != here:
            wrong.append(f"{name} is {_few(there)}, the model's {own} is {_few(here)}")
    return _lists(wrong_shape=wrong)


def _weights_of(layer: Any) -> list[Any]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _lists(**differences: Iterable[str]) -> list[str]:
    listed = [(name.replace("_", " "), sorted(keys)) for name, keys in differences.items()]
    return [f"{len(keys)} {name}: {_few(keys)}" for name, keys in listed if keys]


def _few(items: Sequence[object]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(map(str, items[:_SHOWN])) + more


def _network(path: Path, model: Any) -> KerasNetwork:
    network = KerasNetwork(model)
    bad = [key for key, value in network.state_dict().items() if not bool(value.isfinite().all())]
    if bad:
        raise CheckpointError(f"{path.name}: NaN or infinity in {_few(bad)}; this network cannot be analysed")
    return network.eval()
