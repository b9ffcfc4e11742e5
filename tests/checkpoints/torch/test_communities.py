"""What trainers write whose networks are not z to a flat score: kinds, roles, steps, pairs, and a run with factories.

Files, keys and further content are those of the trainers named; the networks (``nets``) are as small as can be.
"""

from __future__ import annotations

import pickle
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.checkpoints.torch import nets
from tests.checkpoints.torch.test_layouts import Files, files, lightning, opened, optimizer, snapshots
from torch import nn

import wganalyze
from wganalyze.report.reading import Report
from wganalyze.running.description import describe

NETS = str(Path(nets.__file__))
Arrays = dict[str, tuple[int, ...]]
Run = Callable[..., Report]


def weights(net: nn.Module) -> dict[str, Any]:
    """The state dict as torch saves it."""
    return dict(net.state_dict())


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Files], Path]:
    """Saves by torch, under relative paths; bytes are written as they are."""

    def save(contents: Files) -> Path:
        for name, content in contents.items():
            path = tmp_path / "run" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
        return tmp_path / "run"

    return save


@pytest.fixture
def run(folder: Callable[[Files], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs on these files with arrays of these shapes, (n, ...) in data.npz; none of its cells failed."""

    def run(contents: Files, arrays: Arrays, generator: str, critic: str, **said: Any) -> Report:
        monkeypatch.chdir(tmp_path)
        rng = np.random.default_rng(0)
        made: dict[str, Any] = {name: rng.normal(size=(480, *s)).astype(np.float32) for name, s in arrays.items()}
        np.savez("data.npz", **made)
        if generator:
            said["generator"] = f"{NETS}:{generator}"
        said |= {"critic": f"{NETS}:{critic}"} if critic else {}
        said = {"n": 20, "replicates": 1, "only": ["critic-gap", "snapshot"], **said}
        report = wganalyze.run(folder(contents), out="report", **said)
        rows = report.measurements
        assert [*rows[rows.status == "failed"].message] == []
        return report

    return run


def told(report: Report) -> str:
    return "\n".join(report.findings["message"])


def scored(report: Report) -> list[str]:
    """The snapshots whose critic was measured."""
    rows = report.measurements
    return sorted(set(rows[(rows.metric == "dual_raw") & (rows.status == "ok")].snapshot))


# HiFi-GAN: train.py


def hifi_gan(steps: int) -> Files:
    """g_ and do_ without an extension; the critics and the step lie in do_."""
    states = {"optim_g": optimizer(), "optim_d": optimizer(), "steps": steps, "epoch": 3}
    critics = {"mpd": weights(nets.Periods(2, 3)), "msd": weights(nets.Periods(1))}
    return {
        f"cp_hifigan/g_{steps:08d}": {"generator": weights(nets.Vocoder())},
        f"cp_hifigan/do_{steps:08d}": {**critics, **states},
    }


def test_hifi_gan(folder: Callable[[Files], Path]) -> None:
    found = opened(folder({**hifi_gan(5000), **hifi_gan(2_500_000), "cp_hifigan/config.json": b'{"num_mels": 80}'}))
    assert files(found)["g_02500000"] == ("torch-state-dict", "generator", 2_500_000)
    assert files(found)["do_02500000"] == ("torch-state-dict", "critic", 2_500_000)
    assert snapshots(found) == [
        (s, "step", f"g_{s:08d}[generator]", f"do_{s:08d}[{critic}]", "raw")
        for s in (5000, 2_500_000)
        for critic in ("mpd", "msd")
    ]


def test_hifi_gan_runs(run: Run) -> None:
    report = run(
        hifi_gan(5000),
        {"wave": (1, 32), "mel": (80, 8)},
        "Vocoder",
        "Periods",
        data="npz:data.npz#wave",
        input="npz:data.npz#mel",
        roles={"do_*[msd]": "ignore"},
    )
    assert scored(report) == ["cp_hifigan/00005000"]
    assert "the critic takes reals and generated samples together" in told(report)
    assert "2 maps of scores (12, 12) a sample" in told(report)


# BasicSR: BaseModel.save_network, save_training_state


def basic_sr(when: str) -> Files:
    """The average lies beside the weights; the step in the name."""
    g, average = nets.Upscale(), nets.Upscale()
    return {
        f"models/net_g_{when}.pth": {"params": weights(g), "params_ema": weights(average)},
        f"models/net_d_{when}.pth": {"params": weights(nets.Pixels())},
    }


def test_basic_sr(folder: Callable[[Files], Path], tmp_path: Path) -> None:
    state = {"epoch": 1, "iter": 5000, "optimizers": [optimizer(), optimizer()], "schedulers": [{"last_epoch": 5000}]}
    found = opened(folder({**basic_sr("5000"), **basic_sr("latest"), "training_states/5000.state": state}), {}, "data")
    assert snapshots(found) == [
        (step, "", f"net_g_{when}.pth[params_ema]", f"net_d_{when}.pth[params]", "ema")
        for step, when in ((None, "latest"), (5000, "5000"))
    ]
    assert files(found)["5000.state"] == ("unknown", "unknown", None)
    for snapshot in opened(tmp_path / "run").snapshots:
        assert "takes images of 1 channel" in snapshot.missing["generator"]
        assert "say --input data" in snapshot.missing["generator"]


def test_basic_sr_runs(run: Run) -> None:
    arrays = {"large": (1, 8, 8), "small": (1, 4, 4)}
    report = run(basic_sr("5000"), arrays, "Upscale", "Pixels", data="npz:data.npz#large", input="npz:data.npz#small")
    assert scored(report) == ["models/net_5000"]
    assert "a map of 8x8 scores" in told(report)


# LlamaGen: tokenizer/tokenizer_image/vq_train.py


def llama_gen(steps: int, *, averaged: bool) -> Files:
    """The tokenizer is "model", and its average, if any, "ema"."""
    model = nets.Tokenizer()
    args = Namespace(vq_model="VQ-16", ema=averaged, disc_start=20_000, epochs=40, finetune=False)
    content = {"model": weights(model), "optimizer": optimizer(), "discriminator": weights(nets.Patches())}
    content |= {"optimizer_disc": optimizer(), "steps": steps, "args": args}
    content |= {"ema": weights(nets.Tokenizer())} if averaged else {}
    return {f"000-VQ-16/checkpoints/{steps:07d}.pt": content}


@pytest.mark.parametrize("averaged", [True, False])
def test_llama_gen(folder: Callable[[Files], Path], averaged: bool) -> None:
    found = opened(folder({**llama_gen(5000, averaged=averaged), **llama_gen(10_000, averaged=averaged)}))
    part, kind = ("ema", "ema") if averaged else ("model", "raw")
    assert snapshots(found) == [
        (s, "step", f"{s:07d}.pt[{part}]", f"{s:07d}.pt[discriminator]", kind) for s in (5000, 10_000)
    ]
    for snapshot in found.snapshots:
        assert any("[model] taken as the generator: beside it lies the critic" in a for a in snapshot.assumptions)


def test_llama_gen_runs(run: Run) -> None:
    report = run(
        llama_gen(5000, averaged=True), {"x": (3, 8, 8)}, "Tokenizer(4)", "Patches", data="npz:data.npz#x", input="data"
    )
    assert scored(report) == ["000-VQ-16/checkpoints/0005000"]
    assert "generator output 0 (3, 8, 8) taken as the sample" in told(report)


# taming-transformers: VQModel, VQLPIPSWithDiscriminator


def taming() -> dict[str, Any]:
    """All in the state dict of one LightningModule: the critic and LPIPS lie within its loss."""
    loss = {f"loss.discriminator.{key}": tensor for key, tensor in weights(nets.Patches()).items()}
    lpips = {"net.slice1.0.weight": torch.ones(4, 3, 3, 3), "lin0.model.1.weight": torch.ones(1, 4, 1, 1)}
    loss |= {f"loss.perceptual_loss.{key}": tensor for key, tensor in lpips.items()}
    return {**weights(nets.Tokenizer()), **loss}


@pytest.mark.parametrize("by_lightning", [True, False])
def test_taming(folder: Callable[[Files], Path], by_lightning: bool) -> None:
    content = lightning(taming()) if by_lightning else {"state_dict": taming(), "global_step": 1000}
    found = opened(folder({"logs/2021_custom_vqgan/checkpoints/last.ckpt": content}))
    kind = "lightning" if by_lightning else "torch-state-dict"
    assert files(found) == {"last.ckpt": (kind, "both", 1000)}
    (snapshot,) = snapshots(found)
    assert snapshot == (1000, "step", "last.ckpt[state_dict]", "last.ckpt[state_dict.loss.discriminator]", "raw")
    assert any("loss.perceptual_loss" in line for line in describe(found)["files"][0]["problems"])


def test_taming_runs(run: Run) -> None:
    content = {"logs/2021_custom_vqgan/checkpoints/last.ckpt": lightning(taming())}
    report = run(content, {"x": (3, 8, 8)}, "Tokenizer", "Patches", data="npz:data.npz#x", input="data")
    assert scored(report) == ["logs/2021_custom_vqgan/checkpoints/last"]
    assert "last.ckpt[state_dict] without loss taken as the generator: loss.discriminator is its critic" in told(report)


def test_a_loss_without_a_critic_stays_with_its_network(folder: Callable[[Files], Path]) -> None:
    state = {**weights(nets.Tokenizer()), "loss.perceptual_loss.lin0.weight": torch.ones(1, 4, 1, 1)}
    assert snapshots(opened(folder({"last.ckpt": lightning(state)}))) == [(1000, "step", None, None, "raw")]


# getting_high: WGAN/wGAN.py, GAN/main_GAN.py


def getting_high(iteration: int) -> Files:
    """A constrainer, E, and a postprocessing, P, beside the pair."""
    networks = {"G": nets.Shower(), "D": nets.ShowerCritic(), "E": nets.chain(8, 1), "P": nets.chain(8, 8)}
    return {f"output/exp/net{name}_itrs_{iteration}.pth": weights(net) for name, net in networks.items()}


def test_getting_high(folder: Callable[[Files], Path]) -> None:
    found = opened(folder({**getting_high(1), **getting_high(999), **getting_high(1999)}))
    assert [s for s in snapshots(found) if s[2]] == [
        (i, "iteration", f"netG_itrs_{i}.pth", f"netD_itrs_{i}.pth", "raw") for i in (1, 999, 1999)
    ]
    assert files(found)["netE_itrs_999.pth"] == ("torch-state-dict", "unknown", 999)
    assert files(found)["netP_itrs_999.pth"] == ("torch-state-dict", "unknown", 999)


def test_getting_high_in_one_file(folder: Callable[[Files], Path]) -> None:
    content: dict[str, Any] = {"Generator": weights(nets.Shower()), "Discriminator": weights(nets.ShowerCritic())}
    content |= {"G_optimizer": optimizer(), "D_optimizer": optimizer(), "epoch": 4}
    content |= {"loss": np.ones((2, 5)), "D_scores": np.ones((3, 5))}
    name = "conv3d_corr_new2.pth"
    found = opened(folder({name: content}))
    assert snapshots(found) == [(4, "epoch", f"{name}[Generator]", f"{name}[Discriminator]", "raw")]


def test_getting_high_runs(run: Run) -> None:
    report = run(
        getting_high(999),
        {"shower": (4, 4, 4), "energy": (1, 1, 1, 1)},
        "Shower",
        "ShowerCritic",
        data="npz:data.npz#shower",
        condition={"energy": "npz:data.npz#energy"},
        latent=(6, 1, 1, 1),
        latent_law="uniform",
        roles={"net[EP]_*": "ignore"},
    )
    assert scored(report) == ["output/exp/itrs_999"]
    assert "critic input reshaped to (1, 4, 4, 4)" in told(report)


# gretel-synthetics: timeseries_dgan/dgan.py, DGAN.save


def dgan(*, attributes: bool) -> Files:
    """The generator is "generate_state_dict"; of two critics one sees attributes alone."""
    content: dict[str, Any] = {"config": {"max_sequence_len": 4, "sample_len": 1, "epochs": 400}}
    content |= {"attribute_outputs": [], "feature_outputs": [], "generate_state_dict": weights(nets.Series())}
    content["feature_discriminator_state_dict"] = weights(nets.chain(6, 8, 1))
    if attributes:
        content["attribute_discriminator_state_dict"] = weights(nets.chain(2, 8, 1))
    converter = {"attribute_columns": ["a"], "feature_columns": ["x"], "discrete_columns": [], "name": "WideDataFrame"}
    return {"dgan.pt": {**content, "data_frame_converter": converter}}


@pytest.mark.parametrize("attributes", [True, False])
def test_dgan(folder: Callable[[Files], Path], attributes: bool) -> None:
    found = opened(folder(dgan(attributes=attributes)))
    assert files(found) == {"dgan.pt": ("torch-state-dict", "both", None)}
    critics = ["feature", "attribute"] if attributes else ["feature"]
    assert [s[3] for s in snapshots(found)] == [f"dgan.pt[{name}_discriminator_state_dict]" for name in critics]
    assert snapshots(found)[0][2] == "dgan.pt[generate_state_dict]"


def test_dgan_runs(run: Run) -> None:
    said = {"data": "npz:data.npz#x", "latent": 10, "roles": {"dgan.pt[attribute_*]": "ignore"}}
    report = run(dgan(attributes=True), {"x": (6,)}, "FlatSeries", "chain(6, 8, 1)", **said)
    assert scored(report) == ["dgan"]


# Neural optimal transport: NOT_training_strong.ipynb


def transport(step: int) -> Files:
    """A map T and a potential f, under a seed and a step."""
    nets_by_name = {"T": weights(nets.chain(2, 8, 2)), "f": weights(nets.chain(2, 8, 1))}
    optimizers = {"T_opt": optimizer(), "f_opt": optimizer()}
    return {f"checkpoints/mse/handbag_shoes_64/{n}_0_{step}.pt": c for n, c in {**nets_by_name, **optimizers}.items()}


def test_maps_and_potentials(folder: Callable[[Files], Path]) -> None:
    found = opened(folder({**transport(1999), **transport(3999)}))
    assert snapshots(found) == [(s, "", f"T_0_{s}.pt", f"f_0_{s}.pt", "raw") for s in (1999, 3999)]
    for snapshot in found.snapshots:
        assert any("taken as the generator (a map T)" in line for line in snapshot.assumptions)


def test_a_map_runs(run: Run) -> None:
    said = {"data": "npz:data.npz#y", "input": "npz:data.npz#x"}
    report = run(transport(1999), {"x": (2,), "y": (2,)}, "chain(2, 8, 2)", "chain(2, 8, 1)", **said)
    assert scored(report) == ["checkpoints/mse/handbag_shoes_64/0_1999"]


@pytest.mark.parametrize("other", ["f_1_1999.pt", "F_0_1999.pt", "old/f_0_1999.pt"])
def test_a_map_alone_is_of_no_role(folder: Callable[[Files], Path], other: str) -> None:
    found = opened(folder({"T_0_1999.pt": weights(nets.chain(2, 8, 2)), other: weights(nets.chain(9, 8, 7))}))
    assert files(found)["T_0_1999.pt"][1] == "unknown"


def test_networks_whose_sizes_do_not_fit_are_no_map_and_potential(folder: Callable[[Files], Path]) -> None:
    found = opened(folder({"T.pt": weights(nets.chain(2, 8, 2)), "f.pt": weights(nets.chain(9, 8, 1))}))
    assert {role for _, role, _ in files(found).values()} == {"unknown"}


# Whole objects: modules that can be imported until the test forgets them


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], None]]:
    """Writes modules by dotted name, with the packages that they are in."""
    written: list[str] = []

    def write(sources: dict[str, str]) -> None:
        for name, source in sources.items():
            parts = name.split(".")
            path = tmp_path / "site" / Path(*parts).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            for depth in range(1, len(parts)):
                (tmp_path / "site" / Path(*parts[:depth]) / "__init__.py").touch()
            path.write_text(source)
            written.append(parts[0])
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    yield write
    for name in [*sys.modules]:
        if name.partition(".")[0] in written:
            del sys.modules[name]


CTGAN = """\
import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.fc, self.bn, self.relu = nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU()

    def forward(self, rows):
        return torch.cat([self.relu(self.bn(self.fc(rows))), rows], dim=1)


class Generator(nn.Module):
    def __init__(self, embedding_dim, generator_dim, data_dim):
        super().__init__()
        dim, seq = embedding_dim, []
        for item in generator_dim:
            seq += [Residual(dim, item)]
            dim += item
        self.seq = nn.Sequential(*seq, nn.Linear(dim, data_dim))

    def forward(self, rows):
        return self.seq(rows)


class Helper:
    pass


class CTGAN:
    pass
"""


def ctgan(epochs: int) -> Any:
    """The synthesizer as ``CTGAN.save`` writes it: settings, transformer and sampler beside the generator."""
    module = __import__("ctgan.synthesizers.ctgan", fromlist=["CTGAN"])
    synthesizer, helper = module.CTGAN(), module.Helper()
    helper.output_dimensions, helper._rid_by_cat_cols = 5, [np.arange(3)]
    vars(synthesizer).update(_embedding_dim=4, _generator_dim=(6, 6), _discriminator_dim=(8,), _batch_size=500)
    vars(synthesizer).update(_epochs=epochs, pac=10, _device=torch.device("cpu"), loss_values=None)
    vars(synthesizer).update(_transformer=helper, _data_sampler=helper, _generator=module.Generator(4, (6, 6), 5))
    return synthesizer


ALLOWED = ["ctgan.synthesizers.ctgan:Generator", "ctgan.synthesizers.ctgan:Residual"]


@pytest.mark.parametrize("by_pickle", [True, False])
def test_ctgan(folder: Callable[[Files], Path], package: Callable[[dict[str, str]], None], by_pickle: bool) -> None:
    package({"ctgan.synthesizers.ctgan": CTGAN})
    synthesizer = ctgan(300)
    content = pickle.dumps(synthesizer) if by_pickle else synthesizer
    found = opened(folder({"ctgan.pkl": content, "discriminator.pt": weights(nets.Packed(5))}))
    assert files(found) == {
        "ctgan.pkl": ("torch-module-pickle", "generator", None),
        "discriminator.pt": ("torch-state-dict", "critic", None),
    }
    (snapshot,) = found.snapshots
    assert any("taken as a pair" in line for line in snapshot.assumptions)
    (problem,) = next(f["problems"] for f in describe(found)["files"] if f["path"].endswith("ctgan.pkl"))
    assert "an object of ctgan.synthesizers.ctgan.CTGAN that holds the network _generator" in problem
    assert all(f"--allow {name}" in problem for name in ALLOWED)
    assert "Helper" not in problem.partition("give --trust")[2]


def test_ctgan_runs(run: Run, package: Callable[[dict[str, str]], None]) -> None:
    package({"ctgan.synthesizers.ctgan": CTGAN})
    saved = {"ctgan.pkl": ctgan(300), "discriminator.pt": weights(nets.Packed(5))}
    report = run(saved, {"x": (5,)}, "", "Packed(5)", data="npz:data.npz#x", allow=ALLOWED, n=80)
    assert len(scored(report)) == 1
    assert "the critic looks at 10 samples together (PacGAN)" in told(report)
    assert "latent shape (4,)" in told(report)


def test_too_few_rows_for_packs_are_told_and_the_run_goes_on(
    run: Run, package: Callable[[dict[str, str]], None]
) -> None:
    package({"ctgan.synthesizers.ctgan": CTGAN})
    saved = {"ctgan.pkl": ctgan(300), "discriminator.pt": weights(nets.Packed(5))}
    rows = run(saved, {"x": (5,)}, "", "Packed(5)", data="npz:data.npz#x", allow=ALLOWED).measurements
    assert [*rows[rows.analyzer == "critic-gap"].status] == ["skipped"]
    assert rows[rows.analyzer == "critic-gap"].message.iloc[0].endswith("say --n 80 or more")
    assert {"ok"} <= {*rows[rows.analyzer == "snapshot"].status}


# R3GAN: StyleGAN3's training loop, plain modules; only the augmentation is of torch_utils.persistence

INNER = """\
from torch import nn


class Generator(nn.Module):
    def __init__(self, noise, width):
        super().__init__()
        self.MainLayers = nn.ModuleList([nn.Linear(noise, width)])

    def forward(self, x, y=None):
        return self.MainLayers[0](x)


class Discriminator(Generator):
    def forward(self, x, y=None):
        return super().forward(x).view(x.shape[0])
"""

OUTER = """\
from torch import nn

import R3GAN.Networks


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.Model = R3GAN.Networks.Generator(3, 5)
        self.z_dim, self.c_dim, self.img_resolution = 3, 0, 32

    def forward(self, x, c):
        return self.Model(x, c)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.Model = R3GAN.Networks.Discriminator(5, 1)
        self.c_dim, self.img_resolution = 0, 32

    def forward(self, x, c):
        return self.Model(x, c)
"""

AUGMENT = """\
import torch
from torch import nn

from torch_utils import persistence


class AugmentPipe(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("p", torch.zeros([]))

    def __reduce__(self):
        meta = {"type": "class", "version": 6, "module_src": "", "class_name": "AugmentPipe", "state": vars(self)}
        return persistence._reconstruct_persistent_obj, (meta,)
"""

R3GAN = {
    "R3GAN.Networks": INNER,
    "training.networks": OUTER,
    "training.augment": AUGMENT,
    "torch_utils.persistence": "def _reconstruct_persistent_obj(meta):\n    raise RuntimeError('its source was run')\n",
}
CLASSES = ("Generator", "Discriminator")
OF_R3GAN = [f"{module}:{name}" for module in ("R3GAN.Networks", "training.networks") for name in CLASSES]


def r3gan(*, augmented: bool) -> Files:
    """The snapshot as it is pickled every so many thousand images."""
    networks = __import__("training.networks", fromlist=["Generator"])
    augment = __import__("training.augment", fromlist=["AugmentPipe"])
    settings = {"class_name": "training.dataset.ImageFolderDataset", "resolution": 32, "use_labels": False}
    content = {"training_set_kwargs": settings, "G": networks.Generator(), "D": networks.Discriminator()}
    content |= {"G_ema": networks.Generator(), "augment_pipe": augment.AugmentPipe() if augmented else None}
    return {"00000-cifar10-gpus8/network-snapshot-000010000.pkl": pickle.dumps(content)}


@pytest.mark.parametrize("augmented", [True, False])
def test_r3gan(folder: Callable[[Files], Path], package: Callable[[dict[str, str]], None], augmented: bool) -> None:
    package(R3GAN)
    found = opened(folder(r3gan(augmented=augmented)))
    name = "network-snapshot-000010000.pkl"
    assert files(found) == {name: ("torch-module-pickle", "both", 10_000)}
    problems = describe(found)["files"][0]["problems"]
    assert any("--allow R3GAN.Networks:Generator --allow training.networks:Generator" in line for line in problems)
    assert not any("NVIDIA" in line or "AugmentPipe" in line for line in problems)


def test_r3gan_runs(run: Run, package: Callable[[dict[str, str]], None]) -> None:
    """By its classes alone: the augmentation, whose source text would run, is left in the file."""
    package(R3GAN)
    report = run(r3gan(augmented=True), {"x": (5,)}, "", "", data="npz:data.npz#x", allow=OF_R3GAN)
    assert scored(report) == ["00000-cifar10-gpus8/network_snapshot_000010000"]
    assert "EMA weights preferred for sampling: network-snapshot-000010000.pkl[G_ema]" in told(report)
