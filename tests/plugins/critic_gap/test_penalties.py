"""Gradient penalties by place and law, and the one that BatchNorm hides from eval mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor, nn

from wganalyze.testing import shifted_gaussians

Call = Callable[..., Any]
PLACES = {"real", "fake", "interpolate", "transport"}


@pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
def test_of_a_linear_critic_every_place_says_what_its_slope_says(
    critique: Call, change: Call, values: Call, slope: float
) -> None:
    outcome = critique(change(shifted_gaussians(2, 3, n=40, slope=slope), penalty=10.0))
    rows = outcome.rows["penalties"]
    assert {(row["place"], row["mode"]) for row in rows} == {(place, "eval") for place in PLACES}
    laws = {"1-centred": (slope - 1) ** 2, "one-sided": max(slope - 1, 0) ** 2, "zero-centred": slope**2}
    for row in rows:
        assert row["value"] == pytest.approx(laws[row["law"]], abs=1e-6)
        assert row["weighted"] == pytest.approx(10 * laws[row["law"]], abs=1e-5)
        assert row["mean_norm"] == pytest.approx(slope, rel=1e-6)
        assert row["samples"] == 3 * 40
    assert values(outcome)["gradient_norm_transport"] == pytest.approx(slope, rel=1e-6)


def test_one_alpha_a_sample_and_transport_where_the_samples_are_matched(
    critique: Call, change: Call, critic_of: Call
) -> None:
    """|x_1| away from a mean: between clouds, at random or as matched, lie points that neither side has."""
    critic = critic_of(lambda x: x[:, 0] ** 2 / 2)  # gradient norm |x_1|
    study = change(shifted_gaussians(20, 1, n=200), critic, orientation=-1)
    means = {row["place"]: row["mean_norm"] for row in critique(study).rows["penalties"]}
    assert means["real"] == pytest.approx(0.8, abs=0.1)
    assert means["fake"] == pytest.approx(20, abs=0.3)
    for place in ("interpolate", "transport"):
        assert means[place] == pytest.approx(10, abs=1)
    spread = {
        row["place"]: row["value"] - row["mean_norm"] ** 2
        for row in critique(study).rows["penalties"]
        if row["law"] == "zero-centred"
    }
    assert spread["interpolate"] == pytest.approx(400 / 12, rel=0.2)  # uniform alphas, one each


def test_without_a_weight_nothing_is_weighted(critique: Call) -> None:
    assert all(row["weighted"] is None for row in critique(shifted_gaussians(n=20)).rows["penalties"])


def test_a_critic_that_cannot_be_differentiated_keeps_its_bounds(
    critique: Call, change: Call, critic_of: Call, rows: Call
) -> None:
    outcome = critique(change(shifted_gaussians(3, n=30), critic_of(lambda x: -x.detach()[:, 0]), orientation=1))
    found = rows(outcome)
    assert "penalties" not in outcome.rows
    for metric in ("gradient_norm_transport", "gradient_cosine"):
        assert found[metric].message.startswith("the critic cannot be differentiated: element 0 of tensors does not")
    assert found["dual_c_best_scale"].value is not None
    assert found["matched_slope"].value is not None


def test_infinite_gradients_are_no_numbers(critique: Call, change: Call, critic_of: Call, rows: Call) -> None:
    def root(x: Tensor) -> Tensor:
        return -((x[:, 0] - x[:, 0]).abs().sqrt() + x[:, 0])

    outcome = critique(change(shifted_gaussians(3, n=30), critic_of(root), orientation=1))
    assert rows(outcome)["gradient_norm_transport"].message == "the gradient is NaN or infinite at some samples"


class Twofold(nn.Module):
    """-x, and a share of it that BatchNorm sees; whose running variance is 1.

    In train mode the sum of normalised scores does not change with any sample: its gradient is that of -x alone.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share, self.norm = share, nn.BatchNorm1d(1, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        return -x - self.share * self.norm(x)


@pytest.mark.parametrize(("share", "said"), [(3.0, True), (0.3, False)])
def test_a_penalty_kept_in_train_mode_alone_is_found(
    critique: Call, change: Call, values: Call, findings: Call, share: float, said: bool
) -> None:
    study = shifted_gaussians(1, 1, n=128)
    outcome = critique(change(study, Twofold(share), penalty=10.0))
    found, codes = values(outcome), findings(outcome)
    assert found["gradient_norm_train"] == pytest.approx(1, abs=1e-3)
    assert found["gradient_norm_transport"] == pytest.approx(1 + share, abs=1e-3)
    trained = {row["mode"] for row in outcome.rows["penalties"] if row["place"] == "interpolate"}
    assert trained == {"eval", "train, batches of 64"}
    assert ("penalty-hidden-by-batch-norm" in codes) == said
    if said:
        assert codes["penalty-hidden-by-batch-norm"].level == "warning"
        assert "in eval mode the norm is 4: BatchNorm" in codes["penalty-hidden-by-batch-norm"].message
    without = critique(change(study, Twofold(share), penalty=None))
    assert "penalty-hidden-by-batch-norm" not in findings(without)
