"""Lightning's checkpoints are known by what they hold; other files called ``.ckpt`` are not theirs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.checkpoints.conftest import Stranger, assert_holds, forms
from torch import Tensor, nn

from wganalyze.contracts.loader import Part
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.torch.lightning import Lightning
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = Lightning()


def weights() -> dict[str, Tensor]:
    """A generator, a critic, and a network of the FID."""
    nets = nn.ModuleDict({"generator": nn.Linear(2, 3), "critic": nn.Linear(3, 1), "inception": nn.Linear(3, 2)})
    return nets.state_dict()


def checkpoint(state: Mapping[str, Tensor], **more: Any) -> dict[str, Any]:
    """What ``Trainer.save_checkpoint`` makes of a module, laid out as Lightning 2.6 does."""
    net = nn.Linear(2, 3)
    adam = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    adam.step()
    best = {"monitor": "fid", "best_model_score": torch.tensor(3.5), "best_model_path": "epoch=3-step=800.ckpt"}
    return {
        "epoch": 4,
        "global_step": 1000,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 5, "completed": 4}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'fid'}": best},
        "optimizer_states": [adam.state_dict(), adam.state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"latent_dim": 2, "lambda_gp": 10.0, "data": {"name": "mnist"}},
        **more,
    }


FACTS = {
    "epoch": 4,
    "global_step": 1000,
    "pytorch-lightning_version": "2.6.6",
    "hparams_name": "kwargs",
    "hyper_parameters.latent_dim": 2,
    "hyper_parameters.lambda_gp": 10.0,
    "hyper_parameters.data.name": "mnist",
}


def opened(path: Path) -> Part:
    """Its one part; it is more Lightning's than anybody's."""
    assert LOADER.sniff(path) > TorchStateDict().sniff(path) > TorchModulePickle().sniff(path)
    (part,) = LOADER.open(path)
    assert (part.path, part.kind, part.name, part.role, part.step) == (path, "lightning", "state_dict", None, None)
    assert part.read_module is None
    assert part.numbered
    return part


@forms
@pytest.mark.parametrize("name", ["epoch=4-step=1000.ckpt", "last", "model.pth"])
def test_a_checkpoint_under_any_name(save: Callable[..., Path], form: str, name: str) -> None:
    state = weights()
    part = opened(save(checkpoint(state), form, name))
    assert_holds(part, state)
    assert (part.facts, part.problems, part.asks_for) == (FACTS, (), ())


@forms
def test_hyperparameters_of_strange_classes_are_placeholders(save: Callable[..., Path], form: str) -> None:
    state = weights()
    settings = {"args": Namespace(lr=0.5, model=Namespace(z_dim=8)), "act": Stranger(slope=0.2), "path": Path("data")}
    part = opened(save(checkpoint(state, hyper_parameters=settings), form))
    assert_holds(part, state)
    assert {"argparse.Namespace", f"{Stranger.__module__}.Stranger"} <= {*part.asks_for}
    (problem,) = part.problems
    assert "argparse.Namespace" in problem
    found = {key.removeprefix("hyper_parameters."): value for key, value in part.facts.items()}
    assert (found["args.lr"], found["args.model.z_dim"], found["act.slope"]) == (0.5, 8, 0.2)


def test_harm_in_hyperparameters_is_not_done(forge: Any, marker: Path) -> None:
    for name, value in forge.harm(marker).items():
        content = {
            "pytorch-lightning_version": "2.6.6",
            "state_dict": {"generator.w": forge.tensor(forge.storage())},
            "hyper_parameters": {"x": value},
        }
        part = opened(forge.archive(content, {"0": bytes(16)}))
        assert part.asks_for, name
        assert_holds(part, {"generator.w": torch.zeros(2, 2)})
        assert not marker.exists()


def test_weights_beside_the_state_dict_are_named_and_left(save: Callable[..., Path]) -> None:
    state = weights()
    copies = {"EMA": {"decay": 0.999, "w": torch.ones(2)}, "Other": {"v": torch.ones(2)}}
    part = opened(save(checkpoint(state, callbacks=copies)))
    assert_holds(part, state)
    assert part.problems == ("further weights in the file are left unread: callbacks.EMA, callbacks.Other",)


def test_averaged_weights_are_said_to_be(save: Callable[..., Path]) -> None:
    state = weights()
    averaging = {"averaging_state": {"n_averaged": torch.tensor(7)}, "current_model_state": weights()}
    part = opened(save(checkpoint(state, **averaging)))
    assert_holds(part, state)
    assert part.problems == (
        "state_dict holds averaged weights, of Lightning's WeightAveraging; left unread: current_model_state",
    )


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": {"w": torch.ones(2)}, "epoch": 3},
        {"w": torch.ones(2)},
        {"netG": {"w": torch.ones(2)}, "netD": {"w": torch.ones(2)}},
        {"pytorch-lightning_version": "2.6.6", "state_dict": {}, "net": {"w": torch.ones(2)}},
        {"pytorch-lightning_version": "2.6.6", "w": torch.ones(2)},
    ],
)
def test_other_files_called_ckpt(save: Callable[..., Path], content: object) -> None:
    path = save(content, name="last.ckpt")
    assert LOADER.sniff(path) == 0
    assert TorchStateDict().sniff(path) == 0.9
    with pytest.raises(CheckpointError) as caught:
        LOADER.open(path)
    assert str(caught.value) == f"{path}: is no checkpoint of Lightning; write it with Trainer.save_checkpoint"


@forms
def test_a_file_cut_at_each_twentieth(save: Callable[..., Path], write: Callable[..., Path], form: str) -> None:
    content = save(checkpoint(weights()), form).read_bytes()
    for i in range(20):
        path = write(content[: len(content) * i // 20])
        assert LOADER.sniff(path) == 0
        with pytest.raises(CheckpointError) as caught:
            LOADER.open(path)
        assert str(caught.value).isprintable()
    assert LOADER.sniff(write(content)) == 0.95


def test_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        assert LOADER.sniff(path) == 0
        with pytest.raises(CheckpointError):
            LOADER.open(path)


@pytest.mark.formats
@pytest.mark.filterwarnings("ignore")
def test_what_the_trainer_saves(tmp_path: Path) -> None:
    import lightning.pytorch as pl
    from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
    from torch.utils.data import DataLoader

    class WassersteinGan(pl.LightningModule):
        """Manual optimization of both networks, with hyperparameters of two kinds."""

        def __init__(self, latent_dim: int, lambda_gp: float, args: Namespace) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.automatic_optimization = False
            self.generator, self.critic = nn.Linear(latent_dim, 3), nn.Linear(3, 1)

        def training_step(self, batch: Tensor, _: int) -> None:
            g, d = self.optimizers()  # type: ignore[attr-defined]
            for optimizer, sign in ((d, 1), (g, -1)):
                optimizer.zero_grad()
                self.manual_backward(sign * self.critic(self.generator(batch)).mean())
                optimizer.step()

        def configure_optimizers(self) -> list[torch.optim.Optimizer]:
            return [torch.optim.Adam(self.generator.parameters()), torch.optim.Adam(self.critic.parameters())]

    for averaged in (False, True):
        module = WassersteinGan(2, 10.0, Namespace(lr=0.5))
        averaging = [WeightAveraging(avg_fn=lambda old, new, n: 0.9 * old + 0.1 * new)] if averaged else []
        trainer = pl.Trainer(
            accelerator="cpu",
            max_steps=8,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[ModelCheckpoint(tmp_path / str(averaged), every_n_train_steps=2, save_top_k=-1), *averaging],
        )
        trainer.fit(module, DataLoader(torch.ones(8, 2), batch_size=1))  # type: ignore[arg-type]
        paths = sorted((tmp_path / str(averaged)).iterdir())
        assert len(paths) > 1
        for path in paths:
            part = opened(path)
            saved = torch.load(path, weights_only=False)
            assert_holds(part, saved["state_dict"])
            assert [key.partition(".")[0] for key in part.keys] == ["generator"] * 2 + ["critic"] * 2
            assert part.facts["epoch"] == saved["epoch"]
            assert part.facts["global_step"] == saved["global_step"] > 0
            assert (part.facts["hyper_parameters.latent_dim"], part.facts["hyper_parameters.lambda_gp"]) == (2, 10.0)
            assert part.facts["hyper_parameters.args.lr"] == 0.5
            assert "argparse.Namespace" in part.asks_for
            assert ("averaged weights" in part.problems[0]) is averaged
            assert "argparse.Namespace" in part.problems[-1]
