"""TorchScript archives written by ``torch.jit.save``: programs, which are described, and run only with trust."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze.errors import CheckpointError
from wganalyze.hooks import hookimpl
from wganalyze.snapshot import Loader, Part
from wganalyze_checkpoints import torch_file
from wganalyze_checkpoints.inert_pickle import DamagedPickle
from wganalyze_checkpoints.torch_modules import script_keys

if TYPE_CHECKING:
    from torch.nn import Module


class TorchScript:
    """The loader of kind "torchscript"."""

    name = "torchscript"

    def sniff(self, path: Path) -> float:
        """High for a torch zip that carries code."""
        try:
            file = torch_file.read(path)
            return 0.95 if file is not None and file.script else 0.0
        except CheckpointError:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part for the program, with the keys and shapes of its tensors; its code is not run."""
        file = torch_file.read(path)
        if file is None or not file.script:
            raise CheckpointError(f"{path}: is not TorchScript; write it with torch.jit.save")
        try:
            keys = {key: tensor.spec for key, tensor in script_keys(file.root).items()}
        except DamagedPickle as error:
            raise torch_file.damaged(path, error) from error
        problem = "a TorchScript program: give --trust to run it if you know who wrote it"
        return [
            Part(path, self.name, keys=keys, read_module=partial(_read_module, path), problems=(problem,)),
        ]


def _read_module(path: Path) -> Module:
    import torch

    try:
        module: Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError, ValueError) as error:
        raise torch_file.damaged(path, error) from error
    return module


@hookimpl
def wganalyze_loaders() -> Iterable[Loader]:
    """The loader of TorchScript archives."""
    return [TorchScript()]
