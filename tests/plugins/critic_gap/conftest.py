"""Shared by the tests of critic-gap: the analyzer itself, funnels with their perfect critic, critics with BatchNorm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from torch import Tensor, nn

from wganalyze_plugins.critic_gap import CriticGap


class Function(nn.Module):
    """A critic: any function of x (n, d) to (n,)."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)[:, None]


@pytest.fixture(scope="session")
def critique(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Asks critic-gap about a study."""
    return partial(ask, analyzer=CriticGap)


@pytest.fixture(scope="session")
def critic_of() -> Callable[..., nn.Module]:
    """A critic from a function of tensors."""
    return Function


@pytest.fixture(scope="session")
def batch_normed() -> Callable[..., nn.Module]:
    """A linear critic behind a BatchNorm whose running variance is not that of the data, by a factor."""

    def make(weight: Tensor, variance: float = 1.0) -> nn.Module:
        norm = nn.BatchNorm1d(len(weight), affine=False)
        assert norm.running_var is not None
        norm.running_var.fill_(variance)
        linear = nn.Linear(len(weight), 1, bias=False)
        linear.weight.data = weight.clone()[None]
        return nn.Sequential(norm, linear)

    return make
