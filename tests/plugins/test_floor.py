"""The side of its floor that W1 lies on, and why it lies below: memorised or averaged, as far as distances tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Values
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import Gaussian, shifted_gaussians
from wganalyze_plugins.exact_w import ExactW

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""


@pytest.fixture(scope="session")
def ask(ask: Call) -> Call:
    """exact-w; without the test, which takes longest, unless it is asked for."""
    return partial(ask, analyzer=ExactW, permutations=0)


class Half(nn.Module):
    """z to ``share`` z: all samples drawn towards their mean, as a blur does."""

    def __init__(self, share: float = 0.5) -> None:
        super().__init__()
        self.share = share

    def forward(self, z: Tensor) -> Tensor:
        return self.share * z


class Stored(FiniteSource):
    """1,100 points in 64 dimensions, normal."""

    name: ClassVar[str] = "stored"
    help: ClassVar[str] = "1,100 points, for tests"
    shape = (64,)
    value_range = None

    def load(self) -> Values:
        return Values(np.random.default_rng(0).standard_normal((1100, 64)))


class Memory(nn.Module):
    """One of the stored points for each z."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("points", torch.from_numpy(Stored().load().values))

    def forward(self, z: Tensor) -> Tensor:
        share = torch.special.ndtr(z[:, 0].double())
        return self.get_buffer("points")[(share * 1100).long().clamp(max=1099)].to(z.dtype)


@pytest.mark.parametrize(
    ("held_out", "ending"),
    [
        (True, ""),
        (False, "; these are training data, so that memorisation is possible too: measure on held-out data"),
        (
            None,
            "; whether these are training data is unknown, so that memorisation is possible too: measure on held-out "
            "data",
        ),
    ],
)
def test_a_blur_lies_below_the_floor_and_the_words_say_what_that_is(
    ask: Call, study_of: Call, values: Call, findings: Call, held_out: bool | None, ending: str
) -> None:
    study = study_of(Stored(), Half(), latent=(64,), n=60, replicates=4)
    known = SnapshotStudy(study.snapshot, replace(study.deal, held_out=held_out))
    outcome = ask(known, permutations=99)
    found, said = values(outcome), findings(outcome)
    assert found["w1"] < found["w1_floor"]
    assert said["below-floor"].level == "warning"
    assert said["below-floor"].message.startswith(
        f"W1 {found['w1']:.4g} lies below its floor {found['w1_floor']:.4g} (paired over 4 replicates, p = "
    )
    assert "and no better for it; averaged (blurred): generated samples are " in said["below-floor"].message
    assert said["below-floor"].message.endswith(ending or f"real ones {said['below-floor'].message[-5:]}")
    assert said["below-floor"].evidence == ("w1", "w1_floor")
    assert "memoris" not in said["below-floor"].message or held_out is not True
    assert "it lies BELOW the floor, as that of averaged (blurred) or memorised" in said["told-apart"].message


def test_a_blur_of_an_endless_law_cannot_be_memorised(ask: Call, study_of: Call, findings: Call) -> None:
    outcome = ask(study_of(Gaussian(16), Half(), latent=(16,), n=60, replicates=3))
    assert "memoris" not in findings(outcome)["below-floor"].message


def test_copies_of_the_data_they_are_judged_on_are_called_memorised(
    ask: Call, study_of: Call, values: Call, findings: Call
) -> None:
    outcome = ask(study_of(Stored(), Memory(), latent=(64,), n=100, replicates=5))
    found, finding = values(outcome), findings(outcome)["below-floor"]
    assert found["w1"] < found["w1_floor"]
    assert "and no better for it; memorised: " in finding.message
    assert finding.message.endswith("3 times nearer to it than to the next; 0% of other real samples are)")


def test_under_another_ground_metric_the_cause_is_left_open(ask: Call, study_of: Call, findings: Call) -> None:
    outcome = ask(study_of(Stored(), Half(), latent=(64,), n=60, replicates=4), metric="l1")
    assert "averaged (blurred), or memorised; whether these" in findings(outcome)["below-floor"].message


def test_without_replicates_the_side_of_the_floor_is_not_tested(ask: Call, findings: Call) -> None:
    said = findings(ask(shifted_gaussians(shift=2, n=60, replicates=2), permutations=99))
    assert said["told-apart"].message.endswith(
        "it lies on neither side of the floor for certain, so that its size alone does not say what differs"
    )
