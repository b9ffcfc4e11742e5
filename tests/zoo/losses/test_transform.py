"""Computed second potentials: duality against exact transport, the (c,eps) inequalities, the gradients by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze.transport import wasserstein
from wganalyze_zoo.losses.transform import (
    C_TRANSFORM,
    COWGAN,
    SOFT_TRANSFORM,
    c_dual,
    c_transform,
    cowgan_dual,
    distances,
    soft_transform,
)
from wganalyze_zoo.networks import MlpCritic

SEEDS = st.integers(0, 10**6)


def samples(seed: int, b: int = 10, dim: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """x, y (b, dim) and values (b,) of any function at x, of any scale."""
    rng = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, b, dim, generator=rng, dtype=torch.float64)
    scale = 10 ** (4 * torch.rand(1, generator=rng, dtype=torch.float64) - 2)
    return x, y + 0.5, scale * torch.randn(b, generator=rng, dtype=torch.float64)


def at(x: Tensor, values: Tensor) -> object:
    """The critic with these values at x."""
    return lambda points: values[:, None] if points is x else pytest.fail("asked elsewhere")


@given(SEEDS)
def test_the_c_transform_by_brute_force(seed: int) -> None:
    x, y, values = samples(seed)
    expected = [min(float((a - b).norm()) - float(v) for a, v in zip(x, values, strict=True)) for b in y]
    assert c_transform(values, x, y).tolist() == pytest.approx(expected)


@given(SEEDS)
def test_the_dual_never_exceeds_the_exact_distance(seed: int) -> None:
    """For any critic whatever (1910.03875)."""
    x, y, values = samples(seed)
    assert float(c_dual(at(x, values), x, y, {})) <= wasserstein(x, y).value * (1 + 1e-9)  # type: ignore[arg-type]


def test_the_exact_potential_attains_it() -> None:
    x, y, _ = samples(1, b=40)
    exact = wasserstein(x, y)
    values = torch.from_numpy(exact.potentials[0]).double()
    assert float(c_dual(at(x, values), x, y, {})) == pytest.approx(exact.value, rel=1e-9)  # type: ignore[arg-type]


@given(SEEDS, st.sampled_from([0.01, 0.1, 1.0, 10.0]))
def test_the_soft_transform_lies_between_its_bounds(seed: int, eps: float) -> None:
    """0 <= f^{c,eps} - f^c <= eps log n."""
    x, y, values = samples(seed)
    excess = soft_transform(values, x, y, eps) - c_transform(values, x, y)
    assert (excess >= -1e-12 * values.abs().max()).all()
    assert (excess <= eps * math.log(len(x)) * (1 + 1e-9) + 1e-9).all()


def test_the_soft_transform_tends_to_the_hard_one() -> None:
    x, y, values = samples(3)
    assert torch.allclose(soft_transform(values, x, y, 1e-6), c_transform(values, x, y), atol=1e-4)


@given(SEEDS)
def test_the_gradient_passes_through_the_matched_pairs(seed: int) -> None:
    """By hand: of the generator, unit vectors from the nearest real; of the critic, masses that do not match."""
    x, y, values = samples(seed)
    y.requires_grad_()
    nearest = (distances(x, y.detach()) - values[:, None]).argmin(0)
    loss = C_TRANSFORM.generator(at(x, values), x, y, {})  # type: ignore[arg-type]
    (gradient,) = torch.autograd.grad(loss, y)
    ways = y.detach() - x[nearest]
    assert torch.allclose(gradient, ways / ways.norm(dim=1, keepdim=True) / len(y))
    values.requires_grad_()
    assert C_TRANSFORM.critic is not None
    (gradient,) = torch.autograd.grad(C_TRANSFORM.critic(at(x, values), x, y, {}), values)  # type: ignore[arg-type]
    assert torch.allclose(gradient, (torch.bincount(nearest, minlength=len(x)).double() - 1) / len(x))


@given(SEEDS)
def test_the_generator_of_the_soft_one_descends_the_same_dual(seed: int) -> None:
    x, y, values = samples(seed)
    y.requires_grad_()
    numbers = {"eps": 0.3}
    assert SOFT_TRANSFORM.critic is not None
    losses = (
        SOFT_TRANSFORM.generator(at(x, values), x, y, numbers),  # type: ignore[arg-type]
        -SOFT_TRANSFORM.critic(at(x, values), x, y, numbers),  # type: ignore[arg-type]
    )
    first, second = (torch.autograd.grad(loss, y)[0] for loss in losses)
    assert torch.allclose(first, second)


@given(SEEDS)
def test_cowgan_ascends_the_bound_that_is_violated(seed: int) -> None:
    """L2 if L2 < L1, else L3 if L3 < L1, else L1, each written out."""
    x, y, _ = samples(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = MlpCritic(3, 8).double()
        for parameter in critic.parameters():
            parameter.data.mul_(1.5)
    f, g = critic(x)[:, 0], critic(y)[:, 0]
    c = torch.cdist(x, y)
    raw = f.mean() - g.mean()
    second = f.mean() + (c - f[:, None]).min(0).values.mean()
    third = (c + g[None]).min(1).values.mean() - g.mean()
    expected = second if second < raw else third if third < raw else raw
    assert cowgan_dual(critic, x, y, {}).item() == pytest.approx(expected.item())
    assert COWGAN.critic is not None
    assert COWGAN.critic(critic, x, y, {}).item() == pytest.approx(-expected.item())


def test_a_lipschitz_critic_gives_cowgan_its_raw_dual() -> None:
    """Its c-transforms are not below -f: there is nothing to repair."""
    x, y, _ = samples(5)
    critic = nn.Linear(3, 1).double()
    critic.weight.data *= 0.9 / critic.weight.norm()
    assert cowgan_dual(critic, x, y, {}).item() == pytest.approx((critic(x).mean() - critic(y).mean()).item())
