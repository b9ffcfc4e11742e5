"""How many samples an exact distance may have in a given time: found by trying, in steps of two."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wganalyze.contracts.data import DataSource
    from wganalyze.contracts.samples import Preprocessing

FIRST = 500
GROWTH = 5.0
"""Time for twice as many samples, at most: the exponents of exact solvers over n lie between 2 and 2.4."""


COMPILED = 1500
"""A size at which solvers for large samples are taken."""


def largest_n(
    source: DataSource,
    preprocessing: Preprocessing,
    most: int | None,
    seconds: float,
    seed: int,
    solve: Callable[[Any, Any], object] | None = None,
) -> int:
    """The most samples, 500 times a power of two or ``most``, for which an exact W1 of real data ends in time.

    ``solve``: takes two samples; ``transport.wasserstein`` by default. Its MemoryError is an end too.
    """
    from wganalyze.contracts.samples import Split
    from wganalyze.transport import wasserstein

    solver = solve or wasserstein

    def took(n: int) -> float:
        x, y = [
            preprocessing.apply(source.draw(n, Split("budget", k), offset=k * n, seed=seed).values, source.shape)
            for k in (0, 1)
        ]
        start = time.perf_counter()
        solver(x, y)
        return time.perf_counter() - start

    limit = most if most is not None else FIRST * 2**20
    for n in (100, COMPILED):  # what each kind of solver compiles or imports on the way is not counted
        took(min(n, limit))
    n = min(FIRST, limit)
    spent = took(n)
    while n < limit and GROWTH * spent <= seconds:
        following = min(2 * n, limit)
        try:
            spent = took(following)
        except MemoryError:
            break
        if spent > seconds:
            break
        n = following
    return n
