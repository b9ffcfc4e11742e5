"""The inner loops of shortlists."""

from __future__ import annotations

from typing import Any

import numpy as np

from wganalyze.transport.costs.compiled import ORDERED, kernel
from wganalyze.transport.costs.window import WIDTH, less_potential


@kernel(fastmath=ORDERED)
def nearest_by_products(products: Any, x_squares: Any, y_squares: Any, v: Any, exponent: Any, index: Any,
                        limit: Any) -> None:  # fmt: skip
    """For each row the columns of least |x - y| ** exponent - v, from inner products (b, m).

    ``index`` (b, size) takes their numbers, -1 where there are fewer; ``limit`` (b,): no other column has less.
    """
    rows, m = products.shape
    size = index.shape[1]
    values = np.empty(WIDTH, products.dtype)
    kept = np.empty(2 * size + WIDTH, products.dtype)
    columns = np.empty(2 * size + WIDTH, np.int32)
    for i in range(rows):
        own, held, top = x_squares[i], 0, products.dtype.type(np.inf)
        for start in range(0, m, WIDTH):
            product = products[i, start : start + WIDTH]
            square, taken = y_squares[start : start + WIDTH], v[start : start + WIDTH]
            least = less_potential(product, own, square, taken, exponent, values)
            if least < top:
                held, top = _keep(values, len(product), start, size, kept, columns, held, top)
        limit[i] = _list(size, kept, columns, held, top, index[i])


@kernel(fastmath=ORDERED)
def nearest_by_costs(costs: Any, v: Any, index: Any, limit: Any) -> None:
    """The same from costs (b, m)."""
    rows, m = costs.shape
    size = index.shape[1]
    values = np.empty(WIDTH)
    kept = np.empty(2 * size + WIDTH)
    columns = np.empty(2 * size + WIDTH, np.int32)
    for i in range(rows):
        held, top = 0, np.inf
        for start in range(0, m, WIDTH):
            count = min(WIDTH, m - start)
            least = np.inf
            for k in range(count):
                values[k] = costs[i, start + k] - v[start + k]
                least = min(least, values[k])
            if least < top:
                held, top = _keep(values, count, start, size, kept, columns, held, top)
        limit[i] = _list(size, kept, columns, held, top, index[i])


@kernel()
def _keep(values: Any, count: Any, start: Any, size: Any, kept: Any, columns: Any, held: Any, top: Any) -> Any:
    """Add what lies below ``top``; beyond 2 size of them the best size + 1 stay, and ``top`` is the last."""
    for k in range(count):
        if values[k] < top:
            kept[held] = values[k]
            columns[held] = start + k
            held += 1
    if held > 2 * size:
        top = _select(kept, columns, held, size)
        held = size + 1
    return held, top


@kernel()
def _list(size: Any, kept: Any, columns: Any, held: Any, top: Any, index: Any) -> Any:
    """Write the best ``size``; returns the value of the best one left out."""
    if held > size:
        top = _select(kept, columns, held, size)
        held = size
    index[:held] = columns[:held]
    index[held:] = -1
    return top


@kernel()
def _select(kept: Any, columns: Any, held: Any, rank: Any) -> Any:
    """Bring the ``rank`` least to the front and the next to place ``rank``, whose value is returned (Hoare's FIND)."""
    low, high = 0, held - 1
    while low < high:
        pivot = kept[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while kept[left] < pivot:
                left += 1
            while kept[right] > pivot:
                right -= 1
            if left <= right:
                kept[left], kept[right] = kept[right], kept[left]
                columns[left], columns[right] = columns[right], columns[left]
                left += 1
                right -= 1
        if rank <= right:
            high = right
        elif rank >= left:
            low = left
        else:
            break
    return kept[rank]


@kernel(fastmath=True)
def pair_costs(px: Any, py: Any, i: Any, j: Any, exponent: Any, unit: Any, out: Any) -> None:
    """(|x_i - y_j| / unit) ** exponent of pairs, in float64, by differences."""
    for t in range(len(i)):
        a, b = px[i[t]], py[j[t]]
        total = 0.0
        for k in range(len(a)):
            difference = (np.float64(a[k]) - np.float64(b[k])) / unit
            total += difference * difference
        out[t] = np.sqrt(total) if exponent == 1.0 else total if exponent == 2.0 else total ** (0.5 * exponent)


@kernel()
def settle(starts: Any, columns: Any, costs: Any, column_starts: Any, carrying: Any, carried: Any, u: Any, v: Any,
           tolerance: Any, most: Any) -> Any:  # fmt: skip
    """The largest potentials below ``v`` that an optimal flow proves: u + v <= c on all arcs, = c on those that carry.

    Shortest paths from the labels ``v``, by a queue of rows (Bellman and Ford). Arcs are sorted by row, from
    ``starts`` (n + 1,); the rows ``carrying`` mass into each column, at the costs ``carried``, from ``column_starts``.
    Returns whether it ended within ``most`` visits of rows.
    """
    n, m = len(u), len(v)
    u[:] = -np.inf
    for j in range(m):
        for t in range(column_starts[j], column_starts[j + 1]):
            u[carrying[t]] = max(u[carrying[t]], carried[t] - v[j])
    queue = np.arange(n)
    queued = np.ones(n, np.bool_)
    head, waiting, visits = 0, n, 0
    while waiting > 0:
        i = queue[head]
        head = head + 1 if head + 1 < n else 0
        waiting -= 1
        queued[i] = False
        visits += 1
        if visits > most:
            return False
        for t in range(starts[i], starts[i + 1]):
            j = columns[t]
            room = costs[t] - u[i]
            if room < v[j] - tolerance:
                v[j] = room
                for s in range(column_starts[j], column_starts[j + 1]):
                    k = carrying[s]
                    if carried[s] - room > u[k]:
                        u[k] = carried[s] - room
                        if not queued[k]:
                            queued[k] = True
                            tail = head + waiting
                            queue[tail if tail < n else tail - n] = k
                            waiting += 1
    return True
