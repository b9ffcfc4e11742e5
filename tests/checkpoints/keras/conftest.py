"""Shared by the tests of Keras files: models saved in every layout, and opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wganalyze.contracts.loader import Part
from wganalyze_checkpoints.keras.loader import KerasModel, KerasWeights


def legacy_weights(model: Any, path: Path) -> None:
    """As Keras 2's save_weights: the weights of a full legacy file, at the root."""
    import h5py

    whole = path.with_name("whole.h5")
    model.save(whole)
    with h5py.File(whole) as source, h5py.File(path, "w") as target:
        for key, value in source["model_weights"].attrs.items():
            target.attrs[key] = value
        for key in source["model_weights"]:
            source.copy(source["model_weights"][key], target, key)
    whole.unlink()


WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".keras": lambda model, path: model.save(path),
    ".h5": lambda model, path: model.save(path),
    ".weights.h5": lambda model, path: model.save_weights(path),
    "_old.h5": legacy_weights,
}


def saved(model: Any, folder: Path, layout: str) -> Path:
    """The file under a name that says nothing."""
    path = folder / f"named{layout}"
    WRITERS[layout](model, path)
    return path.rename(folder / "file")


def opened(path: Path) -> Part:
    """By the loader that claims it."""
    (loader,) = [loader for loader in (KerasModel(), KerasWeights()) if loader.sniff(path) > 0.9]
    (part,) = loader.open(path)
    return part
