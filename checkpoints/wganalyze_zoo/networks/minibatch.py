"""Minibatch discrimination (1606.03498, section 3.2): a critic that sees how alike the samples of a batch are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

KERNELS, KERNEL_DIM = 16, 8


class MinibatchDiscrimination(nn.Module):
    """Features (b, k) to (b, k + kernels): behind them, how near the other samples of the batch are.

    ``o_i = mean over j != i of exp(-|M_i - M_j|_1)`` for each kernel, ``M = f(x) T``. The mean, where the paper has the
    sum, so that a score does not grow with the size of the batch; a batch of one has 0.
    """

    def __init__(self, width: int, kernels: int = KERNELS, kernel_dim: int = KERNEL_DIM) -> None:
        super().__init__()
        self.tensor = nn.Parameter(torch.randn(width, kernels, kernel_dim) / width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(b, k) -> (b, k + kernels)."""
        projected = torch.einsum("bk,kno->bno", x, self.tensor)
        distances = (projected[:, None] - projected[None]).abs().sum(-1)
        # A sample's nearness to itself, 1, is taken out again.
        nearness = ((-distances).exp().sum(1) - 1) / max(len(x) - 1, 1)
        return torch.cat([x, nearness], 1)
