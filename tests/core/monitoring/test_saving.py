"""Checkpoints appear when they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.monitoring.saving import save_state


def test_a_state_dict_as_torch_saves_it(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    save_state(net, tmp_path / "new" / "G.pt")
    read = torch.load(tmp_path / "new" / "G.pt", weights_only=True)
    assert read.keys() == net.state_dict().keys()
    assert all(torch.equal(value, read[key]) for key, value in net.state_dict().items())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["G.pt"]


def test_a_file_that_fails_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "G.pt"
    save_state(nn.Linear(2, 3), path)
    before = path.read_bytes()

    def full(state: Any, file: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_state(nn.Linear(2, 3), path)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["G.pt"]
