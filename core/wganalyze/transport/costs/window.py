"""The inner loop of c-transforms and of pricing: costs less a potential, over a window of columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from wganalyze.transport.costs.compiled import ORDERED, kernel

WIDTH = 256
"""Columns that are looked at together: most windows hold none that is wanted, which their minimum tells."""


@kernel(fastmath=ORDERED)
def less_potential(products: Any, own: Any, squares: Any, v: Any, exponent: Any, values: Any) -> Any:
    """``values``[k] = |x - y_k| ** exponent - v_k of one x, from inner products (w,); returns the least of them.

    ``own``: squared norm of x; ``squares`` (w,): of the y_k. All in one precision.
    """
    two, half = products.dtype.type(2), products.dtype.type(0.5 * exponent)
    zero, least = products.dtype.type(0), products.dtype.type(np.inf)
    count = len(products)
    if exponent == 1.0:
        for k in range(count):
            values[k] = np.sqrt(max(own + squares[k] - two * products[k], zero)) - v[k]
            least = min(least, values[k])
    elif exponent == 2.0:
        for k in range(count):
            values[k] = max(own + squares[k] - two * products[k], zero) - v[k]
            least = min(least, values[k])
    else:
        for k in range(count):
            values[k] = max(own + squares[k] - two * products[k], zero) ** half - v[k]
            least = min(least, values[k])
    return least
