"""Centroids of clusters as a generator: what a law of k atoms can do at best (and no network is trained)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CentroidGenerator(nn.Module):
    """z (b, 1), standard normal, to centroids (b, dim), each as often as its cluster has mass.

    The unit interval is cut into pieces as long as the masses, and Phi(z) falls into one of them.
    """

    def __init__(self, k: int, dim: int) -> None:
        super().__init__()
        self.zoo_centroids: Tensor
        self.zoo_masses: Tensor
        self.register_buffer("zoo_centroids", torch.zeros(k, dim))
        self.register_buffer("zoo_masses", torch.full((k,), 1 / k))

    @classmethod
    def of(cls, centroids: Tensor, masses: Tensor) -> CentroidGenerator:
        """Of centroids (k, dim) with masses (k,)."""
        generator = cls(*centroids.shape)
        generator.zoo_centroids.copy_(centroids)
        generator.zoo_masses.copy_(masses / masses.sum())
        return generator

    def forward(self, z: Tensor) -> Tensor:
        """(b, 1) -> (b, dim)."""
        ends = self.zoo_masses.cumsum(0)
        index = torch.searchsorted(ends, torch.special.ndtr(z[:, 0]).contiguous())
        return self.zoo_centroids[index.clamp(max=len(ends) - 1)]
