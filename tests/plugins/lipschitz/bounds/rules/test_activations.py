"""Slopes of activations: the least and the largest, on the whole line and on intervals."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box, Ranges
from wganalyze_plugins.lipschitz.bounds.reading.nodes import activation
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic, trace
from wganalyze_plugins.lipschitz.bounds.rules import activations
from wganalyze_plugins.lipschitz.bounds.rules.activations import Activation

FINE = torch.linspace(-40, 40, 2_000_001, dtype=torch.float64)
ARGUMENTS: dict[type[nn.Module], tuple[tuple[Any, ...], ...]] = {
    nn.LeakyReLU: ((0.2,), (3.0,), (-2.0,)),
    nn.PReLU: ((1, -0.5),),
    nn.Hardtanh: ((-3.0, 0.5),),
    nn.ELU: ((2.0,), (-1.5,), (0.3,)),
    nn.CELU: ((0.3,), (4.0,)),
    nn.Softplus: ((3.0,), (0.2,), (-1.0,)),
    nn.Softshrink: ((1.5,), (0.0,)),
    nn.Threshold: ((0.7, 0.7),),
    nn.Hardshrink: ((0.0,),),
    nn.GELU: (("tanh",),),
    nn.RReLU: ((1.0, 4.0),),
}
NEED = (nn.Threshold, nn.Hardshrink)
"""Layers that have no largest slope, or do not exist, without arguments."""
LAYERS = [
    *(kind() for kind in activations.MODULES if kind not in NEED),
    *(kind(*arguments) for kind, each in ARGUMENTS.items() for arguments in each),
]


def rule(layer: nn.Module) -> Activation:
    """Of a layer in float64 and eval mode."""
    found = activations.of_module(layer.double().eval())
    assert isinstance(found, Activation)
    return found


def quotients(layer: nn.Module, x: Tensor) -> Tensor:
    """Slopes between neighbours."""
    with torch.no_grad():
        return layer(x).diff() / x.diff()


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_slopes_lie_between_the_least_and_the_largest_and_come_near_both(layer: nn.Module) -> None:
    act = rule(layer)
    slopes = quotients(layer, FINE)
    assert act.least - 1e-9 <= float(slopes.min()) <= act.least + 1e-3
    assert act.largest - 1e-3 <= float(slopes.max()) <= act.largest + 1e-9


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_far_out_the_slope_is_what_is_said(layer: nn.Module) -> None:
    act = rule(layer)
    for x, slope in ((-1e6, act.far[0]), (1e6, act.far[1])):
        far = float(quotients(layer, torch.tensor([x, x + 1]).double()))
        # Of PReLU, whose channels differ, only bounds are said.
        assert act.least <= far <= act.largest if isinstance(layer, nn.PReLU) else far == pytest.approx(slope, abs=1e-3)


def of_one(layer: nn.Module) -> TracedCritic:
    """A critic that is this layer, of one number."""
    return trace(nn.Sequential(layer).double().eval().requires_grad_(False), (1,))


@example(nn.Tanhshrink(), 2.0**-24, 2.0**-24)
@given(st.sampled_from(LAYERS), st.floats(-7, 7), st.floats(0, 5))
def test_on_an_interval_slopes_and_values_lie_within_their_bounds(layer: nn.Module, low: float, width: float) -> None:
    critic = of_one(layer)
    box = Box(torch.tensor([low], dtype=torch.float64), torch.tensor([low + width], dtype=torch.float64))
    ranges = Ranges(critic, box)
    act = activation(critic, critic.result)
    assert act is not None
    least, largest = (float(each) for each in ranges.slopes(critic.result, act))
    x = torch.linspace(low, low + width, 2001, dtype=torch.float64)
    slopes = quotients(layer.double().eval(), x)[x.diff() > 1e-6]
    # At its threshold torch's softplus jumps by 2.1e-9 / beta.
    room = 1e-7 + (2e-8 / float(x.diff().max().clamp(min=1e-6)) if isinstance(layer, nn.Softplus) else 0)
    assert act.least <= least <= largest <= act.largest
    if len(slopes):
        assert least - room <= float(slopes.min()) <= float(slopes.max()) <= largest + room
    with torch.no_grad():
        values = layer(x)
    bottom, top = (float(each) for each in ranges.ends[critic.result])
    assert bottom <= float(values.min()) <= float(values.max()) <= top


@pytest.mark.parametrize(
    ("layer", "low", "high", "least", "largest"),
    [
        (nn.ReLU(), 0.1, 5.0, 1, 1),
        (nn.ReLU(), -5.0, -0.1, 0, 0),
        (nn.ReLU(), -1.0, 1.0, 0, 1),
        (nn.Sigmoid(), 2.0, 3.0, 0.045177, 0.104994),
        (nn.Sigmoid(), -1.0, 3.0, 0.045177, 0.25),
        (nn.Tanh(), 1.0, 2.0, 0.070651, 0.419974),
        (nn.GELU(), -0.5, 0.5, 0.132504, 0.867496),
        (nn.Hardtanh(), -0.5, 0.5, 1, 1),
        (nn.LeakyReLU(3.0), -2.0, -1.0, 3, 3),
    ],
)
def test_slopes_on_an_interval_are_tight(
    layer: nn.Module, low: float, high: float, least: float, largest: float
) -> None:
    critic = of_one(layer)
    ranges = Ranges(critic, Box(torch.tensor([low], dtype=torch.float64), torch.tensor([high], dtype=torch.float64)))
    found = ranges.slopes(critic.result, rule(layer))
    assert [float(each) for each in found] == pytest.approx([least, largest], abs=1e-5)


@pytest.mark.parametrize("layer", [nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish()], ids=str)
def test_smooth_slopes_are_extreme_at_their_turns_and_nowhere_else(layer: nn.Module) -> None:
    x = torch.linspace(-30, 30, 60_001, dtype=torch.float64).requires_grad_(True)
    (slope,) = torch.autograd.grad(layer(x).sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    changes = x[:-1][(bend[:-1] * bend[1:] < 0) & (slope[:-1].abs() > 1e-9)].detach()
    places = torch.tensor([place for place, _, _ in rule(layer).turns], dtype=torch.float64)
    assert len(changes) == 2
    assert bool(((changes <= places) & (places <= changes + 1e-3)).all())
    at = places.clone().requires_grad_(True)
    (there,) = torch.autograd.grad(layer(at).sum(), at, create_graph=True)
    (bent,) = torch.autograd.grad(there.sum(), at)
    assert float(bent.abs().max()) < 1e-7


def test_a_power_has_slopes_on_an_interval_alone() -> None:
    square = activations.of_call(torch.pow, (None, 2), {})
    assert isinstance(square, Activation)
    assert math.isinf(square.steepest)
    cube = activations.of_call("pow", (None, 3.0), {})
    assert isinstance(cube, Activation)
    assert cube.least == 0
    for exponent in (0.5, -1, 0, torch.ones(2)):
        assert isinstance(activations.of_call(torch.pow, (None, exponent), {}), str)


def test_arguments_without_a_rule_are_refused() -> None:
    for arguments, keywords in (((torch.zeros(2),), {}), ((), {"out": None})):
        assert isinstance(activations.of_call(torch.clamp, (None, *arguments), keywords), str)
    assert activations.of_call(F.rrelu, (None,), {"training": True}) == "is random in train mode"
