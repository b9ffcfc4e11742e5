"""How critics take samples: some at once, some packed, some with conditions; and what is said where none works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.samples import Samples
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.errors import CheckpointError
from wganalyze.study.critic import prepare_critic


def ready(net: nn.Module, *shapes: tuple[int, ...], **said: Any) -> Any:
    """The network as a critic made ready."""
    conditions = said.pop("conditions", None)
    critic = Snapshot("snap", 0, "step", (), make_critic=net.eval, **said)
    return prepare_critic(critic, [*shapes], "cpu", conditions)


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def points(n: int, d: int = 3, **rest: Any) -> Samples:
    return Samples(np.random.default_rng(0).standard_normal((n, d)).astype(np.float32), (d,), **rest)


class BatchMean(nn.Sequential):
    """A critic of the first WGAN, which returns the mean of its batch."""

    def __init__(self) -> None:
        super().__init__(*plain())

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).mean(0).view(1)  # type: ignore[no-any-return]


def test_one_number_for_a_batch_is_refused_by_what_it_is() -> None:
    with pytest.raises(CheckpointError, match="snap: the critic returns one number for the whole batch, its mean"):
        ready(BatchMean(), (3,))


def test_the_line_that_is_advised_works() -> None:
    with pytest.raises(CheckpointError) as refusal:
        ready(BatchMean(), (3,))
    line = str(refusal.value).partition("imports torch: ")[2].partition("; and say")[0]
    there: dict[str, Any] = {"torch": torch, "BatchMean": BatchMean}
    exec(line, there)
    head, x = ready(there["PerSample"](), (3,)), points(9)
    expected = ready(plain(), (3,))
    np.testing.assert_allclose(head.scores(x, "eval", 4), expected.scores(x, "eval", 4), rtol=1e-10)
    np.testing.assert_allclose(head.gradient(x, "eval"), expected.gradient(x, "eval"), rtol=1e-5)


class Fixed(nn.Sequential):
    """Reshapes to the batch of its trainer."""

    def __init__(self, size: int) -> None:
        super().__init__(*plain())
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.view(self.size, 3))  # type: ignore[no-any-return]


@pytest.mark.parametrize("size", [1, 7, 50])
def test_a_fixed_batch_is_found_in_the_error_and_filled_up(size: int) -> None:
    head, x = ready(Fixed(size), (3,)), points(23)
    assert f"the critic takes batches of {size} alone: the last one is filled up" in head.assumptions
    expected = ready(plain(), (3,))
    np.testing.assert_allclose(head.scores(x, "eval", 10), expected.scores(x, "eval", 10), rtol=1e-10)
    np.testing.assert_allclose(head.gradient(x, "eval"), expected.gradient(x, "eval"), rtol=1e-4)


class Discriminator(nn.Module):
    """CTGAN's, smaller: it asserts that its batch is whole packs, and scores these."""

    def __init__(self, input_dim: int, pac: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pac, self.pacdim = pac, pac * input_dim
        self.seq = nn.Sequential(nn.Linear(self.pacdim, 8), nn.LeakyReLU(0.2), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, input_: Tensor) -> Tensor:
        assert input_.size()[0] % self.pac == 0
        return self.seq(input_.view(-1, self.pacdim))  # type: ignore[no-any-return]


@pytest.mark.parametrize("pac", [2, 3, 8, 10])
def test_a_critic_that_packs_its_batch(pac: int) -> None:
    net = Discriminator(3, pac)
    head, x = ready(net, (3,)), points(4, 3 * pac)
    assert (head.packed, head.shape) == (pac, (pac, 3))
    assert f"the critic looks at {pac} samples together (PacGAN)" in " ".join(head.assumptions)
    with torch.no_grad():
        expected = net.double()(torch.from_numpy(x.points).double().reshape(-1, 3)).reshape(-1).numpy()
    np.testing.assert_allclose(head.scores(x, "eval", 4), expected, rtol=1e-10)


def test_a_critic_whose_first_layer_takes_several_samples() -> None:
    head = ready(nn.Linear(15, 1), (3,))
    assert (head.packed, head.shape) == (5, (15,))


def test_packed_images_are_channels() -> None:
    net = nn.Sequential(nn.Conv2d(6, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 1))
    head = ready(net, (3, 8, 8), (192,))
    assert (head.packed, head.shape) == (2, (6, 8, 8))


def test_a_critic_of_another_size_is_no_packed_one() -> None:
    """Of 784 numbers for samples of 64: not a whole number of them; of 64 for 1: more than anyone packs."""
    for shape in ((64,), (1,)):
        with pytest.raises(CheckpointError, match="say other --data, or another --critic"):
            ready(nn.Linear(784, 1), shape)


class Conditional(nn.Module):
    """Takes the condition under a name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.net = plain()

    def forward(self, x: Tensor, energy: Tensor) -> Tensor:
        return self.net(x) * energy.reshape(-1, 1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["energy", ""])
def test_a_condition_reaches_the_critic(name: str) -> None:
    energy = np.linspace(1, 2, 9, dtype=np.float32)[:, None]
    head = ready(Conditional(), (3,), conditions={name: (1,)})
    assert head.conditions == (name,)
    assert head.is_conditional
    expected = ready(plain(), (3,)).scores(points(9), "eval", 4) * energy[:, 0]
    x = points(9, conditions={name: energy})
    np.testing.assert_allclose(head.scores(x, "eval", 4), expected, rtol=1e-6)
    np.testing.assert_allclose(head.scores(x.take([3, 1]), "eval", 4), expected[[3, 1]], rtol=1e-6)
    with pytest.raises(CheckpointError, match=r"takes the condition .*and these samples have none"):
        head.scores(points(9), "eval", 4)


def test_a_condition_of_another_network_is_left() -> None:
    head = ready(plain(), (3,), conditions={"energy": (1,)})
    assert head.conditions == ()
    assert "the critic takes no condition energy" in head.assumptions


def test_a_critic_that_misses_its_condition_says_how_to_give_it() -> None:
    with pytest.raises(CheckpointError, match="say --condition NAME=SOURCE"):
        ready(Conditional(), (3,))


class Labelled(nn.Module):
    """Takes labels and a condition."""

    def __init__(self) -> None:
        super().__init__()
        self.net = plain()

    def forward(self, x: Tensor, labels: Tensor, mass: Tensor) -> Tensor:
        return self.net(x) + labels.reshape(-1, 1) * mass  # type: ignore[no-any-return]


def test_labels_come_before_conditions() -> None:
    head = ready(Labelled(), (3,), latent=Latent(classes=4), conditions={"": (1,)})
    labels, mass = np.arange(4), np.full((4, 1), 0.5, np.float32)
    x = points(4, labels=labels, conditions={"": mass})
    expected = ready(plain(), (3,)).scores(x, "eval", 4) + labels / 2
    np.testing.assert_allclose(head.scores(x, "eval", 4), expected, rtol=1e-6)


class Recurrent(nn.Module):
    """Scores a series by the last state of a GRU."""

    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(2, 4, batch_first=batch_first), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.gru(x)
        return self.head(states[:, -1])  # type: ignore[no-any-return]


def test_a_recurrent_critic() -> None:
    assert ready(Recurrent(batch_first=True), (5, 2)).shape == (5, 2)
    with pytest.raises(CheckpointError, match="its GRU takes the steps first and then the samples"):
        ready(Recurrent(batch_first=False), (5, 2))
