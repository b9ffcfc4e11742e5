"""Keras files of every layout, loaded and filled: equal to what was saved; code runs by the user's leave alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.checkpoints.keras.conftest import WRITERS, opened, saved
from torch import nn

from wganalyze.contracts.loader import Input, Part
from wganalyze.errors import CheckpointError

os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras")
layers = keras.layers
h5py = pytest.importorskip("h5py")

pytestmark = [pytest.mark.formats, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


def critic(name: str = "discriminator") -> Any:
    """With BatchNorm and Dropout, which keep more than weights."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(3, 4, strides=2, padding="same", name="look"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.BatchNormalization(momentum=0.8),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid", name="score"),
        ],
        name=name,
    )


def generator(*, operations: bool = True) -> Any:
    """Functional, conditional, with a nested model and an operation that is no layer."""
    z, label = keras.Input((4,), name="z"), keras.Input((1,), name="label", dtype="int32")
    body = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(16)], name="body")
    x = body(layers.Concatenate()([z, layers.Flatten()(layers.Embedding(3, 2)(label))]))
    x = layers.Reshape((4, 4, 1))(keras.ops.tanh(x) * 2.0 if operations else x)
    return keras.Model([z, label], layers.Conv2DTranspose(1, 2, strides=2)(x), name="generator")


def trained(model: Any) -> Any:
    """With the optimizer's state and numbers that no initialiser gives."""
    model.compile("adam", "mse")
    inputs = [np.zeros((4, *(k or 1 for k in tensor.shape[1:])), tensor.dtype) for tensor in model.inputs]
    model.train_on_batch(inputs if len(inputs) > 1 else inputs[0], np.zeros((4, *model.outputs[0].shape[1:])))
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.uniform(0.1, 1, variable.shape).astype(np.float32))
    return model


def loaded(part: Part, make: Callable[[], Any]) -> nn.Module:
    """By its own program where it has one, else into what ``make`` gives."""
    if part.read_module is not None:
        return part.read_module()
    assert part.fill is not None
    return part.fill(make())


@pytest.mark.parametrize("layout", WRITERS)
def test_an_image_critic_gives_what_it_gave(tmp_path: Path, layout: str) -> None:
    model = trained(critic())
    x = np.random.default_rng(1).normal(size=(5, 8, 8, 1)).astype(np.float32)
    expected = model.predict(x, verbose=0)
    part = opened(saved(model, tmp_path, layout))
    assert part.parameters == sum(weight.size for weight in model.get_weights()), "nothing of the optimizer"
    assert part.problems == ()
    if part.kind == "keras-model":
        assert (part.role, part.runs_code, part.inputs) == (
            "critic",
            False,
            (Input("image", (None, 8, 8, 1), "float32"),),
        )
    found = loaded(part, critic)(torch.from_numpy(np.moveaxis(x, -1, 1).copy()))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layout", WRITERS)
def test_a_conditional_generator_gives_what_it_gave(tmp_path: Path, layout: str) -> None:
    make = partial(generator, operations=layout != ".h5")  # Keras does not read operations back from there
    model = trained(make())
    z, labels = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32), np.array([0, 1, 2, 1, 0])
    expected = model.predict([z, labels[:, None]], verbose=0)
    part = opened(saved(model, tmp_path, layout))
    if part.kind == "keras-model":
        assert [i.name for i in part.inputs] == ["z", "label"]
    found = loaded(part, make)(torch.from_numpy(z), torch.from_numpy(labels))
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layout", WRITERS)
def test_a_file_cut_or_altered_after_it_was_opened(tmp_path: Path, layout: str) -> None:
    path = saved(trained(critic()), tmp_path, layout)
    part = opened(path)
    content = path.read_bytes()
    for i in range(20):
        path.write_bytes(content[: len(content) * i // 20])
        with pytest.raises(CheckpointError) as caught:
            loaded(part, critic)
        assert str(caught.value).isprintable()


def test_numbers_that_are_none_are_named(tmp_path: Path) -> None:
    model = critic()
    model.get_layer("score").bias.assign([np.nan])
    with pytest.raises(CheckpointError, match="NaN or infinity in score/bias; this network cannot be analysed"):
        loaded(opened(saved(model, tmp_path, ".keras")), critic)


# Weights and the factory


def other(width: int = 3, *, deeper: bool = False) -> Any:
    """Like the critic, and not equal to it."""
    inner = [layers.Dense(2)] if deeper else []
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(width, 4, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.Flatten(),
            *inner,
            layers.Dense(1),
        ],
        name="other",
    )


@pytest.mark.parametrize("layout", [".weights.h5", "_old.h5"])
def test_what_does_not_fit_is_listed(tmp_path: Path, layout: str) -> None:
    (tmp_path / "deeper").mkdir()
    part, whole = (
        opened(saved(critic(), tmp_path, layout)),
        opened(saved(other(deeper=True), tmp_path / "deeper", layout)),
    )
    wide = layers_of = ""
    if layout == ".weights.h5":
        wide = r"layers/conv2d/vars/0 is \(4, 4, 1, 3\), the model has \(4, 4, 1, 2\)"
        layers_of = "missing: layers/dense_1/vars/0, layers/dense_1/vars/1"
    else:
        wide = r"look is \(4, 4, 1, 3\), \(3,\), the model's \S+ is \(4, 4, 1, 2\), \(2,\)"
        layers_of = r"it has 3 layers with weights \(look, .*\), the model 4"
    assert part.fill is not None
    with pytest.raises(CheckpointError, match=f"does not fit the Keras model other: .*{wide}"):
        part.fill(other(2))
    with pytest.raises(CheckpointError, match=layers_of):
        part.fill(other(deeper=True))
    assert whole.fill is not None
    with pytest.raises(CheckpointError, match=r"unexpected|it has 4 layers") as caught:
        whole.fill(other())
    assert str(caught.value).isprintable()
    assert "name the factory that it was trained with" in str(caught.value)


def test_a_factory_may_give_one_model_for_all_snapshots(tmp_path: Path) -> None:
    made, x = critic(), torch.randn(3, 1, 8, 8)
    networks, expected = [], []
    for seed in range(2):
        model = critic()
        model.get_layer("score").kernel.assign(np.random.default_rng(seed).normal(size=(48, 1)))
        expected.append(torch.from_numpy(model.predict(x.permute(0, 2, 3, 1).numpy(), verbose=0)))
        (tmp_path / str(seed)).mkdir()
        part = opened(saved(model, tmp_path / str(seed), ".weights.h5"))
        networks.append(loaded(part, lambda: made))
    for network, scores in zip(networks, expected, strict=True):
        torch.testing.assert_close(network(x), scores, rtol=1e-5, atol=1e-6)
        assert isinstance(network.head, nn.Sigmoid)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (nn.Linear(1, 1), r"the factory gave a torch\.nn\.modules\.linear\.Linear; let it return the keras\.Model"),
        (None, "gave a builtins.NoneType"),
        (keras.Sequential([layers.Dense(1)], name="net"), r"net has no weights yet; begin it with keras\.Input"),
    ],
)
def test_a_factory_that_makes_something_else(tmp_path: Path, made: Any, reason: str) -> None:
    part = opened(saved(critic(), tmp_path, ".weights.h5"))
    assert part.fill is not None
    with pytest.raises(CheckpointError, match=reason) as caught:
        part.fill(made)
    assert str(caught.value).isprintable()


def test_weights_of_keras_2_13_under_their_own_prefix(tmp_path: Path) -> None:
    model = critic()
    model.save_weights(tmp_path / "new.weights.h5")
    with h5py.File(tmp_path / "new.weights.h5") as source, h5py.File(tmp_path / "old", "w") as target:
        source.copy(source["layers"], target, "_layer_checkpoint_dependencies")
    network = loaded(opened(tmp_path / "old"), critic)
    kernel = network.state_dict()["discriminator/look/kernel"]
    np.testing.assert_array_equal(kernel.numpy(), keras.ops.convert_to_numpy(model.get_layer("look").kernel))


# Keras 2


@pytest.mark.parametrize("spelling", ["2.0", "2.4", "1"])
def test_a_full_model_of_keras_2(tmp_path: Path, spelling: str) -> None:
    """The layout that tf.keras wrote from 2.0 to 2.15, and the spelling of its configurations."""
    kernel, bias = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([1, -20], np.float32)
    initial = {"class_name": "GlorotUniform", "config": {"seed": None}}
    common = {"trainable": True, "dtype": "float32"}
    dense = {"name": "dense", "units": 2, "activation": "linear", "use_bias": True, "kernel_initializer": initial}
    inside = [
        {"class_name": "Dense", "config": {**dense, **common, "batch_input_shape": [None, 3]}},
        {"class_name": "LeakyReLU", "config": {"name": "leaky_re_lu", "alpha": 0.25, **common}},
    ]
    stated = {"batch_input_shape": [None, 3], "dtype": "float32", "sparse": False, "ragged": False, "name": "dense"}
    if spelling == "2.4":
        inside.insert(0, {"class_name": "InputLayer", "config": {**stated, "name": "dense_input"}})
    named = {"name": "sequential", "layers": inside}
    config = {"class_name": "Sequential", "config": inside if spelling == "1" else named}
    path = tmp_path / "generator_final"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.4.0"
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["training_config"] = b"{}"
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"dense", b"leaky_re_lu"]
        weights.attrs["keras_version"] = b"2.4.0"
        layer = weights.create_group("dense")
        layer.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        layer["dense/kernel:0"], layer["dense/bias:0"] = kernel, bias
        weights.create_group("leaky_re_lu").attrs["weight_names"] = np.array([], "S1")
    part = opened(path)
    assert (part.facts["keras_version"], [*part.keys]) == ("2.4.0", ["dense/dense/kernel:0", "dense/dense/bias:0"])
    assert [(i.shape, i.dtype) for i in part.inputs] == [((None, 3), "float32")]
    assert part.runs_code is False
    x = torch.randn(4, 3)
    expected = nn.functional.leaky_relu(x @ torch.from_numpy(kernel) + torch.from_numpy(bias), 0.25)
    torch.testing.assert_close(loaded(part, critic)(x), expected)


@pytest.mark.parametrize("layout", [".keras", ".weights.h5"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "mixed_bfloat16"])
def test_other_precisions(tmp_path: Path, layout: str, dtype: str) -> None:
    def make() -> Any:
        return keras.Sequential([keras.Input((3,)), layers.Dense(2, dtype=dtype), layers.Dense(1, dtype=dtype)])

    model = make()
    part = opened(saved(model, tmp_path, layout))
    assert {spec.dtype for spec in part.keys.values()} == {"float32" if "mixed" in dtype else dtype}
    network, x = loaded(part, make), torch.randn(4, 3)
    torch.testing.assert_close(network(x), model(x).detach().float(), rtol=0, atol=0)
    torch.testing.assert_close(network.double()(x.double()).float(), network(x), rtol=0.05, atol=0.05)
