"""EBGAN's margin, BEGAN's equilibrium: in closed form on given energies."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from wganalyze_zoo.losses.autoencoder import BEGAN, EBGAN, balance

ENERGY = st.floats(0, 5)


def minus(energy: Tensor) -> Tensor:
    """The critic of these tests: a sample is its own energy."""
    return -energy


@given(ENERGY, ENERGY, st.floats(0, 1), st.floats(0.1, 1), st.floats(0.001, 0.5))
def test_k_moves_by_its_law_and_stays_in_its_box(x: float, y: float, k: float, gamma: float, rate: float) -> None:
    numbers = {"k": k, "gamma": gamma, "lambda_k": rate}
    real, fake = torch.full((4, 1), x, dtype=torch.float64), torch.full((4, 1), y, dtype=torch.float64)
    moved = balance(minus, real, fake, numbers)
    assert moved["k"] == pytest.approx(min(max(k + rate * (gamma * x - y), 0), 1), abs=1e-12)
    assert moved["measure"] == pytest.approx(x + abs(gamma * x - y), abs=1e-12)
    assert numbers["k"] == k


def test_in_equilibrium_k_rests() -> None:
    moved = balance(minus, torch.full((4, 1), 2.0), torch.full((4, 1), 1.0), {"k": 0.3, "gamma": 0.5, "lambda_k": 0.1})
    assert moved == {"k": pytest.approx(0.3), "measure": pytest.approx(2.0)}


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_the_losses_by_hand(seed: int, k: float) -> None:
    real, fake = torch.rand(2, 6, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert BEGAN.critic is not None
    assert EBGAN.critic is not None
    assert BEGAN.estimate is not None
    assert float(BEGAN.critic(minus, real, fake, {"k": k})) == pytest.approx(float(real.mean() - k * fake.mean()))
    margin = float(EBGAN.critic(minus, real, fake, {"margin": 0.5}))
    assert margin == pytest.approx(float(real.mean() + (0.5 - fake).clamp(min=0).mean()))
    for loss in (EBGAN, BEGAN):
        assert float(loss.generator(minus, real, fake, {})) == pytest.approx(float(fake.mean()))
    assert float(BEGAN.estimate(minus, real, fake, {})) == pytest.approx(abs(float(real.mean() - fake.mean())))


def test_the_margin_stops_what_is_bad_enough() -> None:
    fake = torch.tensor([[0.2], [0.9]], dtype=torch.float64, requires_grad=True)
    assert EBGAN.critic is not None
    (gradient,) = torch.autograd.grad(EBGAN.critic(minus, torch.zeros(2, 1).double(), fake, {"margin": 0.5}), fake)
    assert gradient.tolist() == [[-0.5], [0.0]]


def test_the_estimate_of_a_perfect_energy_is_total_variation() -> None:
    """Energies 0 where p > q and m elsewhere: 1 - sum min(p, q) (1609.03126, theorem 1)."""
    estimate = EBGAN.estimate
    assert estimate is not None
    real = torch.tensor([0.0] * 7 + [2.0] * 3).double()[:, None]
    fake = torch.tensor([0.0] * 2 + [2.0] * 8).double()[:, None]
    assert float(estimate(minus, real, fake, {"margin": 2.0})) == pytest.approx(0.5)
