"""What keeps a critic smooth: penalties in closed form, one alpha for each sample, clipping, spectral norm."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_zoo.losses.wasserstein import critic_loss
from wganalyze_zoo.methods.constraints import CONSTRAINTS, Constraint, clip, gradient_norms, interpolates, normalise
from wganalyze_zoo.networks import DcganCritic, MlpCritic

SEEDS = st.integers(0, 10**6)
PENALTIES = {
    "gp": lambda slope: 10 * (slope - 1) ** 2,
    "lp": lambda slope: 10 * max(0.0, slope - 1) ** 2,
    "div": lambda slope: 2 * slope**6,
    "zero": lambda slope: slope**2,
}
"""Of a critic with this slope everywhere, with the weights of the papers."""


def samples(seed: int, batch: int = 16, dim: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """real, fake (b, d) and alpha (b,), float64."""
    rng = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, batch, dim, generator=rng, dtype=torch.float64)
    return real, fake, torch.rand(batch, generator=rng, dtype=torch.float64)


def linear(slope: float, dim: int = 5) -> nn.Linear:
    """w x + b with |w| = slope, float64."""
    critic = nn.Linear(dim, 1, dtype=torch.float64)
    critic.weight.data *= slope / critic.weight.data.norm()
    return critic


class Square(nn.Module):
    """|x|^2 / 2, whose gradient is x."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).square().sum(1, keepdim=True) / 2


@pytest.mark.parametrize("name", PENALTIES)
@given(SEEDS, st.floats(0.05, 3))
def test_the_penalty_of_a_linear_critic_and_its_gradient(name: str, seed: int, slope: float) -> None:
    critic = linear(slope)
    penalty = CONSTRAINTS[name].penalise(critic, *samples(seed))
    assert penalty.item() == pytest.approx(PENALTIES[name](slope), rel=1e-9, abs=1e-9)
    (gradient,) = torch.autograd.grad(penalty, critic.weight)
    h = 1e-6
    numeric = (PENALTIES[name](slope + h) - PENALTIES[name](slope - h)) / (2 * h)
    expected = numeric * critic.weight.data / slope
    assert torch.allclose(gradient, expected, rtol=1e-4, atol=1e-4)


@given(SEEDS, st.floats(0.05, 1))
def test_a_one_sided_penalty_lets_slopes_below_1_be(seed: int, slope: float) -> None:
    assert CONSTRAINTS["lp"].penalise(linear(slope), *samples(seed)).item() <= 1e-20
    two_sided = CONSTRAINTS["gp"].penalise(linear(slope), *samples(seed)).item()
    assert two_sided == pytest.approx(10 * (slope - 1) ** 2, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("shape", [(5,), (2, 4, 4)])
def test_each_sample_has_its_own_alpha(shape: tuple[int, ...]) -> None:
    rng = torch.Generator().manual_seed(3)
    real, fake = torch.randn(2, 16, *shape, generator=rng, dtype=torch.float64)
    alpha = torch.rand(16, generator=rng, dtype=torch.float64)
    between = torch.stack([a * x + (1 - a) * y for x, y, a in zip(real, fake, alpha, strict=True)])
    assert torch.allclose(interpolates(real, fake, alpha), between)
    norms = gradient_norms(Square(), interpolates(real, fake, alpha))
    assert torch.allclose(norms, between.flatten(1).norm(dim=1))
    penalty = CONSTRAINTS["gp"].penalise(Square(), real, fake, alpha)
    assert penalty.item() == pytest.approx(10 * (between.flatten(1).norm(dim=1) - 1).square().mean().item())


def test_the_penalty_reaches_the_weights_and_leaves_the_samples_alone() -> None:
    real, fake, alpha = (t.float() for t in samples(4))
    critic = MlpCritic(5, 8)
    CONSTRAINTS["gp"].penalise(critic, real, fake, alpha).backward()  # type: ignore[no-untyped-call]
    weights = [p for name, p in critic.named_parameters() if name.endswith("weight")]
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in weights)
    assert real.grad is None
    assert not real.requires_grad


@pytest.mark.parametrize("name", PENALTIES)
def test_a_critic_without_slope_gives_finite_gradients(name: str) -> None:
    critic = MlpCritic(5, 8)
    for parameter in critic.parameters():
        parameter.data.zero_()
    CONSTRAINTS[name].penalise(critic, *(t.float() for t in samples(4))).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in critic.parameters())


@pytest.mark.parametrize(("distance", "weight"), [(5.0, 10.0), (5.0, 1.0), (0.5, 0.1), (30.0, 10.0)])
def test_two_diracs_inflate_the_slope_to_1_plus_w_over_2_lambda(distance: float, weight: float) -> None:
    """A linear 1-D critic, optimised to convergence under gp (SCIENCE.md 2); under zero: W / (2 lambda)."""
    real, fake = torch.full((4, 1), distance, dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64)
    for name, expected in (("gp", 1 + distance / (2 * weight)), ("zero", distance / (2 * weight))):
        constraint = replace(CONSTRAINTS[name], weight=weight)
        critic = nn.Linear(1, 1, dtype=torch.float64)
        critic.weight.data.fill_(0.5)
        optimiser = torch.optim.LBFGS(critic.parameters(), max_iter=100, line_search_fn="strong_wolfe")

        def loss(
            critic: nn.Linear = critic,
            optimiser: torch.optim.Optimizer = optimiser,
            constraint: Constraint = constraint,
        ) -> Tensor:
            optimiser.zero_grad()
            penalty = constraint.penalise(critic, real, fake, torch.rand(4).double())
            value = critic_loss(critic, real, fake, {}) + penalty
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimiser.step(loss)  # type: ignore[arg-type]
        assert critic.weight.item() == pytest.approx(expected, rel=1e-6)


@given(SEEDS)
def test_clipping_bounds_every_weight_and_moves_no_other(seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = MlpCritic(5, 8)
    before = {key: value.clone() for key, value in critic.state_dict().items()}
    clip(critic, 0.05)
    for key, value in critic.state_dict().items():
        assert torch.equal(value, before[key].clamp(-0.05, 0.05)), key
    assert all(p.requires_grad for p in critic.parameters())


def test_one_power_iteration_at_each_forward() -> None:
    """v = W'u, u = W v, both normalised; the weight is divided by u'W v (1802.05957, algorithm 1)."""
    layer = nn.Sequential(nn.Linear(7, 5))
    normalise(layer)
    state = {key: value.clone() for key, value in layer.state_dict().items()}
    weight = state["0.parametrizations.weight.original"]
    u, v = state["0.parametrizations.weight.0._u"], state["0.parametrizations.weight.0._v"]
    u = torch.nn.functional.normalize(weight @ v, dim=0)
    v = torch.nn.functional.normalize(weight.T @ u, dim=0)
    layer.train()(torch.randn(2, 7))
    after = layer.state_dict()
    assert torch.allclose(after["0.parametrizations.weight.0._u"], u, atol=1e-6)
    assert torch.allclose(after["0.parametrizations.weight.0._v"], v, atol=1e-6)
    layer.eval()
    x = torch.randn(3, 7)
    assert torch.allclose(layer(x), x @ (weight / (u @ weight @ v)).T + state["0.bias"], atol=1e-6)


def test_every_layer_is_normalised_by_its_reshaped_kernel() -> None:
    critic = DcganCritic(1, 8, 4, batch_norm=False)
    normalise(critic)
    for _ in range(200):
        critic(torch.randn(2, 1, 8, 8))
    for layer in critic.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


def test_the_names_and_weights_of_the_papers() -> None:
    assert {name: constraint.weight for name, constraint in CONSTRAINTS.items()} == {
        "clip": 0.01, "gp": 10, "lp": 10, "div": 2, "zero": 1, "sn": 1,
    }  # fmt: skip
    assert {name for name, constraint in CONSTRAINTS.items() if constraint.inflates} == {"gp", "lp"}
