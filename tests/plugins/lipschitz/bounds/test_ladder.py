"""The ladder of upper bounds: known answers, their order, and never below a slope, on random networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze_plugins.lipschitz import bracket, lower
from wganalyze_plugins.lipschitz.bounds import averaged, regions, semidefinite
from wganalyze_plugins.lipschitz.bounds.chains import Chain, matrix, offset, read_chain
from wganalyze_plugins.lipschitz.bounds.ladder import Ladder, climb
from wganalyze_plugins.lipschitz.bounds.products.product import product_bound
from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace
from wganalyze_plugins.lipschitz.slopes import flat

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky": lambda: nn.LeakyReLU(0.2),
    "steep below": lambda: nn.LeakyReLU(3.0),
    "falling below": lambda: nn.LeakyReLU(-0.5),
    "steep and falling": lambda: nn.LeakyReLU(-3.0),
    "prelu": lambda: nn.PReLU(init=-0.3),
    "gelu": nn.GELU,
    "gelu tanh": lambda: nn.GELU("tanh"),
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "elu": lambda: nn.ELU(2.0),
    "elu falling": lambda: nn.ELU(-1.5),
    "selu": nn.SELU,
    "celu": lambda: nn.CELU(0.5),
    "rrelu": nn.RReLU,
    "hardtanh": nn.Hardtanh,
    "softsign": nn.Softsign,
    "tanhshrink": nn.Tanhshrink,
}


def frozen(critic: nn.Module) -> nn.Module:
    """As the analyzer has it."""
    return critic.double().eval().requires_grad_(False)


def mlp(*widths: int, act: Callable[[], nn.Module] = nn.ReLU, seed: int = 0) -> nn.Module:
    """Linear layers with activations between, drawn in float64 as in SCIENCE."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inside, outside in pairwise(widths):
        layers += [nn.Linear(inside, outside, dtype=torch.float64), act()]
    return frozen(nn.Sequential(*layers[:-1]))


def chain_of(critic: nn.Module, *shape: int) -> Chain:
    """Its chain; there has to be one."""
    chain = read_chain(trace(critic, shape))
    assert isinstance(chain, Chain), chain
    return chain


def ladder_of(critic: nn.Module, *shape: int) -> Ladder:
    """All rungs."""
    return climb(trace(frozen(critic), shape))


def values_of(ladder: Ladder) -> dict[str, float]:
    """Bounds by the first word of their method."""
    return {rung.method.split()[0]: rung.value for rung in ladder.rungs}


# Known answers


def test_the_oracle_has_99_regions_and_its_constant() -> None:
    found = regions.exact_constant(chain_of(mlp(2, 8, 8, 1), 2))
    assert isinstance(found, regions.Exact)
    assert found.value == pytest.approx(0.125823535, rel=1e-8)
    assert found.regions == 99


def test_the_place_of_the_exact_constant_has_its_slope() -> None:
    critic = mlp(2, 16, 16, 1, seed=3)
    found = regions.exact_constant(chain_of(critic, 2))
    assert isinstance(found, regions.Exact)
    x = torch.tensor([found.place], dtype=torch.float64)
    assert float(lower.gradient_norms(flat(critic), x)[1]) == pytest.approx(found.value, rel=1e-9)


@pytest.mark.parametrize(("width", "told"), [(1e-3, True), (1e-15, False)])
def test_a_strip_thinner_than_rounding_is_not_called_exact(width: float, told: bool) -> None:
    """(relu(x + y) - relu(x + y - width)) / width has the slope sqrt(2) / width on a strip, and 0 beside it."""
    critic = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    critic[0].weight.data = torch.ones(2, 2)
    critic[0].bias.data = torch.tensor([0.0, -width])
    critic[2].weight.data = torch.tensor([[1 / width, -1 / width]])
    found = regions.exact_constant(chain_of(frozen(critic), 2))
    assert isinstance(found, regions.Exact) == told
    if isinstance(found, regions.Exact):
        assert found.value == pytest.approx(2**0.5 / width, rel=1e-6)


@pytest.mark.parametrize("act", ["relu", "leaky", "steep below", "falling below", "prelu"])
def test_exact_is_the_largest_gradient_of_many_points(act: str) -> None:
    critic = mlp(2, 6, 6, 1, act=ACTIVATIONS[act], seed=5)
    found = regions.exact_constant(chain_of(critic, 2))
    assert isinstance(found, regions.Exact)
    x = 20 * torch.randn(100_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[::2] /= 20
    seen = float(lower.gradient_norms(flat(critic), x)[1].max())
    assert seen <= found.value * (1 + 1e-9)
    assert seen >= 0.9 * found.value


def test_rungs_that_take_neurons_one_by_one_cannot_see_both_signs() -> None:
    """relu(x) - relu(-x): K = 1, but slopes of 1 in both neurons at once, which these rungs allow, give 2."""
    critic = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    critic[0].weight.data = torch.tensor([[1.0], [-1.0]])
    critic[2].weight.data = torch.tensor([[1.0, -1.0]])
    assert [rung.value for rung in ladder_of(critic, 1).rungs] == pytest.approx([2, 2, 2], rel=1e-4)


def test_one_layer_of_slopes_is_a_closed_form() -> None:
    """w relu(v x) of one neuron: K = |w v|, by every rung."""
    critic = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    critic[0].weight.data, critic[2].weight.data = torch.tensor([[3.0]]), torch.tensor([[-0.5]])
    for name, value in values_of(ladder_of(critic, 1)).items():
        assert value == pytest.approx(1.5, rel=1e-4), name


def test_an_affine_critic_has_one_rung() -> None:
    ladder = ladder_of(nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 1)), 3)
    assert [rung.certificate for rung in ladder.rungs] == ["checked"]


def test_averaged_of_a_deep_linear_chain_is_below_the_product() -> None:
    """Composed parts are smaller than products: identity activations (slopes 1) give the norm of the composition."""
    critic = mlp(4, 6, 6, 1, act=lambda: nn.LeakyReLU(1.0))
    chain = chain_of(critic, 4)
    whole = matrix(chain.maps[2]) @ matrix(chain.maps[1]) @ matrix(chain.maps[0])
    assert averaged.averaged_bound(chain).upper == pytest.approx(float(torch.linalg.matrix_norm(whole, 2)), rel=1e-8)


def test_the_check_refuses_what_is_too_small() -> None:
    """Multipliers of the found bound do not prove a smaller one: the factorisation is no formality."""
    critic = mlp(2, 6, 6, 1, seed=1)
    chain = chain_of(critic, 2)
    matrices = [matrix(each) for each in chain.maps]
    exact = regions.exact_constant(chain)
    assert isinstance(exact, regions.Exact)
    multipliers, _ = semidefinite._descend(matrices, chain.lows, 200, lower.OPEN) or ([], 0)
    assert not semidefinite.is_positive(matrices, chain.lows, multipliers, (0.999 * exact.value) ** 2)
    assert semidefinite.is_positive(matrices, chain.lows, multipliers, (10 * exact.value) ** 2)


# Order


@pytest.mark.parametrize("act", ["relu", "leaky", "gelu", "tanh", "steep and falling"])
@pytest.mark.parametrize("widths", [(2, 16, 16, 1), (5, 20, 12, 8, 1)])
def test_the_order_of_the_rungs(act: str, widths: tuple[int, ...]) -> None:
    critic = mlp(*widths, act=ACTIVATIONS[act], seed=2)
    values = values_of(ladder_of(critic, widths[0]))
    chain = chain_of(critic, widths[0])
    semi = semidefinite.semidefinite_bound(chain)
    assert isinstance(semi, semidefinite.Checked)
    assert values["averaged"] <= values["product"] * (1 + 1e-9)
    assert semi.value <= 1.02 * values["averaged"]
    if "enumeration" in values:
        assert values["enumeration"] <= semi.value
        assert values["enumeration"] <= values["averaged"]


def test_scales_help_where_channels_differ_in_size_and_are_valid() -> None:
    torch.manual_seed(0)
    body = [nn.Conv2d(1, 8, 3), nn.LeakyReLU(0.2), nn.Conv2d(8, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 1)]
    critic = frozen(nn.Sequential(*body))
    spread = torch.logspace(-2, 2, 8, dtype=torch.float64)
    critic[0].weight.mul_(spread[:, None, None, None])
    critic[0].bias.mul_(spread)
    critic[2].weight.div_(spread[:, None, None])
    chain = chain_of(critic, 1, 8, 8)
    plain = averaged.averaged_bound(chain).upper
    scaled = averaged.averaged_bound(chain, averaged.balanced_scales(chain)).upper
    x = torch.randn(500, 1, 8, 8, dtype=torch.float64)
    assert float(lower.gradient_norms(flat(critic), x)[1].max()) <= scaled < 0.5 * plain


# Chains


def test_a_chain_is_the_critic() -> None:
    torch.manual_seed(0)
    critic = frozen(
        nn.Sequential(
            nn.Conv2d(1, 3, 3, 2, 1), nn.BatchNorm2d(3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Dropout(), nn.Linear(48, 1)
        )
    )
    chain = chain_of(critic, 1, 8, 8)
    x = torch.randn(5, 64, dtype=torch.float64)
    hidden = F.leaky_relu(x @ matrix(chain.maps[0]).T + offset(chain.maps[0]), 0.2)
    score = hidden @ matrix(chain.maps[1]).T + offset(chain.maps[1])
    torch.testing.assert_close(score, critic(x.reshape(5, 1, 8, 8)))


class Residual(nn.Module):
    """x + inner(x)."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last = nn.Sequential(nn.Linear(3, 3), nn.ReLU()), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Any:
        return self.last(x + self.inner(x))


@pytest.mark.parametrize(
    ("critic", "shape", "reason"),
    [
        (
            nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 1)),
            (1, 8, 8),
            "neither affine",
        ),
        (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1)), (3,), "neither affine"),
    ],
)
def test_what_is_no_chain_keeps_the_product(critic: nn.Module, shape: tuple[int, ...], reason: str) -> None:
    ladder = ladder_of(critic, *shape)
    assert ladder.best is ladder.rungs[0]
    assert reason in ladder.rungs[1].reason
    assert math.isinf(ladder.rungs[1].value)


def test_a_graph_that_branches_has_multipliers() -> None:
    ladder = ladder_of(Residual(), 3)
    assert "the graph branches" in ladder.rungs[1].reason
    assert ladder.best is ladder.rungs[2]
    assert ladder.best.certificate == "checked"
    assert ladder.best.value < ladder.product.value


def test_a_large_chain_has_multipliers_and_beats_the_product() -> None:
    ladder = ladder_of(mlp(10, 250, 250, 1, act=lambda: nn.LeakyReLU(0.2)), 10)
    assert [rung.method.split(",")[0] for rung in ladder.rungs[1:]] == ["LipSDP by a descent without matrices"]
    assert ladder.best.value < 0.7 * ladder.product.value


def test_a_box_adds_its_bound() -> None:
    critic, ends = mlp(2, 6, 6, 1, act=nn.Tanh, seed=3), torch.full((2,), 2.0, dtype=torch.float64)
    ladder = climb(trace(critic, (2,)), box=Box(-ends, ends))
    assert ladder.best is ladder.rungs[-1]
    assert ladder.best.method.startswith("branch and bound")
    assert ladder.best.value < climb(trace(critic, (2,))).best.value


def test_the_product_alone_when_asked() -> None:
    assert len(climb(trace(mlp(3, 4, 1), (3,)), product_only=True).rungs) == 2


def test_the_product_alone_takes_no_symbol_that_costs_more_than_lanczos() -> None:
    torch.manual_seed(0)
    layers = (nn.Conv2d(20, 40, 4, 2, 1), nn.ReLU(), nn.Conv2d(40, 1, 16), nn.Flatten())
    critic = trace(frozen(nn.Sequential(*layers)), (20, 32, 32))
    quick, whole = climb(critic, product_only=True).product, product_bound(critic)
    assert quick.delta > 0
    assert whole.certificate == "checked"
    assert quick.value == pytest.approx(whole.value, rel=0.02)


# Soundness


@settings(max_examples=150)
@given(
    st.lists(st.integers(1, 7), min_size=2, max_size=4),
    st.sampled_from(sorted(ACTIVATIONS)),
    st.integers(0, 9999),
    st.sampled_from([0.3, 1.0, 30.0]),
)
def test_no_slope_is_above_any_rung(widths: list[int], act: str, seed: int, far: float) -> None:
    critic = mlp(*widths, 1, act=ACTIVATIONS[act], seed=seed)
    ladder = ladder_of(critic, widths[0])
    x, y = far * torch.randn(2, 64, widths[0], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    score = flat(critic)
    pairs = [(x, y), (x, x + 1e-3 * y), (x, torch.zeros_like(x))]
    steepest = max(float(lower.certified_slopes(score, a, b).max()) for a, b in pairs)
    steepest = max(steepest, lower.steepest_slope(score, x, "").value)
    for rung in ladder.rungs:
        assert steepest <= rung.value, rung


@settings(max_examples=40)
@given(st.sampled_from(sorted(ACTIVATIONS)), st.integers(1, 3), st.integers(0, 2), st.integers(0, 9999), st.booleans())
def test_no_slope_of_a_convolutional_critic_is_above_any_rung(
    act: str, stride: int, padding: int, seed: int, normalised: bool
) -> None:
    torch.manual_seed(seed)
    first, second = nn.Conv2d(2, 5, 3, stride, padding), nn.Conv2d(5, 4, 2)
    norm = nn.BatchNorm2d(5) if normalised else nn.Identity()
    if isinstance(norm, nn.BatchNorm2d):
        norm.running_var.uniform_(0.05, 3)  # type: ignore[union-attr]
        norm.weight.data.normal_()
    body = nn.Sequential(first, norm, ACTIVATIONS[act](), second, ACTIVATIONS[act](), nn.Flatten()).eval()
    with torch.no_grad():
        size = body(torch.zeros(1, 2, 7, 7)).shape[1]
    critic = frozen(nn.Sequential(*body, nn.Linear(size, 1)))
    chain = chain_of(critic, 2, 7, 7)
    x = 2 * torch.randn(32, 2, 7, 7, dtype=torch.float64)
    steepest = lower.steepest_slope(flat(critic), x, "").value
    plain = averaged.averaged_bound(chain).upper
    scaled = averaged.averaged_bound(chain, averaged.balanced_scales(chain, 20)).upper
    semi = semidefinite.semidefinite_bound(chain, 5)
    assert isinstance(semi, semidefinite.Checked)
    assert steepest <= min(plain, scaled, semi.value)


# The bracket


def test_a_bracket_is_exact_in_two_dimensions() -> None:
    critic = mlp(2, 16, 16, 1, seed=4)
    found = bracket(critic, around=torch.randn(64, 2), steps=10)
    assert found.certificate == "exact"
    assert 1 <= found.ratio <= 1 + 1e-6
    assert found.witness is not None
    a, b = found.witness
    score = flat(critic)
    slope = float((score(a[None]) - score(b[None])).abs() / (a - b).norm())
    assert slope == pytest.approx(found.lower, rel=1e-6)


def test_a_bracket_without_rules_has_a_lower_end_and_a_reason() -> None:
    class Squared(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum(1)

    found = bracket(Squared(), around=torch.ones(4, 3), steps=2)
    assert found.upper == math.inf
    assert found.lower > 2
    assert found.reason


def test_the_critic_is_left_as_it_was() -> None:
    critic = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).train()
    before = {key: value.clone() for key, value in critic.state_dict().items()}
    bracket(critic, around=torch.randn(8, 3), steps=2)
    assert critic.training
    for key, value in critic.state_dict().items():
        assert torch.equal(value, before[key])
        assert value.dtype == torch.float32
