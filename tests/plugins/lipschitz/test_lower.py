"""Slopes that exist: certified between pairs of points, never taken from a gradient alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace
from wganalyze_plugins.lipschitz.lower import (
    Score,
    Single,
    ascend,
    certified_slopes,
    climb_pairs,
    differences,
    gradient_norms,
    hill_climb,
    in_its_precision,
    smoothed,
    steepest_pair,
    steepest_pairs,
    steepest_slope,
    typical_norm,
)
from wganalyze_plugins.lipschitz.slopes import flat

K_OF_THE_ORACLE = 0.125823535
"""MLP [2, 8, 8, 1] of seed 0, by enumeration of its 99 linear regions."""


def points(n: int, *shape: int, seed: int = 0) -> Tensor:
    """Standard normal points."""
    return torch.randn(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def oracle() -> nn.Module:
    """Linear and ReLU in order, seed 0, float64 from the start."""
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(0)
        layers = (nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
        return nn.Sequential(*layers).requires_grad_(False).eval()
    finally:
        torch.set_default_dtype(torch.float32)


def zero_with_a_kink(x: Tensor) -> Tensor:
    """x - (relu(x) - relu(-x)): 0 everywhere, while autograd says 1 at 0."""
    return (x - (F.relu(x) - F.relu(-x))).sum(1)


def linear(slope: float, dim: int = 3) -> Score:
    """slope times the first coordinate."""
    return lambda x: slope * x[:, 0] + 0 * x.sum(1) if dim else x.sum(1)


def test_a_gradient_at_a_kink_is_no_slope() -> None:
    x = torch.zeros(4, 1, dtype=torch.float64)
    assert gradient_norms(zero_with_a_kink, x)[1].tolist() == [1, 1, 1, 1]
    assert steepest_slope(zero_with_a_kink, x, "here").value == 0
    for found in (hill_climb(zero_with_a_kink, x, 20), ascend(zero_with_a_kink, [zero_with_a_kink], x, 20)):
        assert steepest_slope(zero_with_a_kink, found, "").value == 0
    assert steepest_pair(zero_with_a_kink, x, points(5, 1), "").value == 0


@given(slope=st.floats(1e-2, 1e6), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_a_linear_critic_has_its_slope_to_rounding_and_never_more(slope: float, scale: float) -> None:
    x = scale * points(6, 3)
    for found in (steepest_slope(linear(slope), x, "here"), steepest_pair(linear(slope), x, x + 1, "pairs")):
        assert found.value <= slope
    assert steepest_slope(linear(slope), x, "here").value >= slope * (1 - 1e-8)


def test_the_slope_names_its_method() -> None:
    assert steepest_slope(linear(1), points(2, 3), "here").method == "here"
    assert steepest_pair(linear(1), points(2, 3), points(2, 3, seed=1), "there").method == "there"


def test_the_slopes_of_pairs_are_exact_differences() -> None:
    a, b = points(5, 3), points(5, 3, seed=1)

    def score(x: Tensor) -> Tensor:
        return (x**2).sum(1)

    expected = (score(a) - score(b)).abs() / (a - b).norm(dim=1)
    torch.testing.assert_close(certified_slopes(score, a, b), expected, rtol=1e-9, atol=0)
    assert (certified_slopes(score, a, b) <= expected).all()
    assert certified_slopes(score, a, a).tolist() == [0] * 5


def test_the_steepest_pair_is_the_steepest_of_all() -> None:
    x, y = points(40, 2), points(30, 2, seed=1)

    def score(x: Tensor) -> Tensor:
        return torch.sin(3 * x).sum(1)

    every = (score(x)[:, None] - score(y)).abs().numpy() / np.linalg.norm(x[:, None] - y[None], axis=2)
    assert steepest_pair(score, x, y, "").value == pytest.approx(every.max(), rel=1e-9)


def test_pairs_that_coincide_or_nearly_do_prove_nothing_false() -> None:
    x = 1e3 * points(20, 3)
    y = torch.cat([x[:10], x[10:] + 1e-9 * points(10, 3, seed=1), points(3, 3, seed=2)])
    found = steepest_pair(lambda x: 2 * x[:, 0], x, y, "").value
    assert 0 < found <= 2


@pytest.mark.parametrize("hidden", [1e6, 1e8, 1e12])
def test_digits_lost_inside_of_a_critic_prove_no_slope(hidden: float) -> None:
    # Its slope is 1; what it computes jumps by the rounding of ``hidden``.
    def score(x: Tensor) -> Tensor:
        return (x[:, 0] + hidden) - hidden

    assert steepest_slope(score, points(16, 2), "").value <= 1
    a = points(200, 2)
    assert float(certified_slopes(score, a, a + 1e-6 * points(200, 2, seed=1)).max()) <= 1


@pytest.mark.parametrize(
    "bad",
    [
        lambda x: torch.where(x > 0, math.nan, 0.0),
        lambda x: torch.where(x > 0, math.inf, 0.0),
        lambda x: 0 * x.sqrt(),
        lambda x: 0 * x.sqrt().sqrt(),
    ],
)
def test_values_that_are_no_numbers_prove_no_slope(bad: Callable[[Tensor], Tensor]) -> None:
    def score(x: Tensor) -> Tensor:
        return 2 * x[:, 1] + bad(x[:, 0])

    x = points(64, 2)
    x[0, 0] = 0.0
    assert not bool(score(x).isfinite().all())
    norms = gradient_norms(score, x)[1]
    assert bool(norms.isfinite().all())
    assert steepest_slope(score, x, "").value == pytest.approx(2, rel=1e-6)
    for found in (hill_climb(score, x, 5), ascend(score, [score], x, 5)):
        assert bool(found.isfinite().all())
    assert math.isfinite(steepest_pair(score, x[:32], x[32:], "").value)


def test_a_constant_critic_and_points_that_are_all_zero() -> None:
    zero = torch.zeros(3, 2, dtype=torch.float64)
    assert steepest_slope(lambda x: 0 * x.sum(1), points(3, 2), "").value == 0
    assert typical_norm(zero) == 1
    assert steepest_slope(linear(2, 2), zero, "").value == pytest.approx(2, rel=1e-9)
    assert steepest_pair(linear(2, 2), zero, zero, "").value == 0
    assert bool(hill_climb(linear(2, 2), zero, 3).isfinite().all())


def test_typical_norm_is_the_root_mean_square() -> None:
    assert typical_norm(torch.tensor([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(5 / math.sqrt(2))


def test_a_critic_that_overwrites_its_input_does_not_move_the_points() -> None:
    critic = nn.Sequential(nn.LeakyReLU(0.5, inplace=True), nn.Linear(2, 1)).double().requires_grad_(False)
    plain = nn.Sequential(nn.LeakyReLU(0.5), critic[1])
    x = points(8, 2)
    kept = x.clone()
    assert steepest_slope(flat(critic), x, "") == steepest_slope(flat(plain), x, "")
    assert torch.equal(x, kept)


# Scores in single precision


def in_float32(score: Score) -> Score:
    """The same, computed in float32 and given as float64."""
    return lambda x: score(x.float()).double()


def test_the_precision_of_a_score_is_found() -> None:
    x = points(20, 3).float().double()
    for score in (linear(2), lambda x: torch.tanh(linear(0.1)(x)), flat(nn.Linear(3, 1).double())):
        assert in_its_precision(score, x) is score
    for score in (in_float32(linear(2)), in_float32(flat(nn.Linear(3, 1)))):
        assert isinstance(in_its_precision(score, x), Single)


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e3])
@pytest.mark.parametrize("seed", range(5))
def test_the_last_digits_of_single_precision_prove_no_slope(offset: float, seed: int) -> None:
    x = points(50, 4, seed=seed).float().double()
    score = in_its_precision(in_float32(lambda x: 0.7 * x[:, 0] + offset), x)
    raw = []
    for reach in (1e-6, 1e-4, 1e-2, 1.0):
        other = x + reach * points(50, 4, seed=seed + 100) * torch.eye(4)[0]
        assert float(certified_slopes(score, x, other).max()) <= 0.7
        raw.append(((score(x) - score(other)).abs() / (x - other).norm(dim=1)).max())
    assert float(torch.stack(raw).max()) > 0.71  # taken at their word, they would
    assert 0.6 * (offset < 10) <= steepest_slope(score, x, "").value <= 0.7


def test_constants_of_single_precision_cost_a_score_of_double_nothing() -> None:
    scale = torch.tensor(255.0)
    x = points(20, 3)
    assert steepest_slope(lambda x: x[:, 0] * scale / 255, x, "").value == pytest.approx(1, rel=1e-9)


def test_a_score_that_is_given_single_precision_is_a_function_of_it() -> None:
    seen: list[Tensor] = []

    def score(x: Tensor) -> Tensor:
        seen.append(x)
        return x[:, 0]

    Single(score)(points(3, 2))
    assert seen[0].dtype is torch.float64
    assert torch.equal(seen[0], seen[0].float().double())


# The search without gradients


def test_the_steepest_pairs_come_first() -> None:
    score = flat(oracle())
    x = points(40, 2)
    first, second = steepest_pairs(score, x, x)
    slopes = certified_slopes(score, first, second)
    assert len(first) <= lower.CERTIFIED
    assert torch.equal(slopes, slopes.sort(descending=True).values)
    assert float(slopes[0]) == steepest_pair(score, x, x, "").value


@pytest.mark.parametrize("seed", range(3))
def test_pairs_climb_and_never_fall(seed: int) -> None:
    score = flat(oracle())
    pairs = steepest_pairs(score, points(20, 2, seed=seed), points(20, 2, seed=seed))
    climbed = climb_pairs(score, *pairs, 60)
    before = certified_slopes(score, *pairs).repeat(len(climbed[0]) // len(pairs[0]))
    after = certified_slopes(score, *climbed)
    assert (after >= before * (1 - 1e-9)).all()
    assert K_OF_THE_ORACLE * 0.9 <= float(after.max()) <= K_OF_THE_ORACLE
    assert float(after.max()) > 1.1 * float(before.max())
    assert all(
        torch.equal(a, b) for a, b in zip(climb_pairs(score, *pairs, 0), [p.repeat(32, 1) for p in pairs], strict=True)
    )


def test_differences_are_along_the_gradient() -> None:
    score = flat(nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1)).double())
    x = 0.1 * points(5, 3, 2, 2)
    found, expected = differences(score, x), gradient_norms(score, x)[0]
    assert found.shape == x.shape
    cosines = torch.cosine_similarity(found.flatten(1), expected.flatten(1))
    assert float(cosines.min()) > 1 - 1e-5
    # Of a score at labels, each point keeps its own.
    labels = torch.arange(5, dtype=torch.float64)
    at_labels = differences(lambda x: x[:, 0] * labels.repeat(len(x) // 5), points(5, 2))
    assert at_labels[:, 1].tolist() == [0] * 5
    torch.testing.assert_close(at_labels[:, 0] / at_labels[1, 0], labels)


# The search


def climbs() -> list[Callable[[Score, nn.Module, Tensor], Tensor]]:
    """The two ascents, on a critic and its traced copies."""

    def smooth(score: Score, critic: nn.Module, x: Tensor) -> Tensor:
        graph = trace(critic, tuple(x.shape[1:])).graph
        return ascend(score, [flat(smoothed(graph, beta)) for beta in lower.BETAS], x, 60)

    return [lambda score, critic, x: hill_climb(score, x, 60), smooth]


@pytest.mark.parametrize("climb", climbs())
def test_an_ascent_never_loses_what_it_had(climb: Callable[[Score, nn.Module, Tensor], Tensor]) -> None:
    critic = oracle()
    x = points(16, 2)
    before = gradient_norms(flat(critic), x)[1]
    after = gradient_norms(flat(critic), climb(flat(critic), critic, x))[1]
    assert bool((after.reshape(-1, 16).amax(0) >= before).all())


@pytest.mark.parametrize("climb", climbs())
def test_an_ascent_finds_the_steep_place_of_a_critic(climb: Callable[[Score, nn.Module, Tensor], Tensor]) -> None:
    # Slope 1 where the samples are, slope 5 beyond 3.
    class Steep(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, 0] + 4 * torch.relu(x[:, 0] - 3)

    critic = Steep()
    x = points(16, 2)
    x[:, 0] = torch.linspace(-2, 2.5, 16)
    score = flat(critic)
    assert steepest_slope(score, x, "").value < 3
    assert steepest_slope(score, climb(score, critic, x), "").value == pytest.approx(5, rel=1e-2)


@pytest.mark.parametrize("seed", range(5))
def test_the_search_reaches_the_exact_constant_of_the_oracle(seed: int) -> None:
    # Its steepest region is .07 wide and .03 high.
    critic = oracle()
    score = flat(critic)
    x = points(500, 2, seed=seed)
    x = x[gradient_norms(score, x)[1].argsort()[-32:]]
    found = max(steepest_slope(score, climb(score, critic, x), "").value for climb in climbs())
    assert found == pytest.approx(K_OF_THE_ORACLE, abs=1e-6)
    assert found <= K_OF_THE_ORACLE + 1e-9


def test_a_linear_critic_has_no_ascent_even_where_its_weights_learn() -> None:
    critic = nn.Linear(3, 1).double()
    graph = trace(critic, (3,)).graph
    x = points(4, 3)
    assert torch.equal(ascend(flat(critic), [flat(smoothed(graph, 2.0))], x, 5), x)


# Smooth copies


@settings(max_examples=30)
@given(slope=st.floats(0, 0.9), beta=st.sampled_from(lower.BETAS), seed=st.integers(0, 99))
def test_smooth_copies_are_near_and_nearer_for_larger_beta(slope: float, beta: float, seed: int) -> None:
    torch.manual_seed(seed)
    critic = nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(slope), nn.Linear(8, 1)).double().eval().requires_grad_(False)
    x = points(10, 3)
    copied = smoothed(trace(critic, (3,)).graph, beta)
    # softplus_beta is within log 2 / beta of the rectifier.
    most = (1 - slope) * math.log(2) / beta * float(critic[2].weight.abs().sum())
    assert float((copied(x) - critic(x)).abs().max()) <= most * (1 + 1e-9)


@pytest.mark.parametrize(
    "act",
    [
        F.relu,
        torch.relu,
        lambda x: x.relu(),
        lambda x: F.relu(input=x),
        lambda x: F.relu(x, inplace=True),
        lambda x: F.leaky_relu(x, 0.2),
        lambda x: F.leaky_relu(x, negative_slope=0.2),
        nn.ReLU(inplace=True),
        nn.LeakyReLU(0.2),
    ],
)
def test_every_way_to_write_a_rectifier_is_smoothed(act: Callable[[Tensor], Tensor]) -> None:
    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 4)
            self.act = act

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.linear(x)).sum(1)

    critic = Critic().double().eval()
    graph = trace(critic, (2,)).graph
    copied = smoothed(graph, 2.0)
    x = points(4, 2).requires_grad_(True)
    (gradient,) = torch.autograd.grad(copied(x).sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(gradient.square().sum(), x)
    assert float(curvature.abs().max()) > 1e-6
    assert not any(p.requires_grad for p in copied.parameters())
    torch.testing.assert_close(graph(x), critic(x))  # the graph itself stays as it was


def test_points_of_many_coordinates_are_kept_in_single_precision() -> None:
    weight = torch.linspace(-1, 1, 200, dtype=torch.float64)
    x = torch.randn(5, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def score(points: Tensor) -> Tensor:
        return (points @ weight).tanh()

    found = lower.steepest_slope(score, x / 10, "gradients")
    short = lower.shortened(score, found)
    assert short.ends is not None
    assert all(torch.equal(end, end.float().double()) for end in short.ends)
    assert found.value * (1 - 1e-6) <= short.value <= float(weight.norm())
    assert float(lower.certified_slopes(score, short.ends[0][None], short.ends[1][None])) == short.value
    near = lower.steepest_of(score, x[:1], x[:1] + 1e-9 * weight, "too near for that")
    assert lower.shortened(score, near) is near
    few = lower.steepest_of(lambda points: points.sum(1), x[:1, :3], x[:1, :3] + 1, "few")
    assert lower.shortened(lambda points: points.sum(1), few) is few
