"""Layers without the attributes that a later torch asks for run as they did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.checkpoints.conftest import run
from torch import nn

from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.old_layers import brought_up

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...]]] = {
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), ("track_running_stats",)),
    "Upsample": (lambda: nn.Upsample(scale_factor=2), ("recompute_scale_factor", "align_corners")),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), ("divisor_override",)),
    "Flatten": (lambda: nn.Flatten(), ("start_dim", "end_dim")),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 2, 4, 2, 1), ("padding_mode",)),
}


def aged(layer: nn.Module, lacking: tuple[str, ...]) -> nn.Module:
    """The layer as an old torch had it."""
    for name in lacking:
        vars(layer).pop(name)
    layer._buffers.pop("num_batches_tracked", None)
    return layer


@pytest.mark.parametrize("kind", LAYERS)
def test_old_layers_run(save: Callable[..., Path], kind: str) -> None:
    make, lacking = LAYERS[kind]
    torch.manual_seed(0)
    present = make().eval()
    torch.manual_seed(0)
    (part,) = TorchModulePickle().open(save(nn.Sequential(aged(make(), lacking)), "legacy"))
    x = torch.randn(2, 3, 4, 4)
    assert part.read_allowed is not None
    for found in (run(part), part.read_allowed([])):
        torch.testing.assert_close(found.eval()(x), present(x), rtol=0, atol=0)
        if kind == "BatchNorm2d":
            found.train()(x)


def test_layers_of_today_are_left_as_they_are() -> None:
    network = nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False), nn.Upsample(scale_factor=2, mode="linear"))
    before = [dict(vars(module)) for module in network.modules()]
    assert brought_up(network) is network
    assert [dict(vars(module)) for module in network.modules()] == before


def test_a_class_of_somebody_else_gets_nothing() -> None:
    kind = type("Upsample", (nn.Module,), {"__module__": "theirs"})
    assert not hasattr(brought_up(kind()), "align_corners")
