"""critic-training: what a critic gains where the answer is known, and that nothing else is changed by it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.plugins.critics import Turned
from torch import Tensor, nn

from wganalyze import Latent
from wganalyze.cells.measuring import Outcome
from wganalyze.contracts.samples import Split, Values
from wganalyze.testing import Gaussian, check_analyzer, shifted_gaussians
from wganalyze.transport import penalised_dual
from wganalyze_plugins.dynamics.constraints import Constraint
from wganalyze_plugins.dynamics.continuation import Clock
from wganalyze_plugins.dynamics.critic_training import CriticTraining
from wganalyze_plugins.dynamics.objectives import Schedule, continued
from wganalyze_plugins.funnel import Funnel

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""
QUICK = {"steps": 20, "batch": 32, "samples": 48}
ENDLESS = {"seconds": None}


def table(outcome: Outcome, **where: Any) -> list[dict[str, Any]]:
    """Rows of the table in which some columns have these values."""
    return [dict(row) for row in outcome.rows["steps"] if all(row[k] == v for k, v in where.items())]


@pytest.fixture(scope="module")
def half(change: Call, ask: Call) -> Outcome:
    """A linear critic of slope 1/2 between two Gaussians at distance 3, whose potential is linear of slope 1."""
    study = change(shifted_gaussians(3.0, n=96, slope=0.5), penalty=10.0)
    outcome: Outcome = ask(study, CriticTraining, steps=600, rate=5e-3, **ENDLESS)
    return outcome


def test_the_contract_is_kept() -> None:
    outcome = check_analyzer(CriticTraining)
    assert {row.metric for row in outcome.measurements} == {metric.name for metric in CriticTraining.metrics}
    assert outcome.findings == []


def test_half_a_slope_rises_to_what_the_penalty_inflates_to(half: Outcome, values: Call) -> None:
    """The dual to W + W^2 / (2 lambda), the slope to 1 + W / (2 lambda), the objective by lambda (1 / 2)^2 more."""
    found, w1 = values(half), table(half)[0]["w1"]
    assert found["dual_raw"] == pytest.approx(w1 / 2, rel=0.01)
    assert found["dual_raw_penalised"] == pytest.approx(penalised_dual(w1, 10), rel=0.02)
    assert found["lipschitz_pair_penalised"] == pytest.approx(1 + w1 / 20, rel=0.02)
    objective = w1 + w1**2 / 40 - (w1 / 2 - 10 / 4)
    assert found["rise_penalised"] == pytest.approx(objective / w1, rel=0.02)
    assert found["steps_penalised"] == found["steps_transform"] == 600


def test_the_c_transform_brings_it_to_w1(half: Outcome, values: Call) -> None:
    found, w1 = values(half), table(half)[0]["w1"]
    assert found["dual_c_transform"] == pytest.approx(w1, rel=0.01)
    assert found["lipschitz_pair_transform"] == pytest.approx(1, rel=0.01)
    before = table(half, objective="c-transform")[0]["objective_value"]
    assert found["rise_transform"] == pytest.approx((w1 - before) / w1, rel=0.02)


def test_a_slope_that_grows_is_no_progress(half: Outcome, values: Call) -> None:
    """The critic was right up to scale: by K_pair and at its best scale it gains nothing."""
    found = values(half)
    for metric in ("rise_pair", "rise_best_scale"):
        for training in ("penalised", "transform"):
            assert found[f"{metric}_{training}"] == pytest.approx(0, abs=1e-3)
    (finding,) = half.findings
    assert (finding.code, finding.level) == ("far-from-maximum", "info")
    assert "gp penalty 10, the snapshot's own" in finding.message
    assert "its steepest pair goes from 0.5 to 1.1" in finding.message
    assert "from 100% to 100% of W1" in finding.message


def test_every_certified_bound_is_below_w1(half: Outcome, shifted: Call, ask: Call) -> None:
    rows = [*table(half), *table(ask(shifted(theta=0.5), CriticTraining, **QUICK))]
    assert {row["critic_steps"] for row in rows} == {0, 10, 20, 100, 600}
    for row in rows:
        for bound in ("dual_pair", "dual_c", "dual_c_best_scale", "dual_zero"):
            assert row[bound] is None or row[bound] <= row["w1"] * (1 + 1e-9)
        assert row["dual_c_best_scale"] >= max(row["dual_zero"], row["dual_pair"] or 0) * (1 - 1e-9)


class Potential(nn.Module):
    """-u of a funnel, its centres and biases to be trained."""

    def __init__(self, funnel: Funnel) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.from_numpy(funnel.centres))
        self.bias = nn.Parameter(torch.from_numpy(funnel.bias))

    def forward(self, x: Tensor) -> Tensor:
        return -((x[:, None] - self.centres).norm(dim=2) + self.bias).amin(dim=1, keepdim=True)


@pytest.mark.parametrize("dim", [2, 16])
def test_an_optimal_potential_rises_by_nothing(study_of: Call, change: Call, ask: Call, values: Call, dim: int) -> None:
    funnel = Funnel(f"{dim},4,0")
    study = change(study_of(funnel, critic=Potential(funnel), n=200, replicates=5), output="score", orientation=1)
    outcome = ask(study, CriticTraining, steps=200, **ENDLESS)
    found = values(outcome)
    assert found["rise_transform"] == pytest.approx(0, abs=0.01)
    assert found["rise_best_scale_transform"] == pytest.approx(0, abs=0.01)
    assert outcome.findings == []


def test_rows_are_those_of_the_table(half: Outcome, rows: Call) -> None:
    found = rows(half)
    for training, objective in (("penalised", "penalised"), ("transform", "c-transform")):
        lines = table(half, objective=objective)
        assert [line["critic_steps"] for line in lines] == [0, 10, 100, 600]
        assert [line["penalty"] is None for line in lines] == [training == "transform"] * 4
        for metric in ("dual_raw", "dual_pair", "dual_c", "dual_c_best_scale", "lipschitz_pair"):
            for line, suffix in ((lines[0], ""), (lines[-1], f"_{training}")):
                assert found[f"{metric}{suffix}"].value == pytest.approx(line[metric])
    assert found["rise_penalised"].interval.method == "Student t over 3 replicates, 95%, given this critic"
    assert {row.certificate for row in half.measurements} == {"none", "checked"}
    assert found["dual_c_penalised"].certificate == found["lipschitz_pair"].certificate == "checked"
    assert {row.n for row in half.measurements} == {96}


def test_it_is_repeated_and_changes_nothing(shifted: Call, ask: Call) -> None:
    study = shifted(theta=1.0)
    weights = [p.clone() for p in study.critic.parameters()]
    state = torch.random.get_rng_state()
    first, second = (ask(one, CriticTraining, **QUICK) for one in (study, shifted(theta=1.0)))
    assert first.measurements == second.measurements
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(before, now) for before, now in zip(weights, study.critic.parameters(), strict=True))
    assert not any(p.requires_grad for p in study.critic.parameters())


def test_time_that_is_up_ends_it(shifted: Call, ask: Call, rows: Call) -> None:
    """At the snapshot it is looked at in any case."""
    found = rows(ask(shifted(), CriticTraining, seconds=1e-9))
    assert found["steps_penalised"].value == found["steps_transform"].value == 0
    assert found["dual_raw"].value == found["dual_raw_penalised"].value == found["dual_raw_transform"].value
    assert found["rise_penalised"].status == "skipped"
    assert "stopped by critic-training.seconds = 1e-09 after 0 of 1000 steps" in found["rise_penalised"].message


def test_a_budget_is_kept_and_said(shifted: Call, ask: Call, rows: Call) -> None:
    """Of a few times what a short training takes on this machine."""
    for _ in range(2):  # the first one compiles
        begun = time.monotonic()
        ask(shifted(), CriticTraining, **QUICK, **ENDLESS)
    outcome = ask(shifted(), CriticTraining, **QUICK | {"seconds": 6 * (time.monotonic() - begun), "steps": 10**6})
    found = rows(outcome)
    for training, objective in (("penalised", "penalised"), ("transform", "c-transform")):
        steps = found[f"steps_{training}"].value
        assert 0 < steps < 10**6
        assert f"after {steps:.0f} of 1000000 steps" in found[f"rise_pair_{training}"].message
        assert table(outcome, objective=objective)[-1]["critic_steps"] == steps


def test_a_clock_keeps_a_reserve() -> None:
    assert not Clock(None).is_over()
    assert Clock(None).left is None
    clock = Clock(1000.0)
    assert not clock.is_over()
    assert Clock(1000.0, reserve=1001.0).is_over()
    assert clock.left == pytest.approx(1000, abs=100)


def test_training_that_diverges_ends_with_what_was_finite(shifted: Call, ask: Call, rows: Call) -> None:
    found = rows(ask(shifted(), CriticTraining, rate=1e30, **QUICK))
    assert found["dual_raw"].status == "ok"
    assert found["rise_penalised"].status == "skipped"
    assert (
        "step 0 is the last that was finite: choose a smaller critic-training.rate" in found["rise_penalised"].message
    )


class Broken(nn.Linear):
    """NaN, once it is given more than the few samples that a critic is tried on."""

    def forward(self, x: Tensor) -> Tensor:
        scores = super().forward(x)
        return scores if len(x) < 40 else scores * torch.nan


def test_a_critic_without_numbers_says_so(shifted: Call, ask: Call) -> None:
    outcome = ask(shifted(critic=Broken(2, 1)), CriticTraining, status="skipped", **QUICK)
    assert "NaN or infinity" in outcome.message


def test_a_critic_that_scores_real_low_is_turned(shifted: Call, ask: Call, mlp: Call, values: Call) -> None:
    plain = values(ask(shifted(), CriticTraining, **QUICK))
    turned = values(ask(shifted(critic=Turned(mlp(2, 16, 1)), orientation=-1), CriticTraining, **QUICK))
    assert plain == pytest.approx(turned)


class Batched(nn.Module):
    """BatchNorm and dropout before a linear score."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x)
        return scores


def test_batch_norm_and_dropout_are_frozen_and_judged_by_nobody(shifted: Call, ask: Call, rows: Call) -> None:
    """What such a critic maximised in train mode is another thing: no finding of it, however much it gains."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        critic = Batched()
    mean = critic.layers[1].running_mean.clone()
    study = shifted(critic=critic, output="score", penalty=10.0)
    first, second = (ask(study, CriticTraining, steps=100, rate=1e-2) for _ in range(2))
    assert first.measurements == second.measurements
    assert first.findings == []
    found = rows(first)
    assert found["rise_penalised"].interval.low > 0.1
    assert "BatchNorm keeps the statistics of the snapshot and dropout is off" in found["rise_penalised"].message
    assert torch.equal(mean, critic.layers[1].running_mean)


def test_a_constraint_that_was_never_its_own_makes_no_fault(change: Call, ask: Call, rows: Call) -> None:
    outcome = ask(shifted_gaussians(3.0, n=96, slope=0.5), CriticTraining, steps=100, rate=1e-2, **ENDLESS)
    found = rows(outcome)["rise_penalised"]
    assert found.interval.low > 0.5
    assert found.message == "gp penalty 10, not known to be the snapshot's"
    assert outcome.findings == []


def test_a_discriminator_maximises_something_else(change: Call, ask: Call, rows: Call) -> None:
    """What a penalised dual gains says nothing of where it was left; what it certifies is told all the same."""
    study = change(shifted_gaussians(3.0, n=96, slope=0.5), penalty=10.0, output="logit")
    outcome = ask(study, CriticTraining, steps=100, rate=1e-2, **ENDLESS)
    found = rows(outcome)
    assert "gradients.value_rise" in found["rise_penalised"].message
    assert found["rise_pair_penalised"].status == found["rise_transform"].status == "ok"
    assert outcome.findings == []


class Labelled(Gaussian):
    """Of two classes."""

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        return Values(super().draw(n, split, offset=offset, seed=seed).values, np.arange(n) % 2)


class Conditional(nn.Module):
    """Adds a number for each class."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layer, self.moves = nn.Linear(2, dim), nn.Embedding(2, dim)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        moved: Tensor = self.layer(x) + self.moves(labels)
        return moved


def test_a_conditional_critic_is_left_and_a_conditional_generator_is_not(
    study_of: Call, change: Call, ask: Call, values: Call, mlp: Call
) -> None:
    """A frozen generator is its samples; a critic is trained on without labels only."""
    study = study_of(Labelled(2), Conditional(2), critic=Conditional(1), n=48, replicates=2)
    conditional = change(study, latent=Latent("normal", (2,), 2))
    assert "conditional" in ask(conditional, CriticTraining, status="skipped", **QUICK).message
    plain = change(study, latent=Latent("normal", (2,), 2), critic=mlp(2, 8, 1))
    assert values(ask(plain, CriticTraining, **QUICK))["steps_penalised"] == 20


class Programme(nn.Linear):
    """Says that it has no gradients, as an ONNX program does."""

    no_gradient = "a program without gradients"


class Mixing(nn.Linear):
    """A score that depends on its batch."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(dim=0))


class Double(nn.Linear):
    """Takes float64 alone, as programs do that were exported so."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.float64:
            raise TypeError("expected a double")
        return super().forward(x)


class Fixed(nn.Module):
    """Has nothing to train."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1]


@pytest.mark.parametrize(
    ("critic", "reason"),
    [
        (Programme(2, 1), "without gradients"),
        (Mixing(2, 1), "no function of one sample"),
        (Double(2, 1), "cannot be trained on in float32: expected a double"),
        (Fixed(), "no parameters that could be trained"),
    ],
)
def test_a_critic_that_cannot_be_continued_says_why(shifted: Call, ask: Call, critic: nn.Module, reason: str) -> None:
    outcome = ask(shifted(critic=critic), CriticTraining, status="skipped", **QUICK)
    assert reason in outcome.message


def test_stored_samples_are_enough(study_of: Call, ask: Call, values: Call, mlp: Call) -> None:
    """A frozen generator is its samples: the other side of a pair, where there is none."""
    found = values(ask(study_of(Funnel("2,4,0"), critic=mlp(2, 16, 1), n=64, replicates=3), CriticTraining, **QUICK))
    assert found["steps_transform"] == 20


class Nothing(Gaussian):
    """The origin, always."""

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        return Values(np.zeros((n, *self.shape)))


def test_equal_samples_have_no_share(study_of: Call, ask: Call, rows: Call, mlp: Call) -> None:
    """A rise is a share of W1."""
    origin = nn.Linear(2, 2, bias=False)
    nn.init.zeros_(origin.weight)
    found = rows(ask(study_of(Nothing(2), origin, critic=mlp(2, 4, 1), n=8, replicates=2), CriticTraining, **QUICK))
    assert found["rise_transform"].message == "W1 of held-out samples is 0: real and generated samples are equal"
    assert found["dual_c"].value == pytest.approx(0, abs=1e-9)
    assert "no slope" in found["lipschitz_pair"].message


def test_options() -> None:
    for wrong in ({"steps": 0}, {"batch": 1}, {"samples": 1}, {"rate": 0}, {"penalty": -1}, {"seconds": 0}):
        with pytest.raises(ValueError, match=r"at least|positive|above"):
            CriticTraining.Options(**wrong)


@pytest.mark.parametrize(("kind", "weight"), [("gp", 10.0), ("lp", 10.0), ("clip", 0.05)])
def test_who_was_trained_to_the_end_hears_nothing_and_who_was_not_does(
    change: Call, ask: Call, mlp: Call, kind: str, weight: float
) -> None:
    """The same network, trained under one constraint on other samples of the same laws for 5 steps and for 1,500."""
    base = shifted_gaussians(4.0, n=96, replicates=5)
    facts = {"constraint": kind, f"weight_{kind}": weight}
    net, draws = nn.Sequential(mlp(2, 32, 32, 1), nn.Flatten(0)), torch.Generator().manual_seed(1)
    real = torch.randn(4000, 2, generator=draws)
    fake = torch.randn(4000, 2, generator=draws) + 4 / 2**0.5
    schedule = Schedule((5, 1500), 64, 1e-3, Constraint(((kind, weight),), True))
    heard = []
    for _ in continued(net, "penalised", real, fake, schedule, draws):
        frozen = copy.deepcopy(net[0])
        outcome = ask(change(base, critic=frozen, facts=facts), CriticTraining, steps=100, rate=1e-3, **ENDLESS)
        heard.append([finding.code for finding in outcome.findings])
    assert heard == [["far-from-maximum"], []]
