"""The zoo's networks are recognised by keys and shapes, rebuilt from them, and nothing else is taken for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.zoo.conftest import shapes

from wganalyze.host.loading import load_host
from wganalyze_zoo.architectures import ZooMlpCritic, ZooMlpGenerator
from wganalyze_zoo.networks import MlpCritic, MlpGenerator

Shapes = Mapping[str, tuple[int, ...]]
WIDTH = st.integers(1, 20)


@given(WIDTH, WIDTH, WIDTH)
def test_what_is_built_from_the_keys_has_the_keys(latent: int, dim: int, width: int) -> None:
    for net, architecture, expected in (
        (MlpGenerator(latent, dim, width), ZooMlpGenerator(), {"latent": latent, "dim": dim, "width": width}),
        (MlpCritic(dim, width), ZooMlpCritic(), {"dim": dim, "width": width}),
    ):
        found = architecture.recognise(shapes(net))
        assert found == expected
        assert type(architecture.build(**found)) is type(net)
        architecture.build(**found).load_state_dict(net.state_dict(), strict=True)


def test_neither_takes_the_other_for_its_own() -> None:
    assert ZooMlpGenerator().recognise(shapes(MlpCritic(3, 7))) is None
    assert ZooMlpCritic().recognise(shapes(MlpGenerator(5, 3, 7))) is None


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


def nothing(keys: Shapes) -> Shapes:
    return {}


CHANGES = (renamed, without_a_bias, with_one_more, with_a_key_of_another_name, broken_chain, wrong_bias, convolutions)


@pytest.mark.parametrize("change", [*CHANGES, nested, nothing])
def test_nothing_else_is_recognised(change: Callable[[Shapes], Shapes]) -> None:
    assert ZooMlpGenerator().recognise(change(shapes(MlpGenerator(5, 3, 7)))) is None
    assert ZooMlpCritic().recognise(change(shapes(MlpCritic(3, 7)))) is None


def test_a_critic_of_two_scores_is_not_ours() -> None:
    two = {**shapes(MlpCritic(3, 7)), "zoo_critic.4.weight": (2, 7), "zoo_critic.4.bias": (2,)}
    assert ZooMlpCritic().recognise(two) is None


def test_the_host_finds_both_by_their_names() -> None:
    found = load_host().architectures
    assert isinstance(found["zoo-mlp-generator"], ZooMlpGenerator)
    assert isinstance(found["zoo-mlp-critic"], ZooMlpCritic)
