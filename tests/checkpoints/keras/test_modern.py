"""Models of Keras 2 give what they gave there: known answers, computed without Keras; what cannot be is named."""

from __future__ import annotations

import copy
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.checkpoints.keras.conftest import opened
from tests.checkpoints.keras.keras2 import (
    TRAINING,
    called,
    dense,
    functional,
    given,
    layer,
    numbers,
    sequential,
    written,
)
from torch import Tensor, nn
from torch.nn import functional as F

from wganalyze.contracts.loader import Input, Part
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.keras import config as keras_config
from wganalyze_checkpoints.keras.modern import modern, training_facts
from wganalyze_checkpoints.keras.operations import Untranslatable

os.environ["KERAS_BACKEND"] = "torch"
h5py = pytest.importorskip("h5py")

pytestmark = [pytest.mark.formats, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


def program(part: Part) -> nn.Module:
    """The model, which needs no trust."""
    assert (part.runs_code, part.problems) == (False, ())
    assert part.read_module is not None
    return part.read_module()


def tensor(value: Any) -> Tensor:
    """As torch has it."""
    return torch.from_numpy(np.ascontiguousarray(value))


def check(network: nn.Module, expected: Tensor, *inputs: Tensor) -> None:
    """Equal to float32 rounding, and in float64."""
    torch.testing.assert_close(network(*inputs), expected, rtol=1e-5, atol=1e-6)
    wide = [value.double() if value.is_floating_point() else value for value in inputs]
    found = copy.deepcopy(network).double()(*wide)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), expected, rtol=1e-5, atol=1e-6)


def convolution(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """A layer of images, as Keras 2 spells all of them."""
    settings = {
        "kernel_size": [4, 4],
        "strides": [2, 2],
        "padding": "same",
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "groups": 1,
        "activation": "linear",
        "use_bias": True,
        **TRAINING,
    }
    return layer(kind, name, **settings | more)


def test_a_transposed_convolution(tmp_path: Path) -> None:
    """Its "groups" means nothing in Keras 2."""
    kernel, bias, first = numbers(0, 4, 4, 3, 2), numbers(1, 3), numbers(2, 5, 8)
    config = sequential(
        "generator",
        given("z", 5),
        dense("dense", 8, batch_input_shape=[None, 5]),
        layer("Reshape", "reshape", target_shape=[2, 2, 2]),
        convolution("Conv2DTranspose", "up", filters=3, activation="tanh", output_padding=None),
    )
    weights = {
        "dense": {"dense/kernel:0": first, "dense/bias:0": np.zeros(8, np.float32)},
        "reshape": {},
        "up": {"up/kernel:0": kernel, "up/bias:0": bias},
    }
    part = opened(written(tmp_path / "g.h5", config, weights))
    assert (part.role, part.inputs) == ("generator", (Input("z", (None, 5), "float32"),))
    z = torch.randn(6, 5)
    images = (z @ tensor(first)).reshape(6, 2, 2, 2).permute(0, 3, 1, 2)
    filters = tensor(kernel).permute(3, 2, 0, 1)
    check(program(part), torch.tanh(F.conv_transpose2d(images, filters, tensor(bias), 2, 1)), z)


@pytest.mark.parametrize("kind", ["DepthwiseConv2D", "SeparableConv2D"])
def test_convolutions_of_single_channels(tmp_path: Path, kind: str) -> None:
    deep, point, bias = numbers(0, 3, 3, 2, 2), numbers(1, 1, 1, 4, 3), numbers(2, 4 if kind[0] == "D" else 3)
    more = {"kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "depth_multiplier": 2}
    separable = kind == "SeparableConv2D"
    config = sequential(
        "critic",
        given("x", 6, 5, 2),
        convolution(kind, "conv", **more, **({"filters": 3} if separable else {}), depthwise_constraint=None),
    )
    arrays = {"conv/depthwise_kernel:0": deep, **({"conv/pointwise_kernel:0": point} if separable else {})}
    part = opened(written(tmp_path / "c.h5", config, {"conv": {**arrays, "conv/bias:0": bias}}))
    x = torch.randn(3, 2, 6, 5)
    filters = tensor(deep).permute(2, 3, 0, 1).reshape(4, 1, 3, 3)
    features = F.conv2d(x, filters, None if separable else tensor(bias), groups=2)
    if separable:
        features = F.conv2d(features, tensor(point).permute(3, 2, 0, 1), tensor(bias))
    check(program(part), features, x)


BODY = {
    "kernel": numbers(0, 4, 6), "bias": numbers(1, 6), "gamma": numbers(2, 6), "beta": numbers(3, 6),
    "moving_mean": numbers(4, 6), "moving_variance": numbers(5, 6) + 1.5,
    "last": numbers(6, 6, 6), "end": numbers(7, 6),
}  # fmt: skip
TRAINED_FIRST = ["kernel", "bias", "gamma", "beta", "last", "end", "moving_mean", "moving_variance"]
FROZEN = ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "last", "end"]
HOMES = {"kernel": "d", "bias": "d", "last": "e", "end": "e"}


def body(kept: Tensor) -> Tensor:
    """What the model below gives."""
    b = {name: tensor(value) for name, value in BODY.items()}
    x = kept @ b["kernel"] + b["bias"]
    x = (x - b["moving_mean"]) / (b["moving_variance"] + 1e-3).sqrt() * b["gamma"] + b["beta"]
    return F.leaky_relu(x, 0.25) @ b["last"] + b["end"]


def stored(order: list[str]) -> dict[str, Any]:
    """The weights in the order of a file."""
    last = {"last": "kernel", "end": "bias"}
    return {f"{HOMES.get(name, 'bn')}/{last.get(name, name)}:0": BODY[name] for name in order}


def inner(name: str = "body", frozen: bool = False) -> dict[str, Any]:
    """A Sequential that stands in other models."""
    config = sequential(
        name,
        given("d_input", 4),
        dense("d", 6, batch_input_shape=[None, 4]),
        layer("BatchNormalization", "bn", axis=[1], momentum=0.8, epsilon=0.001, center=True, scale=True, fused=True),
        layer("LeakyReLU", "leaky", alpha=0.25),
        dense("e", 6),
    )
    for each in config["config"]["layers"]:
        each["config"] |= {"trainable": not frozen}
    return config


@pytest.mark.parametrize("frozen", [False, True])
def test_a_conditional_model_with_a_model_in_it(tmp_path: Path, frozen: bool) -> None:
    """What is called inside is counted from 1 in Keras 2; the order of its weights depends on what was frozen."""
    embeddings = numbers(8, 10, 4)
    layers = [
        called(given("label", 1, dtype="int32")),
        called(
            layer("Embedding", "embedding", batch_input_shape=[None, None], input_dim=10, output_dim=4,
                  mask_zero=False, input_length=None, embeddings_constraint=None),
            [["label", 0, 0, {}]],
        ),
        called(given("z", 4)),
        called(layer("Flatten", "flatten", data_format="channels_last"), [["embedding", 0, 0, {}]]),
        called(layer("Multiply", "multiply"), [["z", 0, 0, {}], ["flatten", 0, 0, {}]]),
        called(inner(frozen=frozen), [["multiply", 0, 0, {}]]),
    ]  # fmt: skip
    config = functional("model", layers, [["z", 0, 0], ["label", 0, 0]], [["body", 1, 0]])
    weights = {
        **{key: {} for key in ("label", "z", "flatten", "multiply")},
        "embedding": {"embedding/embeddings:0": embeddings},
        "body": stored(FROZEN if frozen else TRAINED_FIRST),
    }
    network = program(opened(written(tmp_path / "g.h5", config, weights)))
    z, label = torch.randn(5, 4), torch.tensor([0, 3, 9, 3, 1])
    check(network, body(z * tensor(embeddings)[label]), z, label)
    assert len([*network.parameters()]) == 7, "the moving statistics are buffers, whatever was frozen"


def test_models_that_are_called_again(tmp_path: Path) -> None:
    """A Sequential three times and a functional model twice, the last of them the output."""
    kernel, bias, back = numbers(9, 6, 4), numbers(10, 4), numbers(11, 6, 4)
    narrow = functional(
        "narrow",
        [called(given("n", 6)), called(dense("f", 4, "tanh"), [["n", 0, 0, {}]])],
        [["n", 0, 0]],
        [["f", 0, 0]],
    )
    layers = [
        called(given("x", 4)),
        called(inner(), [["x", 0, 0, {}]], [["narrow", 1, 0, {}]], [["back", 0, 0, {}]]),
        called(narrow, [["body", 1, 0, {}]], [["body", 3, 0, {}]]),
        called(dense("back", 4), [["body", 2, 0, {}]]),
    ]
    config = functional("critic", layers, [["x", 0, 0]], [["narrow", 2, 0]])
    weights = {
        "x": {},
        "body": stored(TRAINED_FIRST),
        "narrow": {"f/kernel:0": kernel, "f/bias:0": bias},
        "back": {"back/kernel:0": back, "back/bias:0": np.zeros(4, np.float32)},
    }
    network = program(opened(written(tmp_path / "c.h5", config, weights)))

    def narrowed(x: Tensor) -> Tensor:
        return torch.tanh(x @ tensor(kernel) + tensor(bias))

    x = torch.randn(5, 4)
    check(network, narrowed(body(body(narrowed(body(x))) @ tensor(back))), x)


def test_a_model_with_two_outputs(tmp_path: Path) -> None:
    kernels = {name: numbers(seed, 6, width) for seed, (name, width) in enumerate([("score", 1), ("label", 3)])}
    heads = [called(dense(name, k.shape[1]), [["body", 1, 0, {}]]) for name, k in kernels.items()]
    layers = [called(given("x", 4)), called(inner(), [["x", 0, 0, {}]]), *heads]
    config = functional("critic", layers, [["x", 0, 0]], [["score", 0, 0], ["label", 0, 0]])
    weights: dict[str, Any] = {"x": {}, "body": stored(TRAINED_FIRST)}
    for name, kernel in kernels.items():
        weights[name] = {f"{name}/kernel:0": kernel, f"{name}/bias:0": np.zeros(kernel.shape[1], np.float32)}
    x = torch.randn(5, 4)
    for found, kernel in zip(
        program(opened(written(tmp_path / "c.h5", config, weights)))(x), kernels.values(), strict=True
    ):
        torch.testing.assert_close(found, body(x) @ tensor(kernel), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "call", "expected"),
    [
        ("math.multiply", ["x", 0, 0, {"y": 2.0, "name": None}], lambda x: 2 * x),
        ("__operators__.add", ["x", 0, 0, {"y": ["x", 0, 0], "name": None}], lambda x: 2 * x),
        ("math.subtract", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0], "name": None}], lambda x: 1 - x),
        ("math.truediv", ["x", 0, 0, {"y": 4.0, "name": None}], lambda x: x / 4),
        ("math.tanh", ["x", 0, 0, {"name": None}], torch.tanh),
        ("nn.leaky_relu", ["x", 0, 0, {"alpha": 0.3}], lambda x: F.leaky_relu(x, 0.3)),
        ("nn.leaky_relu", ["x", 0, 0, {}], lambda x: F.leaky_relu(x, 0.2)),
        ("concat", [["x", 0, 0, {"axis": -1}], ["x", 0, 0, {"axis": -1}]], lambda x: torch.cat([x, x], -1)),
        ("reshape", ["x", 0, 0, {"shape": [-1, 2, 3]}], lambda x: x.reshape(-1, 2, 3)),
        ("math.reduce_sum", ["x", 0, 0, {"axis": -1, "keepdims": True}], lambda x: x.sum(-1, keepdim=True)),
    ],
)
def test_operations_of_tensorflow(tmp_path: Path, function: str, call: list[Any], expected: Any) -> None:
    operation = called(layer("TFOpLambda", "tf.operation", function=function), call)
    config = functional("critic", [called(given("x", 6)), operation], [["x", 0, 0]], [["tf.operation", 0, 0]])
    x = torch.randn(5, 6)
    check(program(opened(written(tmp_path / "c.h5", config, {"x": {}}))), expected(x), x)


@pytest.mark.parametrize(
    ("function", "keywords"),
    [("image.resize", {"size": [4, 4]}), ("math.reduce_sum", {"axis": 1, "other": 1}), ("math.add", {}), (None, {})],
)
def test_operations_that_are_not_known_are_refused_by_name(function: str | None, keywords: dict[str, Any]) -> None:
    operation = called(layer("TFOpLambda", "tf.operation", function=function), ["x", 0, 0, keywords])
    config = functional("critic", [called(given("x", 6)), operation], [["x", 0, 0]], [["tf.operation", 0, 0]])
    with pytest.raises(Untranslatable, match=f"its {function or 'TFOpLambda'} is an operation of TensorFlow"):
        modern(config, "2.15.0")


def test_a_recurrent_layer(tmp_path: Path) -> None:
    """Against torch's, whose gates have the same order."""
    kernel, recurrent, bias = numbers(0, 3, 20), numbers(1, 5, 20), numbers(2, 20)
    lstm = layer(
        "LSTM", "lstm", units=5, activation="tanh", recurrent_activation="sigmoid", use_bias=True, **TRAINING,
        recurrent_initializer={"class_name": "Orthogonal", "config": {"gain": 1.0, "seed": None}},
        unit_forget_bias=True, return_sequences=True, go_backwards=False, stateful=False, unroll=False,
        time_major=False, implementation=2, dropout=0.0, recurrent_dropout=0.0, batch_input_shape=[None, 6, 3],
    )  # fmt: skip
    names = ("kernel", "recurrent_kernel", "bias")
    arrays = {f"lstm/lstm_cell/{n}:0": value for n, value in zip(names, (kernel, recurrent, bias), strict=True)}
    network = program(opened(written(tmp_path / "c.h5", sequential("critic", lstm), {"lstm": arrays}, "2.3.0-tf")))
    peer = nn.LSTM(3, 5, batch_first=True)
    values = [tensor(kernel.T), tensor(recurrent.T), tensor(bias), torch.zeros(20)]
    for parameter, value in zip(peer.parameters(), values, strict=True):
        parameter.data = value
    x = torch.randn(4, 6, 3)
    check(network, peer(x)[0].detach(), x)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (dense("d", 3, "hard_sigmoid"), lambda x: (0.2 * x + 0.5).clip(0, 1)),
        (dense("d", 3, "swish"), F.silu),
        (dense("d", 3, layer("LeakyReLU", "inside", alpha=0.1)), lambda x: F.leaky_relu(x, 0.1)),
        (layer("ThresholdedReLU", "t", theta=0.5), lambda x: torch.where(x > 0.5, x, 0.0)),
        (layer("LeakyReLU", "t", alpha={"type": "ndarray", "value": 0.1}), lambda x: F.leaky_relu(x, 0.1)),
        (layer("ELU", "t", alpha=0.5), lambda x: F.elu(x, 0.5)),
        (layer("SpatialDropout1D", "t", rate=0.5, noise_shape=None), lambda x: x),
        (layer("BatchNormalizationV1", "t", axis=[2], momentum=0.9, epsilon=0.5, renorm=False,
               virtual_batch_size=None, center=False, scale=False), lambda x: (x - 1) / 2.5**0.5),
        ({**dense("d", 3), "dtype": {"class_name": "Policy", "config": {"name": "float32"}}}, lambda x: x),
    ],
)  # fmt: skip
def test_functions_that_keras_3_spells_otherwise(tmp_path: Path, activation: dict[str, Any], expected: Any) -> None:
    name = activation["config"]["name"]
    weights: dict[str, Any] = {name: {}}
    if name == "d":
        weights = {name: {"d/kernel:0": 4 * np.eye(3, dtype=np.float32), "d/bias:0": np.zeros(3, np.float32)}}
    elif "BatchNorm" in activation["class_name"]:
        mean, variance = np.ones(3, np.float32), 2 * np.ones(3, np.float32)
        weights = {name: {"t/moving_mean:0": mean, "t/moving_variance:0": variance}}
    path = written(tmp_path / "c.h5", sequential("critic", given("x", 2, 3), activation), weights)
    x = torch.randn(7, 2, 3)
    check(program(opened(path)), expected(4 * x if name == "d" else x), x)


def test_the_size_of_a_batch_is_not_kept(tmp_path: Path) -> None:
    kernel = numbers(0, 3, 2)
    config = sequential("critic", given("x", 3, batch=32), dense("d", 2, batch_input_shape=[32, 3]))
    weights = {"d": {"d/kernel:0": kernel, "d/bias:0": np.zeros(2, np.float32)}}
    x = torch.randn(5, 3)
    check(program(opened(written(tmp_path / "c.h5", config, weights))), x @ tensor(kernel), x)


# The zip of 2.13


def test_the_zip_that_keras_2_wrote(tmp_path: Path) -> None:
    """Its configuration names modules of Keras 2, and those of nested models inside name none."""
    layers = [called(given("x", 4)), called(inner(), [["x", 0, 0, {}]])]
    config = functional("critic", layers, [["x", 0, 0]], [["body", 1, 0]])
    config |= {"module": "keras.src.engine.functional", "registered_name": "Functional"}
    for each in layers:
        each |= {"module": "keras.layers" if each["class_name"] == "InputLayer" else "keras", "registered_name": None}
        each["build_config"] = {"input_shape": [None, 4]}
    weights = tmp_path / "weights"
    with h5py.File(weights, "w") as file:
        front = "_layer_checkpoint_dependencies"
        places = {
            "dense": ["kernel", "bias"],
            "batch_normalization": ["gamma", "beta", "moving_mean", "moving_variance"],
        }
        for place, names in {**places, "dense_1": ["last", "end"]}.items():
            for i, name in enumerate(names):
                file[f"{front}/sequential/{front}/{place}/vars/{i}"] = BODY[name]
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.13.1"}))
        archive.writestr("config.json", json.dumps(config))
        archive.write(weights, "model.weights.h5")
    part = opened(path)
    assert (part.role, part.facts["keras_version"]) == ("critic", "2.13.1")
    x = torch.randn(5, 4)
    check(program(part), body(x), x)


# What acts in training alone

CLIP = {"class_name": "ClipConstraint", "config": {"c": 0.01}}
PENALTY = {"class_name": "Custom>Penalty", "config": {"weight": 3.0}}
LAW = {"module": "train", "class_name": "Law", "config": {}, "registered_name": "Law"}


def test_what_the_trainer_wrote_for_the_training_is_left_out(tmp_path: Path) -> None:
    """And needs no trust; the bound of the weights is a fact, as other files state theirs."""
    kernel = numbers(0, 2, 1)
    clipped = dense("d", 1)
    clipped["config"] |= {"kernel_constraint": CLIP, "bias_regularizer": PENALTY, "kernel_initializer": LAW}
    path = written(
        tmp_path / "c.h5",
        sequential("critic", given("x", 2), clipped),
        {"d": {"d/kernel:0": kernel, "d/bias:0": np.zeros(1, np.float32)}},
    )
    part = opened(path)
    assert part.asks_for == ()
    assert (part.facts["constraint"], part.facts["weight_clip"]) == ("clip", 0.01)
    assert set(str(part.facts["left_out"]).split(", ")) == {"ClipConstraint", "Custom>Penalty", "Law"}
    x = torch.randn(5, 2)
    check(program(part), x @ tensor(kernel), x)


@pytest.mark.parametrize(
    ("constraints", "facts"),
    [
        ([None], {}),
        ([{"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}}], {}),
        ([CLIP, CLIP], {"left_out": "ClipConstraint", "constraint": "clip", "weight_clip": 0.01}),
        ([{"class_name": "WeightClip", "config": {"low": -0.5, "high": 0.5, "name": "w", "on": True}}],
         {"left_out": "WeightClip", "constraint": "clip", "weight_clip": 0.5}),
        ([CLIP, {"class_name": "ClipConstraint", "config": {"c": 0.1}}],
         {"left_out": "ClipConstraint", "constraint": "clip"}),
        ([{"class_name": "ClipConstraint", "config": {}}], {"left_out": "ClipConstraint", "constraint": "clip"}),
        ([{"class_name": "CenterAround", "config": {"c": 0.1}}], {"left_out": "CenterAround"}),
    ],
)  # fmt: skip
def test_the_bound_of_the_weights(constraints: list[Any], facts: dict[str, Any]) -> None:
    """Where all layers have one, and have the same."""
    layers = [dense(f"d{i}", 1) for i in range(len(constraints))]
    for each, constraint in zip(layers, constraints, strict=True):
        each["config"]["kernel_constraint"] = constraint
    assert training_facts(sequential("critic", *layers)) == facts


# What cannot be


REFUSED = [
    (convolution("Conv2DTranspose", "up", filters=2, groups=2), "its Conv2DTranspose has groups=2"),
    (layer("LSTM", "lstm", units=2, time_major=True), "its LSTM has time_major=True"),
    (layer("BatchNormalization", "bn", axis=[1], renorm=True), "its BatchNormalization has renorm=True"),
    (layer("InputLayer", "x", batch_input_shape=[None, 2], ragged=True), "its InputLayer has ragged=True"),
    (layer("UpSampling2D", "up", size=[2, 2], interpolation="bicubic"), "its UpSampling2D has interpolation=bicubic"),
    (layer("TFOpLambda", "tf.math.tanh", function="math.tanh"), "its math.tanh is an operation of TensorFlow"),
]


@pytest.mark.parametrize(("inside", "reason"), REFUSED)
def test_what_would_change_the_output_is_refused_by_name(tmp_path: Path, inside: dict[str, Any], reason: str) -> None:
    config = sequential("generator", given("z", 2), inside)
    with pytest.raises(Untranslatable, match=reason):
        modern(config, "2.15.0")
    part = opened(written(tmp_path / "g.h5", config, {"z": {}}))
    (problem,) = part.problems
    assert reason in problem
    assert "name a factory" in problem
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match=reason) as caught:
        part.read_module()
    assert str(caught.value).isprintable()


def test_bytecode_stays_refused(tmp_path: Path) -> None:
    code = {"function": ["4wEAAAA=", None, None], "function_type": "lambda", "module": "__main__"}
    config = sequential("generator", given("z", 2), layer("Lambda", "lambda", **code))
    part = opened(written(tmp_path / "g.h5", config, {"lambda": {}}))
    assert (part.runs_code, part.asks_for) == (True, ("keras.layers.Lambda",))
    assert part.read_allowed is not None
    with pytest.raises(CheckpointError, match="which is not allowed"):
        part.read_allowed([])


@pytest.mark.parametrize("version", ["2.15.0", "2.2.4-tf", "", "3.15.1"])
def test_a_configuration_that_is_said_anew_asks_for_no_more_than_it_did(version: str) -> None:
    """And is not altered itself."""
    config = sequential("critic", given("x", 2), dense("d", 3, "hard_sigmoid"), layer("Mine", "m"))
    before = copy.deepcopy(config)
    assert [asked.text for asked in keras_config.foreign(modern(config, version))] == ["Mine"]
    assert config == before
