"""Files that hold a generator and a critic side by side: each is a part, which a factory or its description makes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.checkpoints.keras.keras2 import dense, given, numbers, sequential, written
from torch import Tensor

from wganalyze.contracts.loader import Loader, Part
from wganalyze_checkpoints.keras.inside import role_of
from wganalyze_checkpoints.keras.loader import KerasModel, KerasWeights

os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras")
layers = keras.layers

pytestmark = [pytest.mark.formats, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


def generator() -> Any:
    """With statistics."""
    return keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.BatchNormalization(), layers.Dense(2)])


def discriminator() -> Any:
    """Of a point."""
    return keras.Sequential([keras.Input((2,)), layers.Dense(8, activation="relu"), layers.Dense(1)])


class Gan(keras.Model):  # type: ignore[misc, name-defined]
    """As tutorials have it: a model whose attributes are networks, and what counts its losses."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.discriminator = generator(), discriminator()
        self.d_loss_tracker = keras.metrics.Mean(name="d_loss")

    def call(self, z: Any) -> Any:
        return self.discriminator(self.generator(z))

    def get_config(self) -> dict[str, Any]:
        return {}


def trained() -> Gan:
    """With numbers of no initializer, and a loss that was counted."""
    model = Gan()
    model(np.zeros((1, 4), np.float32))
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    model.d_loss_tracker.update_state([3.0])
    return model


def parts_of(path: Path) -> dict[str, Part]:
    """By name, from the loader that claims it."""
    loaders: tuple[Loader, ...] = (KerasModel(), KerasWeights())
    (loader,) = [loader for loader in loaders if loader.sniff(path) > 0.9]
    parts = loader.open(path)
    assert {part.kind for part in parts} == {loader.name}
    return {part.name: part for part in parts}


@pytest.mark.parametrize(
    "save",
    [lambda gan, path: gan.save_weights(path / "gan.weights.h5"), lambda gan, path: gan.save(path / "gan.keras")],
)
def test_both_networks_of_a_subclassed_model_are_filled(tmp_path: Path, save: Callable[[Gan, Path], None]) -> None:
    gan = trained()
    save(gan, tmp_path)
    (path,) = tmp_path.iterdir()
    parts = parts_of(path)
    assert {name: part.role for name, part in parts.items()} == {"generator": "generator", "discriminator": "critic"}
    assert {part.problems for part in parts.values()} == {()}, "no code of the file is needed"
    z = torch.randn(6, 4)
    made: Tensor = gan.generator(z).detach()
    for name, make, x, expected in (
        ("generator", generator, z, made),
        ("discriminator", discriminator, made, gan.discriminator(made).detach()),
    ):
        fill = parts[name].fill
        assert fill is not None
        torch.testing.assert_close(fill(make())(x), expected, rtol=1e-5, atol=1e-6)


WEIGHTS = {
    "generator": {"a/kernel:0": numbers(0, 3, 2), "a/bias:0": numbers(1, 2)},
    "discriminator": {"b/kernel:0": numbers(2, 2, 1), "b/bias:0": numbers(3, 1)},
}


@pytest.mark.parametrize("full", [True, False])
def test_a_chain_of_both_as_keras_2_saved_it(tmp_path: Path, full: bool) -> None:
    """With its description each is a program of its own."""
    config = sequential(
        "gan",
        sequential("generator", given("z", 3), dense("a", 2)),
        sequential("discriminator", given("x", 2), dense("b", 1)),
    )
    parts = parts_of(written(tmp_path / "gan.h5", config if full else None, WEIGHTS))
    assert {name: part.role for name, part in parts.items()} == {"generator": "generator", "discriminator": "critic"}
    for name, width in (("generator", 3), ("discriminator", 2)):
        part, (kernel, bias) = parts[name], (torch.from_numpy(value) for value in WEIGHTS[name].values())
        x = torch.randn(5, width)
        made = keras.Sequential([keras.Input((width,)), layers.Dense(kernel.shape[1])])
        assert part.fill is not None
        networks = [part.fill(made)]
        assert (part.read_module is not None) == full
        if part.read_module is not None:
            assert (part.runs_code, part.inputs[0].shape) == (False, (None, width))
            networks.append(part.read_module())
        for network in networks:
            torch.testing.assert_close(network(x), x @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_a_layer_that_is_called_generator_makes_no_second_network(tmp_path: Path) -> None:
    weights = {"embedding": {"embedding/embeddings:0": numbers(0, 10, 4)}, "Generator": WEIGHTS["generator"]}
    assert [*parts_of(written(tmp_path / "g.h5", None, weights))] == [""]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("generator", "generator"), ("discriminator", "critic"), ("critic", "critic"), ("Generator_ema", "generator"),
        ("gen", "generator"), ("disc_2", "critic"), ("gan", None), ("generator_critic", None), ("generation", None),
    ],
)  # fmt: skip
def test_the_role_that_a_name_gives(name: str, role: str | None) -> None:
    assert role_of(name) == role
