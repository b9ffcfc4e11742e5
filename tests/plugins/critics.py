"""Critics that several analyzers are asked about."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wganalyze_plugins.funnel import Funnel


class MinusU(nn.Module):
    """-u of a funnel: an optimal potential of its pair of laws."""

    def __init__(self, funnel: Funnel, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("centres", torch.from_numpy(funnel.centres))
        self.register_buffer("bias", torch.from_numpy(funnel.bias))

    def forward(self, x: Tensor) -> Tensor:
        centres, bias = self.get_buffer("centres"), self.get_buffer("bias")
        return -self.scale * ((x[:, None].double() - centres).norm(dim=2) + bias).amin(dim=1, keepdim=True)


class Turned(nn.Module):
    """-T."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = -self.inner(x)
        return scores
