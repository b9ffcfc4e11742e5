"""The search: cells of the plane are halved until none of them can hold a gradient that is steeper than one seen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
from wganalyze_plugins.lipschitz.bounds.sorts.kernels import VALUE, Array, Places, arrange, average, spread
from wganalyze_plugins.lipschitz.bounds.sorts.reading import SortedChain
from wganalyze_plugins.lipschitz.lower import OPEN, Deadline

TOLERANCE = 1e-9
WORK = 2e10
"""Products of numbers with weights that are worth it where no time is set: a minute or two."""
QUADRANTS = ((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0))
BATCH, PART = 4096, 256
"""Cells that are halved at once, and that a thread takes at once."""
ORDERS = 64
"""A cell of so few orders is looked at order by order."""
DIRECTIONS = 32
ROUNDING = 1e-12


@dataclass(frozen=True)
class Searched:
    """``upper``: no gradient is larger; ``lower``: the largest one seen, at ``place``; ``cells``: looked at."""

    upper: float
    lower: float
    place: tuple[float, float]
    cells: int

    @property
    def is_exact(self) -> bool:
        """Are its ends as near to each other as the search was to bring them?"""
        return self.upper <= self.lower * (1 + 2 * TOLERANCE)


@dataclass(frozen=True)
class Sorted:
    """A layer in cells: the number at each place, the last place of its block, gradients by place, (b, 2, n)."""

    order: Places
    ends: Places
    slopes: Array


def affordable(chain: SortedChain) -> float:
    """Cells that may be looked at where no time is set: a million of a critic 2-128-128-1."""
    return WORK / sum(weight.size for weight in chain.weights)


def largest_gradient(
    chain: SortedChain, box: Box | None = None, until: Deadline = OPEN, most: float = math.inf
) -> Searched:
    """The largest gradient in the plane, or in a box: between two ends that are 1 + 1e-9 apart, where time allows.

    Such a critic is piecewise linear, but 128 numbers that are sorted change places along up to 8,128 lines: too many
    regions to list. So cells are halved, and in each one the numbers are told apart that change places nowhere in it.
    A gradient is w P_m W_m ... P_1 W_0, each P a permutation. With their means M over what the cell leaves open, it is
    the same of the means, and for each layer what comes from above times (P - M) times the slopes from below: that sum
    is bounded along directions all around (``spread``). Cells that leave few orders open are looked at order by order.
    Points are (x, y, w), w >= 0, up to scale, so that cells at infinity are cells like others.
    """
    cells = _plane() if box is None else _rectangle(box)
    bounds, middles, cuts = np.full(len(cells), math.inf), np.full(len(cells), math.inf), np.zeros((len(cells), 3))
    lower, place, count = 0.0, (0.0, 0.0), 0
    with ThreadPoolExecutor(torch.get_num_threads()) as threads, threadpool_limits(1):
        while len(cells) and not until.is_over and count < most:
            # One half for the upper end, one for the lower: those of the steepest bounds, and of the steepest middles.
            first = np.unique([np.argsort(-each)[: BATCH // 2] for each in (bounds, middles)])
            halves = _halved(cells[first], cuts[first])
            parts = [halves[k : k + PART] for k in range(0, len(halves), PART)]
            found = list(threads.map(partial(_bounds, chain, lower * (1 + TOLERANCE)), parts))
            above, seen, cut = (np.concatenate(each) for each in zip(*found, strict=True))
            above = np.minimum(above, np.tile(bounds[first], 2))
            steepest = int(seen.argmax())
            if seen[steepest] > lower:
                x, y, w = halves[steepest].sum(0)
                lower, place = float(seen[steepest]), (float(x / w), float(y / w))
            cells, bounds, middles, cuts = (
                np.concatenate([np.delete(old, first, 0), new])
                for old, new in ((cells, halves), (bounds, above), (middles, seen), (cuts, cut))
            )
            count += len(halves)
            left = bounds > lower * (1 + TOLERANCE)
            cells, bounds, middles, cuts = cells[left], bounds[left], middles[left], cuts[left]
    return Searched(max([lower * (1 + TOLERANCE), *bounds.tolist()]), lower, place, count)


def _plane() -> Array:
    """Its quarters: the origin, and two corners at infinity."""
    return np.array([[[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]] for x, y in QUADRANTS])


def _rectangle(box: Box) -> Array:
    """A box in two triangles."""
    (left, down), (right, up) = box.lower.tolist(), box.upper.tolist()
    cells = np.array([[[left, down], [right, down], [right, up]], [[left, down], [left, up], [right, up]]])
    points: Array = np.concatenate([cells, np.ones((2, 3, 1))], 2)
    points /= np.linalg.norm(points, axis=2, keepdims=True)
    return points


def _halved(cells: Array, cuts: Array) -> Array:
    """Triangles halved across the side with the most ``cuts``, the longest of such: all first halves, then all second.

    Where many lines meet in a corner, halves of the longest side would look like the whole, again and again.
    """
    following = np.roll(cells, -1, axis=1)
    side = (cuts + np.linalg.norm(following - cells, axis=2) / 2).argmax(1)  # sides are no longer than sqrt(2)
    rows = np.arange(len(cells))
    middle = cells[rows, side] + following[rows, side]
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    halves = np.stack([cells, cells])
    halves[0, rows, (side + 1) % 3] = middle
    halves[1, rows, side] = middle
    return halves.reshape(-1, 3, 3)


def _bounds(chain: SortedChain, goal: float, corners: Array) -> tuple[Array, Array, Array]:
    """Of cells: |gradient| at most, closer where it is above ``goal``; in the middle; and cuts of the sides, (b, 3)."""
    layers, gradients, cuts = _arranged(chain, corners)
    angles = 2 * math.pi * np.arange(DIRECTIONS) / DIRECTIONS
    directions = np.stack([np.cos(angles), np.sin(angles)], 1)
    most, doubt = gradients[:, 2:] @ directions.T, np.zeros(len(corners))
    back = np.repeat(chain.weights[-1], len(corners), 0)
    for layer, weight in zip(reversed(layers), reversed(chain.weights[:-1]), strict=True):
        spread(back, layer.slopes, layer.ends, directions, most, doubt)
        average(back[:, None], layer.ends)
        back, doubt = _unsorted(back, layer.order) @ weight, doubt * np.linalg.norm(weight, 2)
    upper = most.max(1) / math.cos(math.pi / DIRECTIONS)
    for cell in np.flatnonzero((upper > goal) & (_orders(layers) <= ORDERS)):
        upper[cell] = min(upper[cell], _steepest_order(chain, layers, int(cell)))
    return upper * (1 + ROUNDING), np.linalg.norm(gradients[:, :2], axis=1), cuts


def _arranged(chain: SortedChain, corners: Array) -> tuple[list[Sorted], Array, Array]:
    """The layers that are sorted; gradients of the score, (b, 4): in the middle, and of the means; and cuts, (b, 3)."""
    count, layers = len(corners), list[Sorted]()
    cuts = np.zeros((count, 3))
    first = np.column_stack([chain.weights[0], chain.offsets[0], chain.weights[0]]).T
    forms, loose = np.repeat(first[None], count, 0), np.zeros((count, 3, first.shape[1]))
    swaps, steps = np.zeros((count, 0, 3)), np.zeros((0, first.shape[1]))
    for group, weight, offset in zip(chain.groups, chain.weights[1:], chain.offsets[1:], strict=True):
        n = forms.shape[2]
        middle = np.einsum("bck,bkn->bn", corners, forms[:, :VALUE]).reshape(count, -1, group)
        order = (middle.argsort(2) + np.arange(0, n, group)[:, None]).reshape(count, n)
        ends, swapped = np.empty_like(order), np.empty((count, n, 3))
        placed, placed_loose = np.empty_like(forms), np.empty_like(loose)
        arrange(corners, forms, loose, steps, swaps, order, group, ends, swapped, placed, placed_loose, cuts)
        layers.append(Sorted(order, ends, placed[:, VALUE:].copy()))
        average(placed[:, VALUE:], ends)
        forms, loose = placed @ weight.T, placed_loose @ np.abs(weight).T
        forms[:, VALUE - 1] += offset
        swaps, steps = swapped, np.diff(weight.T, axis=0, append=0.0)
    return layers, forms[:, [0, 1, VALUE, VALUE + 1], 0], cuts


def _unsorted(rows: Array, order: Places) -> Array:
    """Numbers by place, (b, n), back where the sort took them from."""
    found = np.empty_like(rows)
    np.put_along_axis(found, order, rows, 1)
    return found


def _orders(layers: Sequence[Sorted]) -> Array:
    """How many orders each cell leaves open, (b,); infinity where a block is of more than three."""
    total = np.ones(len(layers[0].ends))
    for layer in layers:
        size = layer.ends - np.arange(layer.ends.shape[1]) + 1.0
        size[:, 1:][layer.ends[:, 1:] == layer.ends[:, :-1]] = 1.0  # it counts at its first place
        total *= np.select([size < 3, size == 3], [size, 6.0], math.inf).prod(1)
    return total


def _steepest_order(chain: SortedChain, layers: Sequence[Sorted], cell: int) -> float:
    """The largest |gradient| of all orders that a cell leaves open, some of which may be nowhere."""
    rows = chain.weights[-1]
    for layer, weight in zip(reversed(layers), reversed(chain.weights[:-1]), strict=True):
        ends = layer.ends[cell]
        starts = np.diff(ends, prepend=-1) > 0
        for first in np.flatnonzero(starts & (ends > np.arange(len(ends)))):
            block = np.arange(first, ends[first] + 1)
            ways = np.repeat(rows[None], math.factorial(len(block)), 0)
            for way, changed in zip(ways, itertools.permutations(block), strict=True):
                way[:, block] = rows[:, changed]
            rows = ways.reshape(-1, rows.shape[1])
        rows = _unsorted(rows, np.repeat(layer.order[cell][None], len(rows), 0)) @ weight
    return float(np.linalg.norm(rows, axis=1).max())
