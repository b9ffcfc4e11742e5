"""The zoo's networks are recognised by keys and shapes, rebuilt from them, and nothing else is taken for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.zoo.conftest import shapes
from torch import nn

from wganalyze.host.loading import load_host
from wganalyze_zoo import networks
from wganalyze_zoo.architectures import ZooMlpCritic, ZooMlpGenerator, ZooNetwork, wganalyze_architectures
from wganalyze_zoo.networks import MlpCritic, MlpGenerator

Shapes = Mapping[str, tuple[int, ...]]
WIDTH, FLAG, SIDE = st.integers(1, 20), st.booleans(), st.sampled_from([4, 6, 8, 12, 28, 32])
ARCHITECTURES = [architecture() for architecture in wganalyze_architectures()]
ARGUMENTS = {
    "zoo-mlp-generator": {"latent": WIDTH, "dim": WIDTH, "width": WIDTH, "batch_norm": FLAG, "bounded": FLAG},
    "zoo-mlp-critic": {"dim": WIDTH, "width": WIDTH, "minibatch": FLAG},
    "zoo-dcgan-generator": {
        "latent": WIDTH, "channels": st.integers(1, 4), "side": SIDE, "width": st.integers(1, 4), "batch_norm": FLAG,
        "bounded": FLAG,
    },
    "zoo-dcgan-critic": {
        "channels": st.integers(1, 4), "side": st.sampled_from([8, 12, 28, 32]), "width": st.integers(1, 4),
        "batch_norm": FLAG, "minibatch": FLAG,
    },
    "zoo-autoencoder": {"dim": WIDTH, "width": WIDTH, "code": WIDTH},
    "zoo-dcgan-autoencoder": {
        "channels": st.integers(1, 4), "side": SIDE, "width": st.integers(1, 4), "code": WIDTH
    },
    "zoo-centroids": {"k": WIDTH, "dim": WIDTH},
}  # fmt: skip


@given(st.data())
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
def test_what_is_built_from_the_keys_has_the_keys_and_nothing_else_takes_them(
    architecture: ZooNetwork, data: st.DataObject
) -> None:
    expected = data.draw(st.fixed_dictionaries(ARGUMENTS[architecture.name]))
    net = getattr(networks, architecture.network)(**expected)
    found = architecture.recognise(shapes(net))
    assert found == expected
    architecture.build(**found).load_state_dict(net.state_dict(), strict=True)
    assert [a.name for a in ARCHITECTURES if a.recognise(shapes(net)) is not None] == [architecture.name]


def renamed(keys: Shapes) -> Shapes:
    return {key.replace("zoo_", ""): shape for key, shape in keys.items()}


def without_a_bias(keys: Shapes) -> Shapes:
    return {key: shape for key, shape in keys.items() if not key.endswith("4.bias")}


def with_one_more(keys: Shapes) -> Shapes:
    return {**keys, "more.weight": (1, 1)}


def with_a_key_of_another_name(keys: Shapes) -> Shapes:
    return {**without_a_bias(keys), "more.bias": (3,)}


def broken_chain(keys: Shapes) -> Shapes:
    return {key: (7, 8) if key.endswith("2.weight") else shape for key, shape in keys.items()}


def wrong_bias(keys: Shapes) -> Shapes:
    return {key: (8,) if key.endswith("0.bias") else shape for key, shape in keys.items()}


def convolutions(keys: Shapes) -> Shapes:
    return {key: (*shape, 1, 1) if key.endswith("weight") else shape for key, shape in keys.items()}


def nested(keys: Shapes) -> Shapes:
    return {f"module.{key}": shape for key, shape in keys.items()}


def emptied(keys: Shapes) -> Shapes:
    return {key: tuple(0 for _ in shape) for key, shape in keys.items()}


def nothing(keys: Shapes) -> Shapes:
    return {}


CHANGES = (
    renamed, without_a_bias, with_one_more, with_a_key_of_another_name, broken_chain, wrong_bias, convolutions, nested,
    emptied, nothing,
)  # fmt: skip
NETS: tuple[nn.Module, ...] = (
    MlpGenerator(5, 3, 7),
    MlpCritic(3, 7),
    networks.DcganGenerator(5, 1, 8, 4),
    networks.DcganCritic(1, 8, 4),
    networks.Autoencoder(3, 7, 2),
    networks.DcganAutoencoder(1, 8, 4, 2),
    networks.CentroidGenerator(4, 3),
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("net", NETS, ids=lambda net: type(net).__name__)
def test_nothing_else_is_recognised(change: Callable[[Shapes], Shapes], net: nn.Module) -> None:
    keys = shapes(net)
    if change(keys) != keys:
        assert [a.name for a in ARCHITECTURES if a.recognise(change(keys)) is not None] == []


def test_a_critic_of_two_scores_is_not_ours() -> None:
    two = {**shapes(MlpCritic(3, 7)), "zoo_critic.4.weight": (2, 7), "zoo_critic.4.bias": (2,)}
    assert ZooMlpCritic().recognise(two) is None


def test_the_host_finds_all_by_their_names() -> None:
    found = load_host().architectures
    assert isinstance(found["zoo-mlp-generator"], ZooMlpGenerator)
    assert {architecture.name for architecture in ARCHITECTURES} <= {*found}
