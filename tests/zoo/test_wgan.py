"""What keeps a critic Lipschitz: the penalty of a linear critic in closed form, and the box of the clipped one."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_zoo.networks import MlpCritic
from wganalyze_zoo.wgan import ClippedWgan, WassersteinTrainer, WganGp

SEEDS = st.integers(0, 10**6)


def samples(seed: int, batch: int = 16, dim: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """real, fake and alpha, float64."""
    rng = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, batch, dim, generator=rng, dtype=torch.float64)
    return real, fake, torch.rand(batch, 1, generator=rng, dtype=torch.float64)


def linear(seed: int, dim: int = 5) -> nn.Linear:
    """w x + b, float64."""
    critic = nn.Linear(dim, 1, dtype=torch.float64)
    weight = 3 * torch.randn(1, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    critic.load_state_dict({"weight": weight, "bias": torch.tensor([0.7], dtype=torch.float64)})
    return critic


@given(SEEDS)
def test_the_loss_is_the_dual_turned_round(seed: int) -> None:
    real, fake, alpha = samples(seed)
    critic = linear(seed)
    loss = ClippedWgan().critic_loss(critic, real, fake, alpha)
    assert loss.item() == pytest.approx(((fake.mean(0) - real.mean(0)) @ critic.weight[0]).item())


@given(SEEDS, st.sampled_from([0.0, 1.0, 10.0]))
def test_the_penalty_of_a_linear_critic_is_in_closed_form(seed: int, penalty: float) -> None:
    """lambda (|w| - 1)^2, wherever the gradient is taken (1704.00028, eq. 3)."""

    class Penalised(WganGp):
        """Another lambda."""

    Penalised.penalty = penalty
    real, fake, alpha = samples(seed)
    critic = linear(seed)
    loss = Penalised().critic_loss(critic, real, fake, alpha) - ClippedWgan().critic_loss(critic, real, fake, alpha)
    expected = penalty * (critic.weight.norm() - 1) ** 2
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9, abs=1e-9)
    assert torch.allclose(torch.autograd.grad(loss, critic.weight)[0], torch.autograd.grad(expected, critic.weight)[0])


def test_the_gradient_is_taken_between_the_samples_one_alpha_for_each() -> None:
    """f = |x|^2 / 2 has the gradient x: the penalty shows where it was taken."""

    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum(1, keepdim=True) / 2

    real, fake, alpha = samples(3)
    loss = WganGp().critic_loss(Square(), real, fake, alpha) - ClippedWgan().critic_loss(Square(), real, fake, alpha)
    norms = torch.stack([(a * x + (1 - a) * y).norm() for x, y, a in zip(real, fake, alpha, strict=True)])
    assert loss.item() == pytest.approx(10 * (norms - 1).square().mean().item(), rel=1e-12)


def test_the_penalty_reaches_the_weights_and_leaves_the_samples_alone() -> None:
    real, fake, alpha = (t.float() for t in samples(4))
    before = real.clone(), fake.clone()
    critic = MlpCritic(5, 8)
    WganGp().critic_loss(critic, real, fake, alpha).backward()  # type: ignore[no-untyped-call]
    weights = [p for name, p in critic.named_parameters() if name.endswith("weight")]
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in weights)
    assert torch.equal(real, before[0])
    assert torch.equal(fake, before[1])
    assert real.grad is None
    assert not real.requires_grad


@given(SEEDS)
def test_clipping_bounds_every_weight_and_moves_no_other(seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = MlpCritic(5, 8)
    before = {key: value.clone() for key, value in critic.state_dict().items()}
    ClippedWgan().constrain(critic)
    for key, value in critic.state_dict().items():
        assert torch.equal(value, before[key].clamp(-0.05, 0.05)), key
    assert max(float(value.abs().max()) for value in critic.state_dict().values()) == pytest.approx(0.05)
    assert all(p.requires_grad for p in critic.parameters())


def test_a_penalty_clips_nothing() -> None:
    critic = MlpCritic(5, 8)
    before = {key: value.clone() for key, value in critic.state_dict().items()}
    WganGp().constrain(critic)
    assert all(torch.equal(value, before[key]) for key, value in critic.state_dict().items())


def test_the_optimisers_are_those_of_the_papers() -> None:
    parameters = list(MlpCritic(5, 8).parameters())
    adam, rmsprop = WganGp().optimizer(parameters), ClippedWgan().optimizer(parameters)
    assert isinstance(adam, torch.optim.Adam)
    assert (adam.defaults["lr"], adam.defaults["betas"]) == (3e-4, (0.5, 0.9))
    assert isinstance(rmsprop, torch.optim.RMSprop)
    assert (rmsprop.defaults["lr"], rmsprop.defaults["momentum"]) == (5e-4, 0)
    assert (WganGp.n_critic, WganGp.penalty, ClippedWgan.n_critic, ClippedWgan.penalty) == (5, 10, 5, 0)


def test_a_trainer_is_an_optimiser_and_a_name() -> None:
    class Plain(WassersteinTrainer):
        name: ClassVar[str] = "plain"

        def optimizer(self, parameters: object) -> torch.optim.Optimizer:
            raise NotImplementedError

    assert (Plain().n_critic, Plain().penalty) == (5, 0)
    with pytest.raises(TypeError, match="abstract"):
        WassersteinTrainer()  # type: ignore[abstract]
