"""What critics give, read as one score a sample: against the losses that their trainers take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze.contracts.samples import Samples
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.contracts.terms import Output, Reduce
from wganalyze.errors import CheckpointError
from wganalyze.study.answers import NoScore, Reduced, read_answer
from wganalyze.study.critic import ReadyCritic, prepare_critic

N = 2


def ready(net: nn.Module, shape: tuple[int, ...], reduce: Reduce | None = None, output: Output | None = None) -> Any:
    """The network as a critic made ready."""
    critic = Snapshot("snap", 0, "step", (), make_critic=net.eval, reduce=reduce, output=output)
    return prepare_critic(critic, [shape], "cpu")


def scored(head: ReadyCritic, points: Tensor) -> np.ndarray:
    """Scores of points (n, *shape) of float32."""
    return head.scores(Samples(points.flatten(1).numpy(), tuple(points.shape[1:])), "eval", 8)


def images(n: int = 6, size: int = 16, channels: int = 1) -> Tensor:
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(1))


def patch(channels: int = 1, *last: nn.Module) -> nn.Sequential:
    """Three convolutions of pix2pix's NLayerDiscriminator, with a map of patches at its end."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 8, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(8, 1, 4, 1, 1), *last,
    )  # fmt: skip


def test_the_mean_of_a_map_is_the_score() -> None:
    net, x = patch(), images()
    head = ready(net, (1, 16, 16))
    with torch.no_grad():
        expected = net.double()(x.double()).mean((1, 2, 3)).numpy()
    np.testing.assert_allclose(scored(head, x), expected, rtol=1e-12)
    assert head.assumptions[0].startswith(
        "critic output: a map of 3x3 scores a sample, as of a PatchGAN; their mean is taken (set [critic] reduce or"
    )
    assert head.note == "of a map of 3x3 scores the mean is analysed"


@pytest.mark.parametrize(
    ("how", "of"),
    [
        ("mean", lambda s: s.mean(1)),
        ("sum", lambda s: s.sum(1)),
        ("min", lambda s: s.min(1).values),
        ("first", lambda s: s[:, 0]),
    ],
)
def test_what_is_said_of_a_map(how: Reduce, of: Callable[[Tensor], Tensor]) -> None:
    net, x = patch(), images()
    head = ready(net, (1, 16, 16), how)
    with torch.no_grad():
        expected = of(net.double()(x.double()).flatten(1)).numpy()
    np.testing.assert_allclose(scored(head, x), expected, rtol=1e-12)
    assert not any("critic output: a map" in text for text in head.assumptions)


def test_a_sigmoid_behind_a_map_is_cut_before_its_mean() -> None:
    plain, net, x = patch(), patch(1, nn.Sigmoid()), images()
    head = ready(net, (1, 16, 16))
    assert head.output == "logit"
    np.testing.assert_allclose(scored(head, x), scored(ready(plain, (1, 16, 16)), x), rtol=1e-9)


class Hidden(nn.Module):
    """A sigmoid that nothing cuts."""

    def __init__(self) -> None:
        super().__init__()
        self.net = patch()

    def forward(self, x: Tensor) -> Tensor:
        return 1 / (1 + torch.exp(-self.net(x)))


def test_probabilities_of_a_map_are_inverted_one_by_one() -> None:
    net, x = Hidden(), images()
    head = ready(net, (1, 16, 16), output="probability")
    assert not head.invert
    np.testing.assert_allclose(scored(head, x), scored(ready(net.net, (1, 16, 16)), x), rtol=1e-6)


class Scales(nn.Module):
    """MultiscaleDiscriminator of pix2pixHD: patches of the image and of the image at half its size."""

    def __init__(self, form: Callable[[list[Tensor], Tensor], Any]) -> None:
        super().__init__()
        self.nets = nn.ModuleList([patch(), patch()])
        self.form = form

    def forward(self, x: Tensor) -> list[Any]:
        answers = []
        for net in self.nets:
            features = [x]
            for layer in net:
                features.append(layer(features[-1]))
            answers.append(self.form(features[2:5:2], features[-1]))
            x = nn.functional.avg_pool2d(x, 2)
        return answers


@pytest.mark.parametrize(
    "form",
    [
        lambda features, score: score,
        lambda features, score: [score],  # pix2pixHD without features
        lambda features, score: [*features, score],  # with them
        lambda features, score: (score, features),
        lambda features, score: (score.flatten(1), features),
        lambda features, score: score.flatten(1),
        lambda features, score: {"feats": features, "pred": score},
    ],
)
def test_scales_count_alike_and_features_do_not(form: Callable[[list[Tensor], Tensor], Any]) -> None:
    net, x = Scales(form), images(size=32)
    head = ready(net, (1, 32, 32))
    double = net.double()
    with torch.no_grad():
        first, second = double.nets[0](x.double()), double.nets[1](nn.functional.avg_pool2d(x.double(), 2))
    expected = (first.flatten(1).mean(1) + second.flatten(1).mean(1)) / 2
    np.testing.assert_allclose(scored(head, x), expected.numpy(), rtol=1e-12)
    assert "2 maps of scores (7x7, 3x3)" in head.assumptions[0] or "(49, 9)" in head.assumptions[0]
    assert "the mean of the means is taken" in head.assumptions[0]
    gradients = head.gradient(Samples(x.flatten(1).numpy(), (1, 32, 32)), "eval")
    assert gradients.shape == (6, 1024)
    assert np.abs(gradients).max() > 0


class Period(nn.Module):
    """DiscriminatorP of HiFi-GAN, smaller."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        self.convs = nn.ModuleList([nn.Conv2d(1, 4, (5, 1), (3, 1), (2, 0)), nn.Conv2d(4, 8, (5, 1), (3, 1), (2, 0))])
        self.conv_post = nn.Conv2d(8, 1, (3, 1), 1, (1, 0))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        b, c, t = x.shape
        if t % self.period:
            pad = self.period - t % self.period
            x = nn.functional.pad(x, (0, pad), "reflect")
            t += pad
        x = x.view(b, c, t // self.period, self.period)
        for layer in self.convs:
            x = nn.functional.leaky_relu(layer(x), 0.1)
            features.append(x)
        x = self.conv_post(x)
        features.append(x)
        return torch.flatten(x, 1, -1), features


class Periods(nn.Module):
    """MultiPeriodDiscriminator of HiFi-GAN for one side: a list of (scores, features)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.discriminators = nn.ModuleList([Period(2), Period(3), Period(5)])

    def forward(self, y: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        return [each(y) for each in self.discriminators]


class Together(Periods):
    """As HiFi-GAN has it: both sides at once, (scores of reals, of fakes, features of reals, of fakes)."""

    def forward(self, y: Tensor, y_hat: Tensor) -> Any:
        reals, fakes = super().forward(y), super().forward(y_hat)
        return [r for r, _ in reals], [f for f, _ in fakes], [m for _, m in reals], [m for _, m in fakes]


@pytest.mark.parametrize("kind", [Periods, Together])
def test_periods_of_a_vocoder(kind: type[Periods]) -> None:
    net, x = kind(), torch.randn(6, 1, 60)
    head = ready(net, (1, 60))
    with torch.no_grad():
        each = [part.double()(x.double())[0].mean(1) for part in net.discriminators]
    np.testing.assert_allclose(scored(head, x), torch.stack(each).mean(0).numpy(), rtol=1e-12)
    assert "at several scales" in " ".join(head.assumptions)


def test_a_critic_of_both_sides_is_asked_about_the_first() -> None:
    assert any("takes reals and generated samples together" in each for each in ready(Together(), (1, 60)).assumptions)


class Logits(nn.Module):
    """Two logits, the second of reals."""

    def __init__(self, *last: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2), *last)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]


def test_two_logits_are_no_score_until_it_is_said() -> None:
    with pytest.raises(CheckpointError, match=r"2 scores a sample.*if these are two logits, say --reduce difference"):
        ready(Logits(), (3,))


@pytest.mark.parametrize("last", [(), (nn.Softmax(1),), (nn.LogSoftmax(1),)])
def test_the_difference_of_two_logits_is_the_logit(last: tuple[nn.Module, ...]) -> None:
    x = torch.randn(6, 3)
    plain = Logits()
    with torch.no_grad():
        both = plain.double()(x.double())
    output: Output | None = "probability" if last and isinstance(last[0], nn.Softmax) else None
    head = ready(Logits(*last), (3,), "difference", output)
    np.testing.assert_allclose(scored(head, x), (both[:, 1] - both[:, 0]).numpy(), rtol=1e-9)


def test_a_difference_of_more_than_two_is_refused() -> None:
    with pytest.raises(CheckpointError, match="difference is for two outputs a sample"):
        ready(patch(), (1, 16, 16), "difference")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (torch.zeros(1), "one number for the whole batch"),
        (torch.zeros(()), "one number for the whole batch"),
        (torch.zeros(N, 7), "7 scores a sample"),
        (torch.zeros(N, 4, 4), "16 scores a sample"),
        (torch.zeros(N, 8, 4, 4), "128 scores a sample"),
        ((torch.zeros(N, 7), torch.zeros(N, 7)), "7 scores a sample"),
        ({}, "a dict without a tensor"),
        (None, "a NoneType without a tensor"),
    ],
)
def test_what_is_no_score(answer: Any, reason: str) -> None:
    """Features, embeddings and logits of classes are not averaged: their mean means nothing."""
    with pytest.raises(NoScore, match=reason):
        read_answer(answer, N)


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ((torch.zeros(N, 1), torch.zeros(N, 10)), (0,)),
        ((torch.zeros(N, 10), torch.zeros(N, 1)), (1,)),
        ({"class": torch.zeros(N, 1), "validity": torch.zeros(N, 1)}, ("validity",)),
        ({"logits": torch.zeros(N), "score": torch.zeros(N)}, ("logits",)),
        ((torch.zeros(N, 1, 4, 4), torch.zeros(N, 10)), (0,)),
        ((torch.zeros(N, 10), torch.zeros(N, 1, 4, 4)), (1,)),
        ({"features": torch.zeros(N, 8, 4, 4), "out": torch.zeros(N, 1, 4, 4)}, ("out",)),
        ({"features": torch.zeros(N, 1, 4, 4), "adv": torch.zeros(N, 1, 2, 2)}, ("adv",)),
        (torch.zeros(N, 24, 1), ()),  # a recurrent critic: a score a step
    ],
)
def test_the_head_is_found_among_others(answer: Any, place: tuple[int | str, ...]) -> None:
    assert read_answer(answer, N).places == (place,)


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), how=st.sampled_from(["mean", "sum", "min", "first"]))
def test_a_constant_map_has_the_constant_as_its_score(sizes: list[int], how: Reduce) -> None:
    """Of the sum, as many times as there are scores."""
    reduced = Reduced(nn.Identity(), tuple(sizes), how)
    scores = torch.full((3, sum(sizes)), 2.0)
    assert torch.equal(reduced(scores), torch.full((3,), 2.0 * (sum(sizes) if how == "sum" else 1)))
