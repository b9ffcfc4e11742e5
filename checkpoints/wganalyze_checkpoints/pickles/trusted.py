"""Unpickling in full, which runs whatever the file names: only with the user's trust. Imports torch."""

from __future__ import annotations

import importlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from wganalyze_checkpoints.pickles.packing import content_of


def load(path: Path, by_dill: bool = False) -> Any:
    """The object in a plain pickle, which may be packed; ``by_dill``: one that dill alone reads."""
    with content_of(path) as file:
        return importlib.import_module("dill").load(file) if by_dill else CpuUnpickler(file).load()


class CpuUnpickler(pickle.Unpickler):
    """``pickle.Unpickler``, with the weights on the CPU wherever they were saved."""

    def find_class(self, module: str, name: str) -> Any:
        """As the pickle says, but for the storages."""
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return lambda content: torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
        return super().find_class(module, name)
