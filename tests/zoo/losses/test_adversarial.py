"""Classifiers' losses: gradients by hand, the optimum in closed form, label smoothing."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from wganalyze_zoo.losses import adversarial as adv
from wganalyze_zoo.losses.adversarial import GAN, HINGE, SATURATING

SEEDS = st.integers(0, 10**6)
LAWS = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.3, 0.5]], dtype=torch.float64)


def scores(seed: int, b: int = 12) -> tuple[Tensor, Tensor]:
    """Scores (b, 1) at reals and at fakes, float64; the critic under test is the identity."""
    real, fake = 2 * torch.randn(2, b, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return real.requires_grad_(), fake.requires_grad_()


def identity(x: Tensor) -> Tensor:
    return x


@given(SEEDS, st.sampled_from([1.0, 0.9, 0.75]))
def test_the_gradient_of_the_critic_is_sigmoid_less_label(seed: int, label: float) -> None:
    """d/dv of -t log s(v) - (1 - t) log(1 - s(v)) is s(v) - t; at fakes the label is 0, smoothed or not."""
    real, fake = scores(seed)
    assert GAN.critic is not None
    loss = GAN.critic(identity, real, fake, {"real_label": label})
    at_real, at_fake = torch.autograd.grad(loss, (real, fake))
    assert torch.allclose(at_real, (real.sigmoid() - label) / len(real))
    assert torch.allclose(at_fake, fake.sigmoid() / len(fake))


@given(SEEDS)
def test_the_gradients_of_the_generators(seed: int) -> None:
    """-log s has the gradient s - 1, which stays where D is sure of a fake; log(1 - s) has -s, which vanishes there."""
    real, fake = scores(seed)
    for loss, expected in ((GAN, fake.sigmoid() - 1), (SATURATING, -fake.sigmoid())):
        (gradient,) = torch.autograd.grad(loss.generator(identity, real, fake, {}), fake)
        assert torch.allclose(gradient, expected / len(fake))


@given(SEEDS)
def test_the_hinge_and_its_gradient(seed: int) -> None:
    real, fake = scores(seed)
    assert HINGE.critic is not None
    loss = HINGE.critic(identity, real, fake, {})
    at_real, at_fake = torch.autograd.grad(loss, (real, fake))
    assert torch.equal(at_real, -(real < 1).double() / len(real))
    assert torch.equal(at_fake, (fake > -1).double() / len(fake))


def laws() -> tuple[Tensor, Tensor]:
    """Two laws on four letters."""
    return LAWS[0], LAWS[1]


def expanded(p: Tensor, n: int = 10) -> Tensor:
    """A batch in which each letter appears as often as p says, as indices."""
    return torch.repeat_interleave(torch.arange(len(p)), (p * n).round().long())


def test_the_estimate_is_js_at_the_optimum_and_below_it_elsewhere() -> None:
    """D* = p / (p + q) is the logit log(p / q) (1406.2661, proposition 1)."""
    p, q = laws()
    optimum = (p / q).log()
    m = (p + q) / 2
    js = float((p * (p / m).log() + q * (q / m).log()).sum() / 2)

    def value(logits: Tensor) -> float:
        return float(adv.jensen_shannon(lambda x: logits[x], expanded(p), expanded(q), {}))

    assert value(optimum) == pytest.approx(js, rel=1e-12)
    for seed in range(20):
        other = optimum + torch.randn(4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert value(other) < js
    assert value(torch.zeros(4).double()) == pytest.approx(0, abs=1e-15)


def test_js_saturates_at_log_2() -> None:
    assert float(
        adv.jensen_shannon(identity, torch.full((3, 1), 50.0), torch.full((3, 1), -50.0), {})
    ) == pytest.approx(math.log(2))


def test_the_estimate_of_the_hinge_is_total_variation_at_its_optimum() -> None:
    """f* = sign(p - q): 1 - sum min(p, q)."""
    p, q = laws()
    optimum = (p - q).sign()
    tv = float((p - q).abs().sum() / 2)
    value = adv.total_variation(lambda x: optimum[x], expanded(p), expanded(q), {})
    assert float(value) == pytest.approx(tv, rel=1e-12)
    assert float(adv.total_variation(lambda x: 0.3 * optimum[x], expanded(p), expanded(q), {})) < tv
