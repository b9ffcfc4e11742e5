"""The alternation that all reference trainers share, and the checkpoints that it writes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wganalyze_zoo.networks import MlpCritic, MlpGenerator
from wganalyze_zoo.wgan import WassersteinTrainer


@dataclass(frozen=True)
class Settings:
    """Sizes of a run. ``save_at``: the generator steps after which a checkpoint is written; the last one ends it."""

    save_at: Sequence[int]
    batch: int = 64
    latent_dim: int = 32
    width: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.save_at or min(self.save_at) < 1:
            raise ValueError(f"save_at = {list(self.save_at)}: at least one step, counted from 1")


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step_{step:06d}.pt"


def train(
    trainer: WassersteinTrainer,
    data: Tensor,
    settings: Settings,
    folder: Path,
    saved: Callable[[int, float], None] = lambda step, loss: None,
) -> list[Path]:
    """Train on ``data`` (n, dim) in [-1, 1]; write a checkpoint at each step of ``save_at``, in order.

    ``saved`` is told the step and the critic's last dual value, mean f(real) - mean f(fake) on its batch. The result
    depends on trainer, data and settings only; torch's global random state is left as it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        generator = MlpGenerator(settings.latent_dim, data.shape[1], settings.width)
        critic = MlpCritic(data.shape[1], settings.width)
        ours, theirs = trainer.optimizer(generator.parameters()), trainer.optimizer(critic.parameters())
        for step in range(1, max(settings.save_at) + 1):
            step_critic = partial(_critic_step, trainer, generator, critic, theirs, data, settings)
            real, fake = step_critic()
            for _ in range(trainer.n_critic - 1):
                real, fake = step_critic()
            dual = _dual(critic, real, fake) if step in settings.save_at else 0.0
            loss = -critic(generator(torch.randn(settings.batch, settings.latent_dim))).mean()
            ours.zero_grad()
            loss.backward()
            ours.step()
            if step in settings.save_at:
                written.append(checkpoint_path(folder, step))
                save(written[-1], generator, critic, step, config_of(trainer, settings))
                saved(step, dual)
    return written


def _critic_step(
    trainer: WassersteinTrainer,
    generator: nn.Module,
    critic: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Tensor,
    settings: Settings,
) -> tuple[Tensor, Tensor]:
    """Of the critic, on one batch, which it returns."""
    real = data[torch.randint(len(data), (settings.batch,))]
    with torch.no_grad():
        fake = generator(torch.randn(settings.batch, settings.latent_dim))
    loss = trainer.critic_loss(critic, real, fake, torch.rand(settings.batch, 1))
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    trainer.constrain(critic)
    return real, fake


def _dual(critic: nn.Module, real: Tensor, fake: Tensor) -> float:
    with torch.no_grad():
        return float(critic(real).mean() - critic(fake).mean())


def config_of(trainer: WassersteinTrainer, settings: Settings) -> dict[str, Any]:
    """What a checkpoint says of its run, in numbers and text; ``gradient_penalty`` 0: there was none."""
    return {
        **asdict(settings),
        "save_at": list(settings.save_at),
        "trainer": trainer.name,
        "latent_law": "normal",
        "gradient_penalty": trainer.penalty,
    }


def save(path: Path, generator: nn.Module, critic: nn.Module, step: int, config: dict[str, Any]) -> None:
    """One ordinary checkpoint: a dict of two state dicts, the step, and the settings; whole, or not there."""
    content = {"generator": generator.state_dict(), "critic": critic.state_dict(), "step": step, "config": config}
    # In memory first: torch itself reports a full disk as a RuntimeError, which no caller would take for one.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    draft = path.with_name(f".{path.name}")
    draft.write_bytes(buffer.getbuffer())
    draft.replace(path)
