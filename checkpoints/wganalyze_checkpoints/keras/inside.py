"""The networks that lie side by side in one file: those of a GAN that is one model, whose parts say what they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wganalyze import Role
from wganalyze_checkpoints.keras import config as keras_config
from wganalyze_checkpoints.keras.file import KerasFile

_ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("generator", "gen"), "generator"),
    **dict.fromkeys(("discriminator", "disc", "critic"), "critic"),
}


def role_of(name: str) -> Role | None:
    """The role that a model's own name gives."""
    roles: set[Role] = {_ROLES[word] for word in re.split(r"[^a-z]+", name.lower()) if word in _ROLES}
    return roles.pop() if len(roles) == 1 else None


def networks(file: KerasFile) -> dict[str, KerasFile]:
    """By name, the networks of a file that holds both a generator and a critic; {} for a file of one network."""
    legacy = file.suffix == ".h5"
    found = _of_layers(file) if legacy else _of_keys(file)
    return found if len({role_of(name) for name in found} - {None}) == 2 else {}


def _of_layers(file: KerasFile) -> dict[str, KerasFile]:
    """The layers of the old layout that are networks: of a full model, those that its configuration says so of."""
    described = {} if file.config is None else _models_in(file.config)
    return {
        name: replace(
            file,
            arrays={key: file.arrays[key] for key in keys},
            config=described.get(name),
            layers=((name, keys),),
            inside=name,
        )
        for name, keys in file.layers
        if keys and (file.config is None or name in described)
    }


def _of_keys(file: KerasFile) -> dict[str, KerasFile]:
    """The attributes of a subclassed model that are networks; metrics and the like have numbers of their own alone."""
    heads = dict.fromkeys(key.partition("/")[0] for key in file.arrays)
    within = {
        head: {key.partition("/")[2]: array for key, array in file.arrays.items() if key.partition("/")[0] == head}
        for head in heads
    }
    return {
        head: replace(file, arrays=arrays, config=None, inside=head)
        for head, arrays in within.items()
        if any(not key.startswith("vars/") for key in arrays)
    }


def _models_in(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The configurations of the models among the layers of a model, by name."""
    models = [layer for layer in keras_config.layers_of(config) if layer.get("class_name") in keras_config.MODELS]
    kept = ("class_name", "config", "module")
    return {keras_config.name_in_graph(m): {key: m[key] for key in kept if key in m} for m in models}
