"""A final sigmoid is cut only where the cut is proven, and a probability inverted where one is said or shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.terms import Output
from wganalyze.errors import CheckpointError

Ready = Callable[..., Any]
MakeSamples = Callable[..., Any]
PlainScores = Callable[..., Any]


def mlp(*last: nn.Module) -> nn.Sequential:
    """A smooth critic on three numbers."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), *last)


@pytest.mark.parametrize("output", [None, "score", "probability"])
def test_a_final_sigmoid_is_cut_and_noted(
    ready: Ready, samples: MakeSamples, plain_scores: PlainScores, output: Output | None
) -> None:
    net = mlp(nn.Sigmoid())
    head = ready(net, output=output)
    assert (head.output, head.invert) == ("logit", False)
    assert head.note == "final sigmoid cut: the logit is analysed"
    x = samples()
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(net[:-1], x), rtol=1e-12)
    assert isinstance(net[-1], nn.Sigmoid), "the snapshot's own network is left as it is"


def test_a_nested_sigmoid_is_cut(ready: Ready, samples: MakeSamples, plain_scores: PlainScores) -> None:
    logit = mlp()
    net = nn.Sequential(nn.Sequential(logit, nn.Sequential(nn.Sigmoid())), nn.Flatten(0))
    head = ready(net)
    assert head.note
    x = samples()
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(logit, x), rtol=1e-12)


class Squared(nn.Module):
    """Does something more behind its sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp(nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        squared: Tensor = self.net(x) ** 2
        return squared


class Hidden(nn.Module):
    """A sigmoid in the middle, and a linear layer last."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Sigmoid(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = self.net(x)
        return score


class Reused(nn.Module):
    """One sigmoid module used twice: to cut it would change the layer below too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.act = mlp(), nn.Linear(1, 1), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = self.act(self.last(self.act(self.first(x))))
        return score


def test_a_sigmoid_in_the_middle_stays_and_a_score_is_assumed(
    ready: Ready, samples: MakeSamples, plain_scores: PlainScores
) -> None:
    net, x = Hidden(), samples()
    head = ready(net)
    assert (head.note, head.output, head.invert) == ("", "score", False)
    assert head.assumptions == ("critic output: a score, as of a WGAN (set [critic] output or --output)",)
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(net, x), rtol=1e-12)
    assert ready(net, output="score").assumptions == ()


def test_a_critic_that_refuses_large_inputs_is_no_probability_by_that(ready: Ready) -> None:
    class Careful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Squared()

        def forward(self, x: Tensor) -> Tensor:
            assert bool(x.abs().max() < 50), "inputs are images"
            return torch.as_tensor(self.net(x))

    head = ready(Careful())
    assert (head.output, head.invert) == ("score", False)


def test_a_sigmoid_that_is_used_twice_is_cut_where_it_is_last(
    ready: Ready, samples: MakeSamples, plain_scores: PlainScores
) -> None:
    net, x = Reused(), samples()
    head = ready(net)
    assert (head.note, head.output, head.invert) == ("final sigmoid cut: the logit is analysed", "logit", False)
    expected = plain_scores(net, x)
    np.testing.assert_allclose(1 / (1 + np.exp(-head.scores(x, "eval", 16))), expected, rtol=1e-12)


def test_what_stays_in_the_unit_interval_is_taken_for_a_probability_and_said(
    ready: Ready, samples: MakeSamples, plain_scores: PlainScores
) -> None:
    net, x = Squared(), samples()
    head = ready(net)
    assert (head.output, head.invert) == ("logit", True)
    assert head.assumptions[0].startswith("critic output: a probability, since it stays in [0, 1]")
    odds = plain_scores(net, x)
    np.testing.assert_allclose(head.scores(x, "eval", 16), np.log(odds / (1 - odds)), rtol=1e-9)
    said = ready(net, output="score")
    np.testing.assert_allclose(said.scores(x, "eval", 16), odds, rtol=1e-12)


@pytest.mark.parametrize("make", [lambda: nn.Sequential(nn.Linear(3, 8), nn.ReLU()), lambda: mlp(nn.Tanh())])
def test_small_scores_are_no_probabilities(ready: Ready, make: Callable[[], nn.Module]) -> None:
    """Of one sign at moderate inputs, or bounded, but not in [0, 1]."""

    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = make()

        def forward(self, x: Tensor) -> Tensor:
            return 0.01 * self.net(x).sum(1, keepdim=True)

    assert ready(Critic()).output == "score"


class Functional(nn.Module):
    """A probability that no module makes."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.net, self.gain = mlp(), gain

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.gain * self.net(x))


def test_a_probability_is_inverted_where_the_user_says_so(
    ready: Ready, samples: MakeSamples, plain_scores: PlainScores
) -> None:
    net, x = Squared(), samples()
    odds = plain_scores(net, x)
    head = ready(net, output="probability")
    assert (head.output, head.invert, head.assumptions) == ("logit", True, ())
    assert head.note == "probabilities inverted: the logit is analysed"
    np.testing.assert_allclose(head.scores(x, "eval", 16), np.log(odds / (1 - odds)), rtol=1e-9)
    logit = np.log(odds / (1 - odds))
    moved = x.with_points(x.points + 1e-6 * head.gradient(x, "eval"))
    assert (head.scores(moved, "eval", 16) > logit).all(), "the gradient is that of the logit"


@pytest.mark.parametrize("output", [None, "score", "probability"])
def test_a_functional_sigmoid_is_cut(
    ready: Ready, samples: MakeSamples, plain_scores: PlainScores, output: Output | None
) -> None:
    net, x = Functional(), samples()
    head = ready(net, output=output)
    assert (head.output, head.invert, head.assumptions) == ("logit", False, ())
    assert head.note == "final sigmoid cut: the logit is analysed"
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(net.net, x), rtol=1e-12)
    logit = ready(net.net)
    np.testing.assert_allclose(head.gradient(x, "eval"), logit.gradient(x, "eval"), rtol=1e-12)


def test_saturated_probabilities_are_no_logits(ready: Ready, samples: MakeSamples) -> None:
    net = nn.Sequential(Functional(1e4), nn.Threshold(-1, 0)).eval()  # behind which no sigmoid can be cut
    net[1].forward = lambda p: p**2  # type: ignore[method-assign]
    head = ready(net, output="probability")
    with pytest.raises(CheckpointError, match="saturate"):
        head.scores(samples(), "eval", 16)
