"""The softmax family and local response norm: never steeper than their rules, and as steep where they are sharp."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_plugins.lipschitz.bounds.rules import Stretch, stretch_of_function, stretch_of_module

CLOSE = 1 + 1e-12
"""Rounding of a Jacobian's norm."""


def factor(found: Stretch | str) -> float:
    """The constant of a rule that was found."""
    assert isinstance(found, Stretch), found
    return found.factor


def steepness(function: Any, x: Tensor) -> float:
    """The norm of the Jacobian at a point."""
    jacobian = torch.autograd.functional.jacobian(function, x)
    return float(torch.linalg.matrix_norm(jacobian.reshape(-1, x.numel()), 2))


@given(st.integers(2, 9), st.floats(0, 30), st.integers(0, 999))
def test_the_softmax_family_is_no_steeper_than_its_rules(size: int, scale: float, seed: int) -> None:
    x = scale * torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    for layer in (nn.Softmax(1), nn.Softmin(1), nn.LogSoftmax(1)):
        assert (
            steepness(lambda z, layer=layer: layer(z[None])[0], x) <= factor(stretch_of_module(layer, (size,))) * CLOSE
        )
    constant = factor(stretch_of_function(torch.logsumexp, (None, 1), {}, (size,)))
    assert steepness(lambda z: torch.logsumexp(z, 0), x) <= constant * CLOSE


def test_they_are_attained() -> None:
    tied = torch.tensor([0.0, 0.0, -90.0, -90.0]).double()
    assert steepness(lambda z: z.softmax(0), tied) == pytest.approx(0.5, rel=1e-12)
    assert steepness(lambda z: F.softmin(z, dim=0), -tied) == pytest.approx(0.5, rel=1e-12)
    far = torch.tensor([90.0, 0.0, 0.0, 0.0, 0.0]).double()
    found = factor(stretch_of_module(nn.LogSoftmax(1), (5,)))
    assert found == pytest.approx(math.sqrt(5), rel=1e-12)
    assert steepness(lambda z: z.log_softmax(0), far) == pytest.approx(found, rel=1e-9)
    assert steepness(lambda z: torch.logsumexp(z, 0), far) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(
    ("target", "arguments", "keywords", "expected"),
    [
        (F.softmax, (), {"dim": 1, "_stacklevel": 3, "dtype": None}, 0.5),
        ("softmax", (-1,), {}, 0.5),
        (torch.log_softmax, (2,), {}, math.sqrt(7)),
        ("log_softmax", (1,), {}, math.sqrt(3)),
        (F.log_softmax, (), {"dim": -2}, math.sqrt(3)),
        (F.softmin, (), {"dim": 1}, 0.5),
        (F.layer_norm, ((7,),), {"eps": 0.25}, 2),
        (F.layer_norm, ((7,), torch.full((7,), -3.0), None, 0.25), {}, 6),
        (F.group_norm, (3,), {"weight": None, "eps": 0.04}, 5),
        (F.instance_norm, (), {"eps": 0.25}, 2),
        (F.rms_norm, ((7,),), {"weight": torch.full((7,), 2.0), "eps": 0.25}, 4),
        (F.softmax, (), {"dim": 0}, "mixes the samples"),
        ("softmax", (-3,), {}, "mixes the samples"),
        (F.softmax, (), {"dim": None}, "without a dim"),
        (torch.logsumexp, ((0, 1),), {}, "mixes the samples"),
        (F.layer_norm, ((2, 3, 7),), {}, "mixes the samples"),
        (F.layer_norm, ((7,),), {"eps": 0.0}, "without eps"),
    ],
)
def test_functions_by_their_arguments(target: Any, arguments: Any, keywords: Any, expected: float | str) -> None:
    found = stretch_of_function(target, (None, *arguments), keywords, (3, 7))
    if isinstance(expected, str):
        assert isinstance(found, str)
        assert expected in found
    else:
        assert factor(found) == pytest.approx(expected, rel=1e-12)


@given(
    size=st.integers(1, 6),
    alpha=st.floats(0, 9),
    beta=st.floats(0, 3),
    k=st.floats(0.1, 4),
    scale=st.floats(0.01, 20),
    seed=st.integers(0, 999),
)
def test_local_response_norm_is_no_steeper_than_its_rule(
    size: int, alpha: float, beta: float, k: float, scale: float, seed: int
) -> None:
    layer = nn.LocalResponseNorm(size, alpha, beta, k)
    x = scale * torch.randn(7, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    found = factor(stretch_of_module(layer, (7, 1)))
    assert steepness(lambda z: layer(z[None, :, None])[0, :, 0], x) <= found
    assert found == factor(
        stretch_of_function(F.local_response_norm, (None, size), {"alpha": alpha, "beta": beta, "k": k})
    )


def test_local_response_norm_without_squares_is_a_scale() -> None:
    assert factor(stretch_of_module(nn.LocalResponseNorm(3, 0.0, 2.0, 0.5))) == pytest.approx(4)


def test_root_mean_square_norm_attains_its_bound_at_the_origin() -> None:
    layer = nn.RMSNorm(4, eps=1e-4).double()
    layer.weight.data = torch.tensor([0.5, -3.0, 1.0, 0.0]).double()
    found = stretch_of_module(layer)
    assert factor(found) == pytest.approx(300)
    assert steepness(layer, torch.zeros(4).double()) == pytest.approx(300, rel=1e-9)
    assert isinstance(found, Stretch)
    assert found.vacuous
