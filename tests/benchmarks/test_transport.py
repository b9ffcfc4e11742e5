"""What the certificate costs on top of the solver it checks."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import ot
import pytest

from wganalyze.transport import wasserstein

ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """The quickest of a few rounds."""
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return min(took)


@pytest.mark.bench
def test_a_certified_distance_takes_little_longer_than_a_plain_one(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((1000, 64)), 0.3 + rng.standard_normal((1000, 64))
    weights = np.full(1000, 1 / 1000)

    def plain() -> float:
        return float(ot.emd2(weights, weights, ot.dist(x, y, metric="euclidean"), numItermax=10**9))

    assert wasserstein(x, y).value == pytest.approx(plain(), rel=1e-7)
    ours, theirs = seconds(lambda: wasserstein(x, y)), seconds(plain)
    with capsys.disabled():
        print(f"\nwasserstein {ours:.3f} s, ot.emd2 {theirs:.3f} s, ratio {ours / theirs:.2f} (n = 1000, d = 64)")
    assert ours / theirs < 3
