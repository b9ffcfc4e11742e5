"""Eval against train mode: agreement, contradiction, and buffers that stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.measurement import Finding, Measurement
from wganalyze.study.study import SnapshotStudy
from wganalyze_plugins.lipschitz.modes import MODES, aucs, compare_modes, has_batch_norm

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""


@pytest.fixture(scope="session")
def under(under: Call) -> Call:
    """Gaussians on the line, a shift apart, under a critic."""
    return partial(under, shift=3.0, dim=1, n=640, replicates=2, orientation=None)


def normalised(mean: float, variance: float) -> Any:
    """A BatchNorm layer with these running statistics."""
    layer = nn.BatchNorm1d(1)
    layer.running_mean = torch.tensor([float(mean)])
    layer.running_var = torch.tensor([float(variance)])
    return layer


class FarFromZero(nn.Module):
    """Scores 1 - |x|, after BatchNorm."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return 1 - self.layer(x).abs()  # type: ignore[no-any-return]


def split(study: SnapshotStudy) -> tuple[dict[str, Measurement], list[Finding]]:
    """What is yielded, by metric, and the findings."""
    things = list(compare_modes(study))
    measured = {thing.metric: thing for thing in things if isinstance(thing, Measurement)}
    return measured, [thing for thing in things if isinstance(thing, Finding)]


def test_a_critic_without_batch_norm_has_one_mode(under: Call) -> None:
    measured, findings = split(under(nn.Linear(1, 1)))
    assert set(measured) == set(MODES)
    for row in measured.values():
        assert (row.value, row.status) == (None, "skipped")
        assert "no BatchNorm" in row.message
    assert findings == []


def test_without_fakes_the_reason_is_given(under: Call, change: Call) -> None:
    lone = change(under(normalised(0, 1)), make_generator=None, missing={"generator": "none was given"})
    assert {row.message for row in split(lone)[0].values()} == {"no generator: none was given"}


def test_batches_of_their_own_hide_a_shift_that_eval_mode_sees(under: Call) -> None:
    # Reals at 0, fakes at 3 (a direction of -1 moves them to +3): with statistics of the reals, eval tells all;
    # normalised apart, both are the same; normalised together, both are as far from the middle.
    measured, (finding,) = split(under(FarFromZero(normalised(0, 1))))
    assert measured["auc_eval"].value == pytest.approx(0.97, abs=0.03)
    assert measured["auc_train_separate"].value == pytest.approx(0.5, abs=0.06)
    assert measured["auc_train_mixed"].value == pytest.approx(0.5, abs=0.06)
    assert (finding.level, finding.code) == ("warning", "modes-disagree")
    assert finding.evidence == tuple(MODES)
    assert f"{measured['auc_train_separate'].value:.2f} in train mode" in finding.message
    for metric, mode in MODES.items():
        assert measured[metric].mode == mode
        assert measured[metric].n == 640


def test_a_monotone_critic_agrees_in_mixed_batches(under: Call) -> None:
    critic = nn.Sequential(normalised(0, 1), nn.Linear(1, 1))
    critic[1].weight.data.fill_(-1)
    measured, findings = split(under(critic))
    mixed, evaluated = measured["auc_train_mixed"].value, measured["auc_eval"].value
    assert mixed is not None
    assert mixed == pytest.approx(evaluated, abs=0.03)
    assert [finding.code for finding in findings] == ["modes-disagree"]  # separate batches still hide the shift


def test_modes_that_agree_are_no_finding(under: Call) -> None:
    measured, findings = split(under(FarFromZero(normalised(0, 1)), shift=0.0))
    assert findings == []
    assert all(row.value == pytest.approx(0.5, abs=0.06) for row in measured.values())


def test_train_mode_changes_no_buffer_and_repeats(under: Call) -> None:
    critic = FarFromZero(normalised(0.3, 2.0))
    study = under(critic)
    before = {key: value.clone() for key, value in study.critic.state_dict().items()}
    first = aucs(study, study.real(), study.fake())
    assert first == aucs(study, study.real(), study.fake())
    assert all(torch.equal(before[key], value) for key, value in study.critic.state_dict().items())
    assert not study.critic.training


def test_the_mixed_scores_go_back_to_their_sides(under: Call) -> None:
    # With both sides in every batch, normalising is one affine map: the AUC stays near that of the raw scores.
    study = under(nn.Sequential(normalised(0, 1), nn.Linear(1, 1)), shift=1.0, n=2000)
    found = aucs(study, study.real(), study.fake())
    assert abs(found["auc_train_mixed"] - found["auc_eval"]) < 0.03
    assert abs(found["auc_eval"] - 0.5) > 0.2


def test_which_layers_count_as_batch_norm(under: Call) -> None:
    for layer in (nn.BatchNorm1d(1), nn.SyncBatchNorm(1)):
        assert has_batch_norm(under(nn.Sequential(layer, nn.Linear(1, 1))))
    assert not has_batch_norm(under(nn.Sequential(nn.Linear(1, 4), nn.LayerNorm(4), nn.Linear(4, 1))))
    assert np.isfinite(under(nn.Linear(1, 1)).scores(under(nn.Linear(1, 1)).real())).all()
