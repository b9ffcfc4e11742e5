"""Couplings that anybody can write down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wganalyze.transport.costs.metrics import Array

if TYPE_CHECKING:
    from scipy.sparse import coo_array


def joined(a: Array, b: Array) -> coo_array:
    """Some coupling of a and b, whose totals agree, in n + m entries: mass moves in the order of the indices."""
    from scipy.sparse import coo_array

    ends_a, ends_b = np.cumsum(a), np.cumsum(b)
    ends_b *= ends_a[-1] / ends_b[-1]
    levels = np.union1d(ends_a, ends_b)
    rows = np.minimum(np.searchsorted(ends_a, levels), len(a) - 1)
    columns = np.minimum(np.searchsorted(ends_b, levels), len(b) - 1)
    return coo_array((np.diff(levels, prepend=0.0), (rows, columns)), shape=(len(a), len(b)))
