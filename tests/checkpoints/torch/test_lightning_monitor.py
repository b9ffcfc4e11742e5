"""A training of Lightning with the callback and without it: the same to the bit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import wganalyze

pl = pytest.importorskip("lightning.pytorch")

pytestmark = [pytest.mark.formats, pytest.mark.filterwarnings("ignore")]

DATA = torch.randn(600, 2, generator=torch.Generator().manual_seed(1))


class Wgan(pl.LightningModule):  # type: ignore[misc]
    """A WGAN, optimised by hand, which draws at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = nn.Sequential(
            nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2)
        )
        self.discriminator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))

    def training_step(self, batch: Any, _: int) -> None:
        """One step of the critic, one of the generator."""
        first, second = self.optimizers()
        (real,) = batch
        fake = self.generator(torch.randn(len(real), 3) * (1 + random.random()))
        second.zero_grad()
        self.manual_backward(self.discriminator(fake.detach()).mean() - self.discriminator(real).mean())
        second.step()
        first.zero_grad()
        self.manual_backward(-self.discriminator(fake).mean() * np.random.rand())  # noqa: NPY002
        first.step()

    def configure_optimizers(self) -> Any:
        return [torch.optim.Adam(net.parameters(), 1e-3) for net in (self.generator, self.discriminator)]


def trained(folder: Path, *callbacks: Any, epochs: int = 2, **more: Any) -> tuple[dict[str, Tensor], Any]:
    """What a training of 10 batches an epoch ends with, and its trainer."""
    pl.seed_everything(3)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(DATA[:320]), batch_size=32, shuffle=True)
    module = Wgan()
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
        callbacks=[*callbacks],
    )
    trainer.fit(module, loader, **more)
    draws = {"torch": torch.rand(2), "python": torch.tensor(random.random()), "numpy": torch.tensor(np.random.rand())}  # noqa: NPY002
    return {**module.state_dict(), **draws}, trainer


def monitor_of(folder: Path, **more: Any) -> Any:
    from wganalyze.integrations import LightningMonitor

    said = {"data": DATA, "every": 5, "budget": "60s", "n": 40, "replicates": 2, **more}
    return LightningMonitor(folder / "out", **said)


def test_training_is_the_same_to_the_bit(tmp_path: Path) -> None:
    alone, _ = trained(tmp_path)
    callback = monitor_of(tmp_path)
    watched, trainer = trained(tmp_path, callback)
    assert [key for key in alone if not torch.equal(alone[key], watched[key])] == []
    assert trainer.global_step == 40  # of both optimizers; the monitor counts batches
    report = callback.monitor.report
    assert list(report.summary["step"]) == [0, 5, 10, 15, 20]
    assert report.measurements.query("analyzer == 'critic-gap' and status == 'ok'")["step"].nunique() == 5


def test_a_training_that_goes_on_counts_on(tmp_path: Path) -> None:
    first = monitor_of(tmp_path, only=["snapshot"])
    _, trainer = trained(tmp_path, first, epochs=1)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    second = monitor_of(tmp_path, only=["snapshot"])
    trained(tmp_path, second, epochs=2, ckpt_path=tmp_path / "last.ckpt", weights_only=False)
    assert second.batches == 20
    assert list(second.monitor.report.summary["step"]) == [0, 5, 10, 15, 20]


@pytest.mark.parametrize(
    "where", [{"generator": "generator", "critic": "discriminator"}, {"critic": lambda module: module.discriminator}]
)
def test_networks_by_name_and_by_function(tmp_path: Path, where: dict[str, Any]) -> None:
    callback = monitor_of(tmp_path, only=["snapshot"], every=10, **where)
    trained(tmp_path, callback, epochs=1)
    assert list(callback.monitor.report.summary["step"]) == [0, 10]
    files = {path.name for path in callback.monitor.checkpoints.iterdir()}
    assert {"generator_step_000010.pt", "critic_step_000010.pt"} <= files


def test_what_goes_wrong_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = monitor_of(tmp_path, only=["snapshot"])
    monkeypatch.setattr("wganalyze.monitoring.session.find_basis", lambda *_: 1 // 0)
    watched, _ = trained(tmp_path, callback)
    alone, _ = trained(tmp_path)
    assert [key for key in alone if not torch.equal(alone[key], watched[key])] == []
    assert {*wganalyze.open_report(tmp_path / "out" / "report").measurements["status"]} == {"failed"}
