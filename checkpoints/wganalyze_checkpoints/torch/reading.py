"""Any file that holds tensors of torch or arrays of numpy as objects: what ``torch.save`` wrote, or a plain pickle."""

from __future__ import annotations

from pathlib import Path

from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch import plain_pickle
from wganalyze_checkpoints.torch.file import TorchFile


def read(path: Path) -> TorchFile | None:
    """The structure of ``path``; None where it is of another kind; CheckpointError where it is damaged."""
    return torch_file.read(path) or plain_pickle.find(path)
