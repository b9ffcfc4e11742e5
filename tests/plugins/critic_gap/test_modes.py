"""Train mode: what BatchNorm makes of the loss, by batch; nothing of a critic without it, and no buffer changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze.testing import shifted_gaussians

Call = Callable[..., Any]
WEIGHT = torch.tensor([-1.0, 0.0])
TRAIN = ("dual_train_separate", "dual_train_mixed")


def test_batches_of_their_own_tell_nothing_apart_and_mixed_ones_do(
    critique: Call, change: Call, rows: Call, batch_normed: Call
) -> None:
    """Normalised apart, both sides have mean 0; mixed, the real ones stay on their side."""
    critic = batch_normed(WEIGHT)
    found = rows(critique(change(shifted_gaussians(4, 2, n=128), critic)))
    assert found["dual_train_separate"].value == pytest.approx(0, abs=1e-3)
    assert found["dual_train_mixed"].value > 1
    assert found["dual_raw"].value == pytest.approx(4 / 2**0.5, rel=0.1)
    assert found["dual_train_separate"].mode == "train, batches of 64, real and fake apart"
    assert found["dual_train_mixed"].mode == "train, batches of 64 that mix real and fake"
    assert found["dual_train_mixed"].n == 128
    assert torch.equal(critic[0].running_mean, torch.zeros(2))


def test_without_batch_norm_the_modes_agree(critique: Call, rows: Call) -> None:
    found = rows(critique(shifted_gaussians(n=40)))
    for metric in (*TRAIN, "gradient_norm_train"):
        assert (found[metric].status, found[metric].message) == (
            "skipped",
            "the critic has no BatchNorm: its modes agree",
        )


class Refuses(nn.Module):
    """In train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            raise RuntimeError("no training here\nat all")
        return self.norm(x)[:, :1]


def test_a_critic_that_does_not_run_in_train_mode_keeps_its_other_numbers(
    critique: Call, change: Call, rows: Call
) -> None:
    found = rows(critique(change(shifted_gaussians(3, n=40), Refuses())))
    for metric in TRAIN:
        assert found[metric].message == "the critic does not run in train mode: no training here"
    assert found["dual_raw"].value is not None
    assert found["gradient_norm_transport"].value is not None
