"""Critics that found a bound too small: batches behind another axis, calls of torch that are not what they seem."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganalyze import NotMeasurable
from wganalyze_plugins.lipschitz import bracket
from wganalyze_plugins.lipschitz.bounds.products.product import product_bound
from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace
from wganalyze_plugins.lipschitz.order import BracketError, check

D = torch.float64
Score = Callable[["Critic", Tensor], Tensor]


class Critic(nn.Module):
    """A score by a function of its weights and x."""

    def __init__(self, score: Score, **weights: tuple[int, ...]) -> None:
        super().__init__()
        self.score = score
        generator = torch.Generator().manual_seed(0)
        for name, shape in weights.items():
            self.register_buffer(name, torch.randn(*shape, dtype=D, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self, x)

    def norm(self, x: Tensor) -> Tensor:
        """torch's own takes the weight where F's takes a running mean."""
        weight = torch.full(x.shape[1:2], 5.0, dtype=D)
        return torch.instance_norm(x, weight, None, None, None, True, 0.1, 1.0, False)


def steepest(critic: nn.Module, x: Tensor) -> float:
    """A slope that exists: along the gradients at points."""
    points = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(points).sum(), points)
    unit = slope / slope.flatten(1).norm(dim=1).clamp(min=1e-12).reshape(-1, *[1] * (x.dim() - 1))
    a, b = x - 1e-4 * unit, x + 1e-4 * unit
    return float(((critic(a) - critic(b)).abs().flatten() / (a - b).flatten(1).norm(dim=1).clamp(min=1e-12)).max())


def inside(box: Box, n: int = 400) -> Tensor:
    """Points of a box, less a margin."""
    share = 0.001 + 0.998 * torch.rand(n, *box.lower.shape, dtype=D, generator=torch.Generator().manual_seed(1))
    return box.lower + share * (box.upper - box.lower)


FLAT_AT_THE_START = Box(
    torch.tensor([[10.0] * 3] * 2 + [[-20.0] * 3] * 3, dtype=D),
    torch.tensor([[10.1] * 3] * 2 + [[20.0] * 3] * 3, dtype=D),
)


@pytest.mark.parametrize(
    "score",
    [
        lambda c, x: x.transpose(0, 1)[-1].sigmoid() @ c.w,
        lambda c, x: x.permute(1, 0, 2).mean(0).sigmoid() @ c.w,
        lambda c, x: (-x.transpose(0, 1).sum(0)).relu() @ c.w,
        lambda c, x: x.transpose(0, 1).relu().transpose(0, 1).flatten(1)[:, :3] @ c.w,
        lambda c, x: (c.m @ x[:, 0].T).T.relu() @ c.w,
    ],
)
@pytest.mark.parametrize("domain", ["global", "box"])
def test_a_batch_behind_another_axis(score: Score, domain: str) -> None:
    """Intervals are two rows; what was transposed has other rows."""
    critic, box = Critic(score, w=(3, 1), m=(3, 3)), FLAT_AT_THE_START
    points = inside(box)
    found = bracket(critic, around=points[:16], steps=5, domain=box if domain == "box" else "global")
    assert steepest(critic, points) <= found.upper * (1 + 1e-9)


@pytest.mark.parametrize(
    "score",
    [
        lambda c, x: torch.rsub((x @ c.a).relu(), (0.01 * x @ c.b).relu(), alpha=10.0).sum(1),
        lambda c, x: (c.norm(x.reshape(-1, 3, 3)).flatten(1) @ c.a).sum(1),
    ],
)
def test_calls_of_torch_that_are_not_what_they_seem(score: Score) -> None:
    critic = Critic(score, a=(9, 5), b=(9, 5))
    x = torch.randn(400, 9, dtype=D, generator=torch.Generator().manual_seed(2))
    found = bracket(critic, around=x[:32], steps=5)
    assert steepest(critic, x) <= found.upper * (1 + 1e-9)


@pytest.mark.parametrize(
    "score",
    [
        lambda c, x: (torch.topk(x, 4, sorted=False).values * c.four).sum(1),
        lambda c, x: torch.ops.aten.elu(x @ c.a, 1.0, 1.0, -1.0).sum(1),
    ],
)
def test_what_jumps_or_grows_without_end_has_no_bound(score: Score) -> None:
    critic = Critic(score, a=(9, 5), four=(4,))
    assert math.isinf(bracket(critic, around=torch.rand(8, 9, dtype=D), steps=2).upper)
    first = Critic(lambda c, x: torch.topk(x, 1, sorted=False).values[:, 0])
    assert bracket(first, around=torch.rand(8, 9, dtype=D), steps=2).upper == pytest.approx(1)


def test_a_concatenation_that_is_written_elsewhere_has_no_rule() -> None:
    def score(c: Critic, x: Tensor) -> Tensor:
        hidden = (x @ c.a).relu()
        torch.cat([100 * x[:, :2], 100 * x[:, 2:5]], 1, out=hidden)
        return hidden.sum(1)

    with torch.no_grad(), pytest.raises(NotMeasurable):
        product_bound(trace(Critic(score, a=(9, 5)), (9,)))


@pytest.mark.parametrize("shared", [True, False])
def test_a_constant_that_is_overwritten(shared: bool) -> None:
    """What used it before has used what it was; where a view of it may be about, nothing is claimed."""

    def score(c: Critic, x: Tensor) -> Tensor:
        shift = c.w * 1.0
        view = shift[:] if shared else c.w
        hidden = (x + shift).relu()
        shift.sub_(100.0)
        return (hidden - view).sum(1)

    critic, x = Critic(score, w=(3,)), torch.rand(400, 3, dtype=D, generator=torch.Generator().manual_seed(0))
    found = bracket(critic, around=x[:16], steps=5, domain="box")
    assert math.isinf(found.upper) == shared
    assert ("overwrites a constant" in found.reason) == shared
    assert steepest(critic, x) <= found.upper * (1 + 1e-9)


@pytest.mark.parametrize("act", [nn.ReLU(), nn.Tanh()])
def test_a_box_without_an_end(act: nn.Module) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 8), act, nn.Linear(8, 1)).double()
    box = Box(torch.zeros(2, dtype=D), torch.full((2,), math.inf, dtype=D))
    points = torch.rand(400, 2, dtype=D, generator=torch.Generator().manual_seed(0)) * 20
    found = bracket(critic, around=points[:16], steps=5, domain=box)
    assert steepest(critic, points + 0.01) <= found.upper * (1 + 1e-9)


def test_an_average_that_turns_signs_is_not_monotone() -> None:
    pool = nn.AvgPool2d(2, divisor_override=-4)
    critic = nn.Sequential(pool, nn.Sigmoid(), nn.Flatten(), nn.Linear(4, 1)).double()
    box = Box(torch.full((1, 4, 4), -30.0, dtype=D), torch.full((1, 4, 4), 6.0, dtype=D))
    points = inside(box)
    found = bracket(critic, around=points[:16], steps=5, domain=box)
    assert steepest(critic, points / 30) <= found.upper * (1 + 1e-9)


def test_a_softplus_that_jumps_far_has_no_bound() -> None:
    critic = nn.Sequential(nn.Linear(1, 1), nn.Softplus(1e-9))
    assert math.isinf(bracket(critic, around=torch.rand(4, 1), steps=2).upper)


def test_a_program_that_gives_several_tensors_over_a_box() -> None:
    critic = Critic(lambda c, x: F.max_pool1d(x[:, None], 2, 1, return_indices=True)[0][:, 0] @ c.w, w=(4, 1))
    found = bracket(critic, around=torch.rand(16, 5, dtype=D), steps=5, domain="box")
    assert found.lower <= found.upper


@pytest.mark.parametrize("dtype", [torch.float32, D])
def test_boxes_of_any_precision_and_of_one_number(dtype: torch.dtype) -> None:
    critic, x = nn.Linear(2, 1), torch.rand(4, 2)
    wide = bracket(critic, around=x, steps=2, domain=Box(torch.zeros(2, dtype=dtype), torch.ones(2, dtype=dtype)))
    one = bracket(critic, around=x, steps=2, domain=Box(torch.tensor(0.0, dtype=dtype), torch.tensor(1.0, dtype=dtype)))
    assert wide.upper == one.upper == pytest.approx(float(critic.weight.norm()))
    with pytest.raises(ValueError, match="lower ends are not below"):
        bracket(critic, around=x, domain=Box(torch.ones(2), torch.zeros(2)))


def test_a_critic_of_single_precision_is_seen_through_points_of_double() -> None:
    """Its rounding is no slope."""
    weight = torch.tensor([[1.5], [-2.0], [1.0]])
    critic = Critic(lambda c, x: (x.float().tanh() @ weight).double())
    x = 0.01 * torch.randn(64, 3, dtype=D, generator=torch.Generator().manual_seed(0))
    assert bracket(critic, around=x, steps=20).lower <= float(weight.norm())


def test_ends_that_contradict_each_other_stop_the_bracket() -> None:
    from wganalyze_plugins.lipschitz.bounds.ladder import Rung
    from wganalyze_plugins.lipschitz.lower import Slope

    check(Slope(1.0, "a"), Rung("b", 1.0, "exact", 0.0))
    with pytest.raises(BracketError, match=r"a slope of 1 \(a\) is steeper than the upper bound 0.5 \(b\)"):
        check(Slope(1.0, "a"), Rung("b", 0.5, "exact", 0.0))
