"""Shared by the tests of training: small data, small runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wganalyze_zoo import Method, Run, train


def points(n: int = 100, dim: int = 6) -> Tensor:
    """Points in the cube, near one of its corners."""
    return (0.5 + 0.1 * torch.randn(n, dim, generator=torch.Generator().manual_seed(5))).clamp(-1, 1)


def brief(method: str | Method, out: Path, *save_at: int, **more: Any) -> Run:
    """A run of moments."""
    sizes = {"batch": 16, "latent_dim": 4, "width": 8, **more}
    data = sizes.pop("data", None)
    return train(method, points() if data is None else data, out, save_at=save_at, **sizes)


def read(path: Path) -> dict[str, Any]:
    """What a stranger's reader sees: tensors, numbers and text, no code."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    assert isinstance(content, dict)
    return content


def tensors(path: Path) -> dict[str, Tensor]:
    """All state dicts of a checkpoint."""
    content = read(path)
    return {f"{net}.{k}": v for net in ("generator", "critic") for k, v in content.get(net, {}).items()}
