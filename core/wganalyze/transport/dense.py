"""The assignment of a small cost matrix, with potentials: Jonker and Volgenant (Computing 38, 1987), compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from wganalyze.transport.costs.compiled import ORDERED, kernel


@kernel(fastmath=ORDERED)
def assign(c: Any, u: Any, v: Any, x: Any) -> None:
    """Fill ``x`` (n,) with the columns of the cheapest assignment of ``c`` (n, n), and potentials u_i + v_j <= c_ij."""
    n = len(c)
    y = np.full(n, -1, np.int32)
    free = np.empty(n, np.int32)
    x[:] = -1

    # Column reduction: each column goes to its cheapest row, where that row has none yet.
    owner = np.zeros(n, np.int32)
    v[:] = c[0]
    for i in range(1, n):
        for j in range(n):
            if c[i, j] < v[j]:
                v[j] = c[i, j]
                owner[j] = i
    columns = np.zeros(n, np.int32)
    for j in range(n - 1, -1, -1):
        i = owner[j]
        columns[i] += 1
        if x[i] < 0:
            x[i] = j
            y[j] = i

    # Reduction transfer: a row with one column of its own lowers it by its second best.
    waiting = 0
    for i in range(n):
        if columns[i] == 0:
            free[waiting] = i
            waiting += 1
        elif columns[i] == 1:
            second = np.inf
            for j in range(n):
                if j != x[i]:
                    second = min(second, c[i, j] - v[j])
            if second < np.inf:
                v[x[i]] -= second

    # Augmenting row reduction, twice.
    for _ in range(2):
        k, count, waiting = 0, waiting, 0
        budget = 8 * n
        while k < count:
            i = free[k]
            k += 1
            least, second, first, other = np.inf, np.inf, -1, -1
            for j in range(n):
                value = c[i, j] - v[j]
                if value < second:
                    if value < least:
                        second = least
                        other = first
                        least = value
                        first = j
                    else:
                        second = value
                        other = j
            loser = y[first]
            if least < second:
                if n > 1:
                    v[first] -= second - least
            elif loser >= 0 and other >= 0:
                first = other
                loser = y[first]
            x[i] = first
            y[first] = i
            if loser >= 0:
                x[loser] = -1
                budget -= 1
                if least < second and budget > 0:
                    k -= 1
                    free[k] = loser
                else:
                    free[waiting] = loser
                    waiting += 1

    # Shortest augmenting paths for what is left.
    reach, room = np.empty(n), np.empty(n)
    room_bits = room.view(np.int64)
    before = np.empty(n, np.int32)
    done = np.empty(n, np.int32)
    levels = np.empty(n)
    number = np.empty(1)
    bits = number.view(np.int64)
    for k in range(waiting):
        start = free[k]
        reach[:] = np.inf
        room[:] = np.inf  # reach, where it may still fall
        i, base, level, settled, sink = start, 0.0, 0.0, 0, -1
        while True:
            for j in range(n):
                value = c[i, j] - v[j] - base
                closer = value < reach[j]
                reach[j] = value if closer else reach[j]
                before[j] = i if closer else before[j]
                room[j] = value if closer else room[j]
            least = room_bits[0]
            for j in range(n):
                least = min(least, room_bits[j])
            bits[0] = least
            level = max(level, number[0])
            near = -1
            for j in range(n):
                if room[j] <= level:
                    near = j
                    if y[j] < 0:
                        sink = j
                        break
            if sink >= 0:
                break
            done[settled] = near
            levels[settled] = level
            settled += 1
            reach[near] = -np.inf
            room[near] = np.inf
            i = y[near]
            base = c[i, near] - v[near] - level
        for t in range(settled):
            v[done[t]] += levels[t] - level
        j = sink
        while True:
            i = before[j]
            y[j] = i
            following = x[i]
            x[i] = j
            j = following
            if i == start:
                break
    for i in range(n):
        u[i] = c[i, x[i]] - v[x[i]]
