"""gradients: what vanishes as a discriminator nears its optimum, what stays, and that nothing is changed by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.plugins.critics import Turned
from torch import Tensor, nn

from wganalyze import Latent
from wganalyze.cells.measuring import Outcome
from wganalyze.testing import check_analyzer
from wganalyze_plugins.dynamics.branches import Branch, Trained
from wganalyze_plugins.dynamics.gradients import Gradients, decades
from wganalyze_plugins.dynamics.held_out import Batches, Reading

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""
QUICK = {"critic_steps": 30, "batch": 32}


def table(outcome: Outcome, name: str, **where: Any) -> list[dict[str, Any]]:
    """Rows of a table in which some columns have these values."""
    return [dict(row) for row in outcome.rows[name] if all(row[k] == v for k, v in where.items())]


@pytest.fixture(scope="module")
def apart(shifted: Call, ask: Call) -> Outcome:
    """Two laws that hardly overlap, trained on far enough."""
    outcome: Outcome = ask(shifted(theta=5.0), Gradients, critic_steps=400, batch=32, rate=5e-3)
    return outcome


def test_the_contract_is_kept() -> None:
    outcome = check_analyzer(Gradients)
    assert {row.metric for row in outcome.measurements} == {metric.name for metric in Gradients.metrics}
    assert outcome.findings == []


def test_the_saturating_gradient_vanishes_where_the_discriminator_is_optimal(apart: Outcome, values: Call) -> None:
    found = values(apart)
    assert found["saturating_share_late"] < 0.05 * found["saturating_share"]
    assert found["norm_saturating_late"] < 0.05 * found["norm_wasserstein_late"]
    assert found["norm_nonsaturating_late"] > found["norm_nonsaturating"]
    assert found["norm_wasserstein_late"] > 0.5
    assert found["saturation"] < 0.1 < 0.9 < found["saturation_late"]
    assert found["value_rise"] > 0.5
    assert [row["accuracy"] for row in table(apart, "steps", objective="penalised")] == [None] * 4


def test_noise_restores_the_gradient(shifted: Call, ask: Call, values: Call) -> None:
    found = values(ask(shifted(theta=5.0), Gradients, critic_steps=400, batch=32, rate=5e-3, noise=3.0))
    assert found["saturating_share_noise"] > 3 * found["saturating_share_late"]
    assert found["norm_saturating_noise"] > 3 * found["norm_saturating_late"]


def test_the_objectives_reach_what_they_claim(apart: Outcome, values: Call) -> None:
    """In the plane, 5 sqrt 2 apart: W1 is known, and both critics come near it; f = 0 does not."""
    found = values(apart)
    last = table(apart, "critic", objective="c-transform")[-1]
    assert last["w1"] == pytest.approx(5 * 2**0.5, rel=0.1)
    assert last["estimate"] <= last["w1"] + 1e-9
    assert found["transform_error"] < 0.05
    assert found["transform_error"] < found["zero_error"]
    # Inflated by the penalty: W^2 / 20 above W.
    assert 0.1 < found["penalised_error"] < 0.6
    assert found["dual_rise"] > 0.5


def test_every_c_transform_estimate_is_below_w1(shifted: Call, ask: Call) -> None:
    rows = table(ask(shifted(theta=0.5), Gradients, **QUICK), "critic", objective="c-transform")
    assert [row["critic_steps"] for row in rows] == [0, 10, 30]
    assert all(max(row["estimate"], row["zero_estimate"]) <= row["w1"] + 1e-9 for row in rows)


def test_rows_are_those_of_the_table(apart: Outcome, rows: Call) -> None:
    found = rows(apart)
    for objective, loss, suffix in (
        ("logistic", "saturating", "saturating"),
        ("logistic", "non-saturating", "nonsaturating"),
        ("penalised", "wasserstein", "wasserstein"),
    ):
        lines = table(apart, "steps", objective=objective, loss=loss, noise=0.0)
        assert [line["critic_steps"] for line in lines] == [0, 10, 100, 400]
        assert lines[0]["cosine"] == pytest.approx(1)
        for line, when in ((lines[0], ""), (lines[-1], "_late")):
            assert found[f"norm_{suffix}{when}"].value == pytest.approx(line["norm"])
            assert found[f"sd_{suffix}{when}"].value == pytest.approx(line["sd"])
    assert found["norm_saturating"].interval.method == "Student t over 3 replicates, 95%, given this critic"
    assert found["value_rise"].interval.method == "Student t over 9 batches, 95%, given this critic"
    assert found["penalised_error"].message.startswith("gp penalty 10, not known to be the snapshot's")


def test_it_is_repeated_and_changes_nothing(shifted: Call, ask: Call, change: Call) -> None:
    study = shifted(theta=1.0)
    weights = [p.clone() for net in (study.snapshot.generator, study.critic) for p in net.parameters()]
    state = torch.random.get_rng_state()
    first, second = ask(study, Gradients, **QUICK), ask(shifted(theta=1.0), Gradients, **QUICK)
    assert first.measurements == second.measurements
    assert first.rows == second.rows
    assert torch.equal(state, torch.random.get_rng_state())
    after = [p for net in (study.snapshot.generator, study.critic) for p in net.parameters()]
    assert all(torch.equal(before, now) for before, now in zip(weights, after, strict=True))
    assert not any(p.requires_grad for p in study.snapshot.generator.parameters())
    # A sign that is turned twice, and a penalty that is known.
    known = ask(change(study, penalty=3.0), Gradients, **QUICK)
    assert "gp penalty 3, the snapshot's own; Adam 0.0005" in {row.message for row in known.measurements}


def test_a_critic_that_scores_real_low_is_turned(shifted: Call, ask: Call, mlp: Call, change: Call) -> None:
    plain = ask(shifted(), Gradients, **QUICK)
    turned = ask(shifted(critic=Turned(mlp(2, 16, 1)), orientation=-1), Gradients, **QUICK)
    assert [row.value for row in plain.measurements] == pytest.approx([row.value for row in turned.measurements])


def test_a_discriminator_with_a_sigmoid_is_read_as_its_logit(shifted: Call, ask: Call, mlp: Call) -> None:
    plain = ask(shifted(), Gradients, **QUICK)
    closed = ask(shifted(critic=nn.Sequential(*mlp(2, 16, 1), nn.Sigmoid())), Gradients, **QUICK)
    assert [row.value for row in plain.measurements] == pytest.approx([row.value for row in closed.measurements])


def test_a_score_is_known_up_to_a_constant(shifted: Call, ask: Call, mlp: Call) -> None:
    """Of a critic that gives scores D is made fair; a logit is taken at its word."""
    moved = mlp(2, 16, 1)
    with torch.no_grad():
        moved[-1].bias += 30
    plain, other = (ask(shifted(critic=c, output="score"), Gradients, **QUICK) for c in (None, moved))
    assert [row.value for row in plain.measurements] == pytest.approx([row.value for row in other.measurements], 1e-3)
    logit = {row.metric: row.value for row in ask(shifted(critic=moved), Gradients, **QUICK).measurements}
    assert logit["saturating_share"] > 0.999
    assert "sigmoid(f - c)" in next(row.message for row in plain.measurements if row.metric == "value_rise")


class Batched(nn.Module):
    """BatchNorm and dropout before a linear score."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x)
        return scores


def test_batch_norm_and_dropout_stay_as_they_sample(shifted: Call, ask: Call) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        critic = Batched()
    mean = critic.layers[1].running_mean.clone()
    first, second = (ask(shifted(critic=critic), Gradients, **QUICK) for _ in range(2))
    assert first.measurements == second.measurements
    assert torch.equal(mean, critic.layers[1].running_mean)


def test_conditional_snapshots_are_left(shifted: Call, ask: Call, change: Call) -> None:
    study = change(shifted(), latent=Latent("normal", (2,), 10))
    outcome = ask(study, Gradients, status="skipped")
    assert "conditional" in outcome.message


def test_training_that_diverges_is_no_number(shifted: Call, ask: Call) -> None:
    outcome = ask(shifted(), Gradients, critic_steps=30, batch=16, rate=1e30)
    absent = {row.metric: row.message for row in outcome.measurements if row.status == "skipped"}
    assert "diverged: choose a smaller gradients.rate" in absent["norm_wasserstein_late"]
    assert "norm_saturating" not in absent


def test_a_rise_is_measured_where_its_step_was_not_chosen() -> None:
    """Every other batch likes another step by chance: neither gain is counted where it was seen."""
    nothing = np.zeros((4, 2, 1))
    batches = Batches(nothing, nothing, np.ones(4), "cpu")

    def trained(steps: int, duals: list[float]) -> Trained:
        on_x = np.repeat(np.array(duals)[:, None], 2, axis=1)
        return Trained(steps, Reading(batches, on_x, np.zeros((4, 2))), {}, np.zeros(4))

    chance = [trained(0, [0, 0, 0, 0]), trained(1, [1, -1, 1, -1]), trained(2, [-1, 1, -1, 1])]
    np.testing.assert_array_equal(Branch("penalised", 0.0, chance).rise, [-1, -1, -1, -1])
    real = [trained(0, [0, 0, 0, 0]), trained(1, [2, 1, 2, 3])]
    np.testing.assert_array_equal(Branch("penalised", 0.0, real).rise, [2, 1, 2, 3])


def test_decades_and_options() -> None:
    assert decades(1000) == (0, 10, 100, 1000)
    assert decades(30) == (0, 10, 30)
    assert decades(5) == (0, 5)
    for wrong in ({"critic_steps": 0}, {"batch": 1}, {"rate": 0}, {"noise": -1}, {"penalty": -1}):
        with pytest.raises(ValueError, match=r"at least|positive"):
            Gradients.Options(**wrong)


def test_a_rise_is_of_the_objective_and_not_of_the_dual_alone() -> None:
    """A critic that breaks its constraint has a large dual; what it gives back in dual it gains in penalty."""
    batches = Batches(np.zeros((4, 2, 1)), np.zeros((4, 2, 1)), np.ones(4), "cpu")

    def trained(steps: int, dual: float, penalty: float) -> Trained:
        reading = Reading(batches, np.full((4, 2), dual), np.zeros((4, 2)))
        return Trained(steps, reading, {}, np.full(4, penalty))

    branch = Branch("penalised", 0.0, [trained(0, 5.0, 9.0), trained(1, 2.0, 0.5)])
    assert branch.rise == pytest.approx(np.full(4, (2 - 0.5) - (5 - 9)))
