"""How networks are called: in batches, and how what they give is rounded."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.study.calling import batches_of, rounded


@given(n=st.integers(1, 200), batch=st.integers(2, 70))
def test_batches_cover_everything_in_order_and_are_never_alone(n: int, batch: int) -> None:
    sizes = [len(range(n)[rows]) for rows in batches_of(n, batch)]
    assert [i for rows in batches_of(n, batch) for i in range(n)[rows]] == list(range(n))
    assert min(sizes) > 1 or n == 1
    assert max(sizes) <= batch + 1


def test_rounded_hides_the_last_digits_only() -> None:
    x = np.array([1.0, math.pi, -1e-30])
    assert rounded(x) == rounded(x * (1 + 1e-12)) == "1 3.14159 -1e-30"
    assert rounded(x) != rounded(x * (1 + 1e-4))
