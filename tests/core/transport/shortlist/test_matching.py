"""The matching is the cheapest bijection, its potentials prove it, and it always ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from wganalyze.transport.shortlist import match, matching
from wganalyze.transport.working import Unfinished


@pytest.mark.parametrize("dim", [2, 16, 17, 100])
@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_potentials_are_feasible_and_tight_on_the_cheapest_bijection(
    dim: int, exponent: float, kind: type[np.floating], size: float
) -> None:
    rng = np.random.default_rng(dim)
    n = 150
    x, y = (size * (rng.standard_normal((n, dim)) + shift) for shift in (0.0, 0.4))
    x, y = x.astype(kind), y.astype(kind)
    found = match(x, y, exponent)
    costs = cdist(x.astype(float), y.astype(float)) ** exponent
    assert sorted(found.columns) == list(range(n))
    paid = costs[np.arange(n), found.columns]
    assert paid.sum() == pytest.approx(costs[linear_sum_assignment(costs)].sum(), rel=1e-12)
    room = costs - found.u[:, None] - found.v[None]
    assert room.min() >= -1e-12 * costs.max()
    np.testing.assert_allclose(room[np.arange(n), found.columns], 0, atol=1e-12 * costs.max())


def test_a_poor_start_costs_sweeps_and_not_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """From any column potentials the answer is the same: here from three points of each side, and with short lists."""
    x, y = np.random.default_rng(1).standard_normal((2, 200, 30))
    monkeypatch.setattr(matching, "LISTED", 24)
    found = match(x, y, coarse=3)
    costs = cdist(x, y)
    assert costs[np.arange(200), found.columns].sum() == pytest.approx(
        costs[linear_sum_assignment(costs)].sum(), rel=1e-12
    )
    assert found.sweeps > 1
    assert found.priced > 200


def test_it_ends_where_it_is_told_to_stop_and_where_its_sweeps_are_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.random.default_rng(2).standard_normal((2, 200, 30))
    with pytest.raises(Unfinished):
        match(x, y, stop=np.ones(1, np.uint8))
    monkeypatch.setattr(matching, "SWEEPS", 0)
    with pytest.raises(Unfinished):
        match(x, y)
