"""forgetting: a generator that cannot forget, one that cannot remember, and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.testing import Gaussian, check_analyzer
from wganalyze_plugins.dynamics.forgetting import Forgetting
from wganalyze_plugins.dynamics.primal import BEFORE, Batch, Trial

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""
QUICK = {"batch": 8, "later": 20, "trials": 3, "steps": 10, "rate": 0.05}


class Lookup(nn.Module):
    """A parameter of its own for nearly every z: nothing that one batch learns is touched by another."""

    def __init__(self, count: int = 2**16) -> None:
        super().__init__()
        self.count, self.table = count, nn.Parameter(torch.zeros(count, 2))

    def forward(self, z: Tensor) -> Tensor:
        share = torch.special.ndtr(z[:, 0].double())
        return self.table[(share * self.count).long().clamp(max=self.count - 1)]


class Point(nn.Module):
    """One point for all z: what suits a batch suits no other."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(2))

    def forward(self, z: Tensor) -> Tensor:
        return self.theta + 0 * z


@pytest.fixture(scope="session")
def study(study_of: Call) -> Call:
    """Of normal data in the plane."""
    return lambda generator: study_of(Gaussian(2), generator, n=100, replicates=3)


def test_the_contract_is_kept() -> None:
    outcome = check_analyzer(Forgetting)
    assert outcome.findings == []
    assert {row["later"] for row in outcome.rows["batches"]} == {BEFORE, 0, 1, 10, 100}


def test_a_generator_with_a_parameter_for_each_z_forgets_nothing(study: Call, ask: Call, values: Call) -> None:
    found = values(ask(study(Lookup()), Forgetting, **QUICK))
    assert found["gain_fresh"] > 0.2
    assert found["gain_kept"] >= 0.95 * found["gain_fresh"]
    assert found["forgotten"] < 0.05
    assert found["gain_unseen"] == pytest.approx(0, abs=0.01)


def test_a_generator_of_one_point_forgets_all(study: Call, ask: Call, rows: Call) -> None:
    found = rows(ask(study(Point()), Forgetting, **{**QUICK, "later": 40, "trials": 6}))
    assert found["gain_fresh"].value > 0
    interval = found["forgotten"].interval
    assert interval.low < 1 < interval.high
    assert interval.low > 0
    assert found["forgotten"].value == pytest.approx(1 - found["gain_kept"].value / found["gain_fresh"].value)


def test_the_table_gives_the_metrics(study: Call, ask: Call, values: Call) -> None:
    outcome = ask(study(Lookup()), Forgetting, **QUICK)
    costs = {(row["trial"], row["later"]): (row["cost"], row["cost_unseen"]) for row in outcome.rows["batches"]}
    fresh = [
        (1 - costs[k, 0][0] / costs[k, -1][0]) - (1 - costs[k, 0][1] / costs[k, -1][1]) for k in range(QUICK["trials"])
    ]
    assert values(outcome)["gain_fresh"] == pytest.approx(np.mean(fresh))
    assert values(outcome)["gain_unseen"] == pytest.approx(
        np.mean([1 - costs[k, 20][1] / costs[k, -1][1] for k in range(3)])
    )


def test_training_moves_towards_optimal_partners() -> None:
    """Two points that stand crosswise are matched uncrossed, and each goes straight to its own."""
    generator = Lookup(2)
    with torch.no_grad():
        generator.table.copy_(torch.tensor([[0.0, 0.0], [4.0, 0.0]]))
    batch = Batch(torch.tensor([[-1.0], [1.0]]), torch.tensor([[5.0, 0.0], [1.0, 0.0]]))
    assert batch.cost(generator) == pytest.approx(1)
    batch.train(generator, torch.optim.SGD(generator.parameters(), 0.1), 1)
    np.testing.assert_allclose(generator.table.detach().numpy(), [[0.05, 0], [4.05, 0]], atol=1e-6)


def test_gains_are_beyond_those_of_an_unseen_batch() -> None:
    trial = Trial({BEFORE: (4.0, 5.0), 0: (2.0, 5.0), 100: (3.0, 4.0)})
    assert trial.excess(0) == pytest.approx(0.5)
    assert trial.excess(100) == pytest.approx(0.25 - 0.2)
    assert trial.fall_unseen(100) == pytest.approx(0.2)


def test_nothing_gained_is_nothing_forgotten(study: Call, ask: Call, rows: Call) -> None:
    found = rows(ask(study(Lookup()), Forgetting, **{**QUICK, "rate": 1e4}))["forgotten"]
    assert (found.status, "nothing can be forgotten" in found.message) == ("skipped", True)


def test_it_is_repeated_and_changes_nothing(study: Call, ask: Call) -> None:
    generator = Lookup()
    state = torch.random.get_rng_state()
    first, second = (ask(study(generator), Forgetting, **QUICK) for _ in range(2))
    assert first.measurements == second.measurements
    assert first.rows == second.rows
    assert bool((generator.table == 0).all())
    assert torch.equal(state, torch.random.get_rng_state())


def test_too_few_samples_say_what_to_do(study_of: Call, ask: Call) -> None:
    outcome = ask(study_of(Gaussian(2), Point(), n=5, replicates=1), Forgetting, status="skipped")
    assert "choose a smaller forgetting.batch" in outcome.message


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"later": 0}, {"batch": 1}, {"rate": 0}, {"trials": 0}])
def test_options_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="are positive, batch is at least 2"):
        Forgetting.Options(**wrong)
