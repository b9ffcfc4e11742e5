"""The alternation: what it writes, that it is the same every time, and that others can read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.snapshot import Latent
from wganalyze.running.opened import open_request
from wganalyze.running.request import Request
from wganalyze_zoo.networks import MlpCritic, MlpGenerator
from wganalyze_zoo.training import Settings, checkpoint_path, config_of, train
from wganalyze_zoo.wgan import ClippedWgan, WassersteinTrainer, WganGp

TRAINERS = (WganGp(), ClippedWgan())


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small lose time by sharing it out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def data(n: int = 100, dim: int = 6) -> Tensor:
    """Points in the cube, near one of its corners."""
    return (0.5 + 0.1 * torch.randn(n, dim, generator=torch.Generator().manual_seed(5))).clamp(-1, 1)


def settings(*save_at: int, **more: Any) -> Settings:
    """A run of moments."""
    return Settings(**{"save_at": save_at, "batch": 16, "latent_dim": 4, "width": 8, **more})


def read(path: Path) -> dict[str, Any]:
    """What a stranger's reader sees: tensors, numbers and text, no code."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    assert isinstance(content, dict)
    return content


def tensors(path: Path) -> dict[str, Tensor]:
    """Both state dicts."""
    content = read(path)
    return {f"{net}.{key}": value for net in ("generator", "critic") for key, value in content[net].items()}


@pytest.mark.parametrize("trainer", TRAINERS, ids=lambda t: t.name)
def test_a_checkpoint_is_written_at_each_step_asked_for(trainer: WassersteinTrainer, tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    written = train(trainer, data(), settings(3, 1, 7), tmp_path / "a" / "b", lambda *news: told.append(news))
    assert written == [checkpoint_path(tmp_path / "a" / "b", step) for step in (1, 3, 7)]
    assert [path.name for path in written] == ["step_000001.pt", "step_000003.pt", "step_000007.pt"]
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == [path.name for path in written]
    assert [step for step, _ in told] == [1, 3, 7]
    for path, step in zip(written, (1, 3, 7), strict=True):
        content = read(path)
        assert set(content) == {"generator", "critic", "step", "config"}
        assert (content["step"], content["config"]) == (step, config_of(trainer, settings(3, 1, 7)))
        MlpGenerator(4, 6, 8).load_state_dict(content["generator"], strict=True)
        MlpCritic(6, 8).load_state_dict(content["critic"], strict=True)


@pytest.mark.parametrize("trainer", TRAINERS, ids=lambda t: t.name)
def test_two_trainings_are_equal_bit_for_bit(trainer: WassersteinTrainer, tmp_path: Path) -> None:
    """Whatever was drawn before, and however often it is saved on the way."""
    torch.manual_seed(1)
    first = train(trainer, data(), settings(2, 6), tmp_path / "first")[-1]
    torch.manual_seed(2)
    again = train(trainer, data(), settings(6), tmp_path / "again")[-1]
    other = train(trainer, data(), settings(6, seed=1), tmp_path / "other")[-1]
    expected = tensors(first)
    assert all(torch.equal(expected[key], value) for key, value in tensors(again).items())
    assert not any(torch.equal(expected[key], value) for key, value in tensors(other).items() if "weight" in key)


def test_the_global_random_state_is_left_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train(WganGp(), data(), settings(2), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_clipped_critic_is_in_its_box_at_every_step(tmp_path: Path) -> None:
    for path in train(ClippedWgan(), data(), settings(1, 2, 5), tmp_path):
        assert all((value.abs() <= torch.tensor(0.05)).all() for value in read(path)["critic"].values())
    assert any(float(value.abs().max()) > 0.05 for value in read(path)["generator"].values())


class Watched(WganGp):
    """Notes what the critic is trained on."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tensor, Tensor, Tensor]] = []

    def critic_loss(self, critic: nn.Module, real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
        self.calls.append((real, fake, alpha))
        return super().critic_loss(critic, real, fake, alpha)


def test_the_critic_takes_n_steps_with_one_alpha_for_each_sample(tmp_path: Path) -> None:
    trainer, points = Watched(), data()
    train(trainer, points, settings(3), tmp_path)
    assert len(trainer.calls) == 3 * trainer.n_critic
    rows = {tuple(row.tolist()) for row in points}
    for real, fake, alpha in trainer.calls:
        assert real.shape == fake.shape == (16, 6)
        assert alpha.shape == (16, 1)
        assert len(set(alpha.flatten().tolist())) == 16
        assert ((alpha >= 0) & (alpha <= 1)).all()
        assert all(tuple(row.tolist()) in rows for row in real)
        assert not fake.requires_grad
    # Fresh samples at every step.
    assert len({tuple(call[1][0].tolist()) for call in trainer.calls}) == len(trainer.calls)


class Frozen(ClippedWgan):
    """Changes no weight."""

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=0.0)

    def constrain(self, critic: nn.Module) -> None:
        """Not even by clipping."""


def test_the_dual_that_is_told_is_that_of_the_last_batch(tmp_path: Path) -> None:
    class Both(Frozen, Watched):
        pass

    trainer, told = Both(), []
    (path,) = train(trainer, data(), settings(2), tmp_path, lambda step, dual: told.append(dual))
    critic = MlpCritic(6, 8)
    critic.load_state_dict(read(path)["critic"])
    real, fake, _ = trainer.calls[-1]
    assert told == [pytest.approx(float((critic(real).mean() - critic(fake).mean()).detach()))]


@pytest.mark.parametrize("trainer", TRAINERS, ids=lambda t: t.name)
def test_training_brings_the_samples_to_the_data(trainer: WassersteinTrainer, tmp_path: Path) -> None:
    """A cloud near a corner of the cube: the mean of the samples moves towards its mean."""
    points = data()
    z = torch.randn(500, 4, generator=torch.Generator().manual_seed(6))
    distances = []
    for path in train(trainer, points, settings(1, 200, width=128), tmp_path):
        generator = MlpGenerator(4, 6, 128)
        generator.load_state_dict(read(path)["generator"])
        with torch.no_grad():
            distances.append(float((generator(z).mean(0) - points.mean(0)).norm()))
    assert distances[1] < distances[0] / 2


@pytest.mark.parametrize("save_at", [(), (0,), (5, 0), (-1, 5)])
def test_steps_are_counted_from_1(save_at: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one step, counted from 1"):
        settings(*save_at)


def test_an_interrupted_save_leaves_the_earlier_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = train(WganGp(), data(), settings(1), tmp_path)
    before = path.read_bytes()

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        train(WganGp(), data(), settings(1, seed=1), tmp_path)
    assert path.read_bytes() == before
    # What was begun is hidden, so that no loader is offered it.
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == [path.name]


# ---- as wganalyze sees them


@pytest.mark.parametrize("trainer", TRAINERS, ids=lambda t: t.name)
def test_the_facts_of_a_checkpoint_are_found_without_being_told(trainer: WassersteinTrainer, tmp_path: Path) -> None:
    """Architectures, steps, lambda and the latent law: all of it is in the file."""
    written = train(trainer, data(), settings(2, 10), tmp_path)
    snapshots = open_request(Request(tmp_path)).snapshots
    assert [snapshot.step for snapshot in snapshots] == [2, 10]
    for snapshot, path in zip(snapshots, written, strict=True):
        assert snapshot.files == (path,)
        assert (snapshot.step_unit, snapshot.penalty) == ("step", trainer.penalty)
        assert snapshot.latent == Latent("normal", (4,))
        assert isinstance(snapshot.generator, MlpGenerator)
        assert isinstance(snapshot.critic, MlpCritic)
        stored = tensors(path)
        for key, value in snapshot.generator.state_dict().items():
            assert torch.equal(value, stored[f"generator.{key}"])
        assert not any("latent law" in text for text in snapshot.assumptions)
        for architecture in ("zoo-mlp-generator", "zoo-mlp-critic"):
            assert any(architecture in text and "recognised" in text for text in snapshot.assumptions)
