"""Random critics of all layers that have a rule, and the steepest slopes that a quick look finds in a critic."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.slopes import flat

Shape = tuple[int, ...]
Maker = Callable[[random.Random, Shape], nn.Module]
MOST = 600
"""Numbers of a value, at most."""


class Call(nn.Module):
    """A layer that is a function of (itself, x), with parts for it to use."""

    def __init__(self, body: Callable[[Any, Tensor], Any], *parts: nn.Module, **buffers: Tensor) -> None:
        super().__init__()
        self.body = body
        for name, part in zip("abcd", parts, strict=False):
            self.add_module(name, part)
        for name, value in buffers.items():
            self.register_buffer(name, value)

    def forward(self, x: Tensor) -> Any:
        return self.body(self, x)


def of(body: Callable[[Any, Tensor], Any]) -> Maker:
    """Makes a layer of a function."""
    return lambda draw, shape: Call(body)


def made(kind: Callable[..., nn.Module], *arguments: Any, **keywords: Any) -> Maker:
    """Makes a layer by fixed arguments."""
    return lambda draw, shape: kind(*arguments, **keywords)


def scattered(layer: Any) -> nn.Module:
    """A normalisation with statistics and gains of all sizes."""
    layer.running_mean.normal_()
    layer.running_var.uniform_(0.1, 3)
    layer.weight.data.normal_()
    layer.bias.data.normal_()
    return layer  # type: ignore[no-any-return]


ELEMENTWISE: Sequence[Maker] = (
    *(
        made(kind)
        for kind in (
            nn.ReLU, nn.ReLU6, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.Mish, nn.Softplus, nn.SELU, nn.Hardswish,
            nn.Hardsigmoid, nn.LogSigmoid, nn.Softsign, nn.Tanhshrink, nn.RReLU,
        )
    ),
    lambda draw, shape: nn.LeakyReLU(draw.uniform(-3, 3)),
    lambda draw, shape: nn.LeakyReLU(draw.uniform(0, 3), inplace=True),
    lambda draw, shape: nn.PReLU(shape[0], init=draw.uniform(-2, 2)),
    lambda draw, shape: nn.ELU(draw.uniform(-2, 2)),
    lambda draw, shape: nn.CELU(draw.uniform(0.1, 3)),
    lambda draw, shape: nn.Hardtanh(-draw.uniform(0, 2), draw.uniform(0.1, 3)),
    lambda draw, shape: nn.Softshrink(draw.uniform(0, 2)),
    lambda draw, shape: nn.Softplus(draw.uniform(0.3, 5)),
    lambda draw, shape: nn.Threshold((value := draw.uniform(-1, 1)), value),
    made(nn.GELU, "tanh"),
    made(nn.ReLU, inplace=True),
    *map(
        of,
        (
            lambda m, x: F.relu(x), lambda m, x: F.elu(x, 1.5), lambda m, x: x.relu(), lambda m, x: torch.abs(x),
            lambda m, x: x.clamp(-0.5, 1), lambda m, x: torch.clamp(x, min=0.2), lambda m, x: x.clip(max=0.4),
            lambda m, x: F.hardtanh(x, -1, 2), lambda m, x: torch.sin(x), lambda m, x: x.tanh().sigmoid(),
            lambda m, x: F.celu(x, 0.7), lambda m, x: F.threshold(x, 0, 0), lambda m, x: F.softshrink(x),
            lambda m, x: torch.erf(x),
            lambda m, x: F.relu_(1.5 * x), lambda m, x: (x + 1).clamp_(-1, 1), lambda m, x: (2 * x).mul_(0.4).add_(1),
            lambda m, x: F.leaky_relu(x, -2.0), lambda m, x: 1 - x.atan(), lambda m, x: F.hardsigmoid(x - 3),
        ),
    ),
)  # fmt: skip
VECTOR: Sequence[Maker] = (
    lambda draw, shape: nn.Linear(shape[0], draw.randint(1, 8)),
    lambda draw, shape: parametrizations.spectral_norm(nn.Linear(shape[0], draw.randint(1, 8))),
    lambda draw, shape: nn.utils.spectral_norm(nn.Linear(shape[0], draw.randint(1, 8))),
    lambda draw, shape: parametrizations.weight_norm(nn.Linear(shape[0], draw.randint(1, 8))),
    lambda draw, shape: scattered(nn.BatchNorm1d(shape[0])),
    lambda draw, shape: nn.LayerNorm(shape[0], eps=draw.choice([1e-5, 0.5])),
    lambda draw, shape: nn.RMSNorm(shape[0], eps=0.3),
    lambda draw, shape: Call(lambda m, x: x * m.gain - m.gain, gain=torch.randn(shape[0])),
    lambda draw, shape: Call(lambda m, x: torch.cat([x, m.gain.expand(x.size(0), -1)], 1), gain=torch.randn(2)),
    made(nn.Softmax, 1),
    made(nn.Softmin, -1),
    made(nn.LogSoftmax, 1),
    *map(
        of,
        (
            lambda m, x: F.softmax(x, 1), lambda m, x: x.log_softmax(-1), lambda m, x: F.softmin(x, dim=1),
            lambda m, x: torch.logsumexp(x, 1, keepdim=True), lambda m, x: x.sort(1).values,
            lambda m, x: torch.sort(x, dim=-1, descending=True)[0], lambda m, x: x.flip(1), lambda m, x: x.roll(1, 1),
            lambda m, x: x.topk((x.shape[1] + 1) // 2, 1)[0], lambda m, x: x.amax(1, keepdim=True),
            lambda m, x: x.max(1, keepdim=True)[0] + x, lambda m, x: x.median(1, keepdim=True).values,
            lambda m, x: x.cumsum(1), lambda m, x: x.repeat(1, 2), lambda m, x: x[:, ::2], lambda m, x: x[:, [0, 0]],
            lambda m, x: x - x.mean(1, keepdim=True), lambda m, x: torch.stack([x, -x], 2).flatten(1),
            lambda m, x: F.pad(x, (1, 2), value=3.0), lambda m, x: torch.cat(x.chunk(2, 1)[::-1], 1),
            lambda m, x: x.unsqueeze(1), lambda m, x: F.layer_norm(x, x.shape[1:], eps=0.2),
            lambda m, x: F.dropout(x, training=m.training), lambda m, x: torch.minimum(x, x.flip(1)),
        ),
    ),
    lambda draw, shape: Call(lambda m, x: _maxmin(x), nn.Identity()),
    lambda draw, shape: Call(lambda m, x: x.view(x.size(0), -1, 2).sort(2).values.flatten(1)),
)  # fmt: skip


def _maxmin(x: Tensor) -> Tensor:
    a, b = x.chunk(2, 1)
    return torch.cat([torch.max(a, b), torch.min(a, b)], 1)


def _convolution(draw: random.Random, shape: Shape) -> nn.Module:
    axes = len(shape) - 1
    kind = {1: nn.Conv1d, 2: nn.Conv2d}[axes]
    groups = draw.choice([1, 1, shape[0]])
    out = groups * draw.randint(1, 3)
    mode: Any = draw.choice(["zeros", "zeros", "reflect", "circular", "replicate"])
    kernel = [draw.randint(1, 4) for _ in range(axes)]
    steps = [draw.randint(1, 3) for _ in range(axes)]
    padding = [draw.randint(0, 2) for _ in range(axes)]
    layer = kind(  # type: ignore[type-var]
        shape[0], out, tuple(kernel), tuple(steps), tuple(padding), draw.randint(1, 2), groups, padding_mode=mode
    )
    wrap: Callable[[nn.Module], nn.Module] = draw.choice([lambda m: m] * 4 + [parametrizations.spectral_norm])
    return wrap(layer)


def _transposed(draw: random.Random, shape: Shape) -> nn.Module:
    kind = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}[len(shape) - 1]
    stride = draw.randint(1, 3)
    return kind(shape[0], draw.randint(1, 3), draw.randint(1, 4), stride, draw.randint(0, 1), stride - 1)


def _pool(draw: random.Random, shape: Shape) -> nn.Module:
    size = f"{len(shape) - 1}d"
    kernel, stride = draw.randint(1, 3), draw.randint(1, 3)
    makers: list[Callable[[], nn.Module]] = [
        lambda: getattr(nn, f"MaxPool{size}")(kernel, stride, kernel // 2, ceil_mode=draw.random() < 0.5),
        lambda: getattr(nn, f"MaxPool{size}")(kernel, stride, dilation=2),
        lambda: getattr(nn, f"AvgPool{size}")(kernel, stride, kernel // 2, ceil_mode=draw.random() < 0.5),
        lambda: getattr(nn, f"AdaptiveAvgPool{size}")(draw.randint(1, 4)),
        lambda: getattr(nn, f"AdaptiveMaxPool{size}")(draw.randint(1, 4)),
        lambda: getattr(nn, f"LPPool{size}")(draw.choice([1, 2, 4]), kernel, stride, ceil_mode=draw.random() < 0.3),
        lambda: Call(lambda m, x: getattr(F, f"max_pool{size}")(x, 3, 1, 1)),
        lambda: Call(lambda m, x: getattr(F, f"lp_pool{size}")(x, 2.0, 2)),
    ]
    return draw.choice(makers)()


def _padding(draw: random.Random, shape: Shape) -> nn.Module:
    mode = draw.choice(["reflect", "replicate", "circular", "constant"])
    amounts = [draw.randint(0, 1) for _ in range(2 * (len(shape) - 1))]
    return Call(lambda m, x: F.pad(x, amounts, mode=mode))


SPATIAL: Sequence[Maker] = (
    *[_convolution] * 6,
    *[_transposed] * 2,
    *[_pool] * 4,
    _padding,
    lambda draw, shape: nn.GroupNorm(1, shape[0], eps=0.2),
    lambda draw, shape: nn.LocalResponseNorm(draw.randint(1, 3), draw.uniform(0, 3), draw.uniform(0, 2), 0.5),
    lambda draw, shape: nn.Softmax(1),
    *map(
        of,
        (
            lambda m, x: x.flatten(1), lambda m, x: x.flatten(1), lambda m, x: x.mean(-1), lambda m, x: x.flip(-1),
            lambda m, x: x.transpose(1, 2), lambda m, x: x.roll(2, -1), lambda m, x: x.amax(1, keepdim=True),
            lambda m, x: x + x.mean(1, keepdim=True), lambda m, x: x.unbind(-1)[0], lambda m, x: x[..., 1:],
            lambda m, x: F.relu(x) + F.relu(x.mean(1, keepdim=True)), lambda m, x: F.local_response_norm(x, 2, k=2.0),
            lambda m, x: torch.stack(x.split(1, 1), 1).flatten(1, 2),
        ),
    ),
)  # fmt: skip
IMAGE: Sequence[Maker] = (
    *SPATIAL,
    lambda draw, shape: scattered(nn.BatchNorm2d(shape[0])),
    lambda draw, shape: scattered(nn.InstanceNorm2d(shape[0], affine=True, track_running_stats=True)),
    made(nn.Softmax2d),
    made(nn.PixelUnshuffle, 2),
    lambda draw, shape: nn.Upsample(scale_factor=2, mode=draw.choice(["nearest", "bilinear", "bicubic"])),
    made(nn.ReflectionPad2d, 1),
    made(nn.CircularPad2d, 1),
    made(nn.ReplicationPad2d, (0, 2, 1, 0)),
    of(lambda m, x: F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)),
    of(lambda m, x: x.permute(0, 2, 3, 1)),
)


def _maker(draw: random.Random, shape: Shape) -> Maker:
    if draw.random() < 0.35:
        return draw.choice(ELEMENTWISE)
    return draw.choice({1: VECTOR, 2: SPATIAL, 3: IMAGE}[len(shape)])


def after(layer: nn.Module, shape: Shape) -> Shape | None:
    """The shape of what a layer gives; None where it does not fit, or gives too much."""
    try:
        with torch.no_grad():
            found = tuple(layer.eval()(torch.randn(2, *shape)).shape)
    except (RuntimeError, ValueError, IndexError, AssertionError, TypeError):
        return None
    good = found[0] == 2 and 2 <= len(found) <= 4 and 0 not in found
    return found[1:] if good and torch.Size(found[1:]).numel() <= MOST else None


def chain(draw: random.Random, shape: Shape, length: int, deep: int = 0) -> tuple[nn.Module, Shape]:
    """Layers one behind the other, some of them composite."""
    layers: list[nn.Module] = []
    while len(layers) < length:
        composite = deep < 2 and draw.random() < 0.25
        layer = _composite(draw, shape, deep + 1) if composite else _maker(draw, shape)(draw, shape)
        found = None if layer is None else after(layer, shape)
        if layer is not None and found is not None:
            layers.append(layer)
            shape = found
    return nn.Sequential(*layers), shape


def _composite(draw: random.Random, shape: Shape, deep: int) -> nn.Module | None:
    """A residual part, a sum, a concatenation, a maximum, a layer that is used twice, parts of a division."""
    first, one = chain(draw, shape, draw.randint(1, 3), deep)
    bodies: list[Callable[[Any, Tensor], Any]] = [
        lambda m, x: x + m.a(x), lambda m, x: m.a(x) - x, lambda m, x: torch.cat([x, m.a(x)], 1),
        lambda m, x: torch.maximum(x, m.a(x)), lambda m, x: m.a(m.a(x)), lambda m, x: m.a(x).add(x, alpha=-0.5),
        lambda m, x: torch.stack([x, m.a(x)], -1).flatten(-2), lambda m, x: torch.min(m.a(x), 2 * x),
        lambda m, x: F.relu(m.a(x)) + m.a(x), lambda m, x: torch.add(F.relu(x), m.a(x), alpha=2),
    ]  # fmt: skip
    if one == shape and draw.random() < 0.7:
        return Call(draw.choice(bodies), first)
    second, other = chain(draw, shape, draw.randint(1, 2), deep)
    if one == other:
        return Call(lambda m, x: torch.cat([m.a(x), m.b(x)], 1) if one[0] > 1 else m.a(x) + m.b(x), first, second)
    if len(one) == len(other) and one[1:] == other[1:]:
        return Call(lambda m, x: torch.cat([m.a(x), m.b(x)], dim=1), first, second)
    return Call(lambda m, x: torch.cat([m.a(x).flatten(1), m.b(x).flatten(1)], -1), first, second)


def critic(seed: int) -> tuple[nn.Module, Shape]:
    """A random critic in float64 and eval mode, and the shape of its input."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    shape: Shape = draw.choice(
        [(draw.randint(1, 6),), (draw.randint(1, 3), draw.randint(3, 9)), (draw.randint(1, 3), 5, draw.randint(4, 6))]
    )
    body, found = chain(draw, shape, draw.randint(1, 6))
    net = nn.Sequential(body, nn.Flatten(), nn.Linear(torch.Size(found).numel(), 1))
    return net.double().eval().requires_grad_(False), shape


def plain_critic(seed: int) -> tuple[nn.Module, Shape]:
    """One that is a chain: affine layers with activations between, as few layers as the slower rungs take quickly."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    shape: Shape = draw.choice([(draw.randint(1, 5),), (1, draw.randint(3, 7)), (2, 4, 4)])
    layers: list[nn.Module] = []
    found = shape
    while len(layers) < 4:
        affine = VECTOR[:5] if len(found) == 1 else [_convolution, _transposed, _padding]
        layer = draw.choice(ELEMENTWISE if len(layers) % 2 else affine)(draw, found)
        then = after(layer, found)
        if then is not None:
            layers, found = [*layers, layer], then
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(torch.Size(found).numel(), 1))
    return net.double().eval().requires_grad_(False), shape


def points(seed: int, shape: Shape, few: int = 12) -> Tensor:
    """Normal points, points whose numbers are all the same, sparse ones, and the origin: float64."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(few, *shape, dtype=torch.float64, generator=generator)
    level = torch.randn(few // 3, *[1] * len(shape), dtype=torch.float64, generator=generator).expand(-1, *shape)
    sparse = normal[: few // 2] * (torch.rand(few // 2, *shape, generator=generator) < 0.3)
    return torch.cat([normal, level, sparse, torch.zeros(1, *shape, dtype=torch.float64)])


def steepest(net: nn.Module, shape: Shape, seed: int, inside: Callable[[Tensor], Tensor] | None = None) -> float:
    """The largest certified slope of random, tiny and far pairs, of pairs across the sharpest bend of a segment, and
    along gradients, after a few steps uphill. ``inside``: moves points to where they may lie."""
    score = flat(net)
    x = points(seed, shape)
    y = points(seed + 1, shape)
    put = inside or (lambda z: z)
    pairs = [(x, y), (x, x + 1e-4 * y), (x, x + 1e-3 * y.sign()), (1e3 * x, 1e3 * y), (1e6 * x, 1e6 * y)]
    pairs += [(1e3 * x, 1e3 * x + y), (3 * x, 3 * x.roll(1, 0))]
    steps = torch.linspace(0, 1, 17, dtype=torch.float64).reshape(-1, *[1] * x.dim())
    lines = put(x) + steps * (put(y) - put(x))
    with torch.no_grad():
        values = score(lines.flatten(0, 1)).reshape(17, len(x))
    bend = values.diff(n=2, dim=0).abs().argmax(0) + 1
    kinks = lines[bend, torch.arange(len(x))]
    away = (y - x) / 32
    pairs += [(kinks - away * scale, kinks + away * scale) for scale in (1.0, 1e-2)]
    found = 0.0
    with contextlib.suppress(RuntimeError):  # autograd has no gradient where a layer overwrote what it takes
        climbed = put(lower.hill_climb(score, x[:3], 3, seed))[:48]
        gradient = lower.gradient_norms(score, climbed)[0]
        pairs += [(climbed, climbed + step * gradient) for step in (1e-3, -1e-3)]
        found = 0.0 if inside else lower.steepest_slope(score, climbed, "").value
    a, b = (put(torch.cat(ends)) for ends in zip(*pairs, strict=True))
    return max(found, float(lower.certified_slopes(score, a, b).max()))
