"""Shared by the tests of torch files: the structure of a file that torch wrote."""

from __future__ import annotations

from pathlib import Path

from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.file import TorchFile


def read(path: Path) -> TorchFile:
    """A file that torch wrote."""
    file = torch_file.read(path)
    assert file is not None
    return file
