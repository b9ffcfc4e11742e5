"""divergences: laws whose JS, KL and TV are known, discriminators that are optimal, and what is absent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze import Embedding, Points, Samples
from wganalyze.cells.embedded import Space
from wganalyze.cells.measuring import Question, measure
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import check_analyzer, shifted_gaussians
from wganalyze_plugins.dynamics.divergences import Divergences, Held
from wganalyze_plugins.pairs import Gaussians, Lines

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""


class Optimal(nn.Module):
    """The log-ratio of densities of N(0, I) and N(shift e_1, I), times ``scale``."""

    def __init__(self, shift: float, scale: float = 1.0) -> None:
        super().__init__()
        self.shift, self.scale = shift, nn.Parameter(torch.tensor(scale))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * (self.shift**2 / 2 - self.shift * x[:, :1])


@pytest.fixture(scope="module")
def gaussians(study_of: Call, change: Call, ask: Call) -> Any:
    """A pair of Gaussians with its optimal discriminator."""
    study = study_of(Gaussians("2,1.5"), critic=Optimal(1.5), n=400, replicates=4)
    return ask(change(study, output="logit", orientation=1), Divergences)


def test_the_contract_is_kept() -> None:
    outcome = check_analyzer(Divergences)
    with pytest.raises(ValueError, match="probe_steps"):
        Divergences.Options(probe_steps=0)
    assert outcome.findings == []
    absent = {row.metric: row.message for row in outcome.measurements if row.status == "skipped"}
    assert "js_own" in absent


def test_bounds_lie_below_what_is_known_and_near_it(gaussians: Any, rows: Call) -> None:
    found, known = rows(gaussians), Gaussians("2,1.5").known
    for metric, truth in (("js_probe", known["js"]), ("tv_probe", known["tv"]), ("bounded_dual", 2 * known["tv"])):
        low, high = found[metric].interval.low, found[metric].interval.high
        assert low - (high - low) / 2 < truth, metric  # in expectation below: a twofold interval may not exclude it
        assert found[metric].value == pytest.approx(truth, abs=0.2 * truth), metric
        assert found[metric].interval.method.endswith("given this probe")
    assert found["kl_probe"].value == pytest.approx(known["kl"], rel=0.35)
    assert found["probe_accuracy"].value == pytest.approx((1 + known["tv"]) / 2, abs=0.03)
    for name in ("js", "kl", "tv"):
        assert found[f"{name}_known"].value == known[name]
    assert found["value_known"].value == pytest.approx(-math.log(4) + 2 * known["js"])
    assert found["value_probe"].value == pytest.approx(-math.log(4) + 2 * found["js_probe"].value)
    assert found["js_probe"].scope == "data"  # no network of the snapshot took part


def test_floors_are_those_of_one_law(gaussians: Any, values: Call) -> None:
    found = values(gaussians)
    assert found["probe_accuracy_floor"] == pytest.approx(0.5, abs=0.05)
    assert found["js_probe_floor"] < 0.01
    assert found["bounded_dual_floor"] == pytest.approx(0, abs=0.15)


def test_the_optimal_discriminator_reaches_js_and_a_probe_comes_near_it(gaussians: Any, rows: Call) -> None:
    found = rows(gaussians)
    js = found["js_own"]
    assert js.interval.low - 0.01 < Gaussians("2,1.5").known["js"] < js.interval.high + 0.01
    assert found["dstar_distance_own"].value == pytest.approx(0, abs=1e-6)
    assert 0 < found["dstar_distance"].value < 0.08
    lines = gaussians.rows["probe"]
    assert [line["steps"] for line in lines[:3]] == [0, 10, 100]
    distances = [line["dstar_distance"] for line in lines[:3]]
    assert distances == sorted(distances, reverse=True)
    assert found["dstar_distance"].value < 0.5 * distances[0]


def test_a_discriminator_that_is_too_sure_bounds_less(study_of: Call, change: Call, ask: Call, values: Call) -> None:
    study = study_of(Gaussians("2,0.5"), critic=Optimal(0.5, 40.0), n=400, replicates=3)
    found = values(ask(change(study, output="logit", orientation=1), Divergences))
    assert found["js_own"] < 0  # not clipped
    assert found["dstar_distance_own"] > 0.3


def test_lines_share_nothing(study_of: Call, ask: Call, rows: Call, findings: Call) -> None:
    outcome = ask(study_of(Lines("0.5"), n=400, replicates=3), Divergences)
    found = rows(outcome)
    assert found["js_probe"].value == pytest.approx(math.log(2), abs=1e-3)
    assert found["tv_probe"].value == found["probe_accuracy"].value == 1
    assert found["bounded_dual"].value == pytest.approx(2, abs=1e-2)
    # It grows with the samples only: the truth is infinite.
    assert 3 < found["kl_probe"].value <= 1 + math.log(8192)
    assert (found["kl_known"].status, found["kl_known"].value) == ("skipped", None)
    assert found["kl_known"].message.startswith("infinite")
    assert found["js_known"].value == math.log(2)
    assert "dstar_distance" not in found
    (apart,) = findings(outcome).values()
    assert (apart.level, apart.code) == ("info", "supports-apart")


def test_the_family_of_lines_jumps_at_zero(gaussians: Any) -> None:
    table = gaussians.rows["lines"]
    assert [line["theta"] for line in table] == [k / 8 for k in range(9)]
    assert [line["w1"] for line in table] == [line["theta"] for line in table]
    assert {line["js"] for line in table[1:]} == {math.log(2)}
    assert (table[0]["js"], table[0]["tv"], table[0]["kl"]) == (0, 0, 0)


def test_few_samples_do_not_prove_that_supports_are_apart(study_of: Call, ask: Call, findings: Call) -> None:
    """All of 120 on the right side: the limit at level .01 is .96."""
    assert findings(ask(study_of(Lines("0.5"), n=20, replicates=3), Divergences)) == {}


@pytest.mark.parametrize("seed", range(2))
def test_a_perfect_generator_is_never_called_apart(study_of: Call, ask: Call, findings: Call, seed: int) -> None:
    study = study_of(Gaussians("2,0"), n=400, replicates=3, seed=seed)
    assert findings(ask(study, Divergences, probe_steps=200)) == {}


def test_the_measures_of_scores_by_hand() -> None:
    held = Held(np.array([2.0, 0.0, -1.0]), np.array([-3.0, 1.0, 0.0]))

    def d(scores: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-scores))

    by_hand = math.log(2) + (np.log(d(held.on_real)).mean() + np.log(1 - d(held.on_fake)).mean()) / 2
    assert held.js == pytest.approx(by_hand)
    assert held.accuracy == pytest.approx((1 + 0.5 + 0 + 1 + 0 + 0.5) / 6)
    assert held.kl(10) == pytest.approx(1 + held.on_real.mean() - np.exp(held.on_fake).mean())
    assert held.kl(1) == pytest.approx(1 + 0 - np.exp([-1, 1, 0]).mean())
    assert Held(np.zeros(7), np.zeros(7)).js == 0


def test_scores_are_no_logits(study_of: Call, change: Call, ask: Call, rows: Call) -> None:
    study = study_of(Gaussians("2,1"), critic=Optimal(1), n=60, replicates=3)
    for output, words in (("score", "gives a score, no logit"), (None, "is taken for a score")):
        js = rows(ask(change(study, output=output, orientation=1), Divergences))["js_own"]
        assert (js.status, words in js.message) == ("skipped", True)


def test_it_is_repeated_and_leaves_the_global_state(study_of: Call, ask: Call) -> None:
    before = torch.random.get_rng_state()
    first, second = (ask(study_of(Gaussians("2,1"), n=60, replicates=3), Divergences) for _ in range(2))
    assert first.measurements == second.measurements
    assert first.rows == second.rows
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_space_that_forgets_the_difference_leaves_none() -> None:
    """It looks at samples alone, and is asked in any space: of the one axis that the laws differ in, or of another."""

    class Axis(Embedding):
        name, help = "axis", "for tests"

        def __init__(self, axis: int) -> None:
            super().__init__()
            self.axis = axis

        def embed(self, samples: Samples) -> Points:
            return samples.points[:, self.axis : self.axis + 1]

    base = shifted_gaussians(shift=0.0, n=200)
    moved = replace(base.snapshot, make_generator=lambda: Moved().eval())
    study = SnapshotStudy(moved, base.deal)
    found = {}
    for axis in (0, 1):
        question = Question(Divergences, Divergences.Options(probe_steps=200), space=Space(f"axis {axis}", Axis(axis)))
        found[axis] = {row.metric: row for row in measure(study, question).measurements}
    assert found[0]["probe_accuracy"].value > 0.9
    assert found[1]["probe_accuracy"].value < 0.6
    assert "holds samples" in found[0]["js_own"].message


class Moved(nn.Module):
    """z, four to the right."""

    def forward(self, z: Tensor) -> Tensor:
        return z + torch.tensor([4.0, 0.0])
