"""Critics on which a careless bound is below a slope that exists, as SCIENCE lists them; ours never is."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.plugins.lipschitz.networks import Call
from torch import Tensor, nn

from wganalyze_plugins.lipschitz import bracket
from wganalyze_plugins.lipschitz.bounds.operators import symbol_bound


def kernel(layer: Any, *numbers: float) -> Any:
    """The layer with these weights and no bias."""
    layer.weight.data = torch.tensor(numbers).reshape(layer.weight.shape)
    return layer


def skipping(module: Any, x: Tensor) -> Tensor:
    return module.a(F.relu(x)) + 3 * x.sum(1, keepdim=True)  # type: ignore[no-any-return]


CRITICS: dict[str, tuple[nn.Module, tuple[int, ...], float, float]] = {
    # name: the critic, the shape of its input, what a careless bound gives, K
    "GELU as if it were 1-Lipschitz": (nn.GELU(), (1,), 1.0, 1.12890),
    "the same, tanh form": (nn.GELU("tanh"), (1,), 1.0, 1.12900),
    "LeakyReLU of slope 3 as if it were 1-Lipschitz": (nn.LeakyReLU(3.0), (1,), 1.0, 3.0),
    "a depthwise convolution, its groups multiplied": (
        nn.Sequential(
            kernel(nn.Conv1d(2, 2, 1, groups=2, bias=False), 2.0, 0.1),
            nn.Flatten(),
            kernel(nn.Linear(2, 1, bias=False), 1.0, 0.0),
        ),
        (2, 1),
        0.2,
        2.0,
    ),
    "a convolution inside of an MLP, left out": (
        nn.Sequential(
            kernel(nn.Linear(1, 2, bias=False), 1.0, 1.0),
            nn.Unflatten(1, (1, 2)),
            kernel(nn.Conv1d(1, 1, 2, bias=False), 3.0, 3.0),
            nn.Flatten(),
            kernel(nn.Linear(1, 1, bias=False), 1.0),
        ),
        (1,),
        math.sqrt(2),
        6.0,
    ),
    "a skip from the input, left out": (
        Call(skipping, kernel(nn.Linear(2, 1, bias=False), 1.0, 1.0)),
        (2,),
        math.sqrt(2),
        4 * math.sqrt(2),
    ),
    "reflect padding by the symbol of zero padding": (
        nn.Sequential(
            kernel(nn.Conv1d(1, 1, 3, padding=1, padding_mode="reflect", bias=False), 1.0, 0.0, 1.0),
            nn.Flatten(),
            kernel(nn.Linear(3, 1, bias=False), 1.0, 0.0, 1.0),
        ),
        (1, 3),
        2 * math.sqrt(2),
        4.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CRITICS)
def test_the_bracket_holds_what_a_careless_bound_misses(name: str) -> None:
    critic, shape, careless, constant = CRITICS[name]
    generator = torch.Generator().manual_seed(0)
    found = bracket(critic, around=2 * torch.randn(64, *shape, generator=generator), steps=40)
    assert careless * 1.05 < found.lower <= constant * (1 + 1e-4)
    assert found.lower == pytest.approx(constant, rel=1e-3)
    assert all(rung.value >= constant * (1 - 1e-6) for rung in found.rungs)
    assert found.upper <= 2 * constant


def test_the_symbol_is_below_the_norm_under_reflect_padding() -> None:
    layer: Any = CRITICS["reflect padding by the symbol of zero padding"][0][0]  # type: ignore[index]
    symbol = symbol_bound(layer.weight.detach()[:, :, None])
    matrix = layer(torch.eye(3)[:, None]).detach().reshape(3, 3)
    assert symbol < 2.01
    assert float(torch.linalg.matrix_norm(matrix, 2)) > 2.2
