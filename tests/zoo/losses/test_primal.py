"""The coupled distance is the exact W1 of the batches, and its gradient runs along the coupling."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from wganalyze_zoo.losses import feature_matching
from wganalyze_zoo.losses.primal import PRIMAL
from wganalyze_zoo.networks import MlpCritic


def no_critic(x: Tensor) -> Tensor:
    raise AssertionError("there is none")


@given(st.integers(0, 10**6))
def test_value_and_gradient_are_those_of_the_optimal_assignment(seed: int) -> None:
    x, y = torch.randn(2, 12, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    y.requires_grad_()
    rows, columns = linear_sum_assignment(torch.cdist(x, y.detach()).numpy())
    ways = (y - x[torch.from_numpy(rows)[torch.from_numpy(columns).argsort()]]).detach()
    loss = PRIMAL.generator(no_critic, x, y, {})
    assert float(loss.detach()) == pytest.approx(float(ways.norm(dim=1).mean()))
    (gradient,) = torch.autograd.grad(loss, y)
    assert torch.allclose(gradient, ways / ways.norm(dim=1, keepdim=True) / len(y))


def test_features_match_where_their_means_do() -> None:
    critic = MlpCritic(3, 6)
    x = torch.randn(8, 3)
    assert feature_matching(critic, x, x.flip(0), {}).item() == pytest.approx(0, abs=1e-12)
    y = torch.randn(8, 3)
    expected = (critic.features(x).mean(0) - critic.features(y).mean(0)).square().sum()
    assert feature_matching(critic, x, y, {}).item() == pytest.approx(expected.item())
