"""What wrappers leave in keys comes off where the network lacks it, and nowhere else; a counter is no weight."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.loader import TensorSpec
from wganalyze.networks.wrappers import WRAPPED, is_counter, matched, unwrapped, without_counters

KEYS = ("0.weight", "0.bias", "body.2.weight")


@pytest.mark.parametrize("wrapper", WRAPPED)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_wrapper_comes_off_wherever_it_stands(wrapper: str, depth: int) -> None:
    parts = ["main", "block", "0", "weight"]
    stored = ".".join([*parts[:depth], wrapper, *parts[depth:]])
    assert matched([stored], ["main.block.0.weight"]) == {stored: "main.block.0.weight"}
    assert unwrapped({stored: 1}) == {"main.block.0.weight": 1}


@given(st.permutations(WRAPPED), st.integers(0, 6))
def test_any_number_of_wrappers_comes_off(wrappers: list[str], seed: int) -> None:
    parts = ["a", "0", "weight"]
    for wrapper in wrappers:
        parts.insert(random.Random(seed).randrange(3), wrapper)
    key = ".".join(parts)
    assert matched([key], ["a.0.weight"]) == {key: "a.0.weight"}


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_a_real_attribute_of_that_name_stays(wrapper: str) -> None:
    real = [f"{wrapper}.0.weight", f"a.{wrapper}.0.weight"]
    assert matched(real, real) == {key: key for key in real}
    wrapped = f"a.module.{wrapper}.0.weight"
    assert matched([wrapped], real) == {wrapped: f"a.{wrapper}.0.weight"}


def test_no_two_keys_become_one() -> None:
    stored = ["module.0.weight", "0.weight"]
    assert matched(stored, ["0.weight"]) == {key: key for key in stored}
    both = ["module.0.weight", "_orig_mod.0.weight"]
    assert len(set(matched(both, ["0.weight"]).values())) == 2
    assert unwrapped(dict.fromkeys(both)) == dict.fromkeys(both)


def test_what_names_a_tensor_is_no_wrapper() -> None:
    assert unwrapped({"0.module": 1, "module": 2}) == {"0.module": 1, "module": 2}


def test_a_counter_is_no_weight() -> None:
    weights = {key: TensorSpec((3, 2), "float32") for key in KEYS}
    for name in ("n_averaged", "steps", "num_updates"):
        for shape in ((), (1,)):
            assert is_counter(name, TensorSpec(shape, "int64"))
            assert without_counters({**weights, name: TensorSpec(shape, "int64")}) == weights
    assert not is_counter("steps", TensorSpec((3,), "int64"))
    assert not is_counter("0.steps", TensorSpec((), "int64"))
    assert not is_counter("scale", TensorSpec((), "float32"))


def test_counters_alone_are_all_there_is() -> None:
    keys = {"steps": TensorSpec((), "int64")}
    assert without_counters(keys) == keys
