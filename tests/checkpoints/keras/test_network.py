"""Keras models as torch modules: equal to Keras's own predictions, exact in float64, and no call changes them."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze_checkpoints.keras.network import KerasNetwork

os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras")
layers = keras.layers

pytestmark = [pytest.mark.formats, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


def generator() -> Any:
    """A DCGAN's."""
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(4 * 4 * 3, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape((4, 4, 3)),
            layers.Conv2DTranspose(4, 4, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.5),
            layers.Conv2DTranspose(2, 4, strides=2, padding="same", activation="tanh"),
        ],
        name="generator",
    )


def critic() -> Any:
    """A DCGAN's, functional; of images that are not square."""
    image = keras.Input((16, 12, 2))
    x = layers.Conv2D(4, 4, strides=2, padding="same")(image)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(4, 4, strides=2, padding="same")(x)
    x = keras.ops.relu(x) * 0.5 + 0.1
    return keras.Model(image, layers.Dense(1)(layers.Flatten()(x)), name="critic")


def mlp() -> Any:
    """On the plane, with a nested model and a layer that is used twice."""
    body = keras.Sequential([keras.Input((2,)), layers.Dense(8, activation="gelu"), layers.LayerNormalization()])
    twice = layers.Dense(8, activation="swish")
    x = keras.Input((2,))
    return keras.Model(x, layers.Dense(1)(twice(twice(body(x)))))


def conditional(*, label_first: bool = False, dtype: str = "int32") -> Any:
    """A generator of images with labels by an embedding."""
    z, label = keras.Input((6,), name="z"), keras.Input((1,), name="label", dtype=dtype)
    x = layers.Concatenate()([z, layers.Flatten()(layers.Embedding(10, 4)(label))])
    x = layers.Reshape((4, 3, 1))(layers.Dense(12)(x))
    return keras.Model([label, z] if label_first else [z, label], x)


class Subclassed(keras.Model):  # type: ignore[misc, name-defined]
    """A model that states no inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = layers.Conv2D(3, 3)
        self.last = layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.last(layers.Flatten()(self.convolution(x)))


def subclassed() -> Any:
    """Built by a call."""
    model = Subclassed()
    model(np.zeros((1, 8, 7, 2), np.float32))
    return model


def randomised(model: Any, seed: int = 0) -> Any:
    """Weights that no initialiser would give, moving statistics included."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        positive = variable.name == "moving_variance"
        values = rng.uniform(0.5, 2, variable.shape) if positive else rng.normal(0, 0.4, variable.shape)
        variable.assign(values.astype(np.float32))
    return model


def first(x: Any) -> Tensor:
    """Images channels first."""
    return torch.from_numpy(np.moveaxis(x, -1, 1).copy() if x.ndim == 4 else x)


MODELS: list[tuple[Callable[[], Any], tuple[int, ...]]] = [
    (generator, (5,)),
    (critic, (16, 12, 2)),
    (mlp, (2,)),
    (subclassed, (8, 7, 2)),
]


@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_gives_what_keras_predicts_and_no_call_changes_it(make: Callable[[], Any], shape: tuple[int, ...]) -> None:
    model = randomised(make())
    x = np.random.default_rng(1).normal(size=(6, *shape)).astype(np.float32)
    expected = first(model.predict(x, verbose=0))
    network = KerasNetwork(model).eval()
    torch.testing.assert_close(network(first(x)), expected, rtol=1e-5, atol=1e-6)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    once = network(first(x))
    network.train()(first(x))
    torch.testing.assert_close(network.eval()(first(x)), once, rtol=0, atol=0)
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)
    for value, stored in zip(model.get_weights(), randomised(make()).get_weights(), strict=True):
        np.testing.assert_array_equal(value, stored)


@pytest.mark.parametrize(("make", "shape"), MODELS[:3])
def test_float64_is_exact(make: Callable[[], Any], shape: tuple[int, ...]) -> None:
    """Scaling by a power of two in float64 loses nothing, and the float32 result is its rounding."""
    network = KerasNetwork(randomised(make())).eval()
    exact = copy.deepcopy(network).double()
    x = first(np.random.default_rng(1).normal(size=(6, *shape)))
    fine, coarse = exact(x), network(x.float())
    assert (fine.dtype, coarse.dtype, network(x).dtype) == (torch.float64, torch.float32, torch.float64)
    torch.testing.assert_close(fine.float(), coarse, rtol=1e-4, atol=1e-5)
    nudge = torch.full_like(x, 1e-10)
    slope = torch.func.jvp(exact, (x,), (nudge,))[1]
    torch.testing.assert_close(exact(x + nudge) - fine, slope, rtol=1e-3, atol=1e-13)
    assert slope.abs().max() > 1e-12
    assert {value.dtype for value in network.parameters()} == {torch.float32}, "the original keeps its precision"


def test_float64_equals_torch() -> None:
    """Against the same critic in torch's own layers."""
    slope = layers.LeakyReLU(negative_slope=0.2)
    model = keras.Sequential([keras.Input((6, 5, 2)), layers.Conv2D(3, 3), slope, layers.Flatten(), layers.Dense(1)])
    kernel, bias, weight, last = (torch.from_numpy(w).double() for w in randomised(model).get_weights())
    x = torch.randn(4, 2, 6, 5, dtype=torch.float64)
    features = nn.functional.leaky_relu(nn.functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias), 0.2)
    expected = features.permute(0, 2, 3, 1).flatten(1) @ weight + last
    torch.testing.assert_close(KerasNetwork(model).eval().double()(x), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("make", "shape"), MODELS[1:3])
def test_the_gradient_is_that_of_finite_differences(make: Callable[[], Any], shape: tuple[int, ...]) -> None:
    network = KerasNetwork(randomised(make())).eval().double()
    x = first(np.random.default_rng(2).normal(size=(3, *shape)))
    x.requires_grad_(True)
    (slope,) = torch.autograd.grad(network(x).sum(), x)
    direction = torch.randn_like(x)
    with torch.no_grad():
        difference = (network(x + 1e-6 * direction) - network(x - 1e-6 * direction)) / 2e-6
    along = (slope * direction).flatten(1).sum(1)
    torch.testing.assert_close(along, difference.flatten(), rtol=1e-6, atol=1e-8)


def test_train_mode_takes_the_statistics_of_the_batch() -> None:
    model = randomised(critic())
    x = np.random.default_rng(3).normal(size=(8, 16, 12, 2)).astype(np.float32)
    network = KerasNetwork(model)
    assert network.uses_batch_statistics
    trained = copy.deepcopy(network).train()(first(x))
    expected = keras.models.clone_model(model)
    expected.set_weights(model.get_weights())
    torch.testing.assert_close(
        trained, first(keras.ops.convert_to_numpy(expected(x, training=True))), rtol=1e-4, atol=1e-5
    )
    assert (trained - network.eval()(first(x))).abs().max() > 0.01
    assert not KerasNetwork(mlp()).uses_batch_statistics


def test_dropout_follows_the_seed_of_torch() -> None:
    network = KerasNetwork(keras.Sequential([keras.Input((50,)), layers.Dropout(0.5)])).train()
    x = torch.ones(2, 50)

    def drawn(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return network(x)  # type: ignore[no-any-return]

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
    assert not torch.equal(network(x), network(x))


@pytest.mark.parametrize("label_first", [False, True])
@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("double", [False, True])
def test_labels_reach_their_input(label_first: bool, dtype: str, double: bool) -> None:
    model = randomised(conditional(label_first=label_first, dtype=dtype))
    z, labels = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32), np.array([0, 3, 9, 3, 1])
    expected = model.predict([labels[:, None], z] if label_first else [z, labels[:, None]], verbose=0)
    network = KerasNetwork(model).eval()
    network = network.double() if double else network
    found = network(torch.from_numpy(z).to(torch.float64 if double else torch.float32), torch.from_numpy(labels))
    assert found.shape == (5, 1, 4, 3)
    torch.testing.assert_close(found.float(), first(expected), rtol=1e-5, atol=1e-6)


def test_one_hot_labels_and_named_inputs() -> None:
    z, label = keras.Input((4,), name="z"), keras.Input((3,), name="label")
    model = keras.Model({"z": z, "label": label}, layers.Dense(2)(layers.Concatenate()([z, label])))
    x, y = torch.randn(5, 4), nn.functional.one_hot(torch.tensor([0, 1, 2, 1, 0]), 3).float()
    expected = model({"z": x, "label": y}).detach()
    torch.testing.assert_close(KerasNetwork(model).eval()(x, y), expected)


def test_what_does_not_fit_is_said_in_one_line() -> None:
    network = KerasNetwork(conditional())
    for arguments in ((torch.zeros(2, 6),), (torch.zeros(2, 7), torch.zeros(2, dtype=torch.int64))):
        with pytest.raises(
            ValueError, match=r"takes z \(None, 6\), label \(None, 1\) \(channels last\), not"
        ) as caught:
            network(*arguments)
        assert str(caught.value).isprintable()


def test_latent_images_are_taken_channels_first_or_as_the_file_states_them() -> None:
    network = KerasNetwork(keras.Sequential([keras.Input((1, 1, 8)), layers.Conv2DTranspose(2, 4)])).eval()
    z = torch.randn(3, 8)
    torch.testing.assert_close(network(z[:, :, None, None]), network(z[:, None, None, :]))
    assert network(z[:, :, None, None]).shape == (3, 2, 4, 4)


def test_a_model_that_is_channels_first_is_not_turned() -> None:
    model = keras.Sequential([keras.Input((2, 6, 5)), layers.Conv2D(3, 2, data_format="channels_first")])
    x = torch.randn(2, 2, 6, 5)
    torch.testing.assert_close(KerasNetwork(model).eval()(x), model(x).detach())


def test_several_outputs_are_a_tuple() -> None:
    x = keras.Input((4, 4, 2))
    model = keras.Model(x, [layers.Dense(1)(layers.Flatten()(x)), layers.Conv2D(3, 1)(x)])
    score, image = KerasNetwork(model).eval()(torch.zeros(2, 2, 4, 4))
    assert (score.shape, image.shape) == ((2, 1), (2, 3, 4, 4))


@pytest.mark.parametrize("last", [[layers.Dense, 1, "sigmoid"], [layers.Activation, "sigmoid"]])
def test_a_final_sigmoid_is_a_layer_that_can_be_cut(last: list[Any]) -> None:
    kind, *arguments = last
    final = kind(arguments[0], activation="sigmoid") if len(arguments) > 1 else kind(arguments[0])
    model = randomised(keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(1), final]))
    x = torch.randn(5, 3)
    expected = first(model.predict(x.numpy(), verbose=0))
    network = KerasNetwork(model).eval().double()
    assert isinstance(network.head, nn.Sigmoid)
    torch.testing.assert_close(network(x.double()).float(), expected, rtol=1e-5, atol=1e-6)
    network.head = nn.Identity()
    torch.testing.assert_close(torch.sigmoid(network(x.double())).float(), expected, rtol=1e-5, atol=1e-6)


def test_a_sigmoid_of_a_layer_that_is_used_twice_stays() -> None:
    layer = layers.Dense(2, activation="sigmoid")
    x = keras.Input((2,))
    model = keras.Model(x, layer(layer(x)))
    given = torch.randn(3, 2)
    expected = model(given).detach()
    torch.testing.assert_close(KerasNetwork(model).eval()(given), expected)


class Scale(keras.layers.Layer):  # type: ignore[misc, name-defined]
    """A stranger's layer that does not say in its configuration what it does."""

    def __init__(self, factor: float = 1.0, **more: Any) -> None:
        super().__init__(**more)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return super().get_config()  # type: ignore[no-any-return]


def test_a_configuration_that_says_too_little_is_not_trusted() -> None:
    """Made anew in float64, this model would be another: it keeps its precision, and casts."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2), Scale(5.0)])
    network = KerasNetwork(model).eval()
    exact = copy.deepcopy(network).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    torch.testing.assert_close(exact(x), network(x), rtol=0, atol=0)
    assert exact(x).dtype == torch.float64
    assert {value.dtype for value in exact.parameters()} == {torch.float32}


def test_copies_stand_alone() -> None:
    network = KerasNetwork(randomised(mlp())).eval()
    x = torch.randn(3, 2)
    before = network(x)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for value in other.parameters():
            value.zero_()
    torch.testing.assert_close(network(x), before, rtol=0, atol=0)
    assert not torch.equal(other(x), before)
    assert repr(network) == repr(copy.deepcopy(network))
    assert "takes (None, 2), float32" in repr(network)
    assert "float64" in repr(other.double())


def test_half_precision_is_refused_and_the_tracer_told_why() -> None:
    network = KerasNetwork(mlp()).eval()
    assert {value.dtype for value in network.half().parameters()} == {torch.float32}
    for critic_ in (network, nn.Sequential(network)):
        with pytest.raises(TypeError, match="hides its layers from the tracer"):
            torch.fx.symbolic_trace(critic_)
