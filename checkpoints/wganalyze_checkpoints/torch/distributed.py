"""Folders of ``torch.distributed.checkpoint``: ``.metadata`` and ``.distcp`` files, which are one checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze import CheckpointError, Loader, Part, TensorSpec, hookimpl
from wganalyze_checkpoints.pickles.tensors import Storage, StoredTensor
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch import shards as torch_shards
from wganalyze_checkpoints.torch.file import TorchFile
from wganalyze_checkpoints.torch.shards import METADATA, Shards
from wganalyze_checkpoints.torch.state_dict import find_facts, find_state_dicts

if TYPE_CHECKING:
    from torch import Tensor

_MARK = b"torch.distributed.checkpoint.metadata"


class DistributedCheckpoint(Loader):
    """The loader of kind "torch-distributed"."""

    name = "torch-distributed"
    folders = True

    def sniff(self, path: Path) -> float:
        """High for a folder with the metadata of torch.distributed.checkpoint, or with its shards alone."""
        try:
            if not path.is_dir():
                return 0.0
            if (path / METADATA).is_file():
                with (path / METADATA).open("rb") as file:
                    return 0.95 if _MARK in file.read(4096) else 0.0
            return 0.3 if any(path.glob("__*_*.distcp")) else 0.0
        except OSError:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part per state dict in the folder, from its metadata; optimizers are left aside."""
        try:
            shards = torch_shards.read(path)
            file = TorchFile(path, "zip", False, _nest(shards), (), {})
            states = [state for state in find_state_dicts(file) if not _is_of_optimizer(state.place)]
            if not states:
                raise CheckpointError(f"{path}: a distributed checkpoint that holds no state dict of a network")
            stored = [tensor.storage.key for state in states for tensor in state.tensors.values()]
            torch_shards.check(shards, stored)
            files = {c.region.file for name in stored for c in shards.tensors[name].chunks if c.region is not None}
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror}); check the files in it") from error
        facts = find_facts(file.root, [state.place for state in states])
        return [
            Part(
                path,
                self.name,
                torch_file.path_in_file(state.place),
                keys=state.specs,
                facts=facts,
                read_tensors=partial(
                    _read_tensors, shards, {key: tensor.storage.key for key, tensor in state.tensors.items()}
                ),
                others=(path / METADATA, *(path / name for name in sorted(files))),
            )
            for state in states
        ]


def _is_of_optimizer(place: tuple[object, ...]) -> bool:
    """Each process may keep its state alone, without the settings that show what it is."""
    return any(str(name).lower().startswith("optim") for name in place)


def _read_tensors(shards: Shards, names: Mapping[str, str]) -> Mapping[str, Tensor]:
    return torch_shards.assembled(shards, names)


def _nest(shards: Shards) -> dict[object, object]:
    """The dict that was saved: tensors by their specs, scalars, and None for other values."""
    root: dict[object, object] = {}
    leaves: dict[str, object] = {name: _tensor(name, t.spec) for name, t in shards.tensors.items()}
    leaves |= dict.fromkeys(shards.values) | torch_shards.scalars(shards)
    for name, leaf in leaves.items():
        *folders, last = shards.places.get(name, (name,))
        table = root
        for folder in folders:
            inner = table.setdefault(folder, {})
            if not isinstance(inner, dict):
                raise torch_shards.damaged(shards.folder, f"{folder} is a value and a table")
            table = inner
        table[last] = leaf
    return root


def _tensor(name: str, spec: TensorSpec) -> StoredTensor:
    steps = [1, *accumulate(spec.shape[:0:-1], mul)][: len(spec.shape)]
    return StoredTensor(Storage(name, spec.dtype, spec.size), spec, 0, tuple(reversed(steps)))


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of distributed checkpoints."""
    return [DistributedCheckpoint]
