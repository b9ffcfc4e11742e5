"""The dual of W1, and its generator, of a linear critic in closed form."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wganalyze_zoo.losses.wasserstein import WGAN, dual


@given(st.integers(0, 10**6))
def test_of_a_linear_critic_it_is_the_difference_of_means(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, 16, 5, generator=rng, dtype=torch.float64)
    critic = nn.Linear(5, 1).double()
    expected = (real.mean(0) - fake.mean(0)) @ critic.weight[0]
    assert WGAN.critic is not None
    assert dual(critic, real, fake, {}).item() == pytest.approx(expected.item())
    (gradient,) = torch.autograd.grad(WGAN.critic(critic, real, fake, {}), critic.weight)
    assert torch.allclose(gradient[0], fake.mean(0) - real.mean(0))
    fake.requires_grad_()
    (gradient,) = torch.autograd.grad(WGAN.generator(critic, real, fake, {}), fake)
    assert torch.allclose(gradient, -critic.weight.expand(16, 5) / 16)
