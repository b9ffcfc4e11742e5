"""Pooling: the windows that share a pixel, counted; attained where a rule is sharp, and never exceeded."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wganalyze_plugins.lipschitz.bounds.rules import Stretch, stretch_of_function, stretch_of_module

seeds = st.integers(0, 9999)


def factor(found: Stretch | str) -> float:
    """The constant of a rule that was found."""
    assert isinstance(found, Stretch), found
    return found.factor


def one_pixel(layer: nn.Module, *shape: int) -> float:
    """The largest move of the result where one pixel moves by one, over all pixels."""
    zero = torch.zeros(1, 1, *shape, dtype=torch.float64)
    unit = torch.eye(zero.numel(), dtype=torch.float64).reshape(-1, 1, *shape)
    return float((layer(unit) - layer(zero)).flatten(1).norm(dim=1).max())


@given(kernel=st.integers(1, 5), stride=st.integers(1, 4), dilation=st.integers(1, 4))
def test_dilated_windows_are_counted(kernel: int, stride: int, dilation: int) -> None:
    layer = nn.MaxPool1d(kernel, stride, dilation=dilation)
    assert one_pixel(layer, 40) == pytest.approx(factor(stretch_of_module(layer)), rel=1e-12)


@given(size=st.tuples(st.integers(1, 9), st.integers(1, 9)), out=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_adaptive_windows_are_counted(size: tuple[int, int], out: tuple[int, int]) -> None:
    layer = nn.AdaptiveMaxPool2d(out)
    found = factor(stretch_of_module(layer, (1, *size)))
    assert one_pixel(layer, *size) == pytest.approx(found, rel=1e-12)
    assert factor(stretch_of_function(F.adaptive_max_pool2d, (None, out), {}, (1, *size))) == found


def test_adaptive_windows_of_axes_that_stay() -> None:
    assert factor(stretch_of_module(nn.AdaptiveMaxPool2d((None, 1)), (2, 5, 7))) == pytest.approx(1)
    assert factor(stretch_of_module(nn.AdaptiveMaxPool1d(4), (2, 5))) == pytest.approx(math.sqrt(2))


@given(
    p=st.sampled_from([1.0, 2.0, 4.0]),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    ceil=st.booleans(),
    far=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=seeds,
)
def test_power_pooling_is_no_steeper_than_its_rule(
    p: float, kernel: int, stride: int, ceil: bool, far: float, seed: int
) -> None:
    layer = nn.LPPool1d(p, kernel, stride, ceil_mode=ceil)
    found = factor(stretch_of_module(layer))
    x, y = torch.randn(2, 40, 1, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    for a, b in ((far * x, far * y), (x, torch.zeros_like(x)), (x.abs(), x.abs() + far)):
        slopes = (layer(a) - layer(b)).flatten(1).norm(dim=1) / (a - b).flatten(1).norm(dim=1)
        assert float(slopes.max()) <= found * (1 + 1e-9)


def test_power_pooling_attains_its_rule() -> None:
    for p, inside in ((1.0, 2.0), (2.0, 1.0), (4.0, 1.0)):
        layer = nn.LPPool2d(p, 2)
        found = factor(stretch_of_module(layer))
        assert found == pytest.approx(inside)
        one = torch.zeros(1, 1, 2, 2).double()
        one[0, 0, 0, 0] = 1
        x = torch.ones(1, 1, 2, 2).double() if p == 1 else one
        assert float(layer(x).norm() / x.norm()) == pytest.approx(found)
    overlapping = nn.LPPool1d(2.0, 3, 1)
    assert one_pixel(overlapping, 9) == pytest.approx(factor(stretch_of_module(overlapping)))


@pytest.mark.parametrize("p", [3.0, 1.5, 0.5])
def test_other_powers_are_steep_without_end_or_no_numbers(p: float) -> None:
    assert isinstance(stretch_of_module(nn.LPPool1d(p, 2)), str)
    a = torch.tensor([[[1.0, -1.0]]]).double()
    values = [float(nn.LPPool1d(p, 2)(a + torch.tensor([h, 0.0]))) for h in (0.0, 1e-9)]
    assert not abs(values[1] - values[0]) / 1e-9 < 1e3


@pytest.mark.parametrize(
    ("target", "arguments", "keywords", "expected"),
    [
        (F.max_pool2d, (3,), {"stride": 2, "padding": 1, "dilation": 1, "ceil_mode": False}, 2),
        (F.max_pool2d, (2,), {"stride": None, "return_indices": False}, 1),
        (torch.max_pool2d, ((3, 2), (1, 2)), {}, math.sqrt(3)),
        (F.max_pool1d, (3, 2), {}, math.sqrt(2)),
        (F.lp_pool2d, (2.0, 2), {"stride": None, "ceil_mode": False}, 1),
        (F.lp_pool1d, (1.0, 4), {}, 2),
        (F.max_pool2d, (), {"what": 1}, "no rule for max_pool2d()"),
    ],
)
def test_functions_by_their_arguments(target: Any, arguments: Any, keywords: Any, expected: float | str) -> None:
    found = stretch_of_function(target, (None, *arguments), keywords, (1, 8, 8))
    if isinstance(expected, str):
        assert found == expected
    else:
        assert factor(found) == pytest.approx(expected, rel=1e-12)
