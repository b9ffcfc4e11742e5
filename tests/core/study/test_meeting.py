"""The layer that met what it does not take."""

from __future__ import annotations

import torch
from torch import nn

from wganalyze.study.meeting import met_by


def test_the_innermost_layer_at_work_is_named_with_what_it_was_given() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Sequential(nn.ReLU(), nn.Linear(16, 4)))
    told = met_by(net, [torch.zeros(2, 3)])
    assert told == ", its layer 1.1, Linear(in_features=16, out_features=4, bias=True), met (2, 3)"
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in net.modules())


def test_what_fails_outside_of_layers_names_none() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x).reshape(-1, 7)

    assert met_by(Net(), [torch.zeros(2, 3)]) == ""
    assert met_by(Net(), [torch.zeros(7, 3)]) == ""
    assert met_by(nn.Linear(3, 3), [torch.zeros(2, 2)]) == ""


def test_what_is_no_module_names_none() -> None:
    assert met_by(lambda x: x, [torch.zeros(2)]) == ""  # type: ignore[arg-type]
