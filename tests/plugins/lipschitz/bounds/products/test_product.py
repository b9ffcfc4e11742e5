"""The product bound: true operator norms along the graph, layer by layer; refusals; and never below a slope."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganalyze.errors import NotMeasurable
from wganalyze_plugins.lipschitz.bounds.products.product import NoRule, UpperBound, product_bound
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace

Bound = Callable[[nn.Module, tuple[int, ...]], UpperBound]
CLOSE = 1e-8


class Code(nn.Module):
    """A critic that does what a function of (itself, x) says, with layers for it to use."""

    def __init__(self, body: Callable[[Any, Tensor], Any], **layers: nn.Module) -> None:
        super().__init__()
        self.body = body
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Any:
        return self.body(self, x)


def linear(*rows: list[float]) -> nn.Linear:
    """x -> W x, W by its rows."""
    layer = nn.Linear(len(rows[0]), len(rows), bias=False)
    layer.weight.data = torch.tensor(rows)
    return layer


def norm(layer: nn.Linear) -> float:
    """Of its weight."""
    return float(np.linalg.svd(layer.weight.detach().double().numpy(), compute_uv=False)[0])


def maxmin(x: Tensor) -> Tensor:
    """Of the first half and the second."""
    a, b = x.chunk(2, 1)
    return torch.cat([torch.max(a, b), torch.min(a, b)], 1)


def maxmin_of_groups(x: Tensor) -> Tensor:
    """As Anil et al. (1811.05381) write it."""
    groups = x.view(x.size(0), 2, 2)
    return torch.cat([torch.max(groups, 2)[0], groups.min(dim=2)[0]], 1)


# Known answers


def test_a_linear_critic_has_the_norm_of_its_weight(bound: Bound) -> None:
    found = bound(linear([3.0, 4.0, 12.0]), (3,))
    assert found.value == pytest.approx(13, rel=CLOSE)
    assert found.value >= 13
    assert (found.certificate, found.delta) == ("checked", 0)


def test_relu_of_both_signs_has_product_two(bound: Bound) -> None:
    critic = nn.Sequential(linear([1.0], [-1.0]), nn.ReLU(), linear([1.0, -1.0]))
    found = bound(critic, (1,))
    assert found.value == pytest.approx(2, rel=CLOSE)
    assert [stage.kind for stage in found.stages] == ["Linear", "ReLU", "Linear"]


@pytest.mark.parametrize("n", [2, 3, 10, 50])
def test_a_valid_difference_of_n_pixels_has_norm_2_cos(bound: Bound, n: int) -> None:
    layer = nn.Conv1d(1, 1, 2, bias=False)
    layer.weight.data = torch.tensor([[[1.0, -1.0]]])
    assert bound(nn.Sequential(layer, nn.Flatten()), (1, n)).value == pytest.approx(
        2 * math.cos(math.pi / (2 * n)), rel=CLOSE
    )


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.MaxPool2d(3, 2, 1), (1, 8, 8), 2),
        (nn.MaxPool2d(2), (1, 8, 8), 1),
        (nn.AvgPool2d(2), (1, 8, 8), 1 / 2),
        (nn.AvgPool2d(4), (3, 8, 8), 1 / 4),
        (nn.AvgPool1d(4), (1, 8), 1 / math.sqrt(4)),
        (nn.Upsample(scale_factor=2), (1, 4, 4), 2),
        (nn.UpsamplingNearest2d(scale_factor=2), (1, 4, 4), 2),
        (nn.Upsample(scale_factor=2), (1, 4), math.sqrt(2)),
        (nn.AdaptiveAvgPool2d(1), (2, 4, 4), 1 / 4),
        (nn.ReplicationPad1d(2), (1, 5), math.sqrt(3)),
        (nn.ZeroPad2d(3), (1, 5, 5), 1),
        (nn.PixelShuffle(2), (4, 3, 3), 1),
        (nn.Identity(), (4,), 1),
        (nn.Dropout(0.5), (4,), 1),
        (nn.LayerNorm(5), (5,), 1 / math.sqrt(1e-5)),
    ],
)
def test_layers_with_known_norms(bound: Bound, layer: nn.Module, shape: tuple[int, ...], expected: float) -> None:
    assert bound(nn.Sequential(layer, nn.Flatten()), shape).value == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize(
    ("body", "factor"),
    [
        (lambda m, x: x + F.relu(m.a(x)), lambda a, b: 1 + a),
        (lambda m, x: x - F.relu(m.a(x)), lambda a, b: 1 + a),
        (lambda m, x: F.relu(m.a(x)) + F.tanh(m.b(x)), lambda a, b: a + b),
        (lambda m, x: torch.cat([F.relu(m.a(x)), m.b(x)], 1), math.hypot),
        (lambda m, x: torch.cat((F.relu(m.a(x)), F.tanh(m.b(x))), dim=-1), math.hypot),
        (lambda m, x: torch.stack((F.relu(m.a(x)), F.tanh(m.b(x))), 2), math.hypot),
        (lambda m, x: torch.maximum(F.relu(m.a(x)), F.tanh(m.b(x))), math.hypot),
        (lambda m, x: torch.min(F.relu(m.a(x)), F.tanh(m.b(x))), math.hypot),
        (lambda m, x: torch.cat([F.relu(m.a(x)), m.ones.expand(x.size(0), -1)], 1), lambda a, b: a),
        (lambda m, x: torch.cat([F.relu(m.a(x))] * 3, 1), lambda a, b: math.sqrt(3) * a),
        (lambda m, x: F.relu(x) + F.relu(x.mean(1, keepdim=True)), lambda a, b: 2),  # 1 + sqrt(4) / sqrt(4)
        (lambda m, x: torch.add(F.relu(x), F.relu(m.a(x)), alpha=100), lambda a, b: 1 + 100 * a),
        (lambda m, x: F.relu(m.a(x)).mul_(-3).add_(1), lambda a, b: 3 * a),
        (lambda m, x: torch.maximum(m.ones, F.relu(m.a(x))), lambda a, b: a),
        (lambda m, x: m.b(F.relu(m.a(x))), lambda a, b: a * b),
        (lambda m, x: m.a(F.relu(m.a(x))), lambda a, b: a * a),
        (lambda m, x: torch.sigmoid(m.a(x)), lambda a, b: a / 4),
        (lambda m, x: F.relu(m.a(x)) + F.relu(m.a(x)), lambda a, b: 2 * a),
        (lambda m, x: 3 * F.relu(m.a(x)) / 2 + 7, lambda a, b: 1.5 * a),
        (lambda m, x: 1 - F.relu(m.a(x)), lambda a, b: a),
        (lambda m, x: F.leaky_relu(m.a(x), 0.2).view(x.size(0), -1), lambda a, b: a),
        (lambda m, x: F.leaky_relu(input=m.a(x), negative_slope=-4.0), lambda a, b: 4 * a),
        (lambda m, x: F.elu(m.a(x), 2.0), lambda a, b: 2 * a),
        (lambda m, x: m.a(x).relu().abs().mean(1, keepdim=True), lambda a, b: a / 2),
        (lambda m, x: m.a(F.dropout(x, training=m.training)), lambda a, b: a),
        (lambda m, x: (m.a(x), m.b(x)), lambda a, b: a),
    ],
)
def test_graphs_with_known_bounds(
    bound: Bound, body: Callable[[Any, Tensor], Any], factor: Callable[[float, float], float]
) -> None:
    torch.manual_seed(0)
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    critic = Code(body, a=a, b=b)
    critic.register_buffer("ones", torch.ones(4))
    assert bound(critic, (4,)).value == pytest.approx(factor(norm(a), norm(b)), rel=CLOSE)


@pytest.mark.parametrize(
    ("body", "matrix"),
    [
        (lambda m, x: torch.cat((m.a(x), m.b(x)), dim=-1), lambda a, b: torch.cat([a, b])),
        (lambda m, x: torch.stack((m.a(x), m.b(x)), 1), lambda a, b: torch.cat([a, b])),
        (lambda m, x: m.a(x) - m.b(x), lambda a, b: a - b),
        (lambda m, x: x + m.a(x), lambda a, b: torch.eye(4) + a),
        (lambda m, x: m.a(x).add(m.b(m.a(x)), alpha=-2), lambda a, b: a - 2 * b @ a),
        (lambda m, x: x - x.mean(1, keepdim=True), lambda a, b: torch.eye(4) - 1 / 4),
        (lambda m, x: torch.cat(m.a(x).chunk(2, 1)[::-1], 1) + x, lambda a, b: torch.eye(4) + a[[2, 3, 0, 1]]),
        (lambda m, x: m.a(x).split(3, 1)[0] @ m.b.weight[:3], lambda a, b: b[:3].T @ a[:3]),
        (lambda m, x: m.b(torch.stack(m.a(x).unbind(1), 1)), lambda a, b: b @ a),
        (lambda m, x: torch.maximum(m.a(x), m.b(x)), lambda a, b: torch.cat([a, b])),  # of both together, not of each
        (lambda m, x: maxmin(m.a(x)), lambda a, b: a),
        (lambda m, x: maxmin_of_groups(m.a(x)), lambda a, b: a),
        (lambda m, x: m.a(x).view(x.size(0), 2, 2).sort(2).values.flatten(1), lambda a, b: a),
        (lambda m, x: m.a(x).flip(1).roll(1, 1).sort(descending=True)[0], lambda a, b: a),
        (lambda m, x: m.act(x) + m.a(x), lambda a, b: 5 * (torch.eye(4) + a)),  # m.act overwrote x
    ],
)
def test_parts_that_are_affine_in_the_same_numbers_are_one_map(
    bound: Bound, body: Callable[[Any, Tensor], Any], matrix: Callable[[Tensor, Tensor], Tensor]
) -> None:
    torch.manual_seed(0)
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    expected = torch.linalg.matrix_norm(matrix(a.weight.detach(), b.weight.detach()).double(), 2)
    critic = Code(body, a=a, b=b, act=nn.LeakyReLU(5.0, inplace=True))
    assert bound(critic, (4,)).value == pytest.approx(float(expected), rel=1e-6)


def test_x_plus_x_is_two_x(bound: Bound) -> None:
    def body(module: Any, x: Tensor) -> Tensor:
        y = F.relu(x)
        return y + y

    assert bound(Code(body), (3,)).value == pytest.approx(2, rel=CLOSE)


def test_linear_chains_are_one_operator(bound: Bound) -> None:
    # The layers' own norms are 10 each, the composite's is 1.
    found = bound(nn.Sequential(linear([10.0, 0.0], [0.0, 0.1]), linear([0.1, 0.0], [0.0, 10.0])), (2,))
    assert found.value == pytest.approx(1, rel=1e-7)
    assert [stage.layer for stage in found.stages] == ["0 + 1"]


def test_batch_norm_in_eval_mode_is_folded(bound: Bound) -> None:
    torch.manual_seed(0)
    conv, batch_norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
    assert batch_norm.running_mean is not None
    assert batch_norm.running_var is not None
    batch_norm.running_mean.data = torch.tensor([5.0, -3.0, 1e6])
    batch_norm.running_var.data = torch.tensor([0.01, 4.0, 1.0])
    batch_norm.weight.data = torch.tensor([0.2, -3.0, 0.5])
    alone = [bound(nn.Sequential(conv), (2, 6, 6)).value, bound(nn.Sequential(batch_norm), (3, 4, 4)).value]
    gains = batch_norm.weight / (batch_norm.running_var + batch_norm.eps).sqrt()
    assert alone[1] == pytest.approx(float(gains.abs().max()), rel=CLOSE)
    both = bound(nn.Sequential(conv, batch_norm), (2, 6, 6))
    folded = nn.Conv2d(2, 3, 3)
    folded.weight.data = conv.weight * gains[:, None, None, None]
    assert both.value == pytest.approx(bound(folded, (2, 6, 6)).value, rel=CLOSE)
    assert both.value <= alone[0] * alone[1] * (1 + 1e-9)
    assert [stage.kind for stage in both.stages] == ["Conv2d + BatchNorm2d"]


def test_instance_norm_with_running_statistics_is_folded_too(bound: Bound) -> None:
    layer = nn.InstanceNorm2d(2, track_running_stats=True, affine=True)
    layer.weight.data = torch.tensor([0.5, -3.0])
    assert bound(layer, (2, 3, 3)).value == pytest.approx(3 / math.sqrt(1 + 1e-5), rel=1e-6)


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "circular", "replicate"])
def test_the_symbol_is_used_for_zero_padding_only(bound: Bound, padding_mode: Any) -> None:
    torch.manual_seed(1)
    layer = nn.Conv2d(3, 8, 3, padding=1, padding_mode=padding_mode)
    (stage,) = bound(layer, (3, 24, 24)).stages
    assert stage.bracket.method.startswith("symbol" if padding_mode == "zeros" else "Lanczos")
    assert stage.bracket.certificate == ("checked" if padding_mode == "zeros" else "probabilistic(1e-09)")
    assert stage.bracket.lower <= stage.bracket.upper <= 1.01 * stage.bracket.lower


def test_a_padding_that_multiplies_pixels_is_seen(bound: Bound) -> None:
    # A shift by one pixel each way has the symbol's norm 1; the repeated corner is there four times.
    layer = nn.Conv2d(1, 1, 3, padding=1, padding_mode="replicate", bias=False)
    layer.weight.data.zero_()[0, 0, 0, 0] = 1
    assert bound(layer, (1, 6, 6)).value == pytest.approx(2, rel=CLOSE)
    layer.padding_mode = "zeros"
    assert bound(layer, (1, 6, 6)).value == pytest.approx(1, rel=CLOSE)


def test_a_symbol_that_costs_too_much_is_left_out() -> None:
    layer = nn.Conv2d(3, 8, 3, padding=1).double().requires_grad_(False)
    found = product_bound(trace(layer, (3, 24, 24)), most_work=1)
    assert found.stages[0].bracket.method.startswith("Lanczos")
    assert found.delta == pytest.approx(1e-9)


def test_failures_of_several_probabilistic_norms_add_up(bound: Bound) -> None:
    layers = [nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular"), nn.ReLU()] * 2
    found = bound(nn.Sequential(*layers), (3, 20, 20))
    assert found.delta == pytest.approx(2e-9)
    assert found.certificate == "probabilistic(2e-09)"


def test_spectral_norm_of_a_kernel_is_no_operator_norm(bound: Bound) -> None:
    torch.manual_seed(0)
    for normalise in (nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm):
        layer = normalise(nn.Conv2d(1, 8, 3, padding=1), n_power_iterations=100)
        layer(torch.zeros(1, 1, 5, 5))
        (stage,) = bound(layer, (1, 28, 28)).stages
        assert stage.kernel_norm == pytest.approx(1, abs=1e-3)
        assert stage.bracket.lower > 1.1


def test_the_kernel_of_a_composite_is_not_compared(bound: Bound) -> None:
    found = bound(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 1)), (1, 4, 4))
    assert [stage.kernel_norm for stage in found.stages] == [None]


# Refusals


def hooked() -> nn.Module:
    """A layer that a hook makes ten times as steep."""
    layer = nn.ReLU()
    layer.register_forward_hook(lambda module, given, result: 10 * result)
    return layer


def with_wrong_gradient() -> nn.Module:
    """A layer whose gradient is a tenth of the true one."""
    layer = nn.Linear(4, 1)
    layer.register_full_backward_hook(lambda module, into, out: (None if into[0] is None else into[0] / 10,))
    return layer


def reused_in_place(module: Any, x: Tensor) -> Tensor:
    h = module.a(x)
    return module.act(h.view(x.shape[0], -1)) + h  # type: ignore[no-any-return]


def viewed_in_place(module: Any, x: Tensor) -> Tensor:
    h = module.a(x)
    parts = h.chunk(2, 1)
    module.act(parts[0])
    return module.b(h)  # type: ignore[no-any-return]


REFUSED: dict[str, tuple[Callable[[Any, Tensor], Any], str]] = {
    "square": (lambda m, x: x * x, "mul: no rule for mul"),
    "square beside a large constant": (lambda m, x: x * x + 1e13, "no rule for mul"),
    "attention": (lambda m, x: m.a(x) * m.b(x), "no rule for mul"),
    "matrix product": (lambda m, x: (m.a(x)[:, :, None] @ m.b(x)[:, None]).sum((1, 2)), "no rule for matmul"),
    "power": (lambda m, x: m.a(x) ** 2, "pow has no largest slope on the whole space"),
    "root": (lambda m, x: m.a(x) ** 0.5, "no positive whole number|NaN"),
    "reciprocal": (lambda m, x: 1e-12 / (x + 1) + 1, "no rule for truediv"),
    "floor": (lambda m, x: torch.div(x, 1e-12, rounding_mode="floor"), "no rule for div"),
    "exp": (lambda m, x: m.a(x).exp(), "exp has no largest slope on the whole space"),
    "gate": (lambda m, x: F.glu(m.a(x), 1), "glu has no largest slope on the whole space"),
    "log-softmax over the batch": (lambda m, x: F.relu(m.a(x)).log_softmax(0), "mixes the samples"),
    "a sum of other axes": (lambda m, x: F.relu(x).sum(1) + F.relu(x).sum(1, keepdim=True), "mixes the samples"),
    "a constant overwritten": (lambda m, x: torch.zeros(2, 4).double().add_(F.relu(x)), "overwrites|through"),
    "a view of what is overwritten": (viewed_in_place, "overwrites its input"),
    "sorted indices": (lambda m, x: m.a(x) + x.argsort(1), "computes in torch.int64"),
    "norm": (lambda m, x: x.norm(dim=1), "no rule for norm"),
    "jump": (lambda m, x: m.a(F.threshold(x, 1.0, 0.0)), "no largest slope: it jumps"),
    "functional batch norm": (lambda m, x: F.batch_norm(x, None, None, training=True), "more than 1 value"),
    "a detached part": (lambda m, x: m.a(x).detach(), "no rule for detach"),
    "three sources": (lambda m, x: torch.where(x > 0, x, m.a(x)), "computes in torch.bool"),
    "ones": (lambda m, x: torch.cat([x, torch.ones_like(x)], 1), "no rule for ones_like"),
    "an activation in place whose input is used again": (reused_in_place, "overwrites its input"),
    "a hook on an activation": (lambda m, x: m.a(m.hooked(x)), "hooks"),
    "a hook on a gradient": (lambda m, x: m.wrong(x), "hooks"),
    "two sources for a layer that is called add": (lambda m, x: m.add(x, x), "Bilinear"),
    "a layer with a rule for nothing": (lambda m, x: m.cosine(x), "tracer cannot see through"),
    "softplus with an early jump": (lambda m, x: F.softplus(x, threshold=0), "no largest slope"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_refused_with_a_reason(bound: Bound, name: str) -> None:
    body, reason = REFUSED[name]
    torch.manual_seed(0)
    layers = {
        "a": nn.Linear(4, 4),
        "b": nn.Linear(4, 4),
        "act": nn.LeakyReLU(-5.0, inplace=True),
        "hooked": hooked(),
        "wrong": with_wrong_gradient(),
        "add": nn.Bilinear(4, 4, 1),
        "cosine": nn.CosineSimilarity(),
    }
    with pytest.raises(NotMeasurable, match=reason):
        bound(Code(body, **layers), (4,))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.BatchNorm1d(4, track_running_stats=False), "mixes the samples of a batch|more than 1 value"),
        (nn.BatchNorm2d(4, track_running_stats=False), "mixes the samples of a batch"),
        (nn.LSTM(4, 4), "not a tensor"),
        (nn.MultiheadAttention(4, 1), "cannot see through"),
        (nn.TransformerEncoderLayer(4, 1, batch_first=True), "no rule for TransformerEncoderLayer|cannot see through"),
        (nn.MaxPool2d(2, return_indices=True), "not a tensor"),
        (nn.Linear(4, 4, dtype=torch.complex128), "cannot see through|complex128"),
    ],
)
def test_layers_without_a_rule_are_refused(bound: Bound, layer: nn.Module, reason: str) -> None:
    two_dimensional = isinstance(layer, nn.BatchNorm2d | nn.MaxPool2d)
    shape = (4, 4, 4) if two_dimensional else (3, 4) if isinstance(layer, nn.TransformerEncoderLayer) else (4,)
    with pytest.raises(NotMeasurable, match=reason):
        bound(layer, shape)


def test_a_bound_beyond_float64_is_refused(bound: Bound) -> None:
    steep = [layer for _ in range(4) for layer in (linear([1e38]), nn.ReLU())]
    steep = [*steep, *[layer for _ in range(5) for layer in (linear([1e38]), nn.Tanh())]]
    with pytest.raises(NoRule, match="beyond the largest float64"):
        bound(nn.Sequential(*steep), (1,))


def test_in_place_activations_are_fine_where_nobody_sees_them(bound: Bound) -> None:
    torch.manual_seed(0)
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    critic = nn.Sequential(nn.ReLU(inplace=True), a, nn.LeakyReLU(0.2, inplace=True), nn.ELU(inplace=True), b)
    assert bound(critic, (4,)).value == pytest.approx(norm(a) * norm(b), rel=CLOSE)
