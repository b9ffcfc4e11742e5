"""One step: what the networks are shown, and what an estimate leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from tests.zoo.training.conftest import points
from torch import Tensor

from wganalyze_zoo import METHODS
from wganalyze_zoo.losses import Numbers, Potential
from wganalyze_zoo.methods.clusters import cluster
from wganalyze_zoo.methods.method import Method
from wganalyze_zoo.training.loop import Training
from wganalyze_zoo.training.nets import make_nets
from wganalyze_zoo.training.reals import reals_of


@pytest.fixture(autouse=True)
def _random_state() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def training(method: Method, data: Tensor, steps: int = 8, batch: int = 16) -> Training:
    """Before its first step."""
    sizes = replace(method.preset("toy", 64), batch=batch, latent_dim=4)
    nets = make_nets(method, reals_of(data, 0), "mlp-nobn", replace(sizes, width=8))
    return Training(method, sizes, nets, data, steps, seed=0)


def test_the_critic_takes_n_steps_on_fresh_samples_of_the_data() -> None:
    calls: list[tuple[Tensor, Tensor]] = []
    loss = METHODS["wgan-gp"].loss

    def watched(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
        assert loss.critic is not None
        calls.append((real, fake))
        return loss.critic(critic, real, fake, numbers)

    trained = training(replace(METHODS["wgan-gp"], loss=replace(loss, critic=watched)), points())
    for _ in range(3):
        assert trained.advance()
    assert len(calls) == 3 * trained.preset.n_critic
    rows = {tuple(row.tolist()) for row in points()}
    assert all(tuple(row.tolist()) in rows for real, _ in calls for row in real)
    assert not any(fake.requires_grad for _, fake in calls)
    assert len({tuple(fake[0].tolist()) for _, fake in calls}) == len(calls)


def test_the_reals_of_a_stratified_method_come_by_their_clusters() -> None:
    data = torch.randn(100, 2)
    trained = training(METHODS["primal-stratified"], data, batch=10)
    centroids, labels = cluster(data, 10, 0)
    shares = torch.bincount(labels).double() / 10
    for _ in range(50):
        counts = torch.bincount(torch.cdist(trained._reals().double(), centroids).argmin(1), minlength=10)
        assert ((counts - shares).abs() < 1).all()


def test_instance_noise_falls_to_nothing_on_both_sides() -> None:
    trained = training(METHODS["gan-noise"], points(), steps=8)
    assert trained.noise() == 1
    samples = torch.zeros(2000, 3)
    assert trained._noisy(samples).std().item() == pytest.approx(1, abs=0.05)
    levels = []
    while trained.step < 8:
        levels.append(trained.noise())
        assert trained.advance()
    assert levels == pytest.approx([1 - step / 6 for step in range(6)] + [0, 0])
    assert trained._noisy(samples) is samples
    assert training(METHODS["gan"], points()).noise() == 0


def test_an_estimate_moves_nothing() -> None:
    """A forward in train mode would move the singular vectors of spectral norm."""
    trained = training(METHODS["sngan"], points())
    trained.advance()
    assert trained.nets.critic is not None
    before = {key: value.clone() for key, value in trained.nets.critic.state_dict().items()}
    state = torch.get_rng_state()
    assert trained.estimate() == trained.estimate()
    assert all(torch.equal(before[key], value) for key, value in trained.nets.critic.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert trained.nets.critic.training


def test_k_moves_with_the_steps() -> None:
    trained = training(METHODS["began"], points())
    trained.advance()
    first = dict(trained.numbers)
    trained.advance()
    assert trained.numbers["measure"] != first["measure"]
    assert first["gamma"] == trained.numbers["gamma"] == 0.7
