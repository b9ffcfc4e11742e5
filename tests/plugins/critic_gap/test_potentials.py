"""The critic against exact potentials: what a perfect one gets at which dimension, and that it is not blamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.plugins.critics import MinusU

from wganalyze.testing import shifted_gaussians
from wganalyze.transport import wasserstein
from wganalyze_plugins.critic_gap.pairs import pair_of
from wganalyze_plugins.critic_gap.potentials import Extended, extended, of_replicates
from wganalyze_plugins.critic_gap.segments import matched, segments_of
from wganalyze_plugins.funnel import Funnel

Call = Callable[..., Any]


@given(st.integers(0, 1000), st.integers(1, 6))
@settings(max_examples=10)
def test_an_extended_potential_is_the_exact_one_on_its_own_samples(seed: int, dim: int) -> None:
    """And of slope 1 everywhere: its values at any two points differ by no more than their distance."""
    study = shifted_gaussians(1, dim, n=30, seed=seed)
    pair = pair_of(study, 0)
    u, v = pair.transport.potentials
    for each, points, potential in zip(
        extended(study, pair), (study.real().points, study.fake().points), (u, v), strict=True
    ):
        assert each.at(points)[0] == pytest.approx(potential, abs=1e-6)
        anywhere = 3 * np.random.default_rng(seed).standard_normal((20, dim))
        values, _ = each.at(anywhere)
        distance = np.linalg.norm(anywhere[:, None] - anywhere, axis=2)
        assert (np.abs(values[:, None] - values) <= distance + 1e-9).all()


def test_the_values_of_an_extended_potential() -> None:
    """min_k (c(z, a_k) - p_k), and which k."""
    values, nearest = Extended(np.array([[0.0], [10.0]]), np.array([0.0, 1.0])).at(np.array([[2.0], [9.0]]))
    assert values.tolist() == [2.0, 0.0]
    assert nearest.tolist() == [0, 1]


def test_segments_join_matched_samples() -> None:
    study = shifted_gaussians(5, 3, n=50)
    pair = pair_of(study, 1)
    rows, columns = matched(pair)
    assert sorted(columns) == sorted(rows) == list(range(50))
    segments = segments_of(study, pair)
    assert segments is not None
    assert segments.lengths.mean() == pytest.approx(pair.transport.value)
    assert np.linalg.norm(segments.directions, axis=1) == pytest.approx(1)
    x, y = study.real(replicate=1).points, study.fake(replicate=1).points
    way = segments.points.points - y[columns]
    share = np.einsum("ij,ij->i", way, segments.directions) / segments.lengths
    assert ((share > 0) & (share < 1)).all()
    assert share.std() == pytest.approx(12**-0.5, rel=0.3)
    assert way == pytest.approx((share * segments.lengths)[:, None] * segments.directions, abs=1e-5)
    assert x[rows] - y[columns] == pytest.approx(segments.lengths[:, None] * segments.directions, abs=1e-5)


def test_samples_that_coincide_have_nothing_between_them() -> None:
    study = shifted_gaussians(n=20)
    same = SimpleNamespace(real=study.real, fake=study.real, seed=0)
    solved = wasserstein(study.real().points, study.real().points)
    assert segments_of(same, replace(pair_of(study, 0), transport=solved)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_an_optimal_potential_agrees_up_to_its_scale(critique: Call, values: Call, scale: float) -> None:
    """A linear critic along a large shift, whose samples are matched along it."""
    found = values(critique(shifted_gaussians(30, 2, n=100, slope=scale)))
    assert found["potential_rank"] > 0.98
    assert found["potential_rank_reference"] > 0.98
    assert found["gradient_cosine"] > 0.99
    assert found["matched_slope"] == pytest.approx(scale, rel=0.01)


@pytest.mark.parametrize("dim", [2, 16, 64])
def test_the_cosine_of_a_perfect_critic_falls_as_its_calibration_says(
    critique: Call, study_of: Call, values: Call, dim: int
) -> None:
    """It is W1 of the laws over W1 of samples: 1 on the plane, a ninth at 64 dimensions."""
    funnel = Funnel(f"{dim},4,0")
    outcome = critique(study_of(funnel, critic=MinusU(funnel), n=300, replicates=3))
    found = values(outcome)
    assert found["gradient_cosine"] == pytest.approx(found["gradient_cosine_perfect"], abs=0.06)
    assert found["gradient_norm_transport"] == pytest.approx(1, abs=1e-5)
    assert (found["gradient_cosine"] > 0.9) == (dim == 2)
    assert {finding.level for finding in outcome.findings} <= {"info"}


@given(st.integers(0, 1000), st.integers(1, 8), st.floats(0, 4))
@settings(max_examples=8)
def test_cosine_times_slope_is_the_ratio_of_a_linear_critic(
    critique: Call, values: Call, seed: int, dim: int, shift: float
) -> None:
    """grad f . (x - y) summed over matched pairs is the sum of f(x) - f(y)."""
    found = values(critique(shifted_gaussians(shift, dim, n=40, seed=seed, slope=2.0)))
    assert 2 * found["gradient_cosine"] == pytest.approx(found["dual_ratio"], abs=1e-4)


def test_other_samples_take_a_second_replicate(critique: Call, rows: Call) -> None:
    found = rows(critique(shifted_gaussians(n=20, replicates=1)))
    assert found["potential_rank_reference"].message == "other samples take a second replicate"
    assert found["potential_rank"].value is not None


def test_a_constant_critic_has_no_order(critique: Call, change: Call, critic_of: Call, rows: Call) -> None:
    outcome = critique(change(shifted_gaussians(n=20), critic_of(lambda x: 0 * x[:, 0])))
    found = rows(outcome)
    assert "they have no order" in found["potential_rank"].message
    assert found["potential_rank_reference"].value is not None
    assert found["gradient_cosine"].value == 0
    assert of_replicates([], "potential_rank") is None


def test_the_table_holds_both(critique: Call) -> None:
    rows = critique(shifted_gaussians(3, 2, n=60)).rows["potentials"]
    assert {row["of"] for row in rows} == {"critic", "other samples"}
    ranks = [row for row in rows if row["quantity"].startswith("rank")]
    assert [(row["of"], row["place"]) for row in ranks] == [
        ("critic", "real"), ("critic", "fake"), ("other samples", "real"), ("other samples", "fake"),
    ]  # fmt: skip
    (slope,) = (row for row in rows if row["quantity"] == "slope")
    assert slope["q05"] <= slope["q25"] <= slope["median"] <= slope["q75"] <= slope["q95"] <= 1 + 1e-6
