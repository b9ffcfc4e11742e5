"""Two thousand random networks of all layers: no slope is above their upper ends, at kinks and far away."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import pytest
import torch
from tests.plugins.lipschitz import networks
from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations as kind_of

from wganalyze.errors import NotMeasurable
from wganalyze_plugins.lipschitz.bounds.ladder import climb
from wganalyze_plugins.lipschitz.bounds.products.product import product_bound
from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic, trace
from wganalyze_plugins.lipschitz.bounds.rules import activations, affine

BLOCK = 100
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")


def drawn(
    seeds: range, draw: Callable[[int], tuple[nn.Module, tuple[int, ...]]] = networks.critic
) -> Iterator[tuple[int, nn.Module, tuple[int, ...], TracedCritic]]:
    """Networks that have a graph."""
    for seed in seeds:
        net, shape = draw(seed)
        try:
            yield seed, net, shape, trace(net, shape)
        except NotMeasurable:
            continue


@pytest.mark.parametrize("first", range(0, 2000, BLOCK))
def test_no_slope_is_above_the_product(first: int) -> None:
    ratios = []
    for seed, net, shape, critic in drawn(range(first, first + BLOCK)):
        try:
            most = product_bound(critic).value
        except NotMeasurable:
            continue
        steepest = networks.steepest(net, shape, seed)
        assert steepest <= most, seed
        ratios.append(most / steepest if steepest else float("inf"))
    # Few are refused, and the search is one that finds what there is: it comes near to many a bound.
    assert len(ratios) >= 0.95 * BLOCK
    assert statistics.quantiles(ratios, n=4)[0] < 2.5


@pytest.mark.parametrize("first", range(5000, 5500, BLOCK))
def test_no_slope_in_a_box_is_above_the_product_there(first: int) -> None:
    smaller = 0
    for seed, net, shape, critic in drawn(range(first, first + BLOCK)):
        box = Box.around(networks.points(seed, shape))
        try:
            most, everywhere = product_bound(critic, box=box).value, product_bound(critic).value
        except NotMeasurable:
            continue
        assert networks.steepest(net, shape, seed, box.nearest) <= most, seed
        assert most <= everywhere * (1 + 1e-6), seed
        smaller += most < 0.99 * everywhere
    assert smaller > 0.1 * BLOCK


def test_a_graph_of_operations_has_the_bound_of_the_graph_of_layers() -> None:
    """Where a program hides its layers, what it runs is told by the same rules, or refused by name."""
    compared = 0
    for seed, net, shape, critic in drawn(range(60)):
        net.runs_a_program = True  # type: ignore[assignment]
        try:
            expected, found = product_bound(critic).value, product_bound(trace(net, shape)).value
        except NotMeasurable:
            continue
        assert found >= expected * (1 - 1e-6) or networks.steepest(net, shape, seed) <= found, seed
        compared += found == pytest.approx(expected, rel=1e-6)
    assert compared > 25


@pytest.mark.parametrize("boxed", [False, True])
def test_no_slope_is_above_any_rung(boxed: bool) -> None:
    rungs = 0
    for seed, net, shape, critic in drawn(range(6000, 6060), networks.plain_critic):
        box = Box.around(networks.points(seed, shape)) if boxed else None
        try:
            ladder = climb(critic, box=box)
        except NotMeasurable:
            continue
        steepest = networks.steepest(net, shape, seed, box.nearest if box else None)
        for rung in ladder.rungs:
            assert steepest <= rung.value, (seed, rung)
            rungs += rung.certificate != "none"
    assert rungs > 120


def test_all_layers_are_drawn() -> None:
    seen: set[type[nn.Module]] = set()
    for seed in range(1500):
        seen |= {kind_of(module) for module in networks.critic(seed)[0].modules()}
    three = {kind for kind in affine.AFFINE_MODULES if kind.__name__.endswith("3d")}
    written = {nn.Fold, nn.Unfold, nn.Hardshrink, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d}
    pads = {kind for kind in affine.AFFINE_MODULES if "Pad" in kind.__name__}
    expected = set(activations.MODULES) | set(affine.AFFINE_MODULES) - three - pads
    assert expected - written <= seen


def test_the_search_comes_near_to_what_is_known() -> None:
    pooled = nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(9, 1))
    nn.init.ones_(pooled[2].weight)
    steep = nn.Sequential(nn.Linear(4, 4), nn.LeakyReLU(3.0), nn.Linear(4, 1))
    for net, shape in ((pooled, (1, 5, 5)), (steep, (4,))):
        net = net.double().eval().requires_grad_(False)
        most = product_bound(trace(net, shape)).value
        assert networks.steepest(net, shape, 0) > 0.4 * most


@pytest.mark.parametrize("seed", range(3))
def test_points_are_ties_and_zeros_too(seed: int) -> None:
    x = networks.points(seed, (3, 2))
    flat = x.flatten(1)
    assert int((flat == flat[:, :1]).all(1).sum()) >= 4
    assert bool((flat == 0).all(1).any())
    assert torch.equal(x, networks.points(seed, (3, 2)))
