"""Centroids come as often as their clusters have mass."""

from __future__ import annotations

import torch

from wganalyze_zoo.networks import CentroidGenerator


def test_each_centroid_has_its_mass() -> None:
    centroids, masses = torch.eye(3), torch.tensor([5.0, 3.0, 2.0])
    generator = CentroidGenerator.of(centroids, masses)
    fakes = generator(torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(fakes.mean(0), masses / 10, atol=0.01)
    assert set(fakes.sum(1).tolist()) == {1.0}


def test_the_ends_of_the_law_have_a_centroid() -> None:
    generator = CentroidGenerator.of(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 1.0]))
    assert generator(torch.tensor([[-40.0], [-1e-3], [1e-3], [40.0]])).flatten().tolist() == [1, 1, 2, 2]
