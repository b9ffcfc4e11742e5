"""Bounds over a box of inputs: intervals that hold, slopes that are smaller, gates that have a bound there alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from tests.plugins.lipschitz import networks
from torch import Tensor, nn

from wganalyze.errors import NotMeasurable
from wganalyze_plugins.lipschitz import Box, bracket, lower
from wganalyze_plugins.lipschitz.bounds.ladder import climb
from wganalyze_plugins.lipschitz.bounds.products.product import product_bound
from wganalyze_plugins.lipschitz.bounds.reading.boxes import Ranges
from wganalyze_plugins.lipschitz.bounds.reading.nodes import without_sigmoid
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic, trace
from wganalyze_plugins.lipschitz.slopes import flat


def traced(body: Callable[[Any, Tensor], Any], *parts: nn.Module, shape: tuple[int, ...] = (4,)) -> TracedCritic:
    """The graph of such a critic."""
    return trace(networks.Call(body, *parts).double().eval().requires_grad_(False), shape)


def cube(low: float, high: float, *shape: int) -> Box:
    """A box with the same range in every coordinate."""
    return Box(*(torch.full(shape, end, dtype=torch.float64) for end in (low, high)))


@example(2, 0.0, 0.0)  # a layer overwrites, through a view, what was read before
@given(st.integers(0, 10**6), st.floats(-2, 2), st.floats(0, 3))
def test_all_numbers_of_random_networks_lie_in_their_intervals(seed: int, low: float, width: float) -> None:
    net, shape = networks.critic(seed)
    try:
        critic = trace(net, shape)
    except NotMeasurable:
        return
    box = cube(low, low + width, *shape)
    ranges = Ranges(critic, box)
    inside = torch.rand(30, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    corners = (torch.rand(30, *shape, generator=torch.Generator().manual_seed(seed)) < 0.5).double()
    x = low + width * torch.cat([inside, corners])
    start, *nodes = critic.dependent
    values: dict[torch.fx.Node, Any] = {start: x}
    for node in nodes:  # one by one: each is given copies, since some layers overwrite what they are given
        values[node] = critic.values([node], values)[node]
        if node in critic.bundles:
            continue
        ends = ranges.ends[node]
        assert bool((ends[0] <= values[node]).all()), node
        assert bool((values[node] <= ends[1]).all()), node


@pytest.mark.parametrize(
    ("body", "low", "high", "expected"),
    [
        (lambda m, x: x.sigmoid(), 2.0, 3.0, math.exp(-2) / (1 + math.exp(-2)) ** 2),
        (lambda m, x: x.square(), -1.0, 3.0, 6),
        (lambda m, x: x * x, -1.0, 3.0, 6),
        (lambda m, x: x**3, -2.0, 1.0, 12),
        (lambda m, x: x.exp(), -2.0, 1.0, math.e),
        (lambda m, x: F.relu(x) - F.relu(-x - 9), 1.0, 3.0, 1),
        (lambda m, x: F.relu(x - 5), 1.0, 3.0, 0),
        (lambda m, x: x[:, :2] * x[:, 2:], -1.0, 3.0, 6),  # K is sqrt(18)
        (lambda m, x: F.glu(x, 1), -0.0, 1.0, math.hypot(1 / (1 + math.exp(-1)), 0.25)),
        (lambda m, x: x * x.mean(1, keepdim=True), 0.0, 1.0, 2),
    ],
)
def test_known_bounds(body: Callable[[Any, Tensor], Any], low: float, high: float, expected: float) -> None:
    critic = traced(body)
    found = product_bound(critic, box=cube(low, high, 4)).value
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_what_has_a_bound_on_a_box_alone_says_so() -> None:
    for body in (lambda m, x: F.glu(x, 1), lambda m, x: F.relu(x) * x.tanh(), lambda m, x: x.exp()):
        with pytest.raises(NotMeasurable, match=r"over a box \(domain\) it has one"):
            product_bound(traced(body))


def test_numbers_that_nothing_bounds_are_refused_on_a_box_too() -> None:
    critic = traced(lambda m, x: (m.a(x).square()).exp(), nn.LayerNorm(4))
    with pytest.raises(NotMeasurable, match="no rule bounds its numbers over the box"):
        product_bound(critic, box=cube(-1, 1, 4))


def test_on_half_of_the_plane_where_a_unit_is_off_its_weights_do_not_count() -> None:
    first, last = nn.Linear(1, 2, bias=False), nn.Linear(2, 1, bias=False)
    first.weight.data, last.weight.data = torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0, 100.0]])
    critic = trace(nn.Sequential(first, nn.ReLU(), last).double(), (1,))
    assert product_bound(critic).value > 100
    assert product_bound(critic, box=cube(0.5, 2, 1)).value == pytest.approx(math.sqrt(2), rel=1e-9)


def test_rungs_for_chains_hold_in_the_box_and_are_smaller_there() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)).double().eval()
    critic = trace(net.requires_grad_(False), (3,))
    box = cube(1, 2, 3)
    everywhere, there = climb(critic), climb(critic, box=box)
    *shared, branched = there.rungs
    assert [rung.method.split()[0] for rung in shared] == [rung.method.split()[0] for rung in everywhere.rungs]
    assert branched.method.startswith("branch and bound")
    assert there.best.value < 0.9 * everywhere.best.value
    x, y = 1 + torch.rand(2, 500, 3, dtype=torch.float64)
    steepest = float(lower.certified_slopes(flat(net), x, y).max())
    for rung in there.rungs:
        assert steepest <= rung.value


def test_a_bracket_on_a_box_has_its_witness_there() -> None:
    net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
    net[0].weight.data *= 3
    around = torch.rand(64, 2)
    found = bracket(net, around=around, steps=10, domain="box")
    assert found.box is not None
    assert found.witness is not None
    assert bool((around.amin(0) <= found.witness).all())
    assert bool((found.witness <= around.amax(0)).all())
    assert 0 < found.lower <= found.upper
    small = Box(torch.zeros(2).double(), torch.full((2,), 0.1).double())
    inside = bracket(net, around=around, steps=10, domain=small)
    assert inside.lower <= inside.upper <= found.upper * (1 + 1e-9)
    assert inside.witness is not None
    assert float(inside.witness.max()) <= 0.1


def test_a_confined_score_looks_at_its_box_alone() -> None:
    box = cube(0, 1, 2)
    score = lower.Confined(lambda x: x.square().sum(1), box.nearest)
    far = torch.tensor([[9.0, 9.0], [0.5, -3.0]], dtype=torch.float64)
    assert score(far).tolist() == [2, 0.25]
    found = lower.steepest_of(score, far[:1], far[1:], "")
    assert found.value == pytest.approx(1.75 / math.sqrt(1.25))
    assert found.ends is not None
    assert [end.tolist() for end in found.ends] == [[1, 1], [0.5, 0]]


# A sigmoid at the end


@pytest.mark.parametrize(
    "body",
    [
        lambda m, x: torch.sigmoid(m.a(x)),
        lambda m, x: m.b(m.a(x)).view(-1),
        lambda m, x: (m.a(x).sigmoid().squeeze(1), x),
    ],
)
def test_a_sigmoid_at_the_end_is_cut(body: Callable[[Any, Tensor], Any]) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 1)
    critic = traced(body, layer, nn.Sigmoid())
    logit = without_sigmoid(critic)
    assert logit is not None
    assert product_bound(logit).value == pytest.approx(float(layer.weight.norm()), rel=1e-6)
    assert product_bound(critic).value == pytest.approx(float(layer.weight.norm()) / 4, rel=1e-6)


def test_a_sigmoid_that_is_not_the_last_stays() -> None:
    for body in (lambda m, x: 2 * m.a(x).sigmoid(), lambda m, x: m.a(x).sigmoid() + m.a(x), lambda m, x: m.a(x)):
        assert without_sigmoid(traced(body, nn.Linear(4, 1))) is None
