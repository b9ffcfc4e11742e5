"""Critics whose layers are no torch modules: Keras models, and what else says that it runs a program."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganalyze.errors import NotMeasurable
from wganalyze_plugins.lipschitz import bracket
from wganalyze_plugins.lipschitz.bounds.products.product import product_bound
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace


class Program(nn.Module):
    """Hides what it does from a tracer of modules."""

    runs_a_program = True

    def __init__(self, body: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = body
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError("no layers are seen")
        return self.body(self, x)


def bound(body: Callable[[Any, Tensor], Tensor]) -> float:
    """Of a program of four numbers."""
    return product_bound(trace(Program(body).double().eval().requires_grad_(False), (4,))).value


def norm(layer: nn.Linear) -> float:
    """Of its weight."""
    return float(torch.linalg.matrix_norm(layer.weight.detach().double(), 2))


@pytest.mark.parametrize(
    ("body", "factor"),
    [
        (lambda m, x: m.b(F.relu(m.a(x))), lambda a, b: a * b),
        (lambda m, x: m.b(F.elu(m.a(x), 2.0)), lambda a, b: 2 * a * b),
        (lambda m, x: m.b(F.selu(m.a(x))), lambda a, b: 1.7581 * a * b),
        (lambda m, x: m.b(F.gelu(m.a(x), approximate="tanh").mul_(2)), lambda a, b: 2 * 1.1291 * a * b),
        (lambda m, x: m.b(x + torch.tanh(m.a(x))), lambda a, b: (1 + a) * b),
        (lambda m, x: m.b(m.a(x).view(len(x), 2, 2).sort(2).values.reshape(len(x), -1)), lambda a, b: a * b),
        (lambda m, x: m.b(F.softmax(m.a(x), 1)), lambda a, b: a * b / 2),
        (lambda m, x: torch.cat([F.relu(m.a(x)), x.sigmoid().sum(1, True)], 1), lambda a, b: math.hypot(a, 0.5)),
        (lambda m, x: m.b(F.layer_norm(x, (4,), eps=0.25)), lambda a, b: 2 * b),
        (lambda m, x: F.max_pool1d(x[:, None], 2)[:, 0], lambda a, b: 1),
    ],
)  # fmt: skip
def test_operations_are_known_by_the_rules_of_functions(
    body: Callable[[Any, Tensor], Tensor], factor: Callable[[float, float], float]
) -> None:
    program = Program(body)
    assert bound(body) == pytest.approx(factor(norm(program.a), norm(program.b)), rel=1e-6)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (lambda m, x: m.b(x) / len(x), "size of the batch|mixes"),
        (lambda m, x: m.b(x) - m.b(x).mean(), "size of the batch|mixes"),
        (lambda m, x: m.b(x) if bool(x.sum() > 0) else -m.b(x), "tracer cannot see through"),
        (lambda m, x: m.b(x.float().double()), "computes in torch.float32"),
        (lambda m, x: m.b(torch.special.i0(x)), "no rule for i0"),
        (lambda m, x: m.b(x).roll(1, 0), "mixes"),
    ],
)
def test_what_operations_do_not_tell_is_refused(body: Callable[[Any, Tensor], Tensor], reason: str) -> None:
    with pytest.raises(NotMeasurable, match=reason):
        bound(body)


def test_a_keras_critic_has_a_bracket() -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    keras = pytest.importorskip("keras")
    from wganalyze_checkpoints.keras.network import KerasNetwork

    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Sequential(
        [
            layers.Input((12, 12, 1)),
            layers.Conv2D(4, 4, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(6, 3, padding="same", activation="elu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    given = layers.Input((6,))
    hidden = layers.Dense(6, activation="tanh")(given)
    joined = layers.Concatenate()([layers.Add()([given, hidden]), layers.Dense(2, activation="relu")(given)])
    branching = keras.Model(given, layers.Dense(1)(joined))
    for model, shape in ((image, (1, 12, 12)), (branching, (6,))):
        found = bracket(KerasNetwork(model), around=torch.randn(16, *shape), steps=3)
        assert found.reason == ""
        assert 0 < found.lower <= found.upper < 20 * found.lower
    wide = KerasNetwork(image).double()  # in train mode, with Dropout
    assert {value.dtype for value in wide.parameters()} == {torch.float64}
    assert wide.training
    dense = keras.Sequential([layers.Input((3,)), layers.Dense(1)])
    found = bracket(KerasNetwork(dense), around=torch.randn(16, 3), steps=3)
    assert found.upper == pytest.approx(float((dense.layers[0].kernel.value.detach() ** 2).sum().sqrt()), rel=1e-6)
    assert found.ratio == pytest.approx(1, rel=1e-6)
