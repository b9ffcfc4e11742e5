"""What must hold on any critic: sampled <= lower <= upper, or a refusal; on random networks and random programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze.errors import NotMeasurable
from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.bounds.products.product import product_bound
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace
from wganalyze_plugins.lipschitz.slopes import flat


def activations() -> st.SearchStrategy[nn.Module]:
    """One of the elementwise layers, with arguments of all signs."""
    slope = st.floats(-2, 2)
    return st.one_of(
        st.sampled_from([nn.ReLU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.Mish, nn.Softplus, nn.SELU]).map(
            lambda kind: kind()
        ),
        slope.map(nn.LeakyReLU),
        slope.map(lambda init: nn.PReLU(init=init)),
        slope.map(nn.ELU),
        st.just(nn.ReLU(inplace=True)),
        st.builds(nn.Hardswish),
    )


class Residual(nn.Module):
    """x + inner(x)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


@st.composite
def dense_critics(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    """Linear layers, BatchNorm with statistics of its own, activations, residual parts."""
    torch.manual_seed(draw(st.integers(0, 9999)))
    width = draw(st.integers(1, 6))
    shape, layers, inside = (width,), [], width
    for _ in range(draw(st.integers(0, 3))):
        width = draw(st.integers(1, 6))
        layers += [nn.Linear(inside, width)]
        if draw(st.booleans()):
            layers += [scattered(nn.BatchNorm1d(width))]
        layers += [draw(activations())]
        if draw(st.booleans()):
            layers += [Residual(nn.Sequential(nn.Linear(width, width), draw(activations())))]
        inside = width
    return nn.Sequential(*layers, nn.Linear(inside, 1)), shape


@st.composite
def image_critics(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    """Convolutions of all kinds, BatchNorm, pooling, and a linear end."""
    torch.manual_seed(draw(st.integers(0, 9999)))
    channels = draw(st.sampled_from([1, 2]))
    shape = (channels, draw(st.integers(5, 8)), draw(st.integers(5, 8)))
    kernel, stride, padding = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 2))
    mode = draw(st.sampled_from(["zeros", "reflect", "circular", "replicate"]))
    groups = draw(st.sampled_from([1, channels]))
    layers: list[nn.Module] = [nn.Conv2d(channels, 4, kernel, stride, padding, groups=groups, padding_mode=mode)]
    if draw(st.booleans()):
        layers += [scattered(nn.BatchNorm2d(4))]
    layers += [draw(activations())]
    layers += [draw(st.sampled_from([nn.Identity(), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, ceil_mode=True)]))]
    layers += [nn.Conv2d(4, 2, 3, padding=2, dilation=draw(st.integers(1, 2))), nn.LeakyReLU(0.2), nn.Flatten()]
    with torch.no_grad():
        size = nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(*layers, nn.Linear(size, 1)), shape


def scattered(layer: Any) -> nn.Module:
    """A BatchNorm layer with statistics and gains of all sizes."""
    layer.running_mean.normal_()
    layer.running_var.uniform_(0.1, 3)
    layer.weight.data.normal_()
    return layer  # type: ignore[no-any-return]


@settings(max_examples=60)
@given(st.one_of(dense_critics(), image_critics()), st.integers(0, 999))
def test_sampled_is_at_most_lower_is_at_most_upper(drawn: tuple[nn.Module, tuple[int, ...]], seed: int) -> None:
    critic, shape = drawn
    critic = critic.double().eval().requires_grad_(False)
    traced = trace(critic, shape)
    most = product_bound(traced).value
    score = flat(critic)
    x = 2 * torch.randn(16, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    sampled = lower.steepest_slope(score, x, "").value
    smooth = [flat(lower.smoothed(traced.graph, beta)) for beta in lower.BETAS]
    found = [lower.hill_climb(score, x, 6), lower.ascend(score, smooth, x, 6)]
    steepest = max([sampled, *(lower.steepest_slope(score, points, "").value for points in found)])
    pairs = lower.steepest_pair(score, x[:8], x[8:], "").value
    assert 0 <= sampled <= steepest <= most
    assert pairs <= most
    gradients = lower.gradient_norms(score, x)[1]
    assert float(gradients.max()) <= most * (1 + 1e-9)


OPERATIONS: dict[str, Callable[[Any, Tensor, Tensor], Tensor]] = {
    "linear": lambda m, p, q: m.a(p),
    "normalised": lambda m, p, q: m.norm(p),
    "relu": lambda m, p, q: F.relu(p),
    "steep": lambda m, p, q: F.leaky_relu(p, -3.0),
    "steep in place": lambda m, p, q: m.act(p),
    "relu in place": lambda m, p, q: torch.relu_(p),
    "add": lambda m, p, q: p + q,
    "subtract": lambda m, p, q: p - q,
    "add a mean": lambda m, p, q: p + q.mean(1, keepdim=True),
    "scale": lambda m, p, q: 2.5 * p,
    "cat": lambda m, p, q: torch.cat([p, q], 1)[:, 1::2],
    "fold": lambda m, p, q: torch.cat([p, q], 1).view(p.shape[0], 2, 4).sum(1),
    "repeat": lambda m, p, q: p[:, [0, 0, 0, 1]],
    "view": lambda m, p, q: p.view(p.size(0), 2, 2).transpose(1, 2).reshape(-1, 4),
    "product": lambda m, p, q: p * q,
    "constant": lambda m, p, q: p * m.a.bias - m.a.bias,
}
steps = st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 9), st.integers(0, 9))


class Program(nn.Module):
    """A list of operations on values made so far, the input being the first; the score is a sum of the last two."""

    def __init__(self, program: list[tuple[str, int, int]]) -> None:
        super().__init__()
        torch.manual_seed(len(program))
        self.program = program
        self.a, self.act = nn.Linear(4, 4), nn.LeakyReLU(-3.0, inplace=True)
        self.norm = scattered(nn.BatchNorm1d(4))

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for operation, first, second in self.program:
            p, q = values[first % len(values)], values[second % len(values)]
            values.append(OPERATIONS[operation](self, p, q))
        return (values[-1] + values[-min(2, len(values))]).sum(1)


@settings(max_examples=200)
@given(st.lists(steps, max_size=6), st.integers(0, 999))
def test_any_program_is_bounded_or_refused(program: list[tuple[str, int, int]], seed: int) -> None:
    critic = Program(program).double().eval().requires_grad_(False)
    try:
        most = product_bound(trace(critic, (4,))).value
    except NotMeasurable:
        return
    x, y = 3 * torch.randn(2, 64, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    score = flat(critic)
    for other in (y, x + 1e-3 * y):
        assert float(lower.certified_slopes(score, x, other).max()) <= most


def test_programs_are_not_refused_for_nothing() -> None:
    refused = ("add a mean", "product", "steep in place", "relu in place")  # the sum sees what is overwritten
    plain = [name for name in OPERATIONS if name not in refused]
    for name in plain:
        assert product_bound(trace(Program([("linear", 0, 0), (name, 1, 1)]).double().eval(), (4,))).value > 0, name
