"""f-GAN's table against numeric Fenchel conjugates, the bounds at their optima, and JS against -log D."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from wganalyze_zoo.losses.adversarial import GAN
from wganalyze_zoo.losses.fgan import TABLE, fgan

F: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fgan-kl": lambda u: u * np.log(u),
    "fgan-rkl": lambda u: -np.log(u),
    "fgan-pearson": lambda u: (u - 1) ** 2,
    "fgan-hellinger": lambda u: (np.sqrt(u) - 1) ** 2,
    "fgan-js": lambda u: u * np.log(u) - (u + 1) * np.log((u + 1) / 2),
}
"""The generator functions f of the divergences, as 1606.00709, table 1 has them."""

SLOPE: dict[str, Callable[[Tensor], Tensor]] = {
    "fgan-kl": lambda u: 1 + u.log(),
    "fgan-rkl": lambda u: -1 / u,
    "fgan-pearson": lambda u: 2 * (u - 1),
    "fgan-hellinger": lambda u: 1 - 1 / u.sqrt(),
    "fgan-js": lambda u: (2 * u / (u + 1)).log(),
}
"""f', where the optimal T lies (table 5)."""


def inverse(name: str, t: Tensor) -> Tensor:
    """v with g(v) = t, by bisection: g is increasing."""
    low, high = torch.full_like(t, -60), torch.full_like(t, 60)
    for _ in range(200):
        middle = (low + high) / 2
        below = TABLE[name].activation(middle) < t
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


@pytest.mark.parametrize("name", TABLE)
def test_the_conjugate_is_the_numeric_one(name: str) -> None:
    """f*(t) = sup_u t u - f(u), at t = g(v), on a fine grid of u in (0, e^12)."""
    u = np.concatenate([np.linspace(1e-6, 20, 400_001), np.exp(np.linspace(3, 12, 200_001))])
    f = F[name](u)
    # For Pearson f* = t^2/4 + t holds where u >= 0, which is t >= -2.
    for v in np.linspace(-2.0 if name == "fgan-pearson" else -4.0, 4.0, 25):
        at = torch.tensor(v, dtype=torch.float64)
        t = float(TABLE[name].activation(at))
        numeric = float(np.max(t * u - f))
        assert float(TABLE[name].conjugate(at)) == pytest.approx(numeric, rel=2e-4, abs=2e-4), (name, v)


@pytest.mark.parametrize("name", TABLE)
def test_the_activation_increases(name: str) -> None:
    v = torch.linspace(-8, 8, 200, dtype=torch.float64)
    assert (TABLE[name].activation(v).diff() > 0).all()


@pytest.mark.parametrize("name", TABLE)
def test_the_bound_is_the_divergence_at_its_optimum_and_below_it_elsewhere(name: str) -> None:
    p, q = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.3, 0.5]], dtype=torch.float64)
    divergence = float((q * torch.from_numpy(F[name]((p / q).numpy()))).sum())
    real, fake = (torch.repeat_interleave(torch.arange(4), (10 * law).round().long()) for law in (p, q))
    optimum = inverse(name, SLOPE[name](p / q))
    estimate = fgan(name).estimate
    assert estimate is not None
    assert float(estimate(lambda x: optimum[x], real, fake, {})) == pytest.approx(divergence, rel=1e-9)
    for seed in range(20):
        other = optimum + 0.5 * torch.randn(4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert float(estimate(lambda x, other=other: other[x], real, fake, {})) < divergence


@pytest.mark.parametrize("name", TABLE)
@given(st.integers(0, 10**6))
def test_the_critic_ascends_the_bound_and_the_generator_ascends_g(name: str, seed: int) -> None:
    """By hand: g' at reals, (f* o g)' at fakes."""
    rng = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, 8, 1, generator=rng, dtype=torch.float64)
    real.requires_grad_(), fake.requires_grad_()
    slope = {
        "fgan-kl": (torch.ones_like, lambda v: (v - 1).exp()),
        "fgan-rkl": (lambda v: (-v).exp(), torch.ones_like),
        "fgan-pearson": (torch.ones_like, lambda v: v / 2 + 1),
        "fgan-hellinger": (lambda v: (-v).exp(), torch.exp),
        "fgan-js": (lambda v: 1 - v.sigmoid(), torch.sigmoid),
    }
    activation, conjugate = slope[name]
    loss = fgan(name)
    assert loss.critic is not None
    at_real, at_fake = torch.autograd.grad(loss.critic(lambda x: x, real, fake, {}), (real, fake))
    assert torch.allclose(at_real, -activation(real) / 8)
    assert torch.allclose(at_fake, conjugate(fake) / 8)
    (at_fake,) = torch.autograd.grad(loss.generator(lambda x: x, real, fake, {}), fake)
    assert torch.allclose(at_fake, -activation(fake) / 8)


@given(st.integers(0, 10**6))
def test_js_is_minus_log_d_up_to_constants(seed: int) -> None:
    real, fake = 3 * torch.randn(2, 8, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    js = fgan("fgan-js")
    assert js.critic is not None
    assert GAN.critic is not None
    critics = [float(loss(lambda x: x, real, fake, {})) for loss in (js.critic, GAN.critic)]
    generators = [float(loss(lambda x: x, real, fake, {})) for loss in (js.generator, GAN.generator)]
    assert critics[0] == pytest.approx(critics[1] - 2 * math.log(2))
    assert generators[0] == pytest.approx(generators[1] - math.log(2))
