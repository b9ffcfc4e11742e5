"""The inner loops: shortlists by pricing, bids, and shortest augmenting paths with a bound on what no list shows.

Everywhere: ``u`` (n,) potentials of rows, ``v`` (n,) of columns, ``x`` (n,) the column of a row or -1, ``y`` the
row of a column. Row i lists ``count[i]`` columns ``index[i]`` with ``key[i]``, ascending, a lower bound of c - v at the
time of listing; ``cost[i]`` is the exact cost, or negative where nobody has needed it yet. ``limit[i]`` bounds c - v of
every column that the list leaves out. Since v only falls, c - v only rises: keys and limits stay lower bounds until the
row is priced anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from wganalyze.transport.compiled import kernel

ENDLESS = 1e300
SAMPLED = 1024


@kernel(fastmath=True)
def distance(a: Any, b: Any, exponent: Any, unit: Any) -> Any:
    """(|a - b| / unit) ** exponent in float64, by differences."""
    total = 0.0
    for k in range(len(a)):
        difference = (np.float64(a[k]) - np.float64(b[k])) / unit
        total += difference * difference
    if exponent == 1.0:
        return np.sqrt(total)
    return total if exponent == 2.0 else total ** (0.5 * exponent)


@kernel()
def exact_cost(px: Any, py: Any, exponent: Any, unit: Any, index: Any, cost: Any, i: Any, k: Any) -> Any:
    """The cost of row i's k-th listed column, computed when it is first needed."""
    if cost[i, k] < 0:
        cost[i, k] = distance(px[i], py[index[i, k]], exponent, unit)
    return cost[i, k]


@kernel(parallel=True, fastmath=True)
def list_columns(products: Any, rows: Any, x_squares: Any, y_squares: Any, exponent: Any, v: Any, slack: Any, size: Any,
                 index: Any, key: Any, cost: Any, limit: Any, count: Any) -> None:  # fmt: skip
    """Keep the ``size`` columns of least c - v for each of ``rows``, from inner products (b, n).

    Costs are ``exponent / 2`` powers of squared distances. ``slack``: how far above its true value a computed c - v may
    lie. A sample of the row tells below which value about as many columns lie as are wanted.
    """
    n = products.shape[1]
    two = np.float32(2)
    half = np.float32(0.5 * exponent)
    sampled = min(n, SAMPLED)
    rank = min(sampled - 1, int(sampled * (size + 1) / n + 3 * np.sqrt(sampled * (size + 1) / n) + 4))
    for b in prange(len(rows)):
        i = rows[b]
        own = x_squares[i]
        values = np.empty(n, np.float32)
        if exponent == 1.0:
            for j in range(n):
                values[j] = np.sqrt(max(own + y_squares[j] - two * products[b, j], np.float32(0))) - v[j]
        elif exponent == 2.0:
            for j in range(n):
                values[j] = max(own + y_squares[j] - two * products[b, j], np.float32(0)) - v[j]
        else:
            for j in range(n):
                values[j] = max(own + y_squares[j] - two * products[b, j], np.float32(0)) ** half - v[j]
        top = np.partition(values[:: n // sampled][:sampled].copy(), rank)[rank]
        columns = np.empty(n, np.int32)
        held = 0
        for j in range(n):
            if values[j] <= top:
                columns[held] = j
                held += 1
        if held <= size:
            held = n
            for j in range(n):
                columns[j] = j
        found = columns[:held]
        order = np.argsort(values[found])
        listed = min(size, held)
        for k in range(listed):
            j = found[order[k]]
            index[i, k] = j
            key[i, k] = values[j] - slack
            cost[i, k] = -1.0
        count[i] = listed
        limit[i] = values[found[order[listed]]] - slack if held > listed else ENDLESS


@kernel(parallel=True, fastmath=True)
def least_over_rows(block: Any, x_squares: Any, y_squares: Any, exponent: Any, u: Any, out: Any) -> None:
    """out_j = min(out_j, min_b c_bj - u_b) for inner products ``block`` (b, n)."""
    rows, n = block.shape
    width = 512
    for t in prange((n + width - 1) // width):
        start = t * width
        stop = min(n, start + width)
        for b in range(rows):
            own, up = x_squares[b], u[b]
            for j in range(start, stop):
                square = max(own + y_squares[j] - np.float32(2) * block[b, j], np.float32(0))
                if exponent == 1.0:
                    value = np.sqrt(square) - up
                elif exponent == 2.0:
                    value = square - up
                else:
                    value = square ** np.float32(0.5 * exponent) - up
                out[j] = min(out[j], value)


@kernel(parallel=True)
def raise_rows(px: Any, py: Any, exponent: Any, unit: Any, rows: Any, index: Any, key: Any, cost: Any,
               limit: Any, count: Any, u: Any, v: Any) -> None:  # fmt: skip
    """u_i = min_j c_ij - v_j, as far as the lists show it: never above the truth."""
    for t in prange(len(rows)):
        i = rows[t]
        least, second = np.inf, np.inf
        for k in range(count[i]):
            if key[i, k] > second:
                break
            j = index[i, k]
            value = exact_cost(px, py, exponent, unit, index, cost, i, k) - v[j]
            if value < least:
                second = least
                least = value
            elif value < second:
                second = value
        u[i] = min(least, limit[i])


@kernel()
def match_tight(index: Any, cost: Any, count: Any, u: Any, v: Any, x: Any, y: Any, tolerance: Any) -> Any:
    """Give each row the first free column of its list that is tight; how many got one."""
    matched = 0
    for i in range(len(u)):
        if x[i] >= 0:
            matched += 1
            continue
        for k in range(count[i]):
            j = index[i, k]
            if cost[i, k] < 0:
                break
            if y[j] < 0 and cost[i, k] - v[j] <= u[i] + tolerance:
                x[i] = j
                y[j] = i
                matched += 1
                break
    return matched


@kernel()
def bid(px: Any, py: Any, exponent: Any, unit: Any, index: Any, key: Any, cost: Any, limit: Any, count: Any,
        u: Any, v: Any, x: Any, y: Any, step: Any, most: Any, wanting: Any) -> Any:  # fmt: skip
    """Bertsekas' auction among the lists, at most ``most`` bids; ``step`` 0: Jonker and Volgenant's row reduction.

    A row whose best lies beyond its list is set aside in ``wanting``. Returns the number of bids.
    """
    n = len(u)
    queue = np.empty(n + 1, np.int32)
    head, tail, waiting = 0, 0, 0
    for i in range(n):
        if x[i] < 0:
            queue[tail] = i
            tail += 1
            waiting += 1
    if tail == n + 1:
        tail = 0
    bids = 0
    while waiting > 0 and bids < most:
        i = queue[head]
        head += 1
        if head == n + 1:
            head = 0
        waiting -= 1
        least, second, chosen = np.inf, limit[i], -1
        for k in range(count[i]):
            if key[i, k] >= second:
                break
            j = index[i, k]
            value = exact_cost(px, py, exponent, unit, index, cost, i, k) - v[j]
            if value < second:
                if value < least:
                    second = min(second, least)
                    least = value
                    chosen = j
                else:
                    second = value
        if chosen < 0:
            wanting[i] = 1
            u[i] = limit[i]
            continue
        v[chosen] -= second - least + step
        u[i] = second
        bids += 1
        loser = y[chosen]
        y[chosen] = i
        x[i] = chosen
        if loser >= 0:
            x[loser] = -1
            queue[tail] = loser
            tail += 1
            waiting += 1
            if tail == n + 1:
                tail = 0
    return bids


@kernel()
def _rise(heap: Any, place: Any, reach: Any, at: Any) -> None:
    """Restore a 4-ary heap of columns, by ``reach``, from position ``at`` upwards."""
    j = heap[at]
    while at > 0:
        above = (at - 1) >> 2
        if reach[heap[above]] <= reach[j]:
            break
        heap[at] = heap[above]
        place[heap[at]] = at
        at = above
    heap[at] = j
    place[j] = at


@kernel()
def _pop(heap: Any, place: Any, reach: Any, held: Any) -> Any:
    """The column of least reach; ``held`` counts the heap before."""
    first = heap[0]
    held -= 1
    j = heap[held]
    at = 0
    while True:
        child = 4 * at + 1
        if child >= held:
            break
        least = child
        for other in range(child + 1, min(child + 4, held)):
            if reach[heap[other]] < reach[heap[least]]:
                least = other
        if reach[heap[least]] >= reach[j]:
            break
        heap[at] = heap[least]
        place[heap[at]] = at
        at = least
    heap[at] = j
    place[j] = at
    place[first] = -2
    return first


@kernel()
def augment(px: Any, py: Any, exponent: Any, unit: Any, index: Any, key: Any, cost: Any, limit: Any,
            count: Any, u: Any, v: Any, x: Any, y: Any, wanting: Any, generosity: Any, stop: Any) -> Any:  # fmt: skip
    """One shortest augmenting path for each free row (Dijkstra on reduced costs, potentials kept feasible).

    A search ends at a free column, or where an unlisted edge could be shorter: that row is put into ``wanting`` with
    others near their limits, the potentials are raised as far as the search is proven, and the row stays free.
    Returns the number of rows left so; -1 where ``stop[0]`` was set meanwhile.
    """
    n = len(u)
    reach = np.full(n, np.inf)
    before = np.empty(n, np.int32)
    place = np.full(n, -1, np.int32)  # in the heap; -1: not seen, -2: done
    heap = np.empty(n, np.int32)
    seen = np.empty(n, np.int32)
    done = np.empty(n, np.int32)
    rows = np.empty(n + 1, np.int32)
    entered = np.empty(n + 1)
    deferred = 0
    for free in range(n):
        if x[free] >= 0:
            continue
        if stop[0]:
            return -1
        touched, settled, visited, held = 0, 0, 0, 0
        bound, bounding, nearest, sink = np.inf, -1, np.inf, -1
        i, level = free, 0.0
        while True:
            rows[visited] = i
            entered[visited] = level
            visited += 1
            edge = level + limit[i] - u[i]
            if edge < bound:
                bound = edge
                bounding = i
            base = level - u[i]
            for k in range(count[i]):
                if base + key[i, k] >= min(nearest, bound):
                    break
                j = index[i, k]
                if place[j] == -2:
                    continue
                length = max(base + exact_cost(px, py, exponent, unit, index, cost, i, k) - v[j], level)
                if length >= nearest or length >= reach[j]:
                    continue
                if reach[j] == np.inf:
                    seen[touched] = j
                    touched += 1
                reach[j] = length
                before[j] = i
                if y[j] < 0:
                    nearest = length
                    sink = j
                    continue
                if place[j] < 0:
                    heap[held] = j
                    place[j] = held
                    held += 1
                _rise(heap, place, reach, place[j])
            if held == 0 or reach[heap[0]] >= nearest or reach[heap[0]] > bound:
                break
            j = _pop(heap, place, reach, held)
            held -= 1
            done[settled] = j
            settled += 1
            i = y[j]
            level = reach[j]
        final = min(nearest, bound)
        for t in range(settled):
            v[done[t]] += reach[done[t]] - final
        for t in range(visited):
            u[rows[t]] += max(0.0, final - entered[t])
        if bound < nearest:
            deferred += 1
            wanting[bounding] = 1
            near = generosity * final + 1e-12
            for t in range(visited):
                if limit[rows[t]] - u[rows[t]] <= near:
                    wanting[rows[t]] = 1
        else:
            j = sink
            while True:
                i = before[j]
                following = x[i]
                x[i] = j
                y[j] = i
                j = following
                if i == free:
                    break
        for t in range(touched):
            reach[seen[t]] = np.inf
            place[seen[t]] = -1
    return deferred
