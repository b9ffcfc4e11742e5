"""The bound on the laws: below their W1 as often as its interval says, and absent where K or the data give none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch import Tensor, nn

from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.critic_gap.population import population
from wganalyze_plugins.funnel import Funnel

Call = Callable[..., Any]


@pytest.mark.parametrize("replicates", [3, 5])
def test_it_exceeds_the_w1_of_the_laws_no_more_often_than_is_said(replicates: int) -> None:
    """The worst case: a critic that is optimal for the laws, and whose K is known; one end of a 95% interval."""
    rng, trials = np.random.default_rng(0), 2000
    study: Any = shifted_gaussians(1.0, 1, n=20, replicates=replicates)
    above = 0
    for _ in range(trials):
        _, bound = population(study, (1 + rng.standard_normal(replicates) * (2 / 20) ** 0.5).tolist())
        assert bound.value is not None
        above += bound.value > 1 * (1 + 1e-6)
    assert binom.sf(above - 1, trials, 0.025) > 0.001


@pytest.mark.parametrize(("shift", "dim"), [(0.0, 2), (1.0, 2), (3.0, 16)])
def test_of_a_linear_critic_it_is_the_low_end_of_the_loss_over_its_slope(
    critique: Call, rows: Call, shift: float, dim: int
) -> None:
    outcome = critique(shifted_gaussians(shift, dim, n=100, slope=4.0))
    scaled, bound, raw = (rows(outcome)[name] for name in ("dual_lipschitz", "w1_population_lower", "dual_raw"))
    assert scaled.value == pytest.approx(raw.value / 4)
    assert bound.value == pytest.approx(max(0, scaled.interval.low, -scaled.interval.high))
    assert bound.interval is None
    assert "K_upper = 4 (" in bound.method
    assert "Student t over 3 replicates, 95%" in bound.method


def test_it_is_below_the_known_distance_where_the_sample_value_is_far_above(
    critique: Call, study_of: Call, values: Call
) -> None:
    funnel = Funnel("16,4,0")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        critic = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))
    found = values(critique(study_of(funnel, critic=critic, n=200, replicates=3)))
    assert 0 <= found["w1_population_lower"] <= funnel.known_w1


def test_a_turned_sign_is_as_good(critique: Call, change: Call, values: Call) -> None:
    """|D|: minus f has the same K."""
    study = shifted_gaussians(3, n=60)
    plain, turned = (values(critique(change(study, orientation=sign))) for sign in (1, -1))
    assert turned["w1_population_lower"] == pytest.approx(plain["w1_population_lower"])
    assert turned["dual_lipschitz"] == pytest.approx(-plain["dual_lipschitz"])


class Scaled(nn.Module):
    """Of a slope that no rule knows."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * x).sum(1, keepdim=True)


@pytest.mark.parametrize(
    ("critic", "reason"), [(Scaled(), "no upper end of K: "), (None, "measured on training data, which the critic")]
)
def test_without_k_or_held_out_data_there_is_none(
    critique: Call, change: Call, rows: Call, critic: nn.Module | None, reason: str
) -> None:
    study = shifted_gaussians(3, n=30)
    if critic is None:
        deal: Any = study.deal
        study = SnapshotStudy(study.snapshot, replace(deal, held_out=False))
    else:
        study = change(study, critic)
    found = rows(critique(study))
    for metric in ("dual_lipschitz", "w1_population_lower"):
        assert found[metric].value is None
        assert found[metric].message.startswith(reason)


def test_unknown_data_are_said_to_be_unknown(critique: Call, rows: Call) -> None:
    study = shifted_gaussians(3, n=30)
    assert study.held_out is None
    assert "it is unknown whether the critic was trained" in rows(critique(study))["w1_population_lower"].message


def test_two_replicates_have_no_interval(critique: Call, rows: Call) -> None:
    found = rows(critique(shifted_gaussians(3, n=30, replicates=2)))
    assert found["w1_population_lower"].message == "an interval takes 3 replicates"
    assert found["dual_lipschitz"].value is not None


def test_a_critic_of_slope_0_bounds_nothing(critique: Call, change: Call, rows: Call) -> None:
    linear = nn.Linear(2, 1)
    nn.init.zeros_(linear.weight)
    found = rows(critique(change(shifted_gaussians(n=30), linear)))
    assert found["w1_population_lower"].message == "no upper end of K: K_upper is 0"
