"""What the names in the wild say."""

from __future__ import annotations

import pytest

from wganalyze.snapshots.naming import (
    Named,
    Step,
    bare,
    is_filler,
    names_both,
    read_name,
    read_step,
    series_of,
    words,
)


@pytest.mark.parametrize(
    ("name", "role", "averaged", "rest"),
    [
        ("netG_epoch_10", "generator", False, ("epoch", "10")),
        ("netD_epoch_10", "critic", False, ("epoch", "10")),
        ("g_ema", "generator", True, ()),
        ("G_ema", "generator", True, ()),
        ("ema_generator", "generator", True, ()),
        ("GE", "generator", True, ()),
        ("Gs", "generator", True, ()),
        ("avgG", "generator", True, ()),
        ("g_running", "generator", True, ()),
        ("model=G_ema-best-weights", "generator", True, ("model", "best", "weights")),
        ("GNet", "generator", False, ()),
        ("D_model", "critic", False, ("model",)),
        ("BestGenerator_5", "generator", False, ("Best", "5")),
        ("WGANGPDiscriminator", "critic", False, ("WGANGP",)),
        ("Conv2D", None, False, ("Conv2D",)),
        ("ResNetD", None, False, ("ResNetD",)),
        ("GAN", None, False, ("GAN",)),
        ("D_aug", "critic", False, ("aug",)),
        ("generator_state_dict", "generator", False, ("state", "dict")),
        ("discriminator_state_dict", "critic", False, ("state", "dict")),
        ("G_1000", "generator", False, ("1000",)),
        ("D_1000", "critic", False, ("1000",)),
        ("G1000", "generator", False, ("1000",)),
        ("critic", "critic", False, ()),
        ("disc-final", "critic", False, ("final",)),
        ("model.netD", "critic", False, ("model",)),
        ("checkpoint_epoch_50", None, False, ("checkpoint", "epoch", "50")),
        ("step-000500", None, False, ("step", "000500")),
        ("degrade", None, False, ("degrade",)),
        ("optimizer", None, False, ("optimizer",)),
        ("", None, False, ()),
    ],
)
def test_role_and_average(name: str, role: str | None, averaged: bool, rest: tuple[str, ...]) -> None:
    named = read_name(name)
    assert (named.role, named.averaged, named.rest) == (role, averaged, rest)


@pytest.mark.parametrize(
    ("generator", "critic"),
    [("netG_epoch_10", "netD_epoch_10"), ("G_1000", "D_1000"), ("run3_gen_final", "run3_disc_final"), ("G", "D")],
)
def test_the_halves_of_a_pair_share_their_rest(generator: str, critic: str) -> None:
    assert read_name(generator).rest == read_name(critic).rest


def test_words_split_a_known_word_from_its_number() -> None:
    assert words("epoch10") == ["epoch", "10"]
    assert words("ckpt-0010_G5") == ["ckpt", "0010", "G", "5"]
    assert words("celeba_s5_i96000") == ["celeba", "s5", "i", "96000"]
    assert words("G_100steps") == ["G", "100", "steps"]
    assert words("stylegan2 run3 copy0 64x64 3d") == ["stylegan2", "run3", "copy0", "64x64", "3d"]


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("netG.pth", "netG"),
        ("netG.pth.tar", "netG"),
        ("model.safetensors", "model"),
        ("net.pt2", "net"),
        ("net.h5", "net"),
        ("netG.1000", "netG.1000"),
        ("model.ckpt-3000", "model.ckpt-3000"),
        ("wgan.v1.2", "wgan.v1.2"),
        ("lr0.0002_G.pt", "lr0.0002_G"),
        ("netG", "netG"),
    ],
)
def test_a_name_without_its_extension(filename: str, name: str) -> None:
    assert bare(filename) == name


@pytest.mark.parametrize(("name", "filler"), [("state_dict", True), ("model_3", True), ("", True), ("mapping", False)])
def test_filler(name: str, filler: bool) -> None:
    assert is_filler(read_name(name)) is filler
    assert is_filler(Named("critic", False, ("state", "dict")))


@pytest.mark.parametrize(
    ("stem", "step"),
    [
        ("netG_epoch_10", (10, "epoch")),
        ("checkpoint_epoch_50", (50, "epoch")),
        ("step-000500", (500, "step")),
        ("G_step_2000_epoch_3", (2000, "step")),
        ("epoch=3-step=2000", (2000, "step")),
        ("epoch_3_iter_70_G", (70, "iteration")),
        ("celeba_s5_i96000", (96000, "iteration")),
        ("gen_it5000", (5000, "iteration")),
        ("G_100steps", (100, "step")),
        ("netG_10000_steps", (10000, "step")),
        ("model=D-best-weights-step=188000", (188000, "step")),
        ("epoch_3_step_4_step_5", (4, "step")),
        ("G--150", (150, "")),
        ("netG.1000", (1000, "")),
        ("G_copy0", None),
        ("iter12000", (12000, "iteration")),
        ("network-snapshot-025000", (25000, "")),
        ("25_kimg_G", (25, "kimg")),
        ("10_epoch_critic", (10, "epoch")),
        ("G_1000", (1000, "")),
        ("ckpt_7", (7, "")),
        ("run3_G_1000", (1000, "")),
        ("generator", None),
    ],
)
def test_steps_from_a_name(stem: str, step: tuple[int, str] | None) -> None:
    read = read_step({}, stem, [])
    assert (None if read is None else (read.number, read.unit)) == step
    assert read is None or stem in read.source


@pytest.mark.parametrize(
    ("folders", "step"),
    [
        (["run", "epoch_10"], (10, "epoch")),
        (["epoch_5", "step_10"], (10, "step")),
        (["2000"], (2000, "")),
        (["wgan2017"], None),
        (["celeba_64"], None),
    ],
)
def test_steps_from_folders_are_taken_only_where_they_are_plain(
    folders: list[str], step: tuple[int, str] | None
) -> None:
    read = read_step({}, "generator", folders)
    assert (None if read is None else (read.number, read.unit)) == step


def test_the_file_is_believed_before_its_name() -> None:
    assert read_step({"epoch": 4}, "netG_epoch_10", ["step_3"]) == Step(4, "epoch", "'epoch' in the file")
    assert read_step({"epoch": 4, "global_step": 900}, "x", []) == Step(900, "step", "'global_step' in the file")
    assert read_step({"iteration": 12.0}, "x", []) == Step(12, "iteration", "'iteration' in the file")


@pytest.mark.parametrize("value", [True, "four", -1, float("nan"), float("inf")])
def test_a_step_in_the_file_that_is_no_step_is_passed_over(value: float | str | bool) -> None:
    assert read_step({"epoch": value}, "epoch_10", []) == Step(10, "epoch", "the name 'epoch_10'")


@pytest.mark.parametrize("container", ["model", "state", "checkpoint.networks", "G", "discriminator_state_dict"])
def test_a_step_in_a_container_of_networks(container: str) -> None:
    facts = {f"{container}.iter": 31, "epoch": 2}
    assert read_step(facts, "x_5", []) == Step(31, "iteration", f"'{container}.iter' in the file")


@pytest.mark.parametrize("container", ["args", "config", "hyper_parameters", "params", "opt.G", "model.args"])
def test_a_setting_is_no_step(container: str) -> None:
    assert read_step({f"{container}.iter": 800_000, f"{container}.step": 9}, "x_5", []) == Step(5, "", "the name 'x_5'")


@pytest.mark.parametrize(
    "stem",
    [
        "mp_rank_00_model_states", "zero_pp_rank_0_mp_rank_00_G", "G_shard_3", "model-00001-of-00004", "G_world_size_8",
        "G_gpu-0", "G_fold_2", "netG_seed-3", "G_trial_7", "run_2_G", "G_v_2", "G_v2", "netG_28x28", "netG_28_x_28",
        "G_64px", "G_64_px", "ffhq-256", "celeba_64_G", "cifar-10", "stylegan2-ffhq-512", "G_nz_100", "G_lr_1e-4",
        "wgan.v1.2", "G_lr_0.0002", "2023-05-01_12-30-00_G", "class_3_G",
    ],
)  # fmt: skip
def test_numbers_of_other_things_are_no_steps(stem: str) -> None:
    assert read_step({}, stem, []) is None
    step = read_step({}, f"{stem}_step_70", [])
    assert step is not None
    assert (step.number, step.unit) == (70, "step")


@pytest.mark.parametrize(
    ("stem", "number"),
    [
        ("G_100_loss_0.53", 100),
        ("cifar_10_G_500", 500),
        ("shard_3_G_1000", 1000),
        ("wgan_gp_1000", 1000),
        ("epoch_10.5000", 10),
        ("mnist_30", 30),
        ("x_5", 5),
    ],
)
def test_a_step_stands_among_other_numbers(stem: str, number: int) -> None:
    step = read_step({}, stem, [])
    assert step is not None
    assert step.number == number


def test_a_size_that_its_neighbours_count_on_is_a_step() -> None:
    series = series_of(["celeba_63", "celeba_64", "celeba_65"])
    assert read_step({}, "celeba_64", [], series) == Step(64, "", "the name 'celeba_64'")
    assert read_step({}, "celeba_64", [], series_of(["celeba_64", "celeba_128"])) is None


def test_deepspeed_states_its_step() -> None:
    facts = {"global_steps": 500, "dp_world_size": 8, "mp_world_size": 1}
    assert read_step(facts, "mp_rank_00_model_states", ["global_step7"]) == Step(
        500, "step", "'global_steps' in the file"
    )
    step = read_step({}, "mp_rank_00_model_states", ["run", "global_step7"])
    assert step is not None
    assert (step.number, step.unit) == (7, "step")


@pytest.mark.parametrize(
    ("name", "role"),
    [("generators", "generator"), ("critics", "critic"), ("discriminators", "critic"), ("gens", "generator")],
)
def test_plurals_are_roles(name: str, role: str) -> None:
    assert read_name(name) == Named(role, False, ())  # type: ignore[arg-type]


def test_a_name_of_both_speaks_of_neither() -> None:
    assert names_both("G_and_D")
    assert names_both("generator_critic_10")
    assert not names_both("netG_10")
