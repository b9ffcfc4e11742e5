"""Layers that torch.nn has not."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Sort(nn.Module):
    """The numbers of each sample in descending order."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) -> (n, width)."""
        return x.sort(dim=1, descending=True).values


class SumPool(nn.Module):
    """The sum over all pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) -> (n, channels)."""
        return torch.sum(x, dim=(2, 3))


class UpBlock(nn.Module):
    """mimicry's GBlock: BatchNorm, ReLU, twice the size, convolution, BatchNorm, ReLU, convolution; and a shortcut."""

    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(wide, narrow, 3, padding=1)
        self.c2 = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.b1 = nn.BatchNorm2d(wide)
        self.b2 = nn.BatchNorm2d(narrow)
        self.c_sc = nn.Conv2d(wide, narrow, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, wide, s, s) -> (n, narrow, 2s, 2s)."""
        h = self.c1(_twice(F.relu(self.b1(x))))
        return self.c2(F.relu(self.b2(h))) + self.c_sc(_twice(x))  # type: ignore[no-any-return]


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class FirstDownBlock(nn.Module):
    """mimicry's DBlockOptimized: convolution, ReLU, convolution, average pool; the shortcut pools first."""

    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(wide, narrow, 3, padding=1)
        self.c2 = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.c_sc = nn.Conv2d(wide, narrow, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, wide, s, s) -> (n, narrow, s / 2, s / 2)."""
        return F.avg_pool2d(self.c2(F.relu(self.c1(x))), 2) + self.c_sc(F.avg_pool2d(x, 2))  # type: ignore[no-any-return]


class DownBlock(nn.Module):
    """mimicry's DBlock: ReLU, convolution, ReLU, convolution, average pool where it halves; and a shortcut.

    The first ReLU there works in place, so that the shortcut, too, begins behind it.
    """

    def __init__(self, wide: int, narrow: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.c1 = nn.Conv2d(wide, wide, 3, padding=1)
        self.c2 = nn.Conv2d(wide, narrow, 3, padding=1)
        self.c_sc = nn.Conv2d(wide, narrow, 1) if halves or wide != narrow else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(n, wide, s, s) -> (n, narrow, s / 2, s / 2), or s where it does not halve."""
        x = F.relu(x)
        h, shortcut = self.c2(F.relu(self.c1(x))), self.c_sc(x)
        if self.halves:
            h, shortcut = F.avg_pool2d(h, 2), F.avg_pool2d(shortcut, 2)
        return h + shortcut  # type: ignore[no-any-return]
