"""What BatchNorm remembers, and nearness to data: right networks agree, wrong ones do not; the scales are as said."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze.inference.evidence import MARGIN, NEARER, Evidence, of_norms, of_samples


def network(act: nn.Module, stride: int = 2) -> nn.Sequential:
    """Two norms behind convolutions."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 4, stride, 1), nn.BatchNorm2d(8), act, nn.Dropout(0.3), nn.Conv2d(8, 16, 3, 1, 1),
        nn.BatchNorm2d(16), act, nn.Flatten(), nn.LazyLinear(1),
    )  # fmt: skip


def images(n: int, level: float = 0.0, seed: int = 1) -> Tensor:
    """Smooth noise around a level."""
    noise = torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return level + nn.functional.interpolate(noise, scale_factor=4, mode="bilinear")


def remembered(net: nn.Sequential, *sides: Tensor) -> nn.Sequential:
    """The network after training on batches of each side in turn, as far as its norms are concerned."""
    torch.manual_seed(2)
    with torch.no_grad():
        for i in range(60):
            for side in sides:
                net.train()(side[64 * (i % 8) : 64 * (i % 8 + 1)])
    return net.eval()


def with_weights(net: nn.Sequential, weights: nn.Module) -> nn.Sequential:
    """Another network with these weights."""
    net(images(2))
    net.load_state_dict(weights.state_dict())
    return net.eval()


def test_norms_know_the_right_activation() -> None:
    true = remembered(network(nn.LeakyReLU(0.2)), images(512))
    batches = images(1024, seed=5).split(128)
    right = of_norms(true, [batches])
    assert right is not None
    assert right.is_good
    for act in (nn.ReLU(), nn.LeakyReLU(0.1), nn.LeakyReLU(0.3), nn.ELU(), nn.Tanh(), nn.Identity()):
        wrong = of_norms(with_weights(network(act), true), [batches])
        assert wrong is not None
        assert right.over(wrong) > MARGIN / 2
        assert not wrong.is_good or isinstance(act, nn.LeakyReLU)


def test_looking_changes_nothing() -> None:
    true = remembered(network(nn.ReLU()), images(512))
    before = copy.deepcopy(true.state_dict())
    state = torch.get_rng_state()
    first, second = (of_norms(true, [images(128, level=3).split(64)]) for _ in range(2))
    assert first == second
    assert not true.training
    assert true.state_dict().keys() == before.keys()
    for key, value in true.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(value, before[key], rtol=0, atol=0)
    assert [m.momentum for m in true.modules() if isinstance(m, nn.BatchNorm2d)] == [0.1, 0.1]
    assert torch.equal(torch.get_rng_state(), state)
    x = images(8)
    torch.testing.assert_close(true(x), true(x))


def test_a_mixture_of_sides_is_found() -> None:
    """A critic saw real and fake in turn; neither alone explains what its norms remember."""
    real, fake = images(512, -1.0), images(512, 1.0, seed=3)
    true = remembered(network(nn.LeakyReLU(0.2)), real, fake)
    x, y = (images(512, level, seed).split(128) for level, seed in ((-1.0, 7), (1.0, 8)))
    both = of_norms(true, [x, y])
    assert both is not None
    assert both.is_good
    assert of_norms(true, [y, x]) == pytest.approx(both)
    for alone in (of_norms(true, [x]), of_norms(true, [y]), of_norms(true, [x, x])):
        assert alone is not None
        assert not alone.is_good
        assert both.over(alone) > MARGIN


def test_a_network_that_overflows_is_no_good() -> None:
    net = remembered(network(nn.ReLU()), images(512))
    evidence = of_norms(net, [(images(64) * float("inf")).split(64)])
    assert evidence is not None
    assert not evidence.is_good


def test_without_norms_there_is_no_evidence() -> None:
    assert of_norms(nn.Sequential(nn.Linear(3, 1)), [[torch.randn(4, 3)]]) is None
    assert of_norms(nn.BatchNorm1d(3, track_running_stats=False), [[torch.randn(4, 3)]]) is None


@given(st.floats(0.1, 10), st.floats(-5, 5), st.integers(0, 5))
def test_nearness_does_not_depend_on_the_range_of_values(scale: float, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(60, 4)), rng.uniform(size=(60, 4))
    expected = of_samples(fake, real).error
    assert of_samples(scale * fake + shift, real).error == pytest.approx(expected, rel=1e-6)
    assert of_samples(fake, scale * real + shift).error == pytest.approx(expected, rel=1e-6)


def test_samples_of_the_same_law_are_near_and_of_others_are_not() -> None:
    rng = np.random.default_rng(0)
    real, same = rng.normal(size=(400, 3)), rng.normal(size=(400, 3))
    assert of_samples(same, real).is_good
    assert not of_samples(np.repeat(same[:1], 400, axis=0), real).is_good
    assert not of_samples(np.repeat(same[:, :1], 3, axis=1), real).is_good
    assert not of_samples(np.zeros((400, 3)), real).is_good


def test_twice_as_near_is_the_margin() -> None:
    """Clouds around +-m: for large m the energy distance to one point is that of a law on two."""
    rng = np.random.default_rng(1)
    real = rng.normal(size=(300, 2))
    far, near = of_samples(np.sign(real), real), of_samples(real + 0.3 * np.sign(real), real)
    assert near.over(far) == pytest.approx(MARGIN * math.log(far.error / near.error) / math.log(NEARER))
    assert near.over(far) == -far.over(near)


@given(st.lists(st.tuples(st.floats(0.01, 2), st.integers(1, 64)), min_size=1, max_size=5), st.floats(0.5, 3))
def test_all_deviations_alike_times_a_factor(pairs: list[tuple[float, int]], factor: float) -> None:
    deviations, weights = zip(*pairs, strict=True)
    one = Evidence(deviations, weights, 0.1)
    other = Evidence(tuple(d * factor for d in deviations), weights, 0.1)
    assert other.error == pytest.approx(factor * one.error)
    assert one.over(other) == pytest.approx(sum(weights) * math.log(factor), abs=1e-9)
    assert one.is_good == all(d <= 0.1 for d in deviations)
    assert one.over(one) == 0
