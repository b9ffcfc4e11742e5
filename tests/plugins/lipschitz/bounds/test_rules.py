"""The rules of layers: constants against fine grids, attained bounds, and refusals."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_plugins.lipschitz.bounds import rules
from wganalyze_plugins.lipschitz.bounds.rules import (
    Stretch,
    activations,
    affine,
    stretch_of_function,
    stretch_of_module,
)

FINE = torch.cat([torch.linspace(-12, 12, 2_400_001, dtype=torch.float64), torch.tensor([1e-12, -1e-12]).double()])

ARGUED = (nn.PReLU, nn.Threshold, nn.Hardshrink)
"""Layers that need arguments, or have no largest slope by default."""

LAYERS: dict[str, nn.Module] = {
    **{kind.__name__: kind() for kind in activations.MODULES if kind not in ARGUED},
    "LeakyReLU .2": nn.LeakyReLU(0.2),
    "LeakyReLU 3": nn.LeakyReLU(3.0),
    "LeakyReLU -2": nn.LeakyReLU(-2.0),
    "PReLU": nn.PReLU(),
    "PReLU channels": nn.PReLU(3, init=-1.5),
    "RReLU": nn.RReLU(0.5, 3.5),
    "ELU 3": nn.ELU(3.0),
    "ELU -2": nn.ELU(-2.0),
    "CELU .1": nn.CELU(0.1),
    "CELU 4": nn.CELU(4.0),
    "GELU tanh": nn.GELU("tanh"),
    "Softplus 2": nn.Softplus(2.0),
    "Softplus 20": nn.Softplus(20.0),
    "Hardtanh -3, .5": nn.Hardtanh(-3.0, 0.5),
    "Softshrink 2": nn.Softshrink(2.0),
    "Threshold at its value": nn.Threshold(-0.7, -0.7),
    "Hardshrink of nothing": nn.Hardshrink(0.0),
}
FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "relu": (F.relu, (), {}),
    "torch.relu": (torch.relu, (), {}),
    "leaky_relu": (F.leaky_relu, (), {"negative_slope": 1.7}),
    "leaky_relu default": (F.leaky_relu, (), {}),
    "leaky_relu by position": (F.leaky_relu, (2.5,), {}),
    "elu": (F.elu, (2.0,), {}),
    "elu named": (F.elu, (), {"alpha": 2.0}),
    "selu": (F.selu, (), {}),
    "silu": (F.silu, (), {}),
    "mish": (F.mish, (), {}),
    "gelu": (F.gelu, (), {}),
    "gelu tanh": (F.gelu, (), {"approximate": "tanh"}),
    "hardswish": (F.hardswish, (), {}),
    "softplus": (F.softplus, (), {}),
    "softplus beta": (F.softplus, (), {"beta": 3.0}),
    "tanh": (torch.tanh, (), {}),
    "sigmoid": (torch.sigmoid, (), {}),
    "abs": (torch.abs, (), {}),
    "hardtanh": (F.hardtanh, (), {}),
    "softsign": (F.softsign, (), {}),
    "logsigmoid": (F.logsigmoid, (), {}),
    "relu6": (F.relu6, (), {}),
    "celu": (F.celu, (2.0,), {}),
    "hardsigmoid": (F.hardsigmoid, (), {}),
    "tanhshrink": (F.tanhshrink, (), {}),
    "softshrink": (F.softshrink, (0.3,), {}),
    "hardshrink of nothing": (torch.hardshrink, (-0.5,), {}),
    "threshold": (F.threshold, (0.5, 0.5), {}),
    "rrelu": (F.rrelu, (1.0, 3.0), {}),
    "prelu": (F.prelu, (torch.tensor([-1.5]).double(),), {}),
    "clamp": (torch.clamp, (-1, 2), {}),
    "clamp named": (torch.clamp, (), {"max": 2.5}),
    "clip": (torch.clip, (0.0,), {}),
    "sin": (torch.sin, (), {}),
    "erf": (torch.erf, (), {}),
    "atan": (torch.atan, (), {}),
    "asinh": (torch.asinh, (), {}),
    "power 1": (torch.pow, (1,), {}),
}


def largest_slope(function: Callable[[Tensor], Tensor], points: Tensor = FINE) -> float:
    """The largest |derivative| on the grid, by autograd; at kinks it lies between the one-sided slopes."""
    x = points.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(function(x).sum(), x)
    return float(slope.abs().max())


def largest_difference(function: Callable[[Tensor], Tensor]) -> float:
    """The steepest difference quotient of neighbours on a grid: a slope that exists."""
    x = FINE[:2_400_001:4]
    with torch.no_grad():
        return float((function(x).diff() / x.diff()).abs().max())


def factor(found: Stretch | str) -> float:
    """The constant of a rule that was found."""
    assert isinstance(found, Stretch), found
    return found.factor


@pytest.mark.parametrize("name", LAYERS)
def test_the_constants_of_activations_are_their_largest_slopes_rounded_outward(name: str) -> None:
    layer = LAYERS[name].double().eval()
    constant = factor(stretch_of_module(layer))

    def act(x: Tensor) -> Tensor:
        return layer(x[None, None].expand(1, 3, -1))[0, 0] if name == "PReLU channels" else layer(x)

    slope = largest_slope(act)
    assert slope <= constant <= slope * (1 + 1e-3)
    assert largest_difference(act) <= constant * (1 + 1e-9)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_constants_of_functions_too(name: str) -> None:
    target, arguments, keywords = FUNCTIONS[name]
    constant = factor(stretch_of_function(target, (None, *arguments), keywords))
    slope = largest_slope(lambda x: target(x, *arguments, **keywords))
    assert slope <= constant <= slope * (1 + 1e-3)
    assert largest_difference(lambda x: target(x, *arguments, **keywords)) <= constant * (1 + 1e-9)


@given(st.floats(-5, 5))
def test_a_leaky_slope_beyond_one_counts(slope: float) -> None:
    assert factor(stretch_of_module(nn.LeakyReLU(slope))) == max(1.0, abs(slope))


def test_every_channel_of_a_prelu_counts() -> None:
    layer = nn.PReLU(3)
    layer.weight.data = torch.tensor([0.1, -4.0, 2.0])
    assert factor(stretch_of_module(layer)) == 4


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.CELU(-1.0), "no largest slope"),  # grows like exp
        (nn.Softplus(threshold=1.0), "no largest slope"),  # jumps at its threshold
        (nn.Hardshrink(), "Hardshrink has no largest slope: it jumps"),
        (nn.Threshold(1.0, 0.0), "Threshold has no largest slope: it jumps"),
        (nn.Softmax(dim=0), "mixes the samples of a batch"),
        (nn.Softmax(), "without a dim"),
        (nn.GLU(), "over a box"),
        (nn.LSTM(3, 3), "no rule for LSTM"),
        (nn.MultiheadAttention(4, 2), "no rule for MultiheadAttention"),
        (nn.Bilinear(3, 3, 1), "no rule for Bilinear"),
        (nn.LayerNorm(3, eps=0.0), "without eps"),
        (nn.AdaptiveMaxPool2d(2), "unknown shape"),
        (nn.LPPool2d(3, 2), "p = 3 has no largest slope"),
        (nn.LPPool2d(1.5, 2), "p = 1.5 has no largest slope"),
        (nn.LPPool1d(math.inf, 2), "p = inf has no largest slope"),
        (nn.LocalResponseNorm(2, k=0.0), "k <= 0"),
    ],
)
def test_a_layer_that_no_slope_bounds_is_refused(layer: nn.Module, reason: str) -> None:
    found = stretch_of_module(layer.eval())
    assert isinstance(found, str)
    assert reason in found
    assert not affine.is_affine(layer)
    assert not affine.is_reshaping(layer)


@pytest.mark.parametrize("layer", [nn.CELU(-1.0), nn.Softplus(threshold=1.0), nn.Threshold(1.0, 0.0), nn.Hardshrink()])
def test_the_refused_are_steep_indeed(layer: nn.Module) -> None:
    assert largest_difference(layer.double()) > 100


@pytest.mark.parametrize("make", [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d])
def test_batch_norm_is_affine_in_eval_mode_with_statistics_only(make: Any) -> None:
    assert affine.is_affine(make(3).eval())
    for layer in (make(3), make(3, track_running_stats=False).eval()):
        assert not affine.is_affine(layer)
        found = stretch_of_module(layer)
        assert isinstance(found, str)
        assert "statistics of the batch" in found


def test_instance_norm_is_affine_with_running_statistics_and_else_vacuous() -> None:
    assert affine.is_affine(nn.InstanceNorm2d(3, track_running_stats=True).eval())
    plain = nn.InstanceNorm2d(3).eval()
    assert not affine.is_affine(plain)
    found = stretch_of_module(plain)
    assert isinstance(found, Stretch)
    assert found.vacuous
    assert found.factor == pytest.approx(1 / math.sqrt(1e-5))


@pytest.mark.parametrize("layer", [nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout(), nn.RReLU()])
def test_layers_that_are_random_in_train_mode(layer: nn.Module) -> None:
    assert isinstance(stretch_of_module(layer.train()), str)
    assert not affine.is_reshaping(layer)
    assert affine.is_reshaping(layer.eval()) or isinstance(stretch_of_module(layer), Stretch)


@pytest.mark.parametrize("layer", [nn.Identity(), nn.Flatten(), nn.PixelShuffle(2)])
def test_what_reshapes_does_so_in_any_mode(layer: nn.Module) -> None:
    assert affine.is_reshaping(layer.train())
    assert affine.is_reshaping(layer.eval())


def test_functional_dropout_only_where_it_is_off() -> None:
    assert factor(stretch_of_function(F.dropout, (None,), {"p": 0.5, "training": False})) == 1
    assert isinstance(stretch_of_function(F.dropout, (None,), {}), str)
    assert isinstance(stretch_of_function(torch.exp, (None,), {}), str)


@given(size=st.integers(2, 8), gain=st.floats(0.1, 10))
def test_layer_norm_attains_its_bound_at_a_constant_input(size: int, gain: float) -> None:
    layer = nn.LayerNorm(size).double()
    layer.weight.data.fill_(gain)
    found = stretch_of_module(layer)
    assert isinstance(found, Stretch)
    assert found.vacuous
    jacobian = torch.autograd.functional.jacobian(layer, torch.full((size,), 3.0).double())
    assert float(torch.linalg.matrix_norm(jacobian, 2)) == pytest.approx(found.factor, rel=1e-9)
    assert found.factor == pytest.approx(gain / math.sqrt(1e-5), rel=1e-9)


def test_group_norm_takes_the_largest_gain() -> None:
    layer = nn.GroupNorm(2, 4, eps=1e-2)
    layer.weight.data = torch.tensor([1.0, -7.0, 2.0, 0.0])
    assert factor(stretch_of_module(layer)) == pytest.approx(70)
    assert factor(stretch_of_module(nn.GroupNorm(2, 4, eps=1e-2, affine=False))) == pytest.approx(10)


# Pooling


def test_max_pool_3_2_1_stretches_by_two_and_attains_it() -> None:
    layer = nn.MaxPool2d(3, 2, 1)
    found = factor(stretch_of_module(layer))
    assert found == pytest.approx(2, rel=1e-12)
    a, b = torch.zeros(1, 1, 7, 7).double(), torch.zeros(1, 1, 7, 7).double()
    b[0, 0, 3, 3] = 1  # in four windows
    assert float((layer(a) - layer(b)).norm() / (a - b).norm()) == 2


@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    ceil=st.booleans(),
)
def test_max_pool_counts_the_windows_of_a_pixel(kernel: tuple[int, int], stride: tuple[int, int], ceil: bool) -> None:
    layer = nn.MaxPool2d(kernel, stride, ceil_mode=ceil)
    # The average over the same windows, times their size, sums what each pixel gives: its windows.
    image = torch.zeros(1, 1, 16, 16).double().requires_grad_(True)
    sums = nn.AvgPool2d(kernel, stride, ceil_mode=ceil, divisor_override=1)(image)
    (windows,) = torch.autograd.grad(sums.sum(), image)
    assert factor(stretch_of_module(layer)) ** 2 == pytest.approx(float(windows.max()), rel=1e-9)


def test_max_pools_of_other_dimensions_and_written_as_lists() -> None:
    assert factor(stretch_of_module(nn.MaxPool1d(3, 2))) == pytest.approx(math.sqrt(2))
    assert factor(stretch_of_module(nn.MaxPool3d(2))) == pytest.approx(1)
    assert factor(stretch_of_module(nn.MaxPool2d([3, 2], stride=[1, 2]))) == pytest.approx(math.sqrt(3))  # type: ignore[arg-type]


# What an operation is


def test_a_subclass_is_no_layer_of_its_class() -> None:
    class Squared(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) ** 2

    assert affine.is_affine(nn.Linear(2, 2))
    assert not affine.is_affine(Squared(2, 2))
    assert not affine.is_affine(nn.utils.parametrizations.spectral_norm(Squared(2, 2)))
    assert affine.is_affine(nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2)))


@pytest.mark.parametrize(
    ("target", "place", "keywords", "expected"),
    [
        (operator.mul, 0, {}, True),
        (operator.mul, 1, {}, True),
        (operator.truediv, 0, {}, True),
        (operator.truediv, 1, {}, False),
        (torch.div, 0, {"rounding_mode": "floor"}, False),
        ("div", 1, {}, False),
        (F.linear, 0, {}, True),
        (F.conv2d, 1, {}, False),
        (operator.getitem, 0, {}, True),
        (operator.getitem, 1, {}, False),
        (operator.sub, 1, {}, True),
        (torch.add, 0, {"out": None}, False),
        ("view", 0, {}, True),
        ("relu", 0, {}, False),
        (F.linear, "weight", {}, False),
    ],
)
def test_a_function_is_affine_in_its_operand_only(target: Any, place: Any, keywords: Any, expected: bool) -> None:
    assert affine.is_affine_call(target, place, keywords) is expected


def test_what_overwrites_its_input() -> None:
    assert affine.overwrites(nn.ReLU(inplace=True), "0", {})
    assert not affine.overwrites(nn.ReLU(), "layer_", {})
    assert affine.overwrites(None, "relu_", {})
    assert affine.overwrites(None, torch.relu_, {})
    assert affine.overwrites(None, F.relu, {"inplace": True})
    assert not affine.overwrites(None, F.relu, {"inplace": False})


def test_layers_with_something_put_into_them() -> None:
    hooked = nn.Linear(2, 2)
    handle = hooked.register_forward_hook(lambda module, given, result: 2 * result)
    assert "hooks" in rules.altered(hooked)
    handle.remove()
    assert rules.altered(hooked) == ""
    hooked.register_forward_pre_hook(lambda module, given: (2 * given[0],))
    assert "hooks" in rules.altered(hooked)
    backward = nn.Linear(2, 2)
    backward.register_full_backward_hook(lambda module, into, out: (2 * into[0],))
    assert "hooks" in rules.altered(backward)
    replaced = nn.Linear(2, 2)
    replaced.forward = lambda x: x**2  # type: ignore[method-assign, assignment]
    assert "forward" in rules.altered(replaced)
    for layer in (nn.utils.spectral_norm(nn.Linear(2, 2)), nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))):
        assert rules.altered(layer) == ""
