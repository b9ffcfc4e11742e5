"""K-Means, k-medians and batches by clusters, on clusters that are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wganalyze_zoo.methods import clusters
from wganalyze_zoo.methods.clusters import Strata, cluster, kmeans, kmedians, weiszfeld


def three(n: int = 60) -> Tensor:
    """Clusters at 0, 10 and 20 on a line in the plane, in shares 3 : 2 : 1, with outliers in the first."""
    rng = torch.Generator().manual_seed(0)
    sizes = (3 * n // 6, 2 * n // 6, n // 6)
    points = torch.cat([10.0 * i + 0.1 * torch.randn(size, 2, generator=rng) for i, size in enumerate(sizes)])
    return points[torch.randperm(len(points), generator=rng)]


def test_centroids_are_the_means_with_their_shares() -> None:
    generator = kmeans(three(), 3, seed=0)
    order = generator.zoo_centroids[:, 0].argsort()
    assert torch.allclose(generator.zoo_centroids[order], torch.tensor([[0.0] * 2, [10.0] * 2, [20.0] * 2]), atol=0.1)
    assert torch.allclose(generator.zoo_masses[order], torch.tensor([3.0, 2.0, 1.0]) / 6)


def test_medians_are_nearer_in_w1_and_means_in_w2() -> None:
    points = torch.randn(400, 3, generator=torch.Generator().manual_seed(1)) ** 3
    distances = {
        make.__name__: torch.cdist(points, make(points, 8, 0).zoo_centroids).min(1).values
        for make in (kmeans, kmedians)
    }
    assert distances["kmedians"].mean() < distances["kmeans"].mean()
    assert distances["kmeans"].square().mean() < distances["kmedians"].square().mean()


def test_the_median_of_a_line_and_of_a_triangle() -> None:
    points = torch.tensor([[0.0], [1.0], [2.0], [3.0], [100.0]]).double()
    assert weiszfeld(points, points.mean(0), 1e-9).item() == pytest.approx(2, abs=0.15)
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 3**0.5 / 2]]).double()
    assert torch.allclose(weiszfeld(corners, torch.tensor([0.1, 0.1]).double(), 1e-9), corners.mean(0), atol=1e-3)


def test_the_same_seed_gives_the_same_clusters() -> None:
    first, again = cluster(three(), 3, 5), cluster(three(), 3, 5)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_a_batch_takes_its_share_of_every_cluster_and_every_point_is_as_likely() -> None:
    """30, 20 and 10 points; batches of 20 take 10, 7 or 6, 4 or 3."""
    strata = Strata.of(three(), 3, 0)
    assert sorted(map(tuple, strata.points.tolist())) == sorted(map(tuple, three().tolist()))
    draws = torch.stack([strata.draw(20) for _ in range(600)])
    kinds = (strata.points[draws][..., 0] / 10).round().long()
    counts = torch.stack([(kinds == i).sum(1) for i in range(3)], 1)
    assert ((counts - torch.tensor([10, 20 / 3, 10 / 3])).abs() < 1).all()
    assert counts.double().mean(0).tolist() == pytest.approx([10, 20 / 3, 10 / 3], abs=0.1)
    often = torch.bincount(draws.flatten(), minlength=60).double()
    assert often.mean() == 200
    assert (often - 200).abs().max() < 5 * 200**0.5


def test_fewer_points_than_clusters_are_enough() -> None:
    assert clusters.kmeans(torch.randn(5, 2), 64, 0).zoo_centroids.shape == (5, 2)
