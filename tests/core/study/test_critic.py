"""A critic made ready: buffers left alone, gradients checked by differences, shapes and labels as it takes them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.snapshot import Latent
from wganalyze.contracts.terms import Mode
from wganalyze.errors import CheckpointError
from wganalyze.study.critic import ReadyCritic

Ready = Callable[..., Any]
MakeSamples = Callable[..., Any]
PlainScores = Callable[..., Any]


def seeded(*layers: nn.Module, seed: int = 0) -> nn.Sequential:
    """The layers with seeded normal parameters and untypical BatchNorm buffers."""
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        for name, buffer in net.named_buffers():
            if "running" in name:
                buffer.copy_(1 + torch.rand(buffer.shape, generator=generator))
    return net


def mlp(*last: nn.Module) -> nn.Sequential:
    """A smooth critic on three numbers."""
    return seeded(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), *last)


def test_scores_do_not_depend_on_the_batch_in_eval_mode(ready: Ready, samples: MakeSamples) -> None:
    net = seeded(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 1))
    head, x = ready(net), samples(33)
    reference = head.scores(x, "eval", 33)
    for batch in (1, 2, 16, 32, 1000):
        np.testing.assert_allclose(head.scores(x, "eval", batch), reference, rtol=1e-12)
    assert reference.dtype == np.float64


def test_train_mode_uses_batch_statistics_and_leaves_the_buffers(ready: Ready, samples: MakeSamples) -> None:
    net = seeded(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
    head, x = ready(net), samples(32)
    before = {key: value.clone() for key, value in head.module.state_dict().items()}
    in_training = head.scores(x, "train", 32)
    head.gradient(x, "train")
    assert not np.allclose(in_training, head.scores(x, "eval", 32))
    for key, value in head.module.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert not head.module.training
    assert not net.training

    trained = copy.deepcopy(net).double().train()
    with torch.no_grad():
        expected = trained(torch.from_numpy(x.points).double()).reshape(-1).numpy()
    np.testing.assert_allclose(in_training, expected, rtol=1e-10)


def test_train_mode_repeats_its_dropout_and_leaves_the_global_generator(ready: Ready, samples: MakeSamples) -> None:
    head = ready(mlp(nn.Dropout(0.5)))
    x = samples(32)
    state = torch.random.get_rng_state()
    np.testing.assert_array_equal(head.scores(x, "train", 16), head.scores(x, "train", 16))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_a_remainder_of_one_joins_the_batch_before(ready: Ready, samples: MakeSamples, mode: str) -> None:
    net = seeded(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
    head, x = ready(net), samples(33)
    scores = head.scores(x, "train" if mode == "train" else "eval", 16)
    assert scores.shape == (33,)
    if mode == "train":
        last = head.scores(x.take(slice(16, 33)), "train", 17)
        np.testing.assert_allclose(scores[16:], last, rtol=1e-10)


class Shifted(nn.Module):
    """Far from 0, where float32 has few digits left."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.net = seeded(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1))
        self.offset = offset

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.reshape(-1, 1, 4, 4)) + self.offset  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize(("offset", "near"), [(0.0, True), (1e7, False)])
def test_scores_are_of_float32_only_where_that_is_near_enough(
    ready: Ready, samples: MakeSamples, offset: float, near: bool, mode: Mode
) -> None:
    head, x = ready(Shifted(offset), shapes=[(16,)]), samples(70, 16)
    exact, single = (head.scores(x, mode, 20, single=each) for each in (False, True))
    assert single.dtype == np.float64
    if near:
        assert not np.array_equal(single, exact)
        assert np.array_equal(single, single.astype(np.float32))
        assert np.abs(single - exact).max() <= 1e-3 * exact.std()
    else:
        assert np.array_equal(single, exact)


class Overflowing(Shifted):
    """Where the first number is large, float32 overflows on the way to a 1 that float64 finds."""

    def forward(self, x: Tensor) -> Tensor:
        large = torch.exp(30 * x[:, :1])
        return super().forward(x) + large / large


def test_what_float32_cannot_compute_is_computed_in_double(ready: Ready, samples: MakeSamples) -> None:
    head, x = ready(Overflowing(0.0), shapes=[(16,)]), samples(300, 16)
    x.points[:, 0] = np.clip(x.points[:, 0], -1, 1)
    x.points[5, 0] = 3.1
    exact = head.scores(x, "eval", 512)
    assert np.isfinite(exact).all()
    assert np.array_equal(head.scores(x, "eval", 512, single=True), exact)


def test_a_small_network_is_not_worth_float32(ready: Ready, samples: MakeSamples) -> None:
    head, x = ready(mlp()), samples(10)
    assert np.array_equal(head.scores(x, "eval", 10, single=True), head.scores(x, "eval", 10))


@pytest.mark.parametrize("last", [(), (nn.Sigmoid(),)])
def test_gradients_agree_with_finite_differences(
    ready: Ready, samples: MakeSamples, last: tuple[nn.Module, ...]
) -> None:
    head, x, h = ready(mlp(*last)), samples(20), 1e-5  # gradients are of float32
    slopes = head.gradient(x, "eval")
    double = head._gradient(x, "eval", batch=7, single=False)
    assert slopes.shape == double.shape == (20, 3)
    base = x.with_points(x.points.astype(np.float64))
    for k in range(3):
        step = h * np.eye(3)[k]
        up, down = (head.scores(base.with_points(base.points + s), "eval", 64) for s in (step, -step))
        np.testing.assert_allclose(slopes[:, k], (up - down) / (2 * h), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(double[:, k], (up - down) / (2 * h), rtol=1e-6, atol=1e-9)


def test_a_gradient_in_train_mode_is_that_of_the_whole_batch(ready: Ready, samples: MakeSamples) -> None:
    """With BatchNorm the scores of a batch depend on each other: the gradient is that of their sum."""
    net = seeded(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
    head, x, h = ready(net), samples(10), 1e-5
    slopes = head.gradient(x, "train")
    base = x.points.astype(np.float64)
    for i, k in [(0, 0), (4, 2), (9, 1)]:
        up, down = base.copy(), base.copy()
        up[i, k] += h
        down[i, k] -= h
        total = [head.scores(x.with_points(p), "train", 64).sum() for p in (up, down)]
        np.testing.assert_allclose(slopes[i, k], (total[0] - total[1]) / (2 * h), rtol=1e-5, atol=1e-8)


def test_the_first_shape_that_gives_one_score_is_taken(ready: Ready) -> None:
    net = nn.Sequential(nn.Flatten(), seeded(nn.Linear(12, 1)))
    head = ready(net, shapes=[(3, 2, 2), (12,)])
    assert head.shape == (3, 2, 2)
    assert not any("reshaped" in text for text in head.assumptions)
    flat = ready(seeded(nn.Linear(12, 1)), shapes=[(3, 2, 2), (12,)])
    assert flat.shape == (12,)
    assert flat.assumptions[0] == "critic input reshaped to (12,)"


def test_a_critic_that_takes_no_shape_says_what_it_met(ready: Ready) -> None:
    with pytest.raises(
        CheckpointError, match=r"snap: the critic does not take the samples \(\(3,\): mat1 .*\(4,\): 2 sc"
    ):
        ready(seeded(nn.Linear(4, 2)), shapes=[(3,), (4,)])


def test_samples_of_another_size_than_the_critic_was_made_ready_for(ready: Ready, samples: MakeSamples) -> None:
    head = ready(mlp())
    with pytest.raises(CheckpointError, match=r"takes samples of shape \(3,\), not \(2,\): say other --data, or"):
        head.scores(samples(d=2), "eval", 16)


def test_a_critic_that_overwrites_its_input_does_so_to_a_copy(ready: Ready, samples: MakeSamples) -> None:
    plain = seeded(nn.LeakyReLU(0.2), nn.Linear(3, 1))
    greedy = nn.Sequential(nn.LeakyReLU(0.2, inplace=True), plain[1]).eval()
    x = samples()
    x = x.with_points(x.points.astype(np.float64))
    before = x.points.copy()
    expected, head = (ready(net) for net in (plain, greedy))
    np.testing.assert_array_equal(head.scores(x, "eval", 16), expected.scores(x, "eval", 16))
    np.testing.assert_array_equal(head.gradient(x, "eval"), expected.gradient(x, "eval"))
    np.testing.assert_array_equal(x.points, before)


def test_a_conditional_critic_without_labels_says_so(ready: Ready, samples: MakeSamples) -> None:
    critic = Conditional(onehot=False)
    head = ready(critic, Latent(classes=4))
    with pytest.raises(CheckpointError, match="conditional critic needs labels, and the data have none"):
        head.scores(samples(), "eval", 16)


def test_scores_that_are_no_numbers_are_refused(ready: Ready, samples: MakeSamples) -> None:
    net = seeded(nn.Linear(3, 1))
    next(net.parameters()).data[:] = math.inf
    with pytest.raises(CheckpointError, match="the critic yields NaN or infinity"):
        ready(net).scores(samples(), "eval", 16)


class Conditional(nn.Module):
    """Adds a learnt number for each class; ``onehot`` by a linear layer, else by an embedding."""

    def __init__(self, onehot: bool) -> None:
        super().__init__()
        self.net = mlp()
        self.of_class: nn.Module = seeded(nn.Linear(4, 1, bias=False) if onehot else nn.Embedding(4, 1))[0]

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return torch.as_tensor(self.net(x) + self.of_class(labels))


@pytest.mark.parametrize("encoding", ["index", "onehot"])
def test_labels_reach_a_conditional_critic(
    ready: Ready, samples: MakeSamples, plain_scores: PlainScores, encoding: str
) -> None:
    latent = Latent(classes=4, encoding="onehot" if encoding == "onehot" else "index")
    net = Conditional(encoding == "onehot")
    head, x = ready(net, latent), samples(labels=True)
    weight = net.of_class.weight
    assert isinstance(weight, Tensor)
    assert x.labels is not None
    expected = plain_scores(net.net, x) + weight.detach().double().reshape(-1).numpy()[x.labels]
    np.testing.assert_allclose(head.scores(x, "eval", 7), expected, rtol=1e-6)
    plain = ready(net.net)
    np.testing.assert_allclose(head.gradient(x, "eval"), plain.gradient(x, "eval"), rtol=1e-10)


class WithAuxiliary(nn.Module):
    """Returns its score and something else."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.net(x), x


def test_the_first_output_is_the_score(ready: Ready, samples: MakeSamples, plain_scores: PlainScores) -> None:
    net, x = WithAuxiliary(), samples()
    head = ready(net)
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(net.net, x), rtol=1e-12)


def test_a_head_is_independent_of_the_snapshots_network(ready: Ready) -> None:
    net = mlp()
    head = ready(net)
    assert isinstance(head, ReadyCritic)
    assert next(head.module.parameters()).dtype == torch.float64
    assert next(net.parameters()).dtype == torch.float32
