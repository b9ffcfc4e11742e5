"""The generator's gradient by hand: G(z) = z + theta and a linear critic, whose slopes have a closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import Tensor, nn

from wganalyze_plugins.dynamics.gradient import Gradient, gradients
from wganalyze_plugins.dynamics.objectives import GENERATOR_LOSSES

RNG = np.random.default_rng(0)
LATENTS = [[torch.from_numpy(RNG.standard_normal((16, 1))) for _ in range(3)] for _ in range(2)]
THETA, SLOPE, OFFSET = 1.5, -2.0, 0.3


class Shift(nn.Module):
    """z + theta, and a parameter that takes no part."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(THETA, dtype=torch.float64))
        self.unused = nn.Parameter(torch.zeros(2, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return z + self.theta


class Linear(nn.Module):
    """T(x) = SLOPE x + OFFSET."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(SLOPE, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.slope * x[:, 0] + OFFSET


def by_hand(z: Tensor) -> dict[str, float]:
    """d loss / d theta: -a E D, -a E (1 - D), -a, with D = sigmoid(a (z + theta) + b)."""
    d = expit(SLOPE * (z.numpy() + THETA) + OFFSET)
    return {"saturating": -SLOPE * d.mean(), "non-saturating": -SLOPE * (1 - d).mean(), "wasserstein": -SLOPE}


def test_gradients_of_the_three_losses_by_hand() -> None:
    critic = Linear()
    found = gradients(Shift(), critic, list(GENERATOR_LOSSES), LATENTS)
    for loss, gradient in found.items():
        slopes = np.array([[by_hand(z)[loss] for z in batches] for batches in LATENTS])
        np.testing.assert_allclose(gradient.norms, np.abs(slopes.mean(axis=1)), rtol=1e-10)
        np.testing.assert_allclose(gradient.deviations, slopes.std(axis=1, ddof=1), atol=1e-12)
        np.testing.assert_allclose(gradient.mean, [slopes.mean(), 0, 0], rtol=1e-10)
    # The critic can be trained on, and was not touched.
    assert critic.slope.requires_grad
    assert critic.slope.grad is None


def test_noise_is_seen_by_the_critic_alone_and_repeated() -> None:
    plain, once, again, other = (
        gradients(Shift(), Linear(), ["saturating", "wasserstein"], LATENTS, noise, seed)
        for noise, seed in ((0.0, 0), (1.0, 0), (1.0, 0), (1.0, 1))
    )
    assert once["saturating"].norm == again["saturating"].norm != other["saturating"].norm
    assert once["saturating"].norm != plain["saturating"].norm
    assert once["wasserstein"].norm == pytest.approx(plain["wasserstein"].norm)  # linear: its slope is one everywhere


def test_cosine_and_total_variance() -> None:
    first = Gradient.of([[torch.tensor([1.0, 0.0]), torch.tensor([3.0, 2.0])]])
    np.testing.assert_allclose(first.norms, [np.sqrt(5)])
    np.testing.assert_allclose(first.deviations, [2.0])  # variances 2 and 2 over two batches
    turned = Gradient.of([[torch.tensor([-1.0, 2.0])] * 2])
    assert first.cosine(first) == pytest.approx(1)
    assert first.cosine(turned) == pytest.approx(0, abs=1e-12)
    assert turned.deviation == 0
    assert first.cosine(Gradient.of([[torch.zeros(2)] * 2])) is None


def test_the_wasserstein_gradient_is_the_sum_of_the_other_two() -> None:
    """Whether it was taken by itself or added up: log(1 - D) - log D = -T, for any networks."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    critic = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0)).double()
    alone = gradients(generator, critic, ["wasserstein"], LATENTS)["wasserstein"]
    every = gradients(generator, critic, ["saturating", "non-saturating", "wasserstein"], LATENTS)
    pair = gradients(generator, critic, ["saturating", "wasserstein"], LATENTS)
    for other in (every["wasserstein"], pair["wasserstein"]):
        np.testing.assert_allclose(other.mean, alone.mean, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(other.deviations, alone.deviations, rtol=1e-9)
    np.testing.assert_allclose(every["saturating"].mean, pair["saturating"].mean)
