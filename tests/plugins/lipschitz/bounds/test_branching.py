"""Branch and bound over a box: known answers, no gradient above it, and slopes of activations on intervals."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.bounds import regions
from wganalyze_plugins.lipschitz.bounds.branching import Branched, _activations, branch_and_bound
from wganalyze_plugins.lipschitz.bounds.chains import Chain, read_chain
from wganalyze_plugins.lipschitz.bounds.reading.boxes import slope_at, slopes_between
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic, trace
from wganalyze_plugins.lipschitz.bounds.rules.activations import MODULES
from wganalyze_plugins.lipschitz.slopes import flat

SPELT = (nn.ELU, nn.GELU, nn.LeakyReLU, nn.RReLU, nn.Threshold)
ACTIVATIONS: dict[str, nn.Module] = {
    **{kind.__name__: kind() for kind in MODULES if kind not in SPELT and kind is not nn.Hardshrink},
    "ELU": nn.ELU(2.0),
    "ELU falling": nn.ELU(-1.5),
    "GELU": nn.GELU(),
    "GELU tanh": nn.GELU("tanh"),
    "LeakyReLU": nn.LeakyReLU(-0.5),
    "steep": nn.LeakyReLU(3.0),
}


def mlp(act: nn.Module, *widths: int, seed: int = 0) -> nn.Module:
    """Linear layers with an activation between, steep enough to bend within a box of side 4."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inside, outside in pairwise(widths):
        layers += [nn.Linear(inside, outside), act]
    critic = nn.Sequential(*layers[:-1]).double().eval().requires_grad_(False)
    for layer in critic[:-1]:
        if isinstance(layer, nn.Linear):
            layer.weight.mul_(2)
    return critic


def read(critic: nn.Module, dim: int) -> tuple[TracedCritic, Chain]:
    """Its graph and chain."""
    traced = trace(critic, (dim,))
    chain = read_chain(traced)
    assert isinstance(chain, Chain), chain
    return traced, chain


def cube(dim: int, side: float = 4.0) -> tuple[Tensor, Tensor]:
    """Around 0."""
    end = torch.full((dim,), side / 2, dtype=torch.float64)
    return -end, end


def bounded(critic: nn.Module, dim: int, side: float = 4.0, **options: Any) -> Branched:
    """The bound over a cube."""
    return branch_and_bound(*read(critic, dim), cube(dim, side), **options)


def test_an_affine_critic_needs_one_box() -> None:
    critic = mlp(nn.LeakyReLU(1.0), 3, 4, 1)
    found = bounded(critic, 3)
    whole = critic[2].weight @ critic[0].weight  # type: ignore[index]
    assert found.boxes == 1
    assert found.upper == pytest.approx(float(whole.norm()), rel=1e-9)


@pytest.mark.parametrize(("act", "steepest"), [(nn.Tanh(), 1.0), (nn.Sigmoid(), 0.25), (nn.GELU(), 1.12890415)])
def test_one_neuron_has_the_largest_slope_of_its_activation(act: nn.Module, steepest: float) -> None:
    critic = nn.Sequential(nn.Linear(1, 1), act, nn.Linear(1, 1)).double().eval().requires_grad_(False)
    critic[0].weight.fill_(2.0)
    critic[0].bias.zero_()
    critic[2].weight.fill_(-3.0)
    assert bounded(critic, 1).upper == pytest.approx(6 * steepest, rel=2e-3)


def test_a_bound_over_a_box_is_of_that_box() -> None:
    """tanh is steep in the middle; far from there it is flat."""
    critic = nn.Sequential(nn.Linear(1, 1), nn.Tanh(), nn.Linear(1, 1)).double().eval().requires_grad_(False)
    for layer in (critic[0], critic[2]):
        layer.weight.fill_(1.0)
        layer.bias.zero_()
    ends = torch.tensor([2.0], dtype=torch.float64), torch.tensor([3.0], dtype=torch.float64)
    found = branch_and_bound(*read(critic, 1), ends)
    assert found.upper == pytest.approx(1 / math.cosh(2) ** 2, rel=2e-3)
    assert found.place[0] == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("name", ["Tanh", "GELU", "SiLU", "Mish", "Softplus", "CELU"])
def test_it_is_tight_in_two_dimensions(name: str) -> None:
    critic = mlp(ACTIVATIONS[name], 2, 8, 8, 1)
    found = bounded(critic, 2, tolerance=0.02)
    assert found.lower <= found.upper <= 1.02 * found.lower * (1 + 1e-9)
    x = torch.tensor([found.place], dtype=torch.float64)
    assert float(lower.gradient_norms(flat(critic), x)[1]) == pytest.approx(found.lower, rel=1e-9)


def test_a_wide_box_reaches_the_exact_constant_of_a_piecewise_linear_critic() -> None:
    critic = mlp(nn.ReLU(), 2, 4, 1, seed=2)
    exact = regions.exact_constant(read(critic, 2)[1])
    assert isinstance(exact, regions.Exact)
    found = bounded(critic, 2, side=40.0, most=4000)
    assert found.lower <= exact.value * (1 + 1e-9)
    assert found.upper >= exact.value * (1 - 1e-9)


@settings(max_examples=60)
@given(st.sampled_from(sorted(ACTIVATIONS)), st.integers(1, 3), st.integers(0, 9999), st.sampled_from([0.1, 4.0, 60.0]))
def test_no_gradient_in_the_box_is_above_the_bound(name: str, dim: int, seed: int, side: float) -> None:
    critic = mlp(ACTIVATIONS[name], dim, 5, 4, 1, seed=seed)
    found = bounded(critic, dim, side, most=600)
    generator = torch.Generator().manual_seed(seed)
    x = side * (torch.rand(3000, dim, dtype=torch.float64, generator=generator) - 0.5)
    assert float(lower.gradient_norms(flat(critic), x)[1].max()) <= found.upper * (1 + 1e-12)


@settings(max_examples=200)
@given(st.sampled_from(sorted(ACTIVATIONS)), st.floats(-8, 8), st.floats(0, 6))
def test_slopes_on_an_interval(name: str, low: float, width: float) -> None:
    traced, chain = read(nn.Sequential(nn.Linear(1, 1), ACTIVATIONS[name], nn.Linear(1, 1)).double().eval(), 1)
    (layer,) = _activations(traced, chain) or []
    ends = torch.tensor([[low], [low + width]], dtype=torch.float64)
    least, largest = slopes_between(layer.act, layer.apply, ends)
    inside = slope_at(layer.apply, torch.linspace(low, low + width, 2001, dtype=torch.float64)[:, None])
    assert float(least) <= float(inside.min())
    assert float(inside.max()) <= float(largest)
    assert float(largest) <= chain.slopes[0][1] + 1e-6
