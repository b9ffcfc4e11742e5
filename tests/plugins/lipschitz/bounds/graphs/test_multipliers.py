"""LipSDP for any graph: known answers, no slope above it, and proofs that do not depend on what the descent finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.bounds.chains import Chain, read_chain
from wganalyze_plugins.lipschitz.bounds.graphs import multipliers
from wganalyze_plugins.lipschitz.bounds.graphs.interconnection import Interconnection, read_interconnection
from wganalyze_plugins.lipschitz.bounds.graphs.multipliers import Multiplied, multiplier_bound, proved, proved_norm
from wganalyze_plugins.lipschitz.bounds.operators import Operator
from wganalyze_plugins.lipschitz.bounds.products.product import product_bound
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace
from wganalyze_plugins.lipschitz.bounds.semidefinite import Checked, semidefinite_bound
from wganalyze_plugins.lipschitz.slopes import flat

Forward = Callable[[Any, Tensor], Tensor]


class Graph(nn.Module):
    """Two linear layers, a score, and a function that joins them."""

    def __init__(self, forward: Forward, width: int = 6, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.join = forward
        self.a, self.b, self.score = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self, x)


GRAPHS: dict[str, Forward] = {
    "chain": lambda m, x: m.score(F.leaky_relu(m.b(F.relu(m.a(x))), 0.2)),
    "residual": lambda m, x: m.score(x + m.a(torch.relu(m.b(x)))),
    "two residuals": lambda m, x: m.score((y := x + F.silu(m.a(x))) - 0.5 * F.gelu(m.b(y))),
    "shared": lambda m, x: m.score(x + torch.tanh(m.a(torch.tanh(m.a(x))))),
    "concatenated": lambda m, x: m.score(torch.cat([F.relu(m.a(x)), F.elu(m.b(x), 2.0)], 1)[:, ::2]),
    "steep": lambda m, x: m.score(F.leaky_relu(m.b(x), -3.0) + F.selu(m.a(x))),
    "skip to the end": lambda m, x: (F.relu(x) - F.relu(-x)).sum(1, keepdim=True) + m.score(x),
    "normalised": lambda m, x: m.score(F.relu(m.a(x)) + m.b(x)),
}


def frozen(critic: nn.Module) -> nn.Module:
    """As the analyzer has it."""
    return critic.double().eval().requires_grad_(False)


def connected(critic: nn.Module, *shape: int) -> Interconnection:
    """Its interconnection; there has to be one."""
    found = read_interconnection(trace(frozen(critic), shape))
    assert isinstance(found, Interconnection), found
    return found


def bound_of(critic: nn.Module, *shape: int) -> Multiplied:
    """By multipliers; there has to be one."""
    found = multiplier_bound(connected(critic, *shape))
    assert isinstance(found, Multiplied), found
    return found


# Known answers


def test_a_critic_that_is_affine_has_the_norm_of_its_map() -> None:
    critic = nn.Linear(5, 1)
    assert bound_of(critic, 5).value == pytest.approx(float(critic.weight.norm()), rel=1e-3)


def test_skips_see_that_slopes_are_of_both_signs() -> None:
    """x - (relu(x) - relu(-x)) is 0; slopes in [0, 1] one by one allow 1 - [0, 2], which is 1, and the product is 3."""
    critic = Graph(lambda m, x: (x - (F.relu(x) - F.relu(-x)))[:, :1])
    assert bound_of(critic, 6).value == pytest.approx(1, rel=5e-3)
    assert product_bound(trace(frozen(critic), (6,))).value == pytest.approx(3)


def test_one_neuron_a_layer_is_exact() -> None:
    critic = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    found = bound_of(critic, 1)
    exact = abs(float(critic[0].weight * critic[2].weight * critic[4].weight))
    assert found.value == pytest.approx(exact, rel=5e-3)


def test_of_a_chain_it_is_what_the_descent_with_matrices_finds() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 7), nn.LeakyReLU(0.2), nn.Linear(7, 1))
    chain = read_chain(trace(frozen(critic), (4,)))
    assert isinstance(chain, Chain)
    semi = semidefinite_bound(chain)
    assert isinstance(semi, Checked)
    assert bound_of(critic, 4).value == pytest.approx(semi.value, rel=0.01)


@pytest.mark.parametrize("kind", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1)])
def test_a_pool_has_a_multiplier_a_channel(kind: nn.Module) -> None:
    """Channels of different weight: one multiplier would take the largest for all."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(2, 4, 3, 1, 1), nn.ReLU(), kind, nn.Flatten(), nn.Linear(36, 1))
    connection = connected(critic, 2, 6, 6)
    assert [block.grain for block in connection.blocks.values()] == ["neuron", "channel"]
    assert connection.groups("neuron").count == 1 + 4 * 36 + 4 + 1
    assert bound_of(critic, 2, 6, 6).value < product_bound(trace(critic, (2, 6, 6))).value


# Proofs


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_any_multipliers_prove_a_bound(name: str) -> None:
    """Those that a descent has not finished, and random ones, which are far from feasible."""
    critic = frozen(Graph(GRAPHS[name], seed=1))
    connection = connected(critic, 6)
    groups = connection.groups("neuron")
    x = 2 * torch.randn(200, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    steepest = lower.steepest_slope(flat(critic), x, "").value
    generator = torch.Generator().manual_seed(0)
    for size in (0.1, 1.0, 3.0):
        logs = size * torch.randn(groups.count - 1, generator=generator)
        assert steepest <= proved(connection, groups, logs).value
    barely = multiplier_bound(connection, steps=3)
    assert isinstance(barely, Multiplied)
    assert steepest <= barely.value


def test_norms_above_1_are_paid_for_once_a_level() -> None:
    """Feasible multipliers that are spoilt by a factor prove what the theorem says, and not less."""
    connection = connected(Graph(GRAPHS["chain"]), 6)
    groups = connection.groups("neuron")
    logs, _ = multipliers.descend(connection, groups) or (torch.zeros(0), 0)
    good = proved(connection, groups, logs)
    spoilt = logs.clone()
    spoilt[0] -= 2.0
    worse = proved(connection, groups, spoilt)
    assert worse.norm.upper > 1.1
    assert worse.value == pytest.approx(float((spoilt[0] / 2).exp()) * worse.norm.upper**3, rel=1e-6)
    assert worse.value >= 0.999 * good.value


def test_a_small_norm_is_checked_and_a_large_one_probable() -> None:
    generator = torch.Generator().manual_seed(0)
    for rows, columns in ((30, 50), (50, 30), (2100, 2)):
        matrix = torch.randn(rows, columns, dtype=torch.float64, generator=generator)
        found = proved_norm(Operator(lambda x, matrix=matrix: x @ matrix.T, (columns,), (rows,)))
        norm = float(torch.linalg.matrix_norm(matrix, 2))
        assert norm <= found.upper <= norm * (1 + 1e-6)
        assert bool(found.delta) == (rows > multipliers.MOST)


def test_too_large_a_critic_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipliers, "WORK", 1e4)
    found = multiplier_bound(connected(Graph(GRAPHS["chain"]), 6))
    assert isinstance(found, str)
    assert "operations" in found


def test_constants_of_another_type_are_no_hindrance() -> None:
    critic = Graph(lambda m, x: m.score(F.relu(m.a(x) + torch.ones(6, dtype=torch.float64))))
    assert bound_of(critic, 6).value > 0


def test_what_is_no_layer_of_one_input_has_a_reason() -> None:
    found = read_interconnection(trace(frozen(Graph(lambda m, x: m.score(m.a(x) * m.b(x)))), (6,)))
    assert isinstance(found, str)
    assert "mul" in found


# Soundness


@settings(max_examples=60)
@given(st.sampled_from(sorted(GRAPHS)), st.integers(0, 9999), st.sampled_from([0.3, 1.0, 30.0]), st.integers(5, 60))
def test_no_slope_is_above_the_bound(name: str, seed: int, far: float, steps: int) -> None:
    critic = frozen(Graph(GRAPHS[name], seed=seed))
    found = multiplier_bound(connected(critic, 6), steps)
    assert isinstance(found, Multiplied)
    x, y = far * torch.randn(2, 64, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    score = flat(critic)
    for other in (y, x + 1e-3 * y, -x):
        assert float(lower.certified_slopes(score, x, other).max()) <= found.value
    assert lower.steepest_slope(score, x, "").value <= found.value


@settings(max_examples=15)
@given(st.integers(0, 9999), st.integers(1, 3), st.sampled_from([1, 2]), st.booleans(), st.booleans())
def test_no_slope_of_an_image_critic_is_above_the_bound(
    seed: int, stride: int, groups: int, pooled: bool, layer_norm: bool
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(seed)
            self.first = nn.Conv2d(2, 4, 3, stride, 1, groups=groups)
            self.norm = nn.GroupNorm(2, 4, eps=0.1) if layer_norm else nn.BatchNorm2d(4)
            self.inner = nn.Conv2d(4, 4, 3, 1, 1, padding_mode="circular")
            self.pool = nn.MaxPool2d(2, 1) if pooled else nn.AvgPool2d(2, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(self.norm(self.first(x)))
            return self.pool(y + F.leaky_relu(self.inner(y), 0.2)).mean((1, 2, 3))

    critic = frozen(Net())
    found = multiplier_bound(connected(critic, 2, 7, 7), 20)
    assert isinstance(found, Multiplied)
    x = 2 * torch.randn(32, 2, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    assert lower.steepest_slope(flat(critic), x, "").value <= found.value
