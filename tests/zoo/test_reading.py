"""What the analysis makes of a folder that the zoo wrote: everything, without an option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.zoo.training.conftest import brief

import wganalyze
from wganalyze.contracts.snapshot import Latent
from wganalyze.running.opened import open_request
from wganalyze.running.request import Request
from wganalyze_zoo import METHODS, train
from wganalyze_zoo.training.train import Training

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in METHODS},
    "gan+sn": ("gan", {"constraints": ["sn"]}),
    "ebgan+sn": ("ebgan", {"constraints": ["sn"]}),
    "gan+minibatch": ("gan", {"minibatch_discrimination": True}),
    "mlp-nobn": ("gan", {"arch": "mlp-nobn"}),
    "dcgan": ("gan", {"arch": "dcgan"}),
    "dcgan-nobn": ("wgan-gp", {"arch": "dcgan-nobn"}),
    "dcgan+sn": ("sngan", {"arch": "dcgan"}),
    "dcgan+minibatch": ("gan", {"arch": "dcgan", "minibatch_discrimination": True}),
    "dcgan-autoencoder": ("began", {"arch": "dcgan"}),
}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Training]:
    """The trainings that were made, whose networks are those at the end."""
    made: list[Training] = []
    original = Training.__post_init__

    def remember(training: Training) -> None:
        original(training)
        made.append(training)

    monkeypatch.setattr(Training, "__post_init__", remember)
    return made


@pytest.mark.parametrize("name", VARIANTS)
def test_rebuilt_networks_are_those_that_were_trained(name: str, built: list[Training], tmp_path: Path) -> None:
    method, more = VARIANTS[name]
    run = brief(method, tmp_path, 1 if METHODS[method].fit else 3, data="digits:train", **more)
    (snapshot,) = open_request(Request(tmp_path)).snapshots
    assert snapshot.files == run.checkpoints
    assert (snapshot.step, snapshot.step_unit) == (run.step, "step")
    latent = 1 if METHODS[method].fit else 4
    assert snapshot.latent == Latent("normal", (latent,))
    assert snapshot.penalty == (10 if "gp" in method or "lp" in method else 0)
    assert not any("law" in text for text in snapshot.assumptions)
    (training,) = built
    generator, critic = training.nets.generator.eval(), training.nets.critic
    z = torch.randn(6, latent)
    assert snapshot.generator is not None
    assert torch.equal(snapshot.generator(z), generator(z).detach())
    assert (snapshot.critic is None) == (critic is None)
    if critic is not None:
        x = generator(z).detach()
        assert snapshot.critic is not None
        assert torch.allclose(snapshot.critic(x), critic.eval()(x).detach(), atol=1e-6)
        assert snapshot.critic(x).shape == (6, 1)


def test_all_methods_are_analysed_at_once_without_an_option(tmp_path: Path) -> None:
    for name in METHODS:
        train(name, "ring8", tmp_path / "ckpt" / name, steps=1, batch=8, width=8)
    report = wganalyze.run(
        tmp_path / "ckpt", data="ring8", only=["exact-w"], n=16, replicates=1, out=tmp_path / "report"
    )
    rows = report.measurements
    assert report.exit_code == 0
    assert {label.split("/")[0] for label in rows["snapshot"]} == {*METHODS}
    assert (rows.loc[rows["metric"] == "w1", "status"] == "ok").sum() == len(METHODS)


def test_the_facts_beside_a_run_need_no_trust(tmp_path: Path) -> None:
    """Of a law, the file beside the checkpoints names the data too: not even that is asked."""
    train("gan", "ring8", tmp_path / "ckpt", steps=1, batch=8, width=8)
    report = wganalyze.run(
        tmp_path / "ckpt", only=["exact-w", "critic-gap"], n=16, replicates=1, out=tmp_path / "report"
    )
    assert report.exit_code == 0
    brief("gan", tmp_path / "digits", 1, data="digits:train")
    report = wganalyze.run(
        tmp_path / "digits", data="digits:held-out", only=["exact-w"], n=16, replicates=1, out=tmp_path / "second"
    )
    assert report.exit_code == 0
    assert "[-1, 1]" in str(set(report.measurements["space"]))
