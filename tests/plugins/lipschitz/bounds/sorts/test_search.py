"""Branch and bound over orders: known answers, the same constant as by regions, and no slope above it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_plugins.lipschitz import bracket
from wganalyze_plugins.lipschitz.bounds import regions
from wganalyze_plugins.lipschitz.bounds.chains import Chain, read_chain
from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace
from wganalyze_plugins.lipschitz.bounds.sorts import search
from wganalyze_plugins.lipschitz.bounds.sorts.reading import SortedChain, read_sorts
from wganalyze_plugins.lipschitz.bounds.sorts.search import Searched, largest_gradient

FAR = 1e6


class Sorting(nn.Module):
    """Linear layers of ``widths``, whose numbers are sorted, ``group`` at a time (0: all of them)."""

    def __init__(self, *widths: int, group: int = 2, bias: bool = True, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.ModuleList(nn.Linear(*sides) for sides in pairwise(widths))
        self.group = group
        self.double().requires_grad_(False)
        for layer in self.layers:
            layer.bias.mul_(bias)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            numbers = layer(x)
            groups = numbers.view(numbers.size(0), -1, self.group or numbers.size(1))
            x = groups.sort(2).values.flatten(1)
        return self.layers[-1](x)


def without_sorts(critic: Sorting) -> nn.Sequential:
    """The same function where pairs are sorted: of (a, b), the lesser is b - (b - a)+ and the larger a + (b - a)+.

    a and b pass as they are, through units of slope 1 whose kinks meet no others, or all in the origin.
    """
    layers: list[nn.Module] = []
    after, constant = torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for layer in critic.layers[:-1]:
        n = layer.out_features
        one, none = torch.eye(n // 2, dtype=torch.float64), torch.zeros(n // 2, n // 2, dtype=torch.float64)
        first, second = torch.eye(n, dtype=torch.float64).view(-1, 2, n).unbind(1)
        taken = torch.cat([second - first, first, second])
        moved = torch.cat([torch.zeros(n // 2), 3 + torch.rand(n)]).double() * bool(layer.bias.any())
        inner, act = nn.Linear(after.shape[1], len(taken)).double(), nn.PReLU(len(taken)).double()
        inner.weight.data = taken @ layer.weight @ after
        inner.bias.data = taken @ (layer.weight @ constant + layer.bias) + moved
        act.weight.data = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64).repeat_interleave(n // 2)
        layers += [inner, act]
        after = torch.stack([torch.cat([-one, none, one], 1), torch.cat([one, one, none], 1)], 1).flatten(0, 1)
        constant = -after @ moved
    last = nn.Linear(after.shape[1], 1).double()
    score = critic.layers[-1]
    last.weight.data, last.bias.data = score.weight @ after, score.weight @ constant + score.bias
    return nn.Sequential(*layers, last).requires_grad_(False)


def chain_of(critic: nn.Module) -> SortedChain:
    chain = read_sorts(trace(critic, (2,)))
    assert isinstance(chain, SortedChain), chain
    return chain


def box_of(*sides: tuple[float, float]) -> Box:
    return Box(*(torch.tensor(ends, dtype=torch.float64) for ends in zip(*sides, strict=True)))


def searched(critic: nn.Module, box: Box | None = None) -> Searched:
    return largest_gradient(chain_of(critic), box)


def gradients(critic: nn.Module, x: Tensor) -> Tensor:
    x = x.requires_grad_()
    (found,) = torch.autograd.grad(critic(x).sum(), x)
    return found.norm(dim=1)


def test_the_larger_of_two_numbers() -> None:
    """max(3x, 4y + 1) and 2 min: the larger part alone has slope 4, and 2 min slope 6 where 3x < 4y + 1."""
    critic = Sorting(2, 2, 1)
    critic.layers[0].weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    critic.layers[0].bias.copy_(torch.tensor([0.0, 1.0]))
    for weights, slope in (([0.0, 1.0], 4.0), ([1.0, 0.0], 4.0), ([2.0, 1.0], math.hypot(3, 8))):
        critic.layers[1].weight.copy_(torch.tensor([weights]))
        found = searched(critic)
        assert found.is_exact
        assert found.upper == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("widths", [(2, 8, 1), (2, 12, 8, 1), (2, 8, 8, 8, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_pairs_have_the_constant_of_the_same_function_without(widths: Sequence[int], bias: bool) -> None:
    critic = Sorting(*widths, seed=3, bias=bias)
    other = without_sorts(critic)
    x = torch.randn(50, 2, dtype=torch.float64)
    torch.testing.assert_close(other(x), critic(x))
    chain = read_chain(trace(other, (2,)))
    assert isinstance(chain, Chain)
    listed = regions.exact_constant(chain)
    assert isinstance(listed, regions.Exact), listed
    found = searched(critic)
    assert found.is_exact
    assert found.upper == pytest.approx(listed.value, rel=1e-8)


def test_a_slope_that_is_only_far_away() -> None:
    critic = Sorting(2, 2, 1)
    critic.layers[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    critic.layers[0].bias.copy_(torch.tensor([0.0, FAR]))
    critic.layers[1].weight.copy_(torch.tensor([[1.0, 5.0]]))
    found = searched(critic)
    assert found.is_exact
    assert found.upper == pytest.approx(5, rel=1e-8)
    assert found.place[0] > FAR
    near = searched(critic, box_of((-1.0, 1.0), (-1.0, 1.0)))
    assert near.is_exact
    assert near.upper == pytest.approx(1, rel=1e-8)


networks = st.tuples(
    st.sampled_from([(2, 6, 1), (2, 12, 1), (2, 6, 6, 1), (2, 12, 6, 1), (2, 6, 6, 6, 1)]),
    st.sampled_from([0, 2, 3, 6]),
    st.integers(0, 9999),
)


@given(networks)
@settings(max_examples=25, deadline=None)
def test_the_bracket_is_exact(network: tuple[tuple[int, ...], int, int]) -> None:
    """A slope is found that is within 1% of the bound (some regions are tiny), and no gradient is above it."""
    widths, group, seed = network
    critic = Sorting(*widths, group=group, seed=seed)
    found = bracket(critic, around=torch.randn(16, 2), steps=0)
    assert found.certificate == "exact", found.rungs
    assert 1 - 1e-9 <= found.ratio < 1.01
    points = torch.randn(2000, 2, dtype=torch.float64) * torch.tensor([0.3, 3.0, 30.0, 300.0]).repeat(500)[:, None]
    assert float(gradients(critic, points).max()) <= found.upper * (1 + 1e-9)


@given(networks, st.floats(-4, 0.5), st.floats(-1, 2))
@settings(max_examples=40, deadline=None)
def test_no_gradient_in_a_cell_is_above_its_bound(
    network: tuple[tuple[int, ...], int, int], size: float, distance: float
) -> None:
    """Cells of all sizes, near and far, some with corners at infinity."""
    widths, group, seed = network
    critic = Sorting(*widths, group=group, seed=seed)
    draw = torch.Generator().manual_seed(seed)
    middles = torch.randn(20, 1, 2, generator=draw, dtype=torch.float64) * 10**distance
    corners = middles + 10**size * torch.randn(20, 3, 2, generator=draw, dtype=torch.float64)
    cells = torch.cat([corners, torch.ones(20, 3, 1)], 2)
    cells[::5, 2, 2] = 0.0
    cells /= cells.norm(dim=2, keepdim=True)
    above, seen, _ = search._bounds(chain_of(critic), 0.0, cells.numpy())
    assert (seen <= above * (1 + 1e-9)).all()
    shares = torch.distributions.Dirichlet(torch.full((3,), 0.7, dtype=torch.float64)).sample((20, 60))
    points = shares @ cells
    inside = gradients(critic, (points[..., :2] / points[..., 2:]).flatten(0, 1)).view(20, 60)
    assert (inside.amax(1).numpy() <= above * (1 + 1e-9)).all()


def test_in_a_box() -> None:
    """Not above the whole plane's, not below any gradient there, and met by one."""
    critic = Sorting(2, 12, 12, 1, group=0, seed=5)
    box = box_of((-0.5, 0.25), (0.5, 2.0))
    found = bracket(critic, around=torch.randn(16, 2), steps=5, domain=box)
    assert found.certificate == "exact"
    assert found.ratio == pytest.approx(1, abs=1e-5)
    points = torch.rand(5000, 2, dtype=torch.float64) * (box.upper - box.lower) + box.lower
    assert float(gradients(critic, points).max()) <= found.upper * (1 + 1e-9)
    assert found.upper < searched(critic).upper


def test_wide_layers_get_fewer_cells() -> None:
    """A layer of 1,024 numbers costs more than fifty times as much as one of 128."""
    narrow, wide = (chain_of(Sorting(2, width, width, 1, group=0)) for width in (128, 1024))
    assert search.affordable(narrow) > 1e6 > 50 * search.affordable(wide)


def test_what_is_left_when_there_is_no_time_is_a_bound() -> None:
    critic = Sorting(2, 64, 64, 1, group=0, seed=1)
    found = largest_gradient(chain_of(critic), most=5000)
    assert not found.is_exact
    assert found.lower < found.upper
    assert largest_gradient(chain_of(critic), most=20_000).upper <= found.upper
