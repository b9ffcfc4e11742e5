"""Checkpoints of Lightning's Trainer: one state dict, with its version and hyperparameters beside it.

The key names are those of Lightning's ``checkpoint_connector.py``; a file is known by them and not by ``.ckpt``, which
other trainers use, too. Code of the file is never run.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from wganalyze import CheckpointError, Loader, Part, hookimpl
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.file import TorchFile
from wganalyze_checkpoints.torch.state_dict import (
    StateDict,
    children,
    find_facts,
    find_state_dicts,
    problems,
    read_tensors,
)
from wganalyze_checkpoints.wording import few

_WEIGHTS = ("state_dict",)
_AVERAGED = "averaging_state"


def module_weights(file: TorchFile) -> StateDict | None:
    """The weights of the LightningModule, if this is a checkpoint of Lightning."""
    if file.script or "pytorch-lightning_version" not in children(file.root):
        return None
    return next((state for state in find_state_dicts(file) if state.place == _WEIGHTS), None)


class Lightning(Loader):
    """The loader of kind "lightning"."""

    name = "lightning"

    def sniff(self, path: Path) -> float:
        """Higher than that of plain state dicts where Lightning's version lies beside the weights."""
        try:
            file = torch_file.read(path)
            return 0.95 if file is not None and module_weights(file) is not None else 0.0
        except CheckpointError:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part: the networks in it differ by the prefixes of their keys."""
        file = torch_file.read(path)
        weights = None if file is None else module_weights(file)
        if file is None or weights is None:
            raise CheckpointError(f"{path}: is no checkpoint of Lightning; write it with Trainer.save_checkpoint")
        return [
            Part(
                path,
                self.name,
                torch_file.path_in_file(_WEIGHTS),
                keys={key: tensor.spec for key, tensor in weights.tensors.items()},
                facts=find_facts(file.root, [()]),
                read_tensors=partial(read_tensors, file, weights),
                problems=(*_left(file), *problems(file)),
                asks_for=file.asks_for,
            )
        ]


def _left(file: TorchFile) -> Iterable[str]:
    """Weights that callbacks keep in the file."""
    others = [torch_file.path_in_file(state.place) for state in find_state_dicts(file) if state.place != _WEIGHTS]
    names = few(others, 4)
    if _AVERAGED in children(file.root):
        yield f"state_dict holds averaged weights, of Lightning's WeightAveraging; left unread: {names}"
    elif others:
        yield f"further weights in the file are left unread: {names}"


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of Lightning's checkpoints."""
    return [Lightning]
