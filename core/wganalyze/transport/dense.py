"""The assignment of a small cost matrix, with potentials: Jonker and Volgenant (Computing 38, 1987), compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from wganalyze.transport.compiled import kernel


@kernel()
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
    reach = np.empty(n)
    before = np.empty(n, np.int32)
    order = np.empty(n, np.int32)
    for k in range(waiting):
        start = free[k]
        for j in range(n):
            reach[j] = c[start, j] - v[j]
            before[j] = start
            order[j] = j
        low, high = 0, 0  # order[:low] are done, order[low:high] have the least reach
        level, sink = 0.0, -1
        settled = 0
        while sink < 0:
            if low == high:
                settled = low
                level = reach[order[low]]
                high = low + 1
                for t in range(high, n):
                    j = order[t]
                    if reach[j] <= level:
                        if reach[j] < level:
                            high = low
                            level = reach[j]
                        order[t] = order[high]
                        order[high] = j
                        high += 1
                for t in range(low, high):
                    if y[order[t]] < 0:
                        sink = order[t]
                        break
                if sink >= 0:
                    break
            near = order[low]
            low += 1
            i = y[near]
            base = c[i, near] - v[near] - level
            for t in range(high, n):
                j = order[t]
                value = c[i, j] - v[j] - base
                if value < reach[j]:
                    reach[j] = value
                    before[j] = i
                    if value == level:
                        if y[j] < 0:
                            sink = j
                            break
                        order[t] = order[high]
                        order[high] = j
                        high += 1
        for t in range(settled):
            j = order[t]
            v[j] += reach[j] - level
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
