"""Keras files: full models (``.keras``, ``.h5``), which are programs, and weights, for a model that a factory makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze import CheckpointError, Loader, Part, hookimpl, one_line
from wganalyze_checkpoints.keras import config as keras_config
from wganalyze_checkpoints.keras import file as keras_file
from wganalyze_checkpoints.keras.config import Asked
from wganalyze_checkpoints.keras.file import KerasFile
from wganalyze_checkpoints.keras.inside import networks, role_of
from wganalyze_checkpoints.keras.modern import modern, training_facts
from wganalyze_checkpoints.keras.operations import Untranslatable
from wganalyze_checkpoints.wording import LONGEST, few

if TYPE_CHECKING:
    from torch.nn import Module


class KerasModel(Loader):
    """The loader of kind "keras-model"."""

    name = "keras-model"

    def sniff(self, path: Path) -> float:
        """High for a model with its configuration; moderate for a damaged Keras file."""
        return _sniff(path, self.name)

    def open(self, path: Path) -> list[Part]:
        """One Part for the model, with its inputs and the classes that are not Keras's own; no code of it is run.

        A GAN that is one model gives one for each network in it.
        """
        return _parts(_read(path, self.name))


class KerasWeights(Loader):
    """The loader of kind "keras-weights"."""

    name = "keras-weights"

    def sniff(self, path: Path) -> float:
        """High for weights alone, of Keras 3 or 2."""
        return _sniff(path, self.name)

    def open(self, path: Path) -> list[Part]:
        """One Part, whose weights fill the model that the user's factory makes."""
        return _parts(_read(path, self.name))


def _parts(file: KerasFile) -> list[Part]:
    several = [*networks(file).values()]
    return [_program(network) if network.config else _weights(network) for network in several or [file]]


def _program(file: KerasFile) -> Part:
    """A model with its configuration."""
    path, config = file.path, file.config or {}
    try:
        asked, refusal = keras_config.foreign(modern(config, file.version)), ""
    except Untranslatable as error:
        asked, refusal = (), f"{path}: {error}; name a factory that makes the model for its weights"
    except RecursionError as error:
        raise keras_file.damaged(path, "nested without end") from error
    return replace(
        _weights(file),
        role=role_of(file.inside or keras_config.name_of(config)),
        facts={**_facts(file), **training_facts(config)},
        read_module=partial(_load, path, file.inside, asked),
        problems=tuple(filter(None, (_missing(path), refusal, _unsafe(path, asked)))),
        runs_code=bool(asked),
        asks_for=tuple(dict.fromkeys(a.text for a in asked)),
        read_allowed=partial(_load_allowed, path, file.inside, asked) if asked else None,
        inputs=keras_config.inputs(config),
    )


def _weights(file: KerasFile) -> Part:
    """What fills the model of a factory."""
    return Part(
        file.path,
        file.kind,
        file.inside,
        role=role_of(file.inside),
        keys=file.keys,
        facts=_facts(file),
        fill=partial(_fill, file.path, file.inside),
        problems=tuple(filter(None, [_missing(file.path)])),
    )


def _sniff(path: Path, kind: str) -> float:
    try:
        file = keras_file.read(path)
    except CheckpointError:
        return 0.5 if keras_file.guess(path) == kind else 0.0
    return 0.95 if file is not None and file.kind == kind else 0.0


def _read(path: Path, kind: str) -> KerasFile:
    keras_file.choose_backend()
    file = keras_file.read(path)
    if file is None or file.kind != kind:
        what = "a full Keras model; write it with model.save" if kind == "keras-model" else "Keras weights"
        raise CheckpointError(f"{path}: is not {what}")
    return file


def _facts(file: KerasFile) -> dict[str, float | int | str | bool]:
    if file.config is None:
        layers = tuple(name for name, keys in file.layers if keys)
        facts = {"keras_version": file.version, "layers": one_line(", ".join(layers), LONGEST)}
    else:
        facts = {
            "keras_version": file.version,
            "model": keras_config.name_of(file.config),
            "layers": one_line(", ".join(keras_config.layers(file.config)), LONGEST),
        }
    return {key: value for key, value in facts.items() if value}


def _missing(path: Path) -> str:
    lacking = [name for name in ("keras", "h5py") if not keras_file.installed(name)]
    return f"{path}: is run by Keras, and {lacking[0]} is not installed; {keras_file.INSTALL}" if lacking else ""


def _unsafe(path: Path, asked: Sequence[Asked]) -> str:
    if not asked:
        return ""
    names = few(dict.fromkeys(a.text for a in asked), 8)
    code = " (Python bytecode in the file)" if any(a.is_code for a in asked) else ""
    return f"{path}: making the model runs code that is not Keras's own: {names}{code}; --trust runs it"


def _pick(inside: str, file: KerasFile) -> KerasFile | None:
    return networks(file).get(inside) if inside else file


def _load(path: Path, inside: str, asked: Sequence[Asked]) -> Module:
    from wganalyze_checkpoints.keras import loading as keras_loading

    return keras_loading.load_model(path, asked, partial(_pick, inside))


def _load_allowed(path: Path, inside: str, asked: Sequence[Asked], allowed: Sequence[str]) -> Module:
    refused = [a.text for a in asked if a.text not in allowed]
    if refused:
        name = refused[0]
        raise CheckpointError(
            f"{path}: asks for {name}, which is not allowed; say --allow {':'.join(name.rsplit('.', 1))}, or --trust"
        )
    return _load(path, inside, asked)


def _fill(path: Path, inside: str, made: Any) -> Module:
    from wganalyze_checkpoints.keras import loading as keras_loading

    return keras_loading.fill(path, made, partial(_pick, inside))


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loaders of Keras models and of Keras weights."""
    return [KerasModel, KerasWeights]
