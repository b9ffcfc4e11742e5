"""Objectives by independent formulas: closed forms, finite differences, other code, and the inflation law."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import Tensor, nn

from wganalyze.transport import c_transform_duals, penalised_dual
from wganalyze_plugins.dynamics.constraints import Constraint
from wganalyze_plugins.dynamics.objectives import (
    GENERATOR_LOSSES,
    Schedule,
    c_transform,
    continued,
    logistic,
    noisy,
    penalised,
)

RNG = np.random.default_rng(0)
SCORES = RNG.normal(0, 2, 50)
X, Y = (torch.from_numpy(RNG.standard_normal((40, 3)) + shift) for shift in (0, 1))


class Linear(nn.Module):
    """T(x) = <w, x>."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weights, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = x @ self.weight
        return scores


def test_losses_of_a_generator_and_their_slopes() -> None:
    """With D = sigmoid(T): d log(1 - D) / dT = -D, d(-log D) / dT = D - 1, d(-T) / dT = -1."""
    d = expit(SCORES)
    by_hand = {
        "saturating": (np.log(1 - d).mean(), -d / 50),
        "non-saturating": (-np.log(d).mean(), (d - 1) / 50),
        "wasserstein": (-SCORES.mean(), np.full(50, -1 / 50)),
    }
    assert set(by_hand) == set(GENERATOR_LOSSES)
    for name, loss in GENERATOR_LOSSES.items():
        scores = torch.from_numpy(SCORES).requires_grad_(True)
        value = loss(scores)
        (slope,) = torch.autograd.grad(value, scores)
        assert float(value.detach()) == pytest.approx(by_hand[name][0])
        np.testing.assert_allclose(slope.numpy(), by_hand[name][1], rtol=1e-10)


def test_logistic_is_minus_the_value_of_the_game() -> None:
    critic = Linear(0.5, -1, 0.2)
    on_x, on_y = (expit(critic(side).detach().numpy()) for side in (X, Y))
    assert float(logistic(critic, X, Y).detach()) == pytest.approx(-(np.log(on_x).mean() + np.log(1 - on_y).mean()))
    assert float(logistic(Linear(0, 0, 0), X, Y).detach()) == pytest.approx(math.log(4))


def test_the_penalty_of_a_linear_critic_is_that_of_its_weight() -> None:
    critic = Linear(3.0, 0.0, 4.0)
    alpha = torch.rand(40, 1, generator=torch.Generator().manual_seed(0)).double()
    dual = float((critic(X).mean() - critic(Y).mean()).detach())
    loss = penalised(critic, X, Y, alpha, Constraint())
    assert float(loss.detach()) == pytest.approx(-dual + 10 * (5 - 1) ** 2)
    (slope,) = torch.autograd.grad(loss, critic.weight)
    norm_slope = 10 * 2 * (5 - 1) * critic.weight.detach() / 5
    np.testing.assert_allclose(slope.numpy(), (-(X.mean(0) - Y.mean(0)) + norm_slope).numpy(), rtol=1e-10)


def test_the_penalty_is_taken_between_each_pair() -> None:
    """T(x) = |x|^2 / 2 has the slope |x|: alpha 1 asks at x, alpha 0 at y."""

    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum(dim=1) / 2

    for alpha, side in ((1.0, X), (0.0, Y)):
        loss = penalised(Half(), X, Y, torch.full((40, 1), alpha).double(), Constraint((("gp", 1.0),)))
        dual = (X.square().sum(1).mean() - Y.square().sum(1).mean()) / 2
        assert float((loss + dual).detach()) == pytest.approx(float((side.norm(dim=1) - 1).square().mean()))


def test_the_c_transform_is_that_of_the_transport_library_and_below_w1() -> None:
    critic = Linear(0.7, -0.3, 0.2)
    fx, fy = (critic(side).detach().numpy() for side in (X, Y))
    expected, _ = c_transform_duals(fx, fy, X.numpy(), Y.numpy())
    loss = c_transform(critic, X, Y)
    assert float(loss.detach()) == pytest.approx(-expected, rel=1e-6)
    (slope,) = torch.autograd.grad(loss, critic.weight)
    for k in range(3):
        moved = [Linear(*(critic.weight.detach() + sign * 1e-6 * torch.eye(3)[k]).tolist()) for sign in (1, -1)]
        up, down = (float(c_transform(each, X, Y).detach()) for each in moved)
        assert float(slope[k]) == pytest.approx((up - down) / 2e-6, abs=1e-5)


def test_training_by_the_penalty_ends_at_the_inflation_law() -> None:
    """Between two Diracs at distance W: slope 1 + W / (2 lambda), raw dual W + W^2 / (2 lambda)."""
    critic = Linear(0.0)
    x, y = torch.full((8, 1), 2.0).double(), torch.zeros(8, 1).double()
    schedule = Schedule((0, 1500), 8, 5e-3, Constraint((("gp", 1.0),)))
    assert list(continued(critic, "penalised", x, y, schedule, torch.Generator().manual_seed(0))) == [0, 1500]
    assert float((critic(x) - critic(y)).mean().detach()) == pytest.approx(penalised_dual(2.0, 1.0), rel=1e-3)


def test_logistic_training_finds_the_ratio_of_two_gaussians() -> None:
    """log p / q is linear: SHIFT^2 / 2 - SHIFT x, its constant by a second coordinate that is 1."""
    rng = np.random.default_rng(0)
    x, y = (torch.from_numpy(np.stack([rng.normal(mean, 1, 4000), np.ones(4000)], 1)) for mean in (0, 1))
    critic = Linear(0.0, 0.0)
    list(
        continued(
            critic, "logistic", x, y, Schedule((1500,), 256, 5e-3, Constraint()), torch.Generator().manual_seed(0)
        )
    )
    np.testing.assert_allclose(critic.weight.detach().numpy(), [-1, 0.5], atol=0.15)


def test_noise_has_its_deviation_and_none_is_none() -> None:
    points = torch.zeros(5000, 2)
    draws = torch.Generator().manual_seed(0)
    assert noisy(points, 0.0, draws) is points
    assert float(noisy(points, 0.7, draws).std()) == pytest.approx(0.7, rel=0.03)


def test_training_in_two_parts_is_training_at_once() -> None:
    ends = []
    for steps in ((20,), (5, 20)):
        critic = Linear(0.1, 0.2, 0.3)
        list(
            continued(
                critic, "c-transform", X, Y, Schedule(steps, 16, 1e-2, Constraint()), torch.Generator().manual_seed(3)
            )
        )
        ends.append(critic.weight.detach().numpy())
    np.testing.assert_array_equal(*ends)
