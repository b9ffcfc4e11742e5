"""Files of many trainers become ordered snapshots: roles, prefixes, EMA copies, pairs and steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.files.opening import OpenedFile, open_path
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host
from wganalyze.networks.factories import Net
from wganalyze.networks.trust import Permission
from wganalyze.settings.facts import Said
from wganalyze.snapshots.assembly import Assembled, assemble

Weights = Mapping[str, torch.Tensor]
Open = Callable[..., Assembled]

GENERATOR = Net(factory="torch.nn:Linear(3, 5)")
CRITIC = Net(factory="torch.nn:Linear(5, 1)")
BOTH = Said(generator=GENERATOR, critic=CRITIC)


@pytest.fixture(scope="module")
def host() -> Host:
    """The installed plugins."""
    return load_host()


@pytest.fixture
def opened(tmp_path: Path, host: Host) -> Open:
    """Saves objects by ``torch.save`` under relative paths, and assembles the folder."""

    def open_(config: Said = BOTH, **files: Any) -> Assembled:
        for name, content in files.items():
            path = tmp_path / "ckpt" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(content, path)
        return assemble(open_path(tmp_path / "ckpt", host), tmp_path / "ckpt", config, host)

    return open_


def generator(value: float = 0.0) -> Weights:
    """The state dict of Linear(3, 5), filled with one value."""
    return {"weight": torch.full((5, 3), value), "bias": torch.full((5,), value)}


def critic(value: float = 0.0) -> Weights:
    """The state dict of Linear(5, 1), filled with one value."""
    return {"weight": torch.full((1, 5), value), "bias": torch.full((1,), value)}


def prefixed(**nets: Weights) -> Weights:
    """One state dict that holds several networks."""
    return {f"{prefix}.{key}": tensor for prefix, weights in nets.items() for key, tensor in weights.items()}


def labels(assembled: Assembled) -> list[str]:
    """The labels in order."""
    return [snapshot.label for snapshot in assembled.snapshots]


def only(assembled: Assembled) -> Snapshot:
    """The one snapshot there is."""
    assert len(assembled.snapshots) == 1, labels(assembled)
    return assembled.snapshots[0]


def filled(net: nn.Module | None) -> float:
    """The value that a network's weights are filled with."""
    assert net is not None
    (value,) = {float(v) for p in net.parameters() for v in p.flatten()}
    return value


def pair(snapshot: Snapshot) -> tuple[float, float]:
    """What generator and critic are filled with."""
    return filled(snapshot.generator), filled(snapshot.critic)


# Where the two networks lie


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("generator.pt", "critic.pt"),
        ("G.pth", "D.pth"),
        ("netG_epoch_3.pth", "netD_epoch_3.pth"),
        ("generator/3.pt", "discriminator/3.pt"),
        ("gen.bin", "dis.bin"),
        ("modelG", "modelD"),
    ],
)
def test_two_files(opened: Open, first: str, second: str) -> None:
    snapshot = only(opened(**{first: generator(1), second: critic(2)}))
    assert pair(snapshot) == (1, 2)
    assert snapshot.missing == {}
    assert len(snapshot.files) == 2
    assert snapshot.step == (3 if "3" in first else None)


@pytest.mark.parametrize(
    "names",
    [("generator", "critic"), ("netG", "netD"), ("G_state_dict", "D_state_dict"), ("model.gen", "model.disc")],
)
def test_one_dict(opened: Open, names: tuple[str, str]) -> None:
    content: dict[str, Any] = {"epoch": 7}
    for name, weights in zip(names, (generator(1), critic(2)), strict=True):
        place, _, leaf = name.rpartition(".")
        (content.setdefault(place, {}) if place else content)[leaf] = weights
    assembled = opened(**{"last.ckpt": content})
    snapshot = only(assembled)
    assert pair(snapshot) == (1, 2)
    assert (snapshot.step, snapshot.step_unit, len(snapshot.files)) == (7, "epoch", 1)
    assert [*assembled.roles.values()] == ["both"]


@pytest.mark.parametrize("wrapper", ["", "module.", "_orig_mod.module."])
def test_one_state_dict_under_prefixes(opened: Open, wrapper: str) -> None:
    weights = {f"{wrapper}{key}": t for key, t in prefixed(generator=generator(1), discriminator=critic(2)).items()}
    assembled = opened(**{"checkpoint_epoch_50.pth": weights})
    snapshot = only(assembled)
    assert pair(snapshot) == (1, 2)
    assert (snapshot.step, snapshot.step_unit) == (50, "epoch")
    assert snapshot.designs["critic"].startswith(f"checkpoint_epoch_50.pth[{wrapper}discriminator]: factory ")
    assert [*assembled.roles.values()] == ["both"]


def test_a_lone_prefix_names_the_role(opened: Open) -> None:
    snapshot = only(opened(**{"a.pth": prefixed(gen=generator(1)), "b.pth": prefixed(dis=critic(2))}))
    assert pair(snapshot) == (1, 2)


def test_layers_called_like_a_role_do_not_split_a_network(opened: Open) -> None:
    weights = {"d.weight": torch.ones(5, 3), "d.bias": torch.ones(5)}
    snapshot = only(opened(**{"generator.pt": weights}))
    assert filled(snapshot.generator) == 1
    assert snapshot.critic is None


def test_other_entries_of_a_dict_are_left_and_named(opened: Open, tmp_path: Path) -> None:
    assembled = opened(**{"a.pt": {"G": generator(1), "encoder": critic(5), "D": critic(2)}})
    assert pair(only(assembled)) == (1, 2)
    (notes,) = assembled.notes.values()
    assert notes == ("left: encoder is no generator and no critic by its name",)


# EMA copies


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"G.pt": generator(1), "G_ema.pt": generator(3), "D.pt": critic(2)}, "G_ema.pt"),
        ({"a.pt": {"G": generator(1), "G_ema": generator(3), "D": critic(2)}}, "a.pt[G_ema]"),
        ({"a.pt": {"g": generator(1), "g_ema": generator(3), "d": critic(2)}}, "a.pt[g_ema]"),
        ({"a.pt": prefixed(g=generator(1), g_ema=generator(3), d=critic(2))}, "a.pt[g_ema]"),
    ],
)
def test_the_ema_copy_samples_and_is_named(opened: Open, files: dict[str, Any], place: str) -> None:
    snapshot = only(opened(**files))
    assert pair(snapshot) == (3, 2)
    assert snapshot.weights == "ema"
    assert f"EMA weights preferred for sampling: {place}" in snapshot.assumptions


def test_weights_that_were_asked_for_are_no_assumption(opened: Open) -> None:
    files = {"G.pt": generator(1), "G_ema.pt": generator(3), "D.pt": critic(2)}
    for weights, value in (("raw", 1), ("ema", 3)):
        snapshot = only(opened(Said(GENERATOR, CRITIC, weights=weights), **files))  # type: ignore[arg-type]
        assert (filled(snapshot.generator), snapshot.weights) == (value, weights)
        assert not any("EMA" in text for text in snapshot.assumptions)


def test_weights_that_are_not_there_are_replaced_aloud(opened: Open) -> None:
    snapshot = only(opened(Said(GENERATOR, CRITIC, weights="ema"), **{"G.pt": generator(1), "D.pt": critic(2)}))
    assert (filled(snapshot.generator), snapshot.weights) == (1, "raw")
    assert "there are no ema weights; G.pt taken" in snapshot.assumptions


def test_an_averaged_critic_is_not_a_second_critic(opened: Open) -> None:
    snapshot = only(opened(**{"G.pt": generator(1), "D.pt": critic(2), "D_ema.pt": critic(9)}))
    assert pair(snapshot) == (1, 2)


def test_a_second_generator_is_named(opened: Open) -> None:
    snapshot = only(opened(**{"a.pt": {"G": generator(1), "generator": generator(4), "D": critic(2)}}))
    assert pair(snapshot) == (1, 2)
    (text,) = [text for text in snapshot.assumptions if "left out" in text]
    assert text.startswith("generator a.pt[G] taken, left out: a.pt[generator] ")


# Steps and their order


def trajectory(name: str, *steps: int) -> dict[str, Any]:
    """Files of several steps; NAME holds {net} and {step}."""
    nets = {"G": generator, "D": critic}
    return {name.format(net=net, step=step): make(step) for step in steps for net, make in nets.items()}


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [
        ("{net}_step_{step}.pt", "step_{}", "step"),
        ("{net}{step}.pt", "{}", ""),
        ("epoch_{step}/{net}.pt", "epoch_{}", "epoch"),
        ("{step}/{net}.pt", "{}", ""),
        ("run/kimg{step}-{net}.pt", "run/kimg_{}", "kimg"),
        ("{net}/iter-{step}.pt", "iter_{}", "iteration"),
    ],
)
def test_steps_are_ordered_by_number(opened: Open, name: str, label: str, unit: str) -> None:
    assembled = opened(**trajectory(name, 10, 2, 1, 100))
    assert [s.step for s in assembled.snapshots] == [1, 2, 10, 100]
    assert labels(assembled) == [label.format(step) for step in (1, 2, 10, 100)]
    assert {s.step_unit for s in assembled.snapshots} == {unit}
    assert [pair(s) for s in assembled.snapshots] == [(1, 1), (2, 2), (10, 10), (100, 100)]


def test_runs_in_folders_are_kept_apart_and_in_natural_order(opened: Open) -> None:
    assembled = opened(**trajectory("run_10/{net}_{step}.pt", 10, 9), **trajectory("run_9/{net}_{step}.pt", 20, 3))
    assert labels(assembled) == ["run_9/3", "run_9/20", "run_10/9", "run_10/10"]


def test_the_step_in_the_file_goes_before_its_name(opened: Open) -> None:
    files = {
        "ckpt_1.pt": {"G": generator(1), "D": critic(1), "global_step": 900},
        "ckpt_2.pt": {"G": generator(2), "D": critic(2), "global_step": 30},
    }
    assembled = opened(**files)
    assert [(s.label, s.step, s.step_unit) for s in assembled.snapshots] == [
        ("ckpt_2", 30, "step"),
        ("ckpt_1", 900, "step"),
    ]


def test_one_half_that_knows_the_step_is_enough(opened: Open) -> None:
    snapshot = only(opened(**{"G.pt": {"state_dict": generator(1), "epoch": 12}, "D.pt": critic(2)}))
    assert pair(snapshot) == (1, 2)
    assert (snapshot.step, snapshot.step_unit) == (12, "epoch")


def test_a_step_that_the_format_states_goes_before_everything(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "G_5.weights"
    path.write_bytes(b"weights")
    part = Part(path, "made-up", role="generator", step=44, keys={"w": TensorSpec((2, 3), "float32")})
    assembled = assemble([OpenedFile(path, "made-up", (part,))], tmp_path, Said(), host)
    assert only(assembled).step == 44
    assert assembled.steps == {path: 44}
    assert assembled.roles == {path: "generator"}


@given(steps=st.sets(st.integers(0, 10**9), min_size=1, max_size=6), data=st.data())
def test_any_steps_in_any_order(host: Host, steps: set[int], data: st.DataObject) -> None:
    """Parts without bytes: whatever the order of the files, the snapshots are in the order of their steps."""
    root = Path("/ckpt")
    paths = [root / f"{net}_{step}.pt" for step in steps for net in ("G", "D")]
    spec = {"weight": TensorSpec((2, 3), "float32")}
    files = [OpenedFile(p, "k", (Part(p, "k", keys=spec),)) for p in data.draw(st.permutations(paths))]
    assembled = assemble(files, root, Said(), host)
    assert [s.step for s in assembled.snapshots] == sorted(steps)
    assert all(len(s.files) == 2 for s in assembled.snapshots)


# Labels


def test_labels_never_collide(opened: Open) -> None:
    files = {"x/G.pt": generator(1), "x_G.pt": generator(2), "ckpt_G.pt": generator(3), "G.pt": generator(4)}
    assembled = opened(**files)
    assert len(assembled.snapshots) == 4
    assert len(set(labels(assembled))) == 4
    assert {label.partition(" #")[0] for label in labels(assembled)} == {"x", "ckpt"}


def test_a_single_file_is_labelled_by_its_name(tmp_path: Path, host: Host) -> None:
    path = tmp_path / "generator.pt"
    torch.save(generator(1), path)
    assembled = assemble(open_path(path, host), path, BOTH, host)
    assert labels(assembled) == ["generator"]


# Roles that names do not tell


@pytest.mark.parametrize("pattern", ["method_*.pt", "w4/method_*.pt", "w4/*"])
def test_roles_by_pattern(opened: Open, pattern: str) -> None:
    config = Said(critic=CRITIC, roles={pattern: "critic"})
    assembled = opened(config, **{"w4/method_a.pt": critic(1), "w4/method_b.pt": critic(2)})
    assert [filled(s.critic) for s in assembled.snapshots] == [1, 2]
    assert labels(assembled) == ["w4/method_a", "w4/method_b"]
    assert {*assembled.roles.values()} == {"critic"}


def test_a_pattern_overrules_the_name(opened: Open) -> None:
    config = Said(critic=CRITIC, roles={"G*.pt": "critic"})
    assert filled(only(opened(config, **{"G.pt": critic(3)})).critic) == 3


def test_files_can_be_left_out(opened: Open) -> None:
    config = Said(GENERATOR, CRITIC, roles={"old/*": "ignore"})
    assembled = opened(config, **{"G.pt": generator(1), "D.pt": critic(2), "old/G.pt": generator(3)})
    assert pair(only(assembled)) == (1, 2)
    assert [*assembled.notes.values()] == [("left out: [files] says ignore",)]


def test_patterns_make_pairs_of_each_step(opened: Open) -> None:
    config = Said(GENERATOR, CRITIC, roles={"foo*": "generator", "bar*": "critic"})
    files = {
        f"{name}_{step}.pt": net(step) for step in (1, 2, 10) for name, net in (("foo", generator), ("bar", critic))
    }
    assembled = opened(config, **files)
    assert [(s.step, pair(s)) for s in assembled.snapshots] == [(step, (step, step)) for step in (1, 2, 10)]
    assert "foo_2.pt and bar_2.pt taken as a pair" in assembled.snapshots[1].assumptions


def test_leftovers_are_a_pair_and_that_is_assumed(opened: Open) -> None:
    snapshot = only(opened(**{"my_generator_final.pt": generator(1), "critic-v2.pt": critic(2)}))
    assert pair(snapshot) == (1, 2)
    assert "my_generator_final.pt and critic-v2.pt taken as a pair" in snapshot.assumptions


def test_an_unknown_file_does_not_part_a_pair(opened: Open) -> None:
    assembled = opened(**{"best_G.pt": generator(1), "D_last.pt": critic(2), "vgg.pt": critic(9)})
    assert [pair(s) for s in assembled.snapshots if s.designs] == [(1, 2)]


def test_more_leftovers_than_two_are_not_paired(opened: Open) -> None:
    assembled = opened(**{"a_G.pt": generator(1), "b_G.pt": generator(2), "c_D.pt": critic(3)})
    assert len(assembled.snapshots) == 3
    assert not any("pair" in text for s in assembled.snapshots for text in s.assumptions)


def test_half_a_step_is_not_paired_with_another_step(opened: Open) -> None:
    """A trajectory whose last critic was not saved: its generator stands alone."""
    assembled = opened(**{"G_1.pt": generator(1), "D_1.pt": critic(1), "G_2.pt": generator(2)})
    assert [(s.step, filled(s.generator), [*s.missing]) for s in assembled.snapshots] == [
        (1, 1, []),
        (2, 2, ["critic"]),
    ]
    assert not any("pair" in text for s in assembled.snapshots for text in s.assumptions)


def test_halves_of_different_steps_are_no_pair(opened: Open) -> None:
    assembled = opened(**{"G_1.pt": generator(1), "D_2.pt": critic(2)})
    assert [(s.step, [*s.missing]) for s in assembled.snapshots] == [(1, ["critic"]), (2, ["generator"])]


def test_two_critics_are_two_snapshots(opened: Open) -> None:
    content = {"G": generator(1), "critic_a": critic(2), "critic_b": critic(3)}
    assembled = opened(**{"step_4.pt": content})
    assert [pair(s) for s in assembled.snapshots] == [(1, 2), (1, 3)]
    assert labels(assembled) == ["step_4 (step_4.pt[critic_a])", "step_4 (step_4.pt[critic_b])"]
    assert {s.step for s in assembled.snapshots} == {4}


@pytest.mark.parametrize("role", ["generator", "critic"])
def test_the_only_network_that_was_named(opened: Open, role: str) -> None:
    config = Said(generator=GENERATOR) if role == "generator" else Said(critic=CRITIC)
    snapshot = only(opened(config, **{"weights.pt": generator(1) if role == "generator" else critic(1)}))
    assert filled(snapshot.generator if role == "generator" else snapshot.critic) == 1
    assert f"weights.pt taken as the {role}: only --{role} was named" in snapshot.assumptions


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("weights.pt", "--role weights.pt={}"),
        ("my weights.pt", "--role 'my weights.pt={}'"),
        ("weights[1].pt", "--role 'weights[[]1].pt={}'"),
    ],
)
def test_an_unknown_role_comes_with_its_option(opened: Open, name: str, option: str) -> None:
    snapshot = only(opened(**{name: critic(1)}))
    assert (snapshot.make_generator, snapshot.make_critic) == (None, None)
    said = " or ".join(option.format(role) for role in ("generator", "critic"))
    assert snapshot.missing == dict.fromkeys(("generator", "critic"), f"the role of {name} is unknown; say {said}")
    pattern = option.removeprefix("--role ").strip("'").removesuffix("={}")
    assert filled(only(opened(Said(critic=CRITIC, roles={pattern: "critic"}))).critic) == 1


def test_one_of_two_missing_says_what_would_supply_it(opened: Open) -> None:
    snapshot = only(opened(**{"G.pt": generator(1)}))
    assert [*snapshot.missing] == ["critic"]
    assert "--role 'FILE=critic'" in snapshot.missing["critic"]


def test_an_unknown_architecture_says_the_option(opened: Open) -> None:
    snapshot = only(opened(Said(), **{"G.pt": generator(1), "D.pt": critic(2)}))
    for role, file in (("generator", "G.pt"), ("critic", "D.pt")):
        assert f"the architecture of {file} is unknown; say --{role} " in snapshot.missing[role]


def test_a_program_needs_no_factory(host: Host, tmp_path: Path) -> None:
    """It brings its own architecture, whatever factory the state dicts beside it need."""
    path = tmp_path / "G.pt"
    path.write_bytes(b"program")
    part = Part(path, "made-up", read_module=lambda: nn.Linear(3, 5))
    files = [OpenedFile(path, "made-up", (part,))]
    snapshot = only(assemble(files, tmp_path, BOTH, host))
    assert snapshot.missing["generator"] == "G.pt is a program (made-up); --trust runs it"
    assert isinstance(only(assemble(files, tmp_path, BOTH, host, Permission(trust=True))).generator, nn.Linear)


# What the generator eats


def test_latent_and_penalty_from_the_file(opened: Open) -> None:
    facts = {"config": {"z_dim": 3, "latent_law": "uniform", "gradient_penalty": 10.0}}
    snapshot = only(opened(**{"a.pt": {"G": generator(1), "D": critic(2), **facts}}))
    assert (snapshot.latent.shape, snapshot.latent.law, snapshot.penalty) == ((3,), "uniform", 10.0)
    assert not any("law" in text for text in snapshot.assumptions)


def test_latent_from_the_first_layer_is_an_assumption(opened: Open) -> None:
    snapshot = only(opened(**{"G.pt": generator(1)}))
    assert (snapshot.latent.shape, snapshot.latent.law) == ((3,), "normal")
    assert "latent shape (3,): the first layer of the generator, weight (5, 3)" in snapshot.assumptions
    assert "latent law: standard normal (set [latent] law or --latent-law)" in snapshot.assumptions


def test_the_latent_of_a_transposed_convolution_is_an_image(opened: Open) -> None:
    weights = nn.ConvTranspose2d(7, 4, 3).state_dict()
    config = Said(generator=Net(factory="torch.nn:ConvTranspose2d(7, 4, 3)"))
    assert only(opened(config, **{"G.pt": weights})).latent.shape == (7, 1, 1)


def test_what_is_said_is_no_assumption(opened: Open) -> None:
    config = Said(GENERATOR, CRITIC, latent_law="uniform", latent=(3,), gradient_penalty=5.0, classes=4, label_encoding="onehot")
    snapshot = only(opened(config, **{"G.pt": {"net": generator(1), "lambda_gp": 10.0}}))
    latent = snapshot.latent
    assert (latent.law, latent.shape, latent.classes, latent.encoding) == ("uniform", (3,), 4, "onehot")
    assert snapshot.penalty == 5.0
    assert snapshot.assumptions == ()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "10"])
def test_a_fact_that_is_no_number_is_not_believed(opened: Open, value: object) -> None:
    snapshot = only(opened(**{"a.pt": {"G": generator(1), "D": critic(2), "lambda_gp": value, "nz": value}}))
    assert snapshot.penalty is None
    assert snapshot.latent.shape == (3,)
