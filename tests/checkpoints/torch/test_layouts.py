"""What trainers in the wild write, file by file: kinds, roles, steps and averages are found without a word by the user.

Files, keys and further content are those of the trainers named; the networks are as small as can be.
"""

from __future__ import annotations

import json
import pickle
from argparse import Namespace
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from wganalyze.cli import call
from wganalyze.files.opening import open_path
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host
from wganalyze.networks.recognition import Recognition
from wganalyze.running.description import describe
from wganalyze.running.opened import Opened
from wganalyze.settings.facts import Said
from wganalyze.snapshots.assembly import assemble

Files = Mapping[str, Any]
Found = tuple[int | None, str, str | None, str | None, str]
"""Step, its unit, where the generator lies, where the critic lies, and which weights the generator has."""

RAW, AVERAGE, CRITIC = 1.0, 2.0, 3.0
NETS = ("torch.nn:Linear(3, 5)", "torch.nn:Linear(5, 1)")


def generator(value: float = RAW) -> dict[str, Tensor]:
    """The state dict of Linear(3, 5), filled with a value that tells which one it is."""
    return {"weight": torch.full((5, 3), value), "bias": torch.full((5,), value)}


def critic() -> dict[str, Tensor]:
    """The state dict of Linear(5, 1)."""
    return {"weight": torch.full((1, 5), CRITIC), "bias": torch.full((1,), CRITIC)}


def optimizer() -> dict[str, Any]:
    """The state of Adam after a step, which holds tensors."""
    net = nn.Linear(3, 5)
    adam = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    adam.step()
    return adam.state_dict()


def under(**nets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One state dict of several networks; "__" in a prefix stands for a dot."""
    return {f"{p.replace('__', '.')}.{key}": tensor for p, net in nets.items() for key, tensor in net.items()}


@cache
def host() -> Host:
    """The installed plugins."""
    return load_host()


def opened(folder: Path, roles: Mapping[str, str] | None = None, given: str = "") -> Opened:
    """The folder, with factories for both networks; ``given``: what the generator takes in place of a latent."""
    said: Said = {"generator": NETS[0], "critic": NETS[1], "roles": roles or {}}
    if given:
        said["input"] = given
    files = open_path(folder, host().loaders)
    return Opened(files, assemble(files, folder, said, Recognition(host().architectures)), said, host())


def snapshots(found: Opened) -> list[Found]:
    """What ``inspect --json`` says of them."""
    described = describe(found)["snapshots"]
    places = [[s[role] and s[role].partition(": factory")[0] for role in ("generator", "critic")] for s in described]
    return [(s["step"], s["step_unit"], g, d, s["weights"]) for s, (g, d) in zip(described, places, strict=True)]


def files(found: Opened) -> dict[str, tuple[str, str, int | None]]:
    """Kind, role and step of each file by its name."""
    return {Path(f["path"]).name: (f["kind"], f["role"], f["step"]) for f in describe(found)["files"]}


def assert_reads(found: Opened) -> None:
    """The networks are the ones that the snapshots say."""
    for snapshot in found.snapshots:
        for net, value in (
            (snapshot.generator, AVERAGE if snapshot.weights == "ema" else RAW),
            (snapshot.critic, CRITIC),
        ):
            assert net is None or all(bool((p == value).all()) for p in net.parameters())


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Files], Path]:
    """Saves by torch, under relative paths; bytes are written as they are."""

    def save(contents: Files) -> Path:
        for name, content in contents.items():
            path = tmp_path / "run" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                torch.save(content, path)
        return tmp_path / "run"

    return save


# Pairs by name

PAIRS = [
    ("netG_epoch_10.pth", "netD_epoch_10.pth", (10, "epoch")),
    ("G--150.ckpt", "D--150.ckpt", (150, "")),
    ("G.ckpt", "D.ckpt", (None, "")),
    ("200000-G.ckpt", "200000-D.ckpt", (200000, "")),
    ("generator.pt", "critic.pt", (None, "")),
    ("generator.pth", "discriminator.pth", (None, "")),
    ("Generator.pth.tar", "Discriminator.pth.tar", (None, "")),
    ("generator-40.pkl", "discriminator-40.pkl", (40, "")),
    ("gen_00010000.pt", "dis_00010000.pt", (10000, "")),
    ("gen_5", "disc_5", (5, "")),
    ("epoch-7-generator.pth", "epoch-7-discriminator.pth", (7, "epoch")),
    ("epoch-7-generator", "epoch-7-critic", (7, "epoch")),
    ("netG", "netD", (None, "")),
    ("G_1000", "D_1000", (1000, "")),
    ("200_net_G.pth", "200_net_D.pth", (200, "")),
    ("latest_net_G.pth", "latest_net_D.pth", (None, "")),
    ("epoch_3/netG.pth", "epoch_3/netD.pth", (3, "epoch")),
    ("step_500/generator", "step_500/critic", (500, "step")),
    ("2000/G.pt", "2000/D.pt", (2000, "")),
    ("generator/iter_900.pth", "discriminator/iter_900.pth", (900, "iteration")),
    ("wgan_epoch=3-step=1200_G.pt", "wgan_epoch=3-step=1200_D.pt", (1200, "step")),
    ("BestGenerator_e2_iter70.pt", "BestCritic_e2_iter70.pt", (70, "iteration")),
    ("models/wgan-gp_gen_25epochs.pth", "models/wgan-gp_crit_25epochs.pth", (25, "epoch")),
]


@pytest.mark.parametrize(("g", "d", "step"), PAIRS)
def test_pairs_by_name(saved: Callable[[Files], Path], g: str, d: str, step: tuple[int | None, str]) -> None:
    found = opened(saved({g: generator(), d: critic()}))
    assert snapshots(found) == [(*step, Path(g).name, Path(d).name, "raw")]
    assert_reads(found)
    if Path(g).name != Path(d).name:
        assert files(found) == {
            Path(g).name: ("torch-state-dict", "generator", step[0]),
            Path(d).name: ("torch-state-dict", "critic", step[0]),
        }


@pytest.mark.parametrize("pattern", ["net{}_epoch_{}.pth", "{}--{}.ckpt", "epoch-{1}-{0}", "{1}/{0}.pt", "{}_iter{}"])
def test_the_steps_of_a_run_are_in_order(saved: Callable[[Files], Path], pattern: str) -> None:
    steps = [100, 20, 3]
    run = {pattern.format(role, i): net for i in steps for role, net in (("G", generator()), ("D", critic()))}
    found = opened(saved(run))
    assert [s[0] for s in snapshots(found)] == [3, 20, 100]
    assert all(s[2] and s[3] for s in snapshots(found))


# Combined dicts

COMBINED: list[tuple[Files, str, str]] = [
    ({"netG": generator(), "netD": critic()}, "netG", "netD"),
    ({"netG": generator(), "netD": critic(), "optimG": optimizer(), "optimD": optimizer()}, "netG", "netD"),
    (
        {
            "generator_state_dict": generator(),
            "critic_state_dict": critic(),
            "generator_optimizer_state_dict": optimizer(),
        },
        "generator_state_dict",
        "critic_state_dict",
    ),
    (
        {"generator_state_dict": generator(), "discriminator_state_dict": critic(), "losses": [0.5, 0.25]},
        "generator_state_dict",
        "discriminator_state_dict",
    ),
    (
        {"G_state_dict": generator(), "D_state_dict": critic(), "fixed_noise": torch.ones(4, 3)},
        "G_state_dict",
        "D_state_dict",
    ),
    ({"gen_state_dict": generator(), "disc_state_dict": critic()}, "gen_state_dict", "disc_state_dict"),
    ({"gen": generator(), "dis": critic()}, "gen", "dis"),
    ({"modelG": generator(), "modelD": critic()}, "modelG", "modelD"),
    ({"model": {"netG": generator(), "netD": critic()}}, "model.netG", "model.netD"),
    ({"state_dict": {"generator": generator(), "critic": critic()}}, "state_dict.generator", "state_dict.critic"),
    ({"G": {"state_dict": generator()}, "D": {"state_dict": critic()}}, "G.state_dict", "D.state_dict"),
    ({"models": {"g": generator(), "d": critic()}, "args": Namespace(iter=9, epoch=9)}, "models.g", "models.d"),
]


@pytest.mark.parametrize(("content", "g", "d"), COMBINED)
@pytest.mark.parametrize(
    ("fact", "unit"), [("epoch", "epoch"), ("iter", "iteration"), ("global_step", "step"), ("itr", "iteration")]
)
def test_combined_dicts(
    saved: Callable[[Files], Path], content: dict[str, Any], g: str, d: str, fact: str, unit: str
) -> None:
    found = opened(saved({"last.pth": {**content, fact: 12}, "model_99.pth": {**content, fact: 11}}))
    assert snapshots(found) == [
        (step, unit, f"{name}[{g}]", f"{name}[{d}]", "raw") for step, name in ((11, "model_99.pth"), (12, "last.pth"))
    ]
    assert files(found)["last.pth"] == ("torch-state-dict", "both", 12)
    assert_reads(found)


@pytest.mark.parametrize("where", ["model", "state", "checkpoint"])
def test_a_step_nested_with_the_networks(saved: Callable[[Files], Path], where: str) -> None:
    content = {where: {"netG": generator(), "netD": critic(), "iter": 31, "epoch": 2}, "config": {"iter": 90_000}}
    found = opened(saved({"model.pt": content}))
    assert [s[:2] for s in snapshots(found)] == [(31, "iteration")]


def test_a_step_kept_with_each_network(saved: Callable[[Files], Path]) -> None:
    content = {"G": {"state_dict": generator(), "step": 31}, "D": {"state_dict": critic(), "step": 31}}
    assert [s[:2] for s in snapshots(opened(saved({"model.pt": content})))] == [(31, "step")]


@pytest.mark.parametrize(
    "average", ["g_ema", "G_ema", "generator_ema", "ema_generator", "avgG", "GE", "netG_ema", "Gs"]
)
def test_averages_in_combined_dicts(saved: Callable[[Files], Path], average: str) -> None:
    content = {"g": generator(), "d": critic(), average: generator(AVERAGE), "g_optim": optimizer()}
    found = opened(saved({"040000.pt": content}))
    assert snapshots(found) == [(40000, "", f"040000.pt[{average}]", "040000.pt[d]", "ema")]
    assert_reads(found)


# One state dict, two prefixes


@pytest.mark.parametrize("g", ["generator", "gen", "G", "netG", "g"])
@pytest.mark.parametrize("d", ["discriminator", "disc", "dis", "critic", "crit", "D", "netD", "d"])
def test_two_prefixes(saved: Callable[[Files], Path], g: str, d: str) -> None:
    found = opened(saved({"checkpoint_epoch_50.pth": under(**{g: generator(), d: critic()})}))
    assert snapshots(found) == [(50, "epoch", f"checkpoint_epoch_50.pth[{g}]", f"checkpoint_epoch_50.pth[{d}]", "raw")]
    assert_reads(found)


@pytest.mark.parametrize("average", ["g_ema", "G_ema", "generator_ema", "avgG", "GE"])
@pytest.mark.parametrize("wrapper", ["", "module.", "_orig_mod.", "_orig_mod.module."])
def test_averages_and_wrappers(saved: Callable[[Files], Path], average: str, wrapper: str) -> None:
    weights = under(**{"generator": generator(), "critic": critic(), average: generator(AVERAGE)})
    found = opened(saved({"a.pt": {wrapper + key: tensor for key, tensor in weights.items()}}))
    assert snapshots(found) == [(None, "", f"a.pt[{wrapper}{average}]", f"a.pt[{wrapper}critic]", "ema")]
    assert_reads(found)


@pytest.mark.parametrize("wrapper", ["module", "_orig_mod", "_orig_mod__module", "module__main"])
def test_wrappers_of_each_network(saved: Callable[[Files], Path], wrapper: str) -> None:
    weights = under(**{f"generator__{wrapper}": generator(), f"critic__{wrapper}": critic()})
    pair = {"G.pt": under(**{wrapper: generator()}), "D.pt": under(**{wrapper: critic()})}
    assert_reads(opened(saved({"a.pt": weights, **{f"pair/{name}": net for name, net in pair.items()}})))


# Trainers


def studio_gan() -> tuple[Files, list[Found]]:
    """PyTorch-StudioGAN, ``worker.py`` and ``ckpt.py``: the critic's file alone knows the step; a best, a current."""

    def moment(when: str, step: int) -> Files:
        states = {"seed": 7, "run_name": "C10-train", "step": step, "epoch": 2, "topk": 64, "aa_p": 0.0}
        states |= {"best_step": 3000, "best_fid": 17.5, "best_fid_ckpt": "ckpt", "lecam_emas": {"decay": 0.99}}
        end = f"-{when}-weights-step={step}.pth"
        return {
            f"model=G{end}": {"state_dict": generator(), "optimizer": optimizer()},
            f"model=D{end}": {"state_dict": critic(), "optimizer": optimizer(), **states},
            f"model=G_ema{end}": {"state_dict": generator(AVERAGE)},
        }

    run = {**moment("best", 3000), **moment("current", 4000)}
    return {f"checkpoints/C10-WGAN-GP-train-2022_01_18_21_25_52/{name}": c for name, c in run.items()}, [
        (step, "step", f"model=G_ema{end}[state_dict]", f"model=D{end}[state_dict]", "ema")
        for step, end in ((3000, "-best-weights-step=3000.pth"), (4000, "-current-weights-step=4000.pth"))
    ]


def big_gan() -> tuple[Files, list[Found]]:
    """BigGAN-PyTorch, ``utils.save_weights``: the step lies in a file of its own; two copies and the best."""

    def moment(suffix: str, itr: int) -> Files:
        config = {"dataset": "C10", "dim_z": 3, "G_activation": nn.ReLU(inplace=True), "num_epochs": 500, "ema": True}
        state = {"itr": itr, "epoch": 2, "save_num": 1, "save_best_num": 0, "best_IS": 4.2, "best_FID": 31.5}
        return {
            f"G{suffix}.pth": generator(),
            f"G_optim{suffix}.pth": optimizer(),
            f"D{suffix}.pth": critic(),
            f"D_optim{suffix}.pth": optimizer(),
            f"state_dict{suffix}.pth": {**state, "config": config},
            f"G_ema{suffix}.pth": generator(AVERAGE),
        }

    moments = {"_best0": 8000, "_copy0": 9000, "_copy1": 10_000, "": 11_000}
    run = {name: content for suffix, itr in moments.items() for name, content in moment(suffix, itr).items()}
    return {f"weights/BigGAN_C10_seed0_Gch64_Dch64_bs50_nDs4_Glr2.0e-04/{n}": c for n, c in run.items()}, [
        (itr, "iteration", f"G_ema{suffix}.pth", f"D{suffix}.pth", "ema") for suffix, itr in moments.items()
    ]


def mimicry() -> tuple[Files, list[Found]]:
    """mimicry, ``BaseModel.save_checkpoint``: a folder for each network."""

    def state(net: dict[str, Tensor], step: int) -> dict[str, Any]:
        return {"model_state_dict": net, "optimizer_state_dict": optimizer(), "global_step": step}

    steps = (5000, 10_000)
    run = {f"checkpoints/netG/netG_{step}_steps.pth": state(generator(), step) for step in steps}
    run |= {f"checkpoints/netD/netD_{step}_steps.pth": state(critic(), step) for step in steps}
    return run, [
        (s, "step", f"netG_{s}_steps.pth[model_state_dict]", f"netD_{s}_steps.pth[model_state_dict]", "raw")
        for s in steps
    ]


class BaseConfig:
    """The configuration of pytorch_GAN_zoo is an object of a class of its own."""

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


def gan_zoo() -> tuple[Files, list[Found]]:
    """pytorch_GAN_zoo, ``BaseGAN.getStateDict`` and ``saveCheckpoint``: scale and iteration in the name."""
    config = BaseConfig(noiseVectorDim=3, lambdaGP=10.0, lossCriterion="WGANGP", attribKeysOrder=None)
    content = {"config": config, "netG": generator(), "netD": critic(), "avgG": generator(AVERAGE)}
    losses = [{"iter": [0, 200], "G": [0.5, 0.25], "D": [0.5, 0.25], "scale": 0}]
    run: dict[str, Any] = {
        f"celeba/celeba_s{s}_i{i}.pt": {**content, "tmp": BaseConfig(lossD=0.5)} for s, i in ((0, 8000), (5, 96_000))
    }
    extra = {
        "celeba/celeba_losses.pkl": pickle.dumps(losses),
        "celeba/celeba_refVectors.pt": torch.ones(16, 3),
        "celeba/celeba_s5_i96000_tmp_config.json": json.dumps({"scale": 5, "iter": 96_000}).encode(),
    }
    return {**run, **extra}, [
        (i, "iteration", f"celeba_s{s}_i{i}.pt[avgG]", f"celeba_s{s}_i{i}.pt[netD]", "ema")
        for s, i in ((0, 8000), (5, 96_000))
    ]


def stylegan2_rosinality() -> tuple[Files, list[Found]]:
    """rosinality's StyleGAN2, ``train.py``: the name is the step; "args" is a Namespace, with the total of "iter"."""
    content: dict[str, Any] = {"g": generator(), "d": critic(), "g_ema": generator(AVERAGE), "g_optim": optimizer()}
    content |= {"d_optim": optimizer(), "args": Namespace(iter=800_000, latent=3, start_iter=0), "ada_aug_p": 0.0}
    return {f"checkpoint/{step:06}.pt": content for step in (0, 10_000)}, [
        (step, "", f"{step:06}.pt[g_ema]", f"{step:06}.pt[d]", "ema") for step in (0, 10_000)
    ]


def lightweight_gan() -> tuple[Files, list[Found]]:
    """lightweight-gan, ``Trainer.save``: the files are counted, and no file knows the step."""
    augmented = {f"D_aug.D.{key}": tensor for key, tensor in critic().items()}
    networks = {**under(G=generator(), D=critic(), GE=generator(AVERAGE)), **augmented}
    scaler = {
        "scale": 65536.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2000,
        "_growth_tracker": 3,
    }
    content = {"GAN": networks, "version": "1.1.1", "G_scaler": scaler, "D_scaler": scaler}
    return {f"models/default/model_{i}.pt": content for i in (2, 12)}, [
        (None, "", f"model_{i}.pt[GAN.GE]", f"model_{i}.pt[GAN.D]", "ema") for i in (2, 12)
    ]


TRAINERS = [studio_gan, big_gan, mimicry, gan_zoo, stylegan2_rosinality, lightweight_gan]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_trainers(saved: Callable[[Files], Path], trainer: Callable[[], tuple[Files, list[Found]]]) -> None:
    run, expected = trainer()
    found = opened(saved(run))
    assert snapshots(found) == expected
    assert_reads(found)
    used = {place.partition("[")[0] for s in expected for place in s[2:4] if place}
    assert {files(found)[name][0] for name in used} == {"torch-state-dict"}


def test_the_files_of_a_trainer_that_are_no_networks(saved: Callable[[Files], Path]) -> None:
    found = files(opened(saved(big_gan()[0])))
    assert found["G_optim.pth"] == ("unknown", "unknown", None)
    assert found["state_dict_copy1.pth"] == ("torch-state-dict", "unknown", 10_000)
    assert found["D_copy1.pth"] == ("torch-state-dict", "critic", 10_000)
    found = files(opened(saved(gan_zoo()[0])))
    assert found["celeba_losses.pkl"] == found["celeba_refVectors.pt"] == ("unknown", "unknown", None)


# Formats other than torch's


def lightning(state: Mapping[str, Tensor], **more: Any) -> dict[str, Any]:
    """What Lightning's Trainer saves."""
    settings = {"hyper_parameters": {"latent_dim": 3}, "optimizer_states": [optimizer(), optimizer()]}
    return {
        "epoch": 4,
        "global_step": 1000,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": state,
        **settings,
        **more,
    }


def test_lightning(saved: Callable[[Files], Path]) -> None:
    weights = under(
        generator=generator(), discriminator=critic(), inception=generator(7.0), generator_ema=generator(2.0)
    )
    name = "epoch=4-step=1000.ckpt"
    found = opened(saved({name: lightning(weights)}))
    g, d = (f"{name}[state_dict.{net}]" for net in ("generator_ema", "discriminator"))
    assert snapshots(found) == [(1000, "step", g, d, "ema")]
    assert files(found) == {name: ("lightning", "both", 1000)}
    assert any("inception" in line for line in describe(found)["files"][0]["problems"])
    assert_reads(found)


def test_safetensors(saved: Callable[[Files], Path]) -> None:
    folders = {"generator/model.safetensors": save(generator()), "critic/model.safetensors": save(critic())}
    folders |= {"generator/config.json": b'{"latent_dim": 3}', "critic/config.json": b'{"width": 5}'}
    run: Files = {
        "pair/G_step_10.safetensors": save(generator()),
        "pair/D_step_10.safetensors": save(critic(), {"step": "10"}),
        "prefixes/last.safetensors": save(under(gen=generator(), disc=critic()), {"step": "20"}),
        **{f"hub/{name}": content for name, content in folders.items()},
    }
    found = opened(saved(run))
    assert snapshots(found) == [
        (None, "", "model.safetensors", "model.safetensors", "raw"),
        (10, "step", "G_step_10.safetensors", "D_step_10.safetensors", "raw"),
        (20, "step", "last.safetensors[gen]", "last.safetensors[disc]", "raw"),
    ]
    assert describe(found)["snapshots"][0]["latent"]["shape"] == [3]
    assert {f["kind"] for f in describe(found)["files"]} == {"safetensors"}
    assert_reads(found)


@pytest.mark.parametrize(
    "names", [("model.safetensors", "model_1.safetensors"), ("pytorch_model.bin", "pytorch_model_1.bin")]
)
@pytest.mark.parametrize("sizes_tell", [True, False])
def test_accelerate_gives_no_roles(saved: Callable[[Files], Path], names: tuple[str, str], sizes_tell: bool) -> None:
    """They are said, or told by sizes: what ends as the other begins is the generator."""
    nets = {
        name: net if name.endswith(".bin") else save(net)
        for name, net in zip(names, (generator(), critic() if sizes_tell else generator()), strict=True)
    }
    states: Files = {
        "random_states_0.pkl": {"step": 0, "torch_manual_seed": torch.get_rng_state()},
        "optimizer.bin": optimizer(),
        "optimizer_1.bin": optimizer(),
        "scheduler.bin": {"last_epoch": 3, "_step_count": 4},
    }
    folder = saved({f"step_{i}/{name}": content for i in (9, 10) for name, content in {**nets, **states}.items()})
    found = opened(folder)
    assert {name: files(found)[name][0] for name in states} == dict.fromkeys(states, "unknown")
    if sizes_tell:
        roles = {names[0]: ("generator", 9), names[1]: ("critic", 9)}
        assert {name: files(found)[name][1:] for name in names} == roles
        assert snapshots(found) == [(step, "step", *names, "raw") for step in (9, 10)]
        for snapshot in found.snapshots:
            assert any("by sizes" in each for each in snapshot.assumptions)
        assert_reads(found)
        return
    assert {name: files(found)[name][1:] for name in names} == dict.fromkeys(names, ("unknown", 9))
    assert snapshots(found) == [(step, "step", None, None, "raw") for step in (9, 10)]
    for snapshot in found.snapshots:
        first, second = (f"step_{snapshot.step}/{name}" for name in names)
        options = f"--role {first}=generator --role {second}=critic"
        assert options in snapshot.missing["generator"] == snapshot.missing["critic"]
    found = opened(folder, dict(zip(names, ("generator", "critic"), strict=True)))
    assert snapshots(found) == [(step, "step", *names, "raw") for step in (9, 10)]


def test_the_command_line_says_the_same(saved: Callable[[Files], Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = saved(mimicry()[0])
    assert call(["inspect", str(folder), "--json", "--generator", NETS[0], "--critic", NETS[1]]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(describe(opened(folder))))
