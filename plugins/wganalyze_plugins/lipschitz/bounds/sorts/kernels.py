"""What the search does cell by cell, compiled: the orders of a cell's numbers, and what they leave open.

Arrays have one row a cell, and a cell is a triangle of points (x, y, w). "By place" is in the order that numbers have
in the middle of the cell. A block is a run of places whose numbers may change places with each other in the cell, and
with no others; ``ends`` has for each place the last one of its block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., Any])

VALUE = 3
"""Of ``forms``, (b, 5, n), the rows that make a number of (x, y, w); the other two are a gradient."""
ROUNDING = 1e-12
"""Of a number at a corner, relative to the sizes of the terms that it is the sum of, in each layer."""
SMALL = 8
"""Numbers of a block that are put in order one direction after the other."""


def kernel(function: F) -> F:
    """Compiled when it is first called, without the GIL, and kept for the next process where there is a place."""
    try:
        return cast(F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # "cannot cache function: no locator available"
        return cast(F, numba.njit(nogil=True)(function))


@kernel
def arrange(
    corners: Array,
    forms: Array,
    loose: Array,
    steps: Array,
    swaps_before: Array,
    order: Places,
    group: int,
    ends: Places,
    swaps: Array,
    placed: Array,
    placed_loose: Array,
    cuts: Array,
) -> None:
    """Of a layer that is sorted, ``group`` numbers at a time: which of them change places somewhere in a cell.

    ``corners``: (b, 3, 3). ``forms``: of the numbers, where sorts before have the order of the middle.
    ``swaps_before``, (b, n_before, 3): by how much the pair from each place on is out of that order, at the corners;
    times a row of ``steps``, (n_before, n), it adds to the numbers. ``loose``, (b, 3, n): how far they may be from all
    that. Whatever is said of corners is convex, so that it holds between them. ``order``: the number at each place.

    Written: ``ends``, ``swaps``, the forms by place, and how far the sorted numbers may be from these but for swaps.
    Added to ``cuts``, (b, 3): how many pairs change places on the side from each corner to the next one.
    """
    before, n = steps.shape
    at, free, drift = np.empty((3, n)), np.empty((3, n)), np.empty((3, n))
    middle, reach = np.empty(n), np.empty(n)
    pairs, over = np.empty(before, np.int64), np.empty(3)
    for cell in range(len(corners)):
        at[:], free[:] = 0.0, 0.0
        for c in range(3):
            for k in range(VALUE):
                for i in range(n):
                    term = corners[cell, c, k] * forms[cell, k, i]
                    at[c, i] += term
                    free[c, i] += abs(term)
            for i in range(n):
                free[c, i] = loose[cell, c, i] + ROUNDING * free[c, i]
        drift[:] = free
        count = 0
        for place in range(before):
            if max(swaps_before[cell, place, 0], swaps_before[cell, place, 1], swaps_before[cell, place, 2]) > 0:
                pairs[count] = place
                count += 1
                for c in range(3):
                    for i in range(n):
                        drift[c, i] += abs(steps[place, i]) * swaps_before[cell, place, c]
        for i in range(n):
            middle[i], reach[i] = (at[0, i] + at[1, i] + at[2, i]) / 3, 0.0
            for c in range(3):
                reach[i] = max(reach[i], abs(at[c, i] - middle[i]) + drift[c, i])
        swaps[cell] = 0.0
        for place in range(n):
            ends[cell, place] = place
            for c in range(3):
                placed_loose[cell, c, place] = drift[c, order[cell, place]]
        for start in range(0, n, group):
            widest = reach[start : start + group].max()
            for place in range(start, start + group):
                i = order[cell, place]
                for other in range(place + 1, start + group):
                    j = order[cell, other]
                    gap = middle[j] - middle[i]
                    if gap > reach[i] + widest:
                        break
                    if gap > reach[i] + reach[j]:
                        continue
                    for c in range(3):
                        over[c] = at[c, i] - at[c, j] + free[c, i] + free[c, j]
                    for k in range(count):
                        more = steps[pairs[k], i] - steps[pairs[k], j]
                        if more > 0:
                            for c in range(3):
                                over[c] += more * swaps_before[cell, pairs[k], c]
                    if max(over[0], over[1], over[2]) <= 0:
                        continue
                    ends[cell, place] = other
                    for c in range(3):
                        after = (c + 1) % 3
                        if (at[c, i] - at[c, j]) * (at[after, i] - at[after, j]) < 0:
                            cuts[cell, c] += 1
                        if over[c] > 0:
                            for each, number in ((place, i), (other, j)):
                                most = over[c] + drift[c, number]
                                placed_loose[cell, c, each] = max(placed_loose[cell, c, each], most)
                            if other == place + 1:
                                swaps[cell, place, c] = over[c]
        _close(ends[cell])
        for place in range(n):
            for k in range(forms.shape[1]):
                placed[cell, k, place] = forms[cell, k, order[cell, place]]
        _tell_pairs(order[cell], ends[cell], drift, swaps[cell], placed_loose[cell])


@kernel
def _close(ends: Places) -> None:
    """From the last place that each one may change with to the last one of its block."""
    place = 0
    while place < len(ends):
        last, other = ends[place], place
        while other < last:
            other += 1
            last = max(last, ends[other])
        ends[place : last + 1] = last
        place = last + 1


@kernel
def _tell_pairs(order: Places, ends: Places, drift: Array, swaps: Array, placed_loose: Array) -> None:
    """A block of two is told by its swap; one of more by how far its numbers may be from their forms."""
    place = 0
    while place < len(order):
        last = ends[place]
        if last == place + 1:
            for each in (place, last):
                for c in range(3):
                    placed_loose[c, each] = drift[c, order[each]]
        else:
            swaps[place : last + 1] = 0.0
        place = last + 1


@kernel
def average(rows: Array, ends: Places) -> None:
    """Each block's mean in place of its numbers: ``rows``, (b, k, n), and ``ends``, (b, n)."""
    for cell in range(len(rows)):
        place = 0
        while place < rows.shape[2]:
            last = ends[cell, place]
            if last > place:
                for k in range(rows.shape[1]):
                    rows[cell, k, place : last + 1] = rows[cell, k, place : last + 1].mean()
            place = last + 1


@kernel
def _sort(numbers: Array, into: Array) -> None:
    for k in range(len(numbers)):
        place = k
        while place > 0 and into[place - 1] > numbers[k]:
            into[place] = into[place - 1]
            place -= 1
        into[place] = numbers[k]


@kernel
def spread(back: Array, slopes: Array, ends: Places, directions: Array, most: Array, doubt: Array) -> None:
    """Add to ``most``, (b, k), what the orders of a layer can add to the gradient along ``directions``, (k, 2).

    ``back``: (b, n), the gradient of the score in the sorted numbers, blocks above averaged; it is off by ``doubt``,
    (b,), at most, in Euclidean norm, to which comes what this layer adds. ``slopes``: (b, 2, n), the gradients of the
    numbers by place. Of two lists the sum of products is largest where both are in order (rearrangement inequality);
    of long ones the product of their norms does.
    """
    first, second, beside = np.empty(SMALL), np.empty(SMALL), np.empty(len(directions))
    for cell in range(len(back)):
        added, place = 0.0, 0
        beside[:] = 0.0
        while place < back.shape[1]:
            last = ends[cell, place]
            if last == place + 1:
                half = abs(back[cell, last] - back[cell, place]) / 2
                added += 2 * half**2
                right, up = slopes[cell, :, last] - slopes[cell, :, place]
                for k in range(len(directions)):
                    apart = right * directions[k, 0] + up * directions[k, 1]
                    most[cell, k] += half * abs(apart)
                    beside[k] += apart**2 / 2
            elif last > place:
                size = last - place + 1
                block = back[cell, place : last + 1] - back[cell, place : last + 1].mean()
                length = (block**2).sum()
                added += length
                if size <= SMALL:
                    _sort(block, first)
                right, up = slopes[cell, 0, place : last + 1], slopes[cell, 1, place : last + 1]
                right, up = right - right.mean(), up - up.mean()
                for k in range(len(directions)):
                    along = right * directions[k, 0] + up * directions[k, 1]
                    squares = (along**2).sum()
                    beside[k] += squares
                    if size <= SMALL:
                        _sort(along, second)
                        for each in range(size):
                            most[cell, k] += first[each] * second[each]
                    else:
                        most[cell, k] += math.sqrt(length * squares)
            place = last + 1
        for k in range(len(directions)):
            most[cell, k] += doubt[cell] * math.sqrt(beside[k])
        doubt[cell] += math.sqrt(added)
