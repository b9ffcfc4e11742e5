"""The weights of a file in the model that the user's factory makes: by name or order, each shape checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.checkpoints.keras.conftest import opened, saved
from tests.checkpoints.keras.keras2 import dense, given, layer, numbers, sequential, written
from torch import nn

from wganalyze.errors import CheckpointError

os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras")
layers = keras.layers

pytestmark = [pytest.mark.formats, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]

STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")
WEIGHTS = {name: numbers(seed, 3) + 2 for seed, name in enumerate(STATISTICS)}
ORDERS = [("gamma", "beta", "moving_mean", "moving_variance"), ("moving_variance", "gamma", "beta", "moving_mean")]


def normed(width: int = 3, name: str = "bn") -> Any:
    """All of its weights have one shape."""
    return keras.Sequential([keras.Input((width,)), layers.BatchNormalization(name=name)])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("full", [True, False])
def test_weights_of_equal_shapes_go_where_their_names_say(tmp_path: Path, order: tuple[str, ...], full: bool) -> None:
    config = sequential("critic", given("x", 3), layer("BatchNormalization", "bn", axis=[1], epsilon=0.001))
    path = written(tmp_path / "c.h5", config if full else None, {"bn": {f"bn/{n}:0": WEIGHTS[n] for n in order}})
    part = opened(path)
    x = torch.randn(5, 3)
    values = {name: torch.from_numpy(value) for name, value in WEIGHTS.items()}
    scale = (values["moving_variance"] + 1e-3).rsqrt() * values["gamma"]
    expected = (x - values["moving_mean"]) * scale + values["beta"]
    assert part.fill is not None
    torch.testing.assert_close(part.fill(normed())(x), expected, rtol=1e-5, atol=1e-6)
    if full:
        assert part.read_module is not None
        torch.testing.assert_close(part.read_module()(x), expected, rtol=1e-5, atol=1e-6)


def pair(first: str, second: str) -> Any:
    """Two layers of one shape."""
    return keras.Sequential([keras.Input((3,)), layers.Dense(3, name=first), layers.Dense(3, name=second)])


@pytest.mark.parametrize(
    ("names", "by_order"),
    [(("a", "b"), True), (("b", "a"), False), (("dense_7", "dense_8"), True)],
)
def test_layers_belong_together_by_name_where_all_are_named_so(
    tmp_path: Path, names: tuple[str, str], by_order: bool
) -> None:
    """The file lists a before b."""
    kernels, none = [numbers(0, 3, 3), numbers(1, 3, 3)], np.zeros(3, np.float32)
    weights = {n: {f"{n}/kernel:0": k, f"{n}/bias:0": none} for n, k in zip("ab", kernels, strict=True)}
    part = opened(written(tmp_path / "c.h5", None, weights))
    x = torch.randn(5, 3)
    first, second = (torch.from_numpy(k) for k in (kernels if by_order else kernels[::-1]))
    assert part.fill is not None
    torch.testing.assert_close(part.fill(pair(*names))(x), x @ first @ second, rtol=1e-5, atol=1e-6)


def test_a_whole_model_fills_the_factory_that_is_named(tmp_path: Path) -> None:
    """One that Keras 3 would not load, too; what does not fit is listed, never left out."""
    up = layer("TFOpLambda", "tf.math.tanh", function="math.tanh")
    config = sequential("generator", given("z", 2), dense("d", 3), up)
    kernel = numbers(0, 2, 3)
    weights = {"d": {"d/kernel:0": kernel, "d/bias:0": np.zeros(3, np.float32)}}
    part = opened(written(tmp_path / "g.h5", config, weights))
    assert part.fill is not None
    z = torch.randn(5, 2)
    made = keras.Sequential([keras.Input((2,)), layers.Dense(3), layers.Activation("tanh")])
    torch.testing.assert_close(part.fill(made)(z), torch.tanh(z @ torch.from_numpy(kernel)))
    wider = keras.Sequential([keras.Input((2,)), layers.Dense(4, name="wide")], name="net")
    with pytest.raises(CheckpointError, match=r"d is \(2, 3\), \(3,\), the model's wide is \(2, 4\), \(4,\)"):
        part.fill(wider)
    with pytest.raises(CheckpointError, match=r"it has 1 layers with weights \(d\), the model 2"):
        part.fill(pair("d", "e"))
    with pytest.raises(CheckpointError, match=r"the factory gave a torch\.nn\.modules\.linear\.Linear"):
        part.fill(nn.Linear(2, 3))


@pytest.mark.parametrize("layout", [".keras", ".h5"])
def test_a_whole_model_of_keras_3_fills_a_factory_too(tmp_path: Path, layout: str) -> None:
    model = pair("a", "b")
    for variable in model.weights:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    part = opened(saved(model, tmp_path, layout))
    x = torch.randn(5, 3)
    assert part.fill is not None
    assert part.read_module is not None
    torch.testing.assert_close(part.fill(pair("a", "b"))(x), part.read_module()(x), rtol=0, atol=0)
