"""Lower bounds of a critic's Lipschitz constant: slopes between pairs of points, found by sampling and by ascent.

A gradient is no bound by itself: at a kink, autograd gives a value that no slope has. So whatever finds a point, what
counts is |f(a) - f(b)| / |a - b|, in float64, less a margin for rounding.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

Score = Callable[[Tensor], Tensor]
"""(b, *shape) -> (b,), float64."""

ROUNDING = 4500
"""Of a score, in last digits of the largest number met on the way to it; float64 sums of a million terms stay below
that, which is 1e-12 of it."""
BEYOND_SINGLE = 0.9 * 2.0**-25
"""A relative change that float32 rounds away."""
REACHES = (1e-1, 1e-2, 1e-3, 1e-4)
FINE = (*REACHES, 1e-5, 1e-6)
"""Where the linear region around a point may be small."""
BETAS = (2.0, 10.0, 50.0)
CERTIFIED = 16
CROWD = 64
"""Copies of a start in a Gaussian climb, times the dimension."""
STRIDES = (0.1, 0.4)
"""Of ascents on pairs: small ones hold a region, large ones leave it."""
LONG, SHORTENING = 64, 1e-6
"""Coordinates from which on the two points are kept in single precision, and what that may take from the slope."""
REACH = 0.3
"""Half the distance that pairs begin with, in units of the points' typical norm."""
FINALISTS = 6
"""Pairs of an ascent that are certified in float64."""
BATCH = 512
COORDINATES = 4096
"""A gradient is found by differences in at most so many dimensions."""


class Deadline:
    """The end of a search, ``seconds`` from now; None: there is none."""

    def __init__(self, seconds: float | None = None) -> None:
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def is_set(self) -> bool:
        """Is there an end at all?"""
        return self._end < math.inf

    @property
    def is_over(self) -> bool:
        """Is it too late to begin anything?"""
        return self.is_set and time.monotonic() > self._end


OPEN = Deadline()


@dataclass(frozen=True)
class Single:
    """A score that is computed in float32, whatever it is given: its points and its values are such numbers."""

    score: Score

    def __call__(self, x: Tensor) -> Tensor:
        """(b, *shape) -> (b,), float64; float32 in between shows those who watch how it is rounded."""
        return self.score(_single(x)).float().double()


@dataclass(frozen=True)
class Confined:
    """A score of the points of a box alone: any other point counts as the one that is ``nearest`` to it there."""

    score: Score
    nearest: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        """(b, *shape) -> (b,)."""
        return self.score(self.nearest(x))


def in_its_precision(score: Score, x: Tensor) -> Score:
    """The score, as ``Single`` where digits beyond float32 change nothing in it. ``x``: points."""
    x = _single(x)
    with torch.no_grad():
        blind = torch.equal(score(x * (1 + BEYOND_SINGLE)), score(x))
    return Single(score) if blind else score


def _single(x: Tensor) -> Tensor:
    return x.float().double()


@dataclass(frozen=True)
class Slope:
    """A slope that exists, how its points were found, and the points (*shape each); none where nothing is proved."""

    value: float
    method: str
    ends: tuple[Tensor, Tensor] | None = field(default=None, compare=False, repr=False)


def gradient_norms(score: Score, x: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients (b, *shape) and their Euclidean norms (b,); both zero where a gradient is not finite."""
    points = x.detach().requires_grad_(True)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(score(points).sum(), points)
    norms = gradient.flatten(1).norm(dim=1)
    finite = norms.isfinite()
    return torch.where(_broad(finite, gradient), gradient, 0.0), torch.where(finite, norms, 0.0)


def steepest_slope(score: Score, x: Tensor, method: str, reaches: Sequence[float] = REACHES) -> Slope:
    """The steepest certified slope along the gradients at ``x``, between points on both sides, at several reaches."""
    return steepest_along(score, x, gradient_norms(score, x)[0], method, reaches)


def steepest_along(
    score: Score, x: Tensor, direction: Tensor, method: str, reaches: Sequence[float] = REACHES
) -> Slope:
    """The same along any directions, of any length."""
    direction = direction / _broad(direction.flatten(1).norm(dim=1), x).clamp(min=1e-300)
    found = [
        steepest_of(score, x - step * direction, x + step * direction, method)
        for step in typical_norm(x) * torch.tensor(reaches, dtype=torch.float64, device=x.device)
    ]
    return max(found, key=lambda slope: slope.value)


def steepest_pair(score: Score, x: Tensor, y: Tensor, method: str) -> Slope:
    """The steepest certified slope between a point of ``x`` and one of ``y``."""
    return steepest_of(score, *steepest_pairs(score, x, y), method)


def steepest_of(score: Score, a: Tensor, b: Tensor, method: str) -> Slope:
    """The steepest certified slope of these pairs."""
    if isinstance(score, Confined):
        return steepest_of(score.score, score.nearest(a), score.nearest(b), method)
    slopes = certified_slopes(score, a, b)
    best = int(slopes.argmax())
    value = float(slopes[best])
    return Slope(value, method, (a[best].detach().clone(), b[best].detach().clone()) if value else None)


def shortened(score: Score, slope: Slope) -> Slope:
    """The slope between the same points in single precision, where it is as steep: they take half the room on disk."""
    if slope.ends is None or slope.ends[0].numel() < LONG:
        return slope
    a, b = (end.float().to(end.dtype)[None] for end in slope.ends)
    short = steepest_of(score, a, b, slope.method)
    return short if short.value >= slope.value * (1 - SHORTENING) else slope


def steepest_pairs(score: Score, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Points of ``x`` and of ``y``, (k, *shape) each, between which the slopes are the steepest."""
    with torch.no_grad():
        fx, fy = (torch.cat([score(part) for part in torch.split(points, BATCH)]) for points in (x, y))
    candidates = []
    for rows in torch.split(torch.arange(len(x), device=x.device), BATCH):
        # Nearest pairs are imprecise in cdist, so it only names the candidates.
        slopes = (fx[rows, None] - fy).abs() / torch.cdist(x[rows].flatten(1), y.flatten(1))
        flat = slopes.nan_to_num(0.0, 0.0).flatten().topk(min(CERTIFIED, slopes.numel())).indices
        candidates.append((x[rows[flat // len(y)]], y[flat % len(y)]))
    first, second = (torch.cat(ends) for ends in zip(*candidates, strict=True))
    best = certified_slopes(score, first, second).topk(min(CERTIFIED, len(first))).indices
    return first[best], second[best]


def certified_slopes(score: Score, a: Tensor, b: Tensor) -> Tensor:
    """|f(a) - f(b)| / |a - b| per pair, (b,), less the margin for rounding; 0 where that is no number."""
    if isinstance(score, Confined):
        return certified_slopes(score.score, score.nearest(a), score.nearest(b))
    single = isinstance(score, Single)
    if single:
        a, b = _single(a), _single(b)
    distance = (a - b).flatten(1).norm(dim=1)
    with torch.no_grad(), _Magnitude(len(a), single) as met:
        first, second = score(a), score(b)
    slopes = ((first - second).abs() - 2 * ROUNDING * met.digit).clamp(min=0) / distance
    return torch.where((distance > 0) & slopes.isfinite(), slopes, 0.0)


class _Magnitude(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches a computation on a batch: the last digit, for each sample, of the largest number met.

    1e8 + x - 1e8 is x to 1e-8 only. In a score of float64, numbers of float32 are constants.
    """

    def __init__(self, batch: int, single: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.single = single
        self.digit = torch.zeros(batch, dtype=torch.float64)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **kwargs or {})
        if isinstance(result, Tensor) and result.is_floating_point() and result.numel():
            eps = torch.finfo(result.dtype if self.single else torch.float64).eps
            values = result.detach().abs().double().nan_to_num(0.0, 0.0) * eps
            each = values.flatten(1).amax(dim=1) if values.dim() > 1 else values
            digit = each if len(self.digit) == len(each.reshape(-1)) else values.max()
            self.digit = torch.maximum(self.digit.to(digit.device), digit)
        return result


def hill_climb(score: Score, x: Tensor, steps: int, seed: int = 0, until: Deadline = OPEN) -> Tensor:
    """Points of larger gradient, by accepted Gaussian steps that shrink; for critics of any kind.

    In few dimensions every start is there many times (the result has ``x`` repeated as often): a crowd finds the
    small linear regions that a few points miss.
    """
    generator = torch.Generator().manual_seed(seed)
    points = x.detach().repeat(max(1, CROWD // x[0].numel()), *[1] * (x.dim() - 1))
    norms = gradient_norms(score, points)[1]
    size = typical_norm(x) / x[0].numel() ** 0.5
    for step in range(steps):
        if until.is_over:
            break
        width = size * 0.01 ** (step / max(1, steps - 1))
        noise = torch.randn(points.shape, dtype=torch.float64, generator=generator).to(points)
        moved = points + width * noise
        new_norms = gradient_norms(score, moved)[1]
        better = new_norms > norms
        points = torch.where(_broad(better, points), moved, points)
        norms = torch.where(better, new_norms, norms)
    return points


def climb_pairs(
    score: Score, a: Tensor, b: Tensor, steps: int, seed: int = 0, until: Deadline = OPEN
) -> tuple[Tensor, Tensor]:
    """Pairs of larger slope, by accepted Gaussian steps of their centre and their direction; needs no gradient."""
    generator = torch.Generator().manual_seed(seed)
    copies = (max(1, CROWD // a[0].numel()), *[1] * (a.dim() - 1))
    first, second = a.repeat(copies), b.repeat(copies)
    best = certified_slopes(score, first, second)
    size = typical_norm(a)

    def noise(like: Tensor) -> Tensor:
        draw = torch.randn(like.shape, dtype=torch.float64, generator=generator) / math.sqrt(like[0].numel())
        return draw.to(like.device)

    for step in range(steps):
        if until.is_over:
            break
        width = 0.01 ** (step / max(1, steps - 1))
        half = (second - first) / 2
        length = _broad(half.flatten(1).norm(dim=1), half)
        turned = half + width * length * noise(half)
        shrink = torch.rand(length.shape, dtype=torch.float64, generator=generator).to(a.device)
        reach = (length * 2 ** (1 - 2 * shrink)).clamp(min=REACHES[-1] * size, max=size)
        turned = turned * reach / _broad(turned.flatten(1).norm(dim=1), half).clamp(min=1e-300)
        centre = (first + second) / 2 + width * length * noise(half)
        slopes = certified_slopes(score, centre - turned, centre + turned)
        better = _broad(slopes > best, first)
        first, second = torch.where(better, centre - turned, first), torch.where(better, centre + turned, second)
        best = torch.maximum(best, slopes)
    return first, second


def differences(score: Score, x: Tensor) -> Tensor:
    """Directions like gradients, (b, *shape), from differences along each coordinate; needs no gradient."""
    points = x.flatten(1)
    step = REACHES[1] * typical_norm(x)
    unit = step * torch.eye(points.shape[1], dtype=torch.float64, device=x.device)
    columns = []
    with torch.no_grad():
        for shifts in torch.split(unit, max(1, BATCH // len(x))):
            moved = [(points + sign * shifts[:, None]).reshape(-1, *x.shape[1:]) for sign in (1, -1)]
            up, down = (score(each).reshape(len(shifts), len(x)) for each in moved)
            columns.append(up - down)
    return torch.cat(columns).T.reshape(x.shape)


def ascend_pairs(
    score: Score, x: Tensor, steps: int, stride: float, until: Deadline = OPEN
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The numbers of the starts that led furthest, and the ends of their pairs, by ascent on the slope itself.

    A pair c + r u, c - r u has the slope of f between its ends: its gradient in c is (f'(c + r u) - f'(c - r u)) / 2r,
    and the best u lies along their sum. So a step takes one gradient at both ends, where ascent on the gradient norm
    takes a second derivative; and a pair sees past the kinks between its ends, which are far apart at first.
    ``stride``: of the centre, in units of the typical size of a coordinate. All in the precision of ``x``.
    """
    size = typical_norm(x)
    centre, direction = x.detach().clone(), _unit(gradient_norms(score, x)[0])
    best = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    ends = (centre, centre)
    mean, square = torch.zeros_like(centre), torch.zeros_like(centre)
    for step in range(steps):
        if until.is_over:
            break
        share = step / max(1, steps - 1)
        reach = size * REACH * (REACHES[2] / REACH) ** share
        pair = torch.cat([centre + reach * direction, centre - reach * direction])
        values, gradients = _with_gradients(score, pair)
        (up, down), (above, below) = gradients.chunk(2), values.chunk(2)
        slope = (above - below) / (2 * reach)
        better = _broad(slope > best, centre)
        best = torch.maximum(best, slope.nan_to_num(0.0, 0.0, 0.0))
        ends = tuple(torch.where(better, new, old) for new, old in zip(pair.chunk(2), ends, strict=True))  # type: ignore[assignment]
        direction = _unit(up + down)
        uphill = ((up - down) / _broad(slope.abs().clamp(min=1e-20), up)).nan_to_num(0.0, 0.0, 0.0)
        mean, square = 0.8 * mean + 0.2 * uphill, 0.9 * square + 0.1 * uphill.square()
        width = stride * size / x[0].numel() ** 0.5 * (1 - share)
        centre = centre + width * mean / (square.sqrt() + 1e-12)
    order = best.argsort(descending=True)[:FINALISTS]
    return order, (ends[0][order], ends[1][order])


def _with_gradients(score: Score, x: Tensor) -> tuple[Tensor, Tensor]:
    points = x.detach().requires_grad_(True)
    with torch.enable_grad():
        values = score(points)
        (gradient,) = torch.autograd.grad(values.sum(), points)
    return values.detach(), gradient.nan_to_num(0.0, 0.0, 0.0)


def _unit(x: Tensor) -> Tensor:
    return x / _broad(x.flatten(1).norm(dim=1).clamp(min=1e-30), x)


def ascend(score: Score, smooth: Sequence[Score], x: Tensor, steps: int, until: Deadline = OPEN) -> Tensor:
    """Points of larger gradient, by Adam on the gradient norm of smoothed copies, judged on the critic itself.

    On a piecewise linear critic the norm is locally constant, and its gradient zero; hence the copies.
    """
    best, norms = x.detach(), gradient_norms(score, x)[1]
    size = typical_norm(x) / x[0].numel() ** 0.5
    points = x.detach().clone().requires_grad_(True)
    for copied in smooth:
        optimizer = torch.optim.Adam([points], lr=0.05 * size)
        for _ in range(max(1, steps // len(smooth))):
            if until.is_over:
                break
            with torch.enable_grad():
                (gradient,) = torch.autograd.grad(copied(points).sum(), points, create_graph=True)
                norm = gradient.flatten(1).norm(dim=1)
                if not norm.requires_grad:  # a linear critic: the same gradient everywhere
                    return best
                (uphill,) = torch.autograd.grad((norm + 1e-300).log().sum(), points)
            points.grad = -uphill.nan_to_num()
            optimizer.step()
            new_norms = gradient_norms(score, points)[1]
            better = new_norms > norms
            best = torch.where(_broad(better, best), points.detach(), best)
            norms = torch.where(better, new_norms, norms)
    return best


def typical_norm(x: Tensor) -> float:
    """Root mean square of the points' norms; 1 where they are all zero."""
    return float(x.detach().flatten(1).norm(dim=1).square().mean().sqrt()) or 1.0


def _broad(values: Tensor, like: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (like.dim() - 1))


class SmoothRectifier(nn.Module):
    """slope z + (1 - slope) softplus_beta(z): a leaky rectifier without its kink."""

    def __init__(self, slope: float, beta: float) -> None:
        super().__init__()
        self.slope = slope
        self.beta = beta

    def forward(self, z: Tensor) -> Tensor:
        """Elementwise."""
        return self.slope * z + (1 - self.slope) * F.softplus(z, self.beta)


def smoothed(graph: torch.fx.GraphModule, beta: float) -> nn.Module:
    """A copy of a traced critic in which (leaky) rectifiers are smooth; differentiable twice in its input."""
    copied = copy.deepcopy(graph)
    for node in list(copied.graph.nodes):
        slope = _slope_of(copied, node)
        if slope is not None:
            name = f"smooth_{node.name}"
            copied.add_submodule(name, SmoothRectifier(slope, beta))
            with copied.graph.inserting_after(node):
                smooth = copied.graph.call_module(name, (node.all_input_nodes[0],))
            node.replace_all_uses_with(smooth)
            copied.graph.erase_node(node)
    copied.recompile()
    return copied.requires_grad_(False)


def _slope_of(graph: torch.fx.GraphModule, node: torch.fx.Node) -> float | None:
    """The slope of a rectifier for negative numbers; None where the node is none."""
    if node.op == "call_module":
        module: Any = graph.get_submodule(str(node.target))
        if type(module) is nn.LeakyReLU:
            return float(module.negative_slope)
        return 0.0 if type(module) is nn.ReLU else None
    if node.target in (F.relu, torch.relu, "relu", F.relu_, torch.relu_, "relu_"):
        return 0.0
    if node.target is F.leaky_relu:
        return float(node.kwargs.get("negative_slope", node.args[1] if len(node.args) > 1 else 0.01))  # type: ignore[arg-type]
    return None
