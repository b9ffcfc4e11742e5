"""The size that a time allows."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest

from wganalyze.contracts.samples import Preprocessing
from wganalyze.running.budget import FIRST, largest_n
from wganalyze.testing import Gaussian
from wganalyze.transport import wasserstein
from wganalyze.transport.shortlist import bytes_held


def largest(most: int | None, seconds: float, solve: Any = None) -> int:
    """Of normal samples."""
    return largest_n(Gaussian(2), Preprocessing(), most, seconds, 0, solve)


def test_it_never_takes_more_than_there_is() -> None:
    for most in (40, 700, 1000):
        assert largest(most, 1e6) == most


def test_it_stays_at_what_fits_in_memory() -> None:
    """Room for shortlists of 1,500 points is none for 2,000."""
    solve = partial(wasserstein, memory=bytes_held(1500, 1500, 2))
    assert largest(None, 1e6, solve) == 2 * FIRST


def test_without_time_it_is_the_first_size() -> None:
    assert largest(None, 1e-9) == FIRST


@pytest.mark.parametrize(("seconds", "n"), [(4.0, FIRST), (15.0, 2 * FIRST), (20.0, 4 * FIRST), (100.0, 4 * FIRST)])
def test_a_size_that_takes_longer_is_not_chosen_and_a_hopeless_one_is_not_tried(
    monkeypatch: pytest.MonkeyPatch, seconds: float, n: int
) -> None:
    """Where 500 take a second, and twice as many four times as long; the clock does not run by itself."""
    now, tried = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def solve(x: Any, y: Any) -> None:
        tried.append(len(x))
        now[0] += (len(x) / FIRST) ** 2

    assert largest(4 * FIRST, seconds, solve) == n
    assert max(tried[2:]) == n
