"""Where the numbers of a critic lie over a box of inputs, and how steep its activations are there."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx.node import Node

from wganalyze_plugins.lipschitz.bounds.reading.nodes import (
    activation,
    called,
    gate_axis,
    is_affine,
    is_divided,
    is_reshaping,
)
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic
from wganalyze_plugins.lipschitz.bounds.rules import Stretch, affine, names, ordering, pooling
from wganalyze_plugins.lipschitz.bounds.rules.activations import Activation

ROUNDING = 1e-12
"""Of a sum, for each of its terms; far above float64's."""
SUMS = 1e-10
"""Of a layer's sums, relative to those of their terms' sizes: up to a hundred thousand terms."""
NEAR = 1e-6
"""A turn so near to an interval counts as inside."""
EXTREMES = names.targets("maximum", "minimum", "max", "min", "fmax", "fmin")
_BOUNDED = names.targets("softmax", "softmin")
_PROBABILITIES = (nn.Softmax, nn.Softmin, nn.Softmax2d)


class Box(NamedTuple):
    """All points between ``lower`` and ``upper``, (*shape) each, float64."""

    lower: Tensor
    upper: Tensor

    @classmethod
    def around(cls, x: Tensor) -> Box:
        """The least box that holds the points, (n, *shape)."""
        return cls(x.detach().double().amin(0), x.detach().double().amax(0))

    def shaped(self, shape: Sequence[int]) -> Box:
        """With ends (*shape), float64; ValueError where a lower end is above the upper one, or NaN."""
        box = Box(*(end.detach().double().expand(*shape).contiguous() for end in self))
        if not bool((box.lower <= box.upper).all()):
            raise ValueError("a box whose lower ends are not below its upper ones")
        return box

    def nearest(self, x: Tensor) -> Tensor:
        """The points of the box that are nearest to ``x``, (n, *shape)."""
        return x.clamp(self.lower.to(x), self.upper.to(x))

    def __str__(self) -> str:
        return f"[{float(self.lower.min()):.4g}, {float(self.upper.max()):.4g}]"


def slopes_between(act: Activation, apply: Callable[[Tensor], Tensor], ends: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest slope of an activation on intervals (2, *shape), rounded outward, (*shape) each."""
    whole = torch.full_like(ends[0], act.least), torch.full_like(ends[0], act.largest)
    if act.wild:
        return whole
    slope = slope_at(apply, ends)
    slope = torch.where(ends == -math.inf, act.far[0], torch.where(ends == math.inf, act.far[1], slope))
    room = 1e3 * ROUNDING * slope.abs() + ROUNDING
    low, high = (slope - room).amin(0), (slope + room).amax(0)
    for place, least, largest in act.turns:
        near = NEAR * (1 + abs(place))
        inside = (ends[0] - near <= place) & (place <= ends[1] + near)
        low = torch.where(inside, low.clamp(max=least), low)
        high = torch.where(inside, high.clamp(min=largest), high)
    return torch.fmin(torch.fmax(low, whole[0]), whole[1]), torch.fmax(torch.fmin(high, whole[1]), whole[0])


def slope_at(apply: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Of a function of one number at each number, by autograd; at a kink, that of one side."""
    points = x.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        return torch.autograd.grad(apply(points).sum(), points)[0]


class Ranges:
    """Intervals of all numbers of a critic over a box, by interval arithmetic with room for rounding.

    ``ends[node]``: (2, *shape), the lower and the upper ends; infinite where no rule tells.
    """

    def __init__(self, critic: TracedCritic, box: Box) -> None:
        self.critic = critic
        self.ends: dict[Node, Any] = {}
        first = next(iter(critic.dependent))
        for node in critic.dependent:
            if node is first:
                self.ends[node] = torch.stack([box.lower, box.upper]).to(critic.device)
            else:
                with torch.no_grad():
                    self.ends[node] = self._known(node, self._ends(node))

    def largest(self, node: Node) -> float:
        """The largest |number| of a node's value."""
        return float(self.ends[node].abs().max())

    def slopes(self, node: Node, act: Activation) -> tuple[Tensor, Tensor]:
        """Least and largest slope of each number of an activation's input, (*shape) each."""
        (source,) = self.critic.sources(node)
        return slopes_between(act, lambda x: self.critic.values([node], {source: x})[node], self.ends[source])

    def gate(self, source: Node, axis: int) -> Stretch | str:
        """a sigmoid(b): each number by its own a and b, sqrt(sup sigmoid(b)^2 + sup |a|^2 sup sigmoid'(b)^2)."""
        if axis % len(self.critic.dependent[source]) == 0:
            return "mixes the samples of a batch"
        value, gate = self.ends[source].chunk(2, axis)
        near = torch.where((gate[0] <= 0) & (gate[1] >= 0), 0.0, gate.abs().amin(0))
        steep = torch.sigmoid(near) * torch.sigmoid(-near)
        factor = float(torch.hypot(torch.sigmoid(gate[1]), value.abs().amax(0) * steep).max()) * (1 + SUMS)
        finite = math.isfinite(factor)
        return Stretch(factor, "GLU: largest gradient over the box") if finite else "no rule bounds its numbers"

    def _known(self, node: Node, ends: Any) -> Any:
        """``ends``, or infinite ones where there are none; None of several tensors at once."""
        if isinstance(ends, tuple | list) or node in self.critic.bundles:
            return ends
        if ends is None or bool(ends.isnan().any()):
            shape = (2, *self.critic.shape_of(node))
            infinite = torch.full(shape, math.inf, dtype=torch.float64, device=self.critic.device)
            infinite[0] = -math.inf
            return infinite
        return ends

    def _ends(self, node: Node) -> Any:
        sources = self.critic.sources(node)
        if not all(self.ends[each] is not None and self.critic.is_batched(each) for each in (*sources,)):
            return None
        if not self.critic.is_batched(node):
            return None
        act = activation(self.critic, node)
        if act is not None:
            return self._of_activation(node, sources[0], act)
        module = self.critic.module_of(node)
        target = None if module is not None else node.target
        if any(source in self.critic.bundles for source in sources):
            opens = target in affine.CONCATENATING_FUNCTIONS or target in (operator.getitem, getattr)
            return self._moved(node) if opens else None
        if _is_bounded(module, target):
            shape = self.critic.shape_of(node)
            return torch.stack([torch.zeros(shape), torch.ones(shape)]).double().to(self.critic.device)
        if len(sources) == 1:
            (source,) = sources
            if (axis := gate_axis(self.critic, node)) is not None:
                value, gate = self.ends[source].chunk(2, axis)
                return _product(value, torch.sigmoid(gate))
            if is_affine(self.critic, node, source):
                return self._of_affine(node, source, module, target)
            return self._moved(node) if self._is_monotone(node, module, target, source) else None
        if target in affine.CONCATENATING_FUNCTIONS or target in EXTREMES:
            return self._moved(node)
        if len(node.args) == 2 and not node.kwargs:
            return self._of_two(node, target)
        return None

    def _of_two(self, node: Node, target: Any) -> Any:
        name = affine.ADDING.get(target) or affine.SCALING.get(target)
        first, second = (self.ends.get(each) if isinstance(each, Node) else None for each in node.args)
        if first is None or second is None or first.dim() != second.dim():
            return None
        if name == "mul":
            return _product(first, second)
        if name not in ("add", "sub"):
            return None
        return _outward(first + second if name == "add" else first - second.flip(0), first, second)

    def _of_activation(self, node: Node, source: Node, act: Activation) -> Tensor:
        """From the values at both ends and the slopes between: two lines from each end bound what lies between."""
        low, high = self.slopes(node, act)
        ends = self.ends[source]
        values: Tensor = self.critic.values([node], {source: ends})[node]
        width, rise = ends[1] - ends[0], values[1] - values[0]
        steep = (high - low).clamp(min=1e-300)
        falls = ((high * width - rise) / steep).clamp(min=torch.zeros_like(width), max=width)
        rises = ((rise - low * width) / steep).clamp(min=torch.zeros_like(width), max=width)
        between = torch.stack([values[0] + low * falls, values[0] + high * rises])
        monotone = torch.where((low >= 0) | (high <= 0), True, False)
        plain = torch.stack([values.amin(0), values.amax(0)])
        met = (ends, values, torch.where(monotone, 0.0, between))  # of x - tanh x, x is met, too
        return _outward(torch.where(monotone, plain, between), *met)

    def _of_affine(self, node: Node, source: Node, module: nn.Module | None, target: Any) -> Any:
        folded = affine.is_folded(module) if module is not None else self._is_scaling(node, target)
        if folded:  # each number by itself
            values = self.critic.values([node], {source: self.ends[source]})[node]
            zero = self.critic.values([node], {source: torch.zeros_like(self.ends[source])})[node]
            return _outward(torch.stack([values.amin(0), values.amax(0)]), values, zero)
        monotone = affine.is_monotone(module) if module is not None else self._is_monotone(node, None, target, source)
        if monotone:
            return self._moved(node)
        spread = _spread(module) if module is not None else self._spread_call(node, source, target)
        ends = self.ends[source]
        if spread is None or not bool(ends.isfinite().all()):
            return None
        middle, radius = (ends[1:] + ends[:1]) / 2, (ends[1:] - ends[:1]) / 2
        value = self.critic.values([node], {source: torch.cat([middle, middle])})[node][:1]
        wide, sizes = spread(torch.cat([radius, middle.abs() + radius])).chunk(2)
        wide = wide * (1 + SUMS) + SUMS * (sizes + value.abs())
        return torch.cat([value - wide, value + wide])

    def _is_scaling(self, node: Node, target: Any) -> bool:
        if affine.is_folded_call(target, *called(self.critic, node)):
            return True
        return target in affine.SCALING or target in affine.ADDING

    def _is_monotone(self, node: Node, module: nn.Module | None, target: Any, source: Node) -> bool:
        if module is not None:
            return affine.is_monotone(module) or pooling.takes_maximum(module)
        if affine.is_monotone_call(target, *called(self.critic, node)) or is_divided(self.critic, node):
            return True
        if is_reshaping(self.critic, node) or target in EXTREMES:
            return True
        arguments, keywords = called(self.critic, node)
        ordered = ordering.of_call(target, arguments, keywords, self.critic.shape_of(source))
        return pooling.takes_maximum(target) or isinstance(ordered, Stretch)

    def _moved(self, node: Node) -> Any:
        """Of what is monotone in all that it takes: its values at the lower ends, and at the upper ones."""
        sources = {source: self.ends[source] for source in self.critic.sources(node)}
        values = self.critic.values([node], sources)[node]
        if isinstance(values, tuple | list):
            return values
        terms = max((each.numel() for each in sources.values() if isinstance(each, Tensor)), default=1)
        room = ROUNDING * terms * values.abs().nan_to_num(0.0, 0.0, 0.0).max()
        return torch.stack([values[0] - room, values[1] + room])

    def _spread_call(self, node: Node, source: Node, target: Any) -> Callable[[Tensor], Tensor] | None:
        """What a function of input and weight makes of sizes: the same with the sizes of the constants."""
        if target not in affine.MULTIPLYING:
            return None
        constants = self.critic.constants_of(node)
        sizes = {each: value.abs() for each, value in constants.items() if isinstance(value, Tensor)}

        def spread(x: Tensor) -> Tensor:
            values = [self.critic.values([node], {source: part, **sizes})[node] for part in (x, torch.zeros_like(x))]
            return values[0] - values[1]  # type: ignore[no-any-return]

        return spread


def _is_bounded(module: nn.Module | None, target: Any) -> bool:
    return isinstance(module, _PROBABILITIES) if module is not None else target in _BOUNDED


def _product(first: Tensor, second: Tensor) -> Tensor:
    corners = torch.stack([first[i] * second[j] for i in (0, 1) for j in (0, 1)])
    return _outward(torch.stack([corners.amin(0), corners.amax(0)]), corners)


def _outward(ends: Tensor, *met: Tensor) -> Tensor:
    """With room for rounding, by the sizes of the numbers met on the way."""
    room = ROUNDING * sum(each.abs().amax(0).nan_to_num(0.0, 0.0, 0.0) for each in (ends, *met))
    return torch.stack([ends[0] - room, ends[1] + room])


def _spread(module: Any) -> Callable[[Tensor], Tensor] | None:
    """|W| of a layer, as a function."""
    kind = _kind_of_weighted(module)
    if kind is None:
        return None
    weight = module.weight.detach().abs()
    if kind == "linear":
        return lambda x: F.linear(x, weight)
    if kind == "conv":
        return lambda x: module._conv_forward(x, weight, None)
    transposed = getattr(F, f"conv_transpose{weight.dim() - 2}d")
    settings = (module.stride, module.padding, module.output_padding, module.groups, module.dilation)
    return lambda x: transposed(x, weight, None, *settings)


def _kind_of_weighted(module: nn.Module) -> str | None:
    """Which of the weighted layers it is."""
    if isinstance(module, nn.Linear):
        return "linear"
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return "conv"
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        return "transposed"
    return None
