"""Keras models loaded from files that were read before: by Keras itself, in safe mode, or filled without leniency."""

from __future__ import annotations

import importlib
import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wganalyze import CheckpointError
from wganalyze_checkpoints.keras import config as keras_config
from wganalyze_checkpoints.keras import file as keras_file
from wganalyze_checkpoints.keras.config import HARD_SIGMOID, Asked
from wganalyze_checkpoints.keras.file import KerasFile
from wganalyze_checkpoints.keras.filling import few, lists, pairs
from wganalyze_checkpoints.keras.modern import modern
from wganalyze_checkpoints.keras.network import KerasNetwork
from wganalyze_checkpoints.keras.operations import Untranslatable
from wganalyze_checkpoints.wording import what_it_says

Pick = Callable[[KerasFile], KerasFile | None]


def load_model(path: Path, asked: Sequence[Asked], pick: Pick | None = None) -> KerasNetwork:
    """The model of a file. ``asked``: the classes beyond Keras's own that may be imported; with none, in safe mode.

    ``pick``: takes the one that is meant, where the file holds several networks.
    """
    keras = keras_on_torch(path)
    file = _read(path, pick)
    if file.config is None:
        raise CheckpointError(f"{path}: has changed since it was opened; open it again")
    with _faults(file), keras.device("cpu"):
        config = modern(file.config, file.version)
        if not {*keras_config.foreign(config)} <= {*asked}:
            raise CheckpointError(f"{path}: has changed since it was opened; open it again")
        objects = {**_known(keras), **_imported(path, asked, keras)}
        if file.suffix == ".h5":
            model = keras.saving.deserialize_keras_object(config, custom_objects=objects, safe_mode=not asked)
            _fill_layers(file, model)
        else:
            with _rewritten(file, config) as clean:
                model = keras.saving.load_model(clean, custom_objects=objects, compile=False, safe_mode=not asked)
    return _network(path, model)


def fill(path: Path, made: Any, pick: Pick | None = None) -> KerasNetwork:
    """The model that a factory made, with the weights of the file in it: all of them, and no others."""
    keras = keras_on_torch(path)
    file = _read(path, pick)
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
        if file.suffix == ".h5":
            _fill_layers(file, made)
        else:
            differences = _by_key(file, made)
            if differences:
                raise _misfit(file, made, differences)
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


def _read(path: Path, pick: Pick | None = None) -> KerasFile:
    file = keras_file.read(path)
    if file is not None and pick is not None:
        file = pick(file)
    if file is None:
        raise CheckpointError(f"{path}: is no Keras file; open it again")
    return file


def _known(keras: Any) -> dict[str, Any]:
    """What Keras looks up by name before it looks for modules: models, and what Keras 3 has under no name."""
    tensor = keras.Input((1,))
    known = {"Functional": type(keras.Model(tensor, tensor)), "Sequential": keras.Sequential, "Model": keras.Model}
    package, name = HARD_SIGMOID.split(">")
    registered = keras.saving.get_registered_object(HARD_SIGMOID)
    if registered is None:  # for good: copies in another precision are made by name, too
        registered = keras.saving.register_keras_serializable(package, name)(_hard_sigmoid)
    return {**known, HARD_SIGMOID: registered}


def _hard_sigmoid(x: Any) -> Any:
    """That of Keras 2."""
    import keras

    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


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
def _rewritten(file: KerasFile, config: Mapping[str, Any] | None = None) -> Iterator[str]:
    """The model or weights written anew for Keras, with the extension that Keras goes by and nothing else in it.

    So the HDF5 library, which may crash on what is damaged, reads only what it wrote itself; training is left out.
    """
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "model.weights.h5"
        with h5py.File(weights, "w") as hdf5:
            for key, value in file.numbers():
                stored = hdf5.create_dataset(key, data=value)
                if value.dtype.name == "bfloat16":
                    stored.attrs["dtype"] = "bfloat16"
        if config is None:
            yield str(weights)
            return
        path = Path(folder) / "model.keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": file.version}))
            archive.writestr("config.json", json.dumps(config))
            archive.write(weights, weights.name)
        yield str(path)


def _fill_layers(file: KerasFile, model: Any) -> None:
    """Put the weights of the old layout into a model."""
    shapes = {key: spec.shape for key, spec in file.keys.items()}
    variables, differences = pairs(file.layers, shapes, model, bool(file.inside))
    if differences:
        raise _misfit(file, model, differences)
    for key, value in file.numbers():
        if key in variables:
            variables[key].assign(value)
    for layer in (inner for inner in model._flatten_layers() if hasattr(inner, "finalize_state")):
        layer.finalize_state()


def _misfit(file: KerasFile, model: Any, differences: Sequence[str]) -> CheckpointError:
    return CheckpointError(
        f"{file.path.name} does not fit the Keras model {model.name}: {'; '.join(differences)}; "
        "name the factory that it was trained with"
    )


@contextmanager
def _faults(file: KerasFile) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an optimizer's state, which nobody asked for
            yield
    except CheckpointError:
        raise
    except Untranslatable as error:
        raise CheckpointError(f"{file.path}: {error}; name a factory that makes the model for its weights") from error
    except Exception as error:  # Keras, and layers of a stranger
        written = f"the Keras {file.version} that wrote it" if file.version else "the Keras that wrote it"
        raise CheckpointError(
            f"{file.path}: Keras cannot load it ({what_it_says(_innermost(error))}); "
            f"save its weights with {written} and name a factory, or copy it again if it is damaged"
        ) from error


def _innermost(error: Exception) -> object:
    """Keras wraps what is wrong in the configuration that it was found in."""
    return str(error).rpartition("Exception encountered: ")[2] or error


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
    return lists(missing=missing, unexpected=unexpected, wrong_shape=wrong)


def _shapes(file: KerasFile) -> dict[str, tuple[int, ...]]:
    """Keys as Keras 3 writes them, without the seeds of random layers."""
    keys = {key.replace("_layer_checkpoint_dependencies", "layers"): spec.shape for key, spec in file.keys.items()}
    return {key: shape for key, shape in keys.items() if "seed_generator" not in key}


def _network(path: Path, model: Any) -> KerasNetwork:
    network = KerasNetwork(model)
    bad = [key for key, value in network.state_dict().items() if not bool(value.isfinite().all())]
    if bad:
        raise CheckpointError(f"{path.name}: NaN or infinity in {few(bad)}; this network cannot be analysed")
    return network.eval()
