"""Critics of other forms: labels in three encodings, auxiliary heads set aside; and labels for generators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze.contracts.samples import Samples, Split
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.contracts.terms import Encoding
from wganalyze.errors import CheckpointError
from wganalyze.study.critic import prepare_critic
from wganalyze.study.forms import join, tensors_of
from wganalyze.study.generator import generate

CLASSES = 4


def snapshot(
    critic: nn.Module | None = None, generator: nn.Module | None = None, latent: Latent | None = None
) -> Snapshot:
    """A snapshot of these networks, as a file would give them."""

    def ready(net: nn.Module) -> Callable[[], nn.Module]:
        return lambda: net.eval().requires_grad_(False)

    return Snapshot(
        "s",
        0,
        "step",
        (),
        make_generator=ready(generator) if generator is not None else None,
        make_critic=ready(critic) if critic is not None else None,
        latent=latent or Latent(),
        output="score",
    )


def labelled(shape: tuple[int, ...], n: int = 9) -> Samples:
    """Normal samples of this shape with labels."""
    rng = np.random.default_rng(1)
    points = rng.standard_normal((n, int(np.prod(shape)))).astype(np.float32)
    return Samples(points, shape, np.arange(n, dtype=np.int64) % CLASSES)


class Projection(nn.Module):
    """Scores (x, y) with an embedding of y: D(x, y) = <x, e_y>."""

    def __init__(self, width: int):
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, width)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x * self.embedding(y)).sum(1)


class Bilinear(nn.Module):
    """Scores (x, one-hot y)."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(CLASSES, width))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ((y @ self.weight) * x).sum(1)


class Planes(nn.Module):
    """An image critic that takes its labels as further channels."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1 + CLASSES, 3, 3), nn.Flatten(), nn.Linear(3 * 4, 1))

    def forward(self, x: Tensor) -> Any:
        return self.net(x)


def by_hand(net: nn.Module, x: Samples, encoding: Encoding) -> np.ndarray:
    """Scores by calling the network as its trainer would."""
    assert x.labels is not None
    points = torch.from_numpy(x.points).double().reshape(-1, *x.shape)
    index = torch.from_numpy(x.labels)
    onehot = nn.functional.one_hot(index, CLASSES).double()
    with torch.no_grad():
        if encoding == "index":
            return np.asarray(net.double()(points, index)).reshape(-1)
        if encoding == "onehot":
            return np.asarray(net.double()(points, onehot)).reshape(-1)
        if len(x.shape) == 3:
            onehot = onehot[:, :, None, None].expand(-1, -1, *x.shape[1:])
        return np.asarray(net.double()(torch.cat([points, onehot], 1))).reshape(-1)


@pytest.mark.parametrize(
    ("net", "shape", "encoding"),
    [
        (Projection(5), (5,), "index"),
        (Bilinear(5), (5,), "onehot"),
        (nn.Linear(5 + CLASSES, 1), (5,), "concat"),
        (Planes(), (1, 4, 4), "concat"),
    ],
)
def test_a_conditional_critic_is_given_the_labels_of_the_samples(
    net: nn.Module, shape: tuple[int, ...], encoding: Encoding
) -> None:
    head = prepare_critic(snapshot(net, latent=Latent(classes=CLASSES, encoding=encoding)), [shape], "cpu")
    x = labelled(shape)
    np.testing.assert_allclose(head.scores(x, "eval", 4), by_hand(net, x, encoding), rtol=1e-10)
    assert head.gradient(x, "eval").shape == x.points.shape
    with pytest.raises(CheckpointError, match="a conditional critic needs labels"):
        head.scores(Samples(x.points, x.shape), "eval", 4)


def test_a_critic_beside_a_conditional_generator_may_take_no_labels() -> None:
    net = nn.Linear(5, 1)
    head = prepare_critic(snapshot(net, latent=Latent(classes=CLASSES)), [(5,)], "cpu")
    assert "the critic takes no labels" in head.assumptions
    assert head.scores(Samples(labelled((5,)).points, (5,)), "eval", 4).shape == (9,)


class Auxiliary(nn.Module):
    """A score and the logits of a classifier, in the form and order of some trainer."""

    def __init__(self, form: Callable[[Tensor, Tensor], Any]):
        super().__init__()
        self.score, self.classes, self.form = nn.Linear(5, 1), nn.Linear(5, CLASSES), form

    def forward(self, x: Tensor) -> Any:
        return self.form(self.score(x), self.classes(x))


@pytest.mark.parametrize(
    ("form", "place"),
    [
        (lambda s, c: (s, c), "0"),
        (lambda s, c: (c, s), "1"),
        (lambda s, c: {"label": c, "adv_output": s.squeeze(1)}, "adv_output"),
        (lambda s, c: [(c, c), s], "1"),
    ],
)
def test_the_head_of_an_auxiliary_classifier_is_recognised_and_set_aside(
    form: Callable[[Tensor, Tensor], Any], place: str
) -> None:
    net = Auxiliary(form)
    head = prepare_critic(snapshot(net), [(5,)], "cpu")
    x = labelled((5,))
    with torch.no_grad():
        expected = net.double().score(torch.from_numpy(x.points).double()).reshape(-1)
    np.testing.assert_allclose(head.scores(x, "eval", 4), expected, rtol=1e-12)
    (note,) = head.assumptions
    assert note.startswith(f"critic output {place} taken as the score, set aside: ")
    assert note.count(f"({CLASSES},)") == note.count(",)")


def test_a_classifier_alone_is_no_critic() -> None:
    with pytest.raises(CheckpointError, match="4 scores a sample"):
        prepare_critic(snapshot(nn.Linear(5, CLASSES)), [(5,)], "cpu")


@pytest.mark.parametrize("encoding", ["index", "onehot", "concat"])
def test_a_conditional_generator_is_given_labels_in_the_encoding_that_is_said(encoding: Encoding) -> None:
    class Taking(nn.Module):
        """Returns z, and behind it the class that it was given."""

        def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            if encoding == "concat":
                z, y = z[:, :3], z[:, 3:]
            assert y is not None
            index = y if encoding == "index" else y.argmax(1)
            return torch.cat([z, index[:, None].float()], 1)

    latent = Latent(shape=(3,), classes=CLASSES, encoding=encoding)
    fakes, _ = generate(snapshot(generator=Taking(), latent=latent), 40, Split("x"), seed=0, device="cpu")
    assert fakes.labels is not None
    np.testing.assert_array_equal(fakes.points[:, 3], fakes.labels)
    assert set(fakes.labels) == set(range(CLASSES))


@given(n=st.integers(1, 4), channels=st.integers(1, 3), rest=st.lists(st.integers(1, 3), max_size=2))
def test_joined_labels_are_constant_planes_behind_the_sample(n: int, channels: int, rest: list[int]) -> None:
    x = torch.randn(n, channels, *rest)
    onehot = nn.functional.one_hot(torch.arange(n) % CLASSES, CLASSES)
    joined = join(x, onehot)
    assert joined.shape == (n, channels + CLASSES, *rest)
    assert torch.equal(joined[:, :channels], x)
    planes = joined[:, channels:].flatten(2) if rest else joined[:, channels:, None]
    assert torch.equal(planes.amin(2), onehot.float())
    assert torch.equal(planes.amax(2), onehot.float())


def test_outputs_are_found_with_their_places() -> None:
    a, b, c = torch.ones(1), torch.ones(2), torch.ones(3)
    outputs = dict(tensors_of((a, {"x": b, "y": [c, None]}, 7)))
    assert {place: t.numel() for place, t in outputs.items()} == {(0,): 1, (1, "x"): 2, (1, "y", 0): 3}
