"""Shared by the tests of shortlists: all that a pricing says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.shortlist.pricing import Pricing


def all_costs(prices: Pricing) -> npt.NDArray[Any]:
    """The cost matrix (n, m)."""
    n, m = prices.shape
    return prices.costs(*np.divmod(np.arange(n * m), m)).reshape(n, m)
