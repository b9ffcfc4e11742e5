"""Chains of sorts as matrices: the same function as the critic, however its sorts are written; or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace
from wganalyze_plugins.lipschitz.bounds.sorts.reading import SortedChain, read_sorts

Sort = Callable[[Tensor], Tensor]

SORTS: dict[str, tuple[Sort, int]] = {
    "all": (lambda x: x.sort(1).values, 12),
    "first": (lambda x: torch.sort(x)[0], 12),
    "falling": (lambda x: x.sort(dim=1, descending=True)[0], 12),
    "falling by place": (lambda x: torch.sort(x, 1, True).values, 12),
    "pairs": (lambda x: x.view(x.size(0), -1, 2).sort(2).values.flatten(1), 2),
    "apart": (lambda x: x.unflatten(1, (2, -1)).sort(1).values.flatten(1), 2),
    "falling apart": (lambda x: x.unflatten(1, (4, 3)).sort(-2, descending=True).values.flatten(1), 4),
    "stable": (lambda x: torch.sort(x, stable=True, dim=-1).values, 12),
    "turned": (lambda x: x.view(-1, 3, 4).transpose(1, 2).sort(2).values.flatten(1), 3),
}
OTHERS: dict[str, tuple[Sort, str]] = {
    "from the end": (lambda x: x.sort(1)[-2], "not known to be"),
    "the largest first": (lambda x: x.topk(12, 1).values, "neither affine nor a sort"),
    "and itself": (lambda x: x.sort(1).values + x, "branches"),
    "then bent": (lambda x: x.sort(1).values.relu(), "neither affine nor a sort"),
    "none": (lambda x: 2 * x, "no sort"),
}


class Critic(nn.Module):
    """Two times a linear layer and a sort, and a linear score."""

    def __init__(self, sort: Sort) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(2, 12), nn.Linear(12, 12)
        self.sort = sort
        self.double().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.sort(self.second(self.sort(self.first(x)))).sum(1)


def value(chain: SortedChain, x: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    for weight, offset, group in zip(chain.weights, chain.offsets, chain.groups, strict=False):
        numbers = x @ weight.T + offset
        x = np.sort(numbers.reshape(len(x), -1, group), 2).reshape(len(x), -1)
    return (x @ chain.weights[-1].T + chain.offsets[-1])[:, 0]


@pytest.mark.parametrize("name", SORTS)
def test_the_chain_is_the_critic(name: str) -> None:
    sort, group = SORTS[name]
    critic = Critic(sort)
    chain = read_sorts(trace(critic, (2,)))
    assert isinstance(chain, SortedChain), chain
    assert chain.is_flat
    assert chain.groups == (group, group)
    x = torch.randn(20, 2, dtype=torch.float64)
    np.testing.assert_allclose(value(chain, x.numpy()), critic(x).numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_chain_of_sorts(name: str) -> None:
    sort, reason = OTHERS[name]
    said = read_sorts(trace(Critic(sort), (2,)))
    assert isinstance(said, str)
    assert reason in said
