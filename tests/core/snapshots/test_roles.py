"""Which networks a part holds, and whose they are by names, prefixes, patterns and keys; the rest is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.contracts.architecture import Architecture, Shapes
from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.networks.factories import Net
from wganalyze.networks.recognition import Recognition
from wganalyze.settings.facts import Said

Make = Callable[..., Any]
MakePart = Callable[..., Part]
GENERATOR, CRITIC = Net(factory="torch.nn:Linear(3, 5)"), Net(factory="torch.nn:Linear(5, 1)")
NAMED = Said(generator=Net("a:b"), critic=Net("a:b"))


class Line(Architecture):
    """A linear critic."""

    name, role = "line", "critic"

    def build(self, **_: object) -> nn.Module:
        return nn.Linear(5, 1)

    def recognise(self, keys: Shapes) -> Mapping[str, object] | None:
        return {} if set(keys) == {"weight", "bias"} else None


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
def test_two_files(opened: Make, first: str, second: str) -> None:
    folder = opened(**{first: "G1", second: "D2"})
    snapshot = folder.only
    assert folder.fill == (1, 2)
    assert snapshot.missing == {}
    assert len(snapshot.files) == 2
    assert snapshot.step == (3 if "3" in first else None)


@pytest.mark.parametrize(
    "names",
    [("generator", "critic"), ("netG", "netD"), ("G_state_dict", "D_state_dict"), ("model.gen", "model.disc")],
)
def test_one_dict(opened: Make, names: tuple[str, str]) -> None:
    content: dict[str, Any] = {"epoch": 7}
    for name, net in zip(names, ("G1", "D2"), strict=True):
        place, _, leaf = name.rpartition(".")
        (content.setdefault(place, {}) if place else content)[leaf] = net
    folder = opened(**{"last.ckpt": content})
    snapshot = folder.only
    assert folder.fill == (1, 2)
    assert (snapshot.step, snapshot.step_unit, len(snapshot.files)) == (7, "epoch", 1)
    assert [*folder.assembled.roles.values()] == [{"generator", "critic"}]


@pytest.mark.parametrize("wrapper", ["", "module.", "_orig_mod.module."])
def test_one_state_dict_under_prefixes(opened: Make, wrapper: str) -> None:
    weights = {f"{wrapper}{key}": t for key, t in {"generator.": "G1", "discriminator.": "D2"}.items()}
    folder = opened(**{"checkpoint_epoch_50.pth": weights})
    snapshot = folder.only
    assert folder.fill == (1, 2)
    assert (snapshot.step, snapshot.step_unit) == (50, "epoch")
    assert snapshot.designs["critic"].startswith(f"checkpoint_epoch_50.pth[{wrapper}discriminator]: factory ")
    assert [*folder.assembled.roles.values()] == [{"generator", "critic"}]


def test_a_lone_prefix_names_the_role(opened: Make) -> None:
    assert opened(**{"a.pth": {"gen.": "G1"}, "b.pth": {"dis.": "D2"}}).fill == (1, 2)


def test_layers_called_like_a_role_do_not_split_a_network(opened: Make) -> None:
    weights = {"d.weight": torch.ones(5, 3), "d.bias": torch.ones(5)}
    assert opened(**{"generator.pt": weights}).fill == (1, None)


def test_other_entries_of_a_dict_are_left_and_named(opened: Make) -> None:
    folder = opened(**{"a.pt": {"G": "G1", "encoder": "D5", "D": "D2"}})
    assert folder.fill == (1, 2)
    (notes,) = folder.assembled.notes.values()
    assert notes == ("left: encoder is no generator and no critic by its name",)


@pytest.mark.parametrize("pattern", ["method_*.pt", "w4/method_*.pt", "w4/*"])
def test_roles_by_pattern(opened: Make, pattern: str) -> None:
    said = Said(critic=CRITIC, roles={pattern: "critic"})
    folder = opened(said, **{"w4/method_a.pt": "D1", "w4/method_b.pt": "D2"})
    assert folder.fills == [(None, 1), (None, 2)]
    assert folder.labels == ["w4/method_a", "w4/method_b"]
    assert {*folder.assembled.roles.values()} == {frozenset({"critic"})}


def test_a_pattern_overrules_the_name(opened: Make) -> None:
    said = Said(critic=CRITIC, roles={"G*.pt": "critic"})
    assert opened(said, **{"G.pt": "D3"}).fill == (None, 3)


def test_files_can_be_left_out(opened: Make) -> None:
    said = Said(generator=GENERATOR, critic=CRITIC, roles={"old/*": "ignore"})
    folder = opened(said, **{"G.pt": "G1", "D.pt": "D2", "old/G.pt": "G3"})
    assert folder.fill == (1, 2)
    assert [*folder.assembled.notes.values()] == [("left out: [files] says ignore",)]


@pytest.mark.parametrize("role", ["generator", "critic"])
def test_the_only_network_that_was_named(opened: Make, role: str) -> None:
    said = Said(generator=GENERATOR) if role == "generator" else Said(critic=CRITIC)
    folder = opened(said, **{"weights.pt": "G1" if role == "generator" else "D1"})
    assert folder.fill == ((1, None) if role == "generator" else (None, 1))
    assert f"weights.pt taken as the {role}: only --{role} was named" in folder.only.assumptions


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("weights.pt", "--role weights.pt={}"),
        ("my weights.pt", "--role 'my weights.pt={}'"),
        ("weights[1].pt", "--role 'weights[[]1].pt={}'"),
    ],
)
def test_an_unknown_role_comes_with_its_option(opened: Make, name: str, option: str) -> None:
    snapshot = opened(**{name: "D1"}).only
    assert (snapshot.make_generator, snapshot.make_critic) == (None, None)
    said = " or ".join(option.format(role) for role in ("generator", "critic"))
    assert snapshot.missing == dict.fromkeys(("generator", "critic"), f"the role of {name} is unknown; say {said}")
    pattern = option.removeprefix("--role ").strip("'").removesuffix("={}")
    assert opened(Said(critic=CRITIC, roles={pattern: "critic"})).fill == (None, 1)


def test_one_of_two_missing_says_what_would_supply_it(opened: Make) -> None:
    snapshot = opened(**{"G.pt": "G1"}).only
    assert [*snapshot.missing] == ["critic"]
    assert "--role 'FILE=critic'" in snapshot.missing["critic"]


def test_two_unknown_roles_are_asked_for_with_both_options(assembled: Make, weights: MakePart) -> None:
    parts = [weights(f"ckpt/{name}.safetensors", numbered=False) for name in ("model", "model_1")]
    folder = assembled(*parts)
    reasons = {reason for snapshot in folder.snapshots for reason in snapshot.missing.values()}
    assert any("--role model.safetensors=" in reason for reason in reasons), reasons
    told = Said(**NAMED, roles={"model.safetensors": "generator", "model_1.safetensors": "critic"})
    snapshot = assembled(*parts, said=told).only
    assert snapshot.missing == {}
    assert len(snapshot.files) == 2


def test_other_networks_in_a_state_dict_are_named_and_left(assembled: Make, weights: MakePart) -> None:
    keys = {f"{net}.weight": TensorSpec((1, 5), "float32") for net in ("generator", "inception", "critic", "lpips")}
    folder = assembled(weights("last.ckpt", keys=keys), said=NAMED)
    assert folder.only.missing == {}
    assert [*folder.assembled.notes.values()] == [
        ("left: inception, lpips are no generator and no critic by their names",)
    ]


def test_an_architecture_that_says_its_role_stands_for_a_name_that_is_silent(
    assembled: Make, weights: MakePart
) -> None:
    recognition = Recognition({"line": Line()})
    snapshot = assembled(weights("method_7.pt"), recognition=recognition).only
    assert snapshot.critic is not None
    assert "method_7.pt taken as the critic: its keys are those of line" in snapshot.assumptions
    assert assembled(weights("generator.pt"), recognition=recognition).only.make_critic is None
