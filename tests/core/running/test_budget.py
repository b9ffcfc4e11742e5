"""The sizes that a time allows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wganalyze import Analyzer, Measurement, Metric, Snapshot, Study, Yielded
from wganalyze.cells.measuring import Question
from wganalyze.contracts.samples import Preprocessing
from wganalyze.errors import WganalyzeError
from wganalyze.running.budget import FEW, SMALLEST, SPARE, WANTED, Cost, Plan, asked_for, choose, within_budget
from wganalyze.settings import defaults
from wganalyze.settings.facts import Said
from wganalyze.study.dealing import Deal
from wganalyze.testing import Gaussian

SECONDS = st.floats(1e-3, 1e6)
COSTS = st.builds(Cost, st.floats(0, 100), st.floats(1e-9, 1))


def of_data(size: int, replicates: int) -> int:
    """The most samples a split that so many data allow."""
    return min(size // (2 * replicates + 1), defaults.N)


@given(COSTS, st.integers(1, 500), SECONDS, st.integers(10**3, 10**6))
def test_a_plan_that_fits_is_foretold_to_fit_and_the_other_is_the_least(
    cost: Cost, snapshots: int, seconds: float, size: int
) -> None:
    most = partial(of_data, size)
    plan = choose(cost, snapshots, seconds, most, None)
    assert plan.replicates in (defaults.REPLICATES, FEW)
    assert plan.n <= most(plan.replicates)
    if plan.fits:
        assert cost.run(snapshots, plan.n, plan.replicates) <= SPARE * seconds * (1 + 1e-9)
    else:
        assert (plan.n, plan.replicates, plan.hurried) == (min(SMALLEST, most(FEW)), FEW, True)
        assert cost.run(snapshots, plan.n, FEW) > SPARE * seconds * (1 - 1e-9)


@given(COSTS, st.integers(1, 500), SECONDS, st.floats(1, 100))
def test_more_time_is_never_worth_less(cost: Cost, snapshots: int, seconds: float, factor: float) -> None:
    less, more = (choose(cost, snapshots, each, partial(of_data, 10**6), None) for each in (seconds, factor * seconds))
    assert more.fits or not less.fits
    assert more.n >= min(less.n, WANTED)
    assert (more.replicates, more.n) >= (less.replicates, less.n)


@given(COSTS, st.integers(1, 500), SECONDS)
def test_replicates_that_were_said_are_kept(cost: Cost, snapshots: int, seconds: float) -> None:
    assert choose(cost, snapshots, seconds, partial(of_data, 10**6), 4).replicates == 4


@given(COSTS, st.integers(1, 50), st.integers(2, 10**4), st.integers(1, 9))
def test_the_largest_size_takes_the_time_that_it_is_for(cost: Cost, snapshots: int, n: int, replicates: int) -> None:
    assume(cost.growing * n**1.5 > 1e-6 * cost.fixed)
    assert abs(cost.largest(snapshots, replicates, cost.run(snapshots, n, replicates)) - n) <= 1


@given(st.floats(0, 10), st.floats(1e-6, 1))
def test_two_trials_show_what_grows(fixed: float, growing: float) -> None:
    cost = Cost.of([(n, fixed + growing * n**1.5) for n in (64, 250)])
    assert cost.fixed == pytest.approx(fixed, rel=1e-6, abs=1e-6 * growing * 250**1.5)
    assert cost.growing == pytest.approx(growing, rel=1e-6, abs=1e-9 * fixed)
    assert Cost.of([(64, 2.0)]) == Cost(0.0, 2 / 64**1.5)
    assert Cost.of([(64, 2.0), (250, 1.0)]) == Cost(2.0, 0.0)  # noise


def test_what_was_chosen_is_said() -> None:
    assert Plan(900, 5, True, False).told(20, 300, "").note == (
        "n = 900, 5 replicates: what 20 snapshots can take in the 300 s of --budget here"
    )
    assert Plan(64, 3, False, True).told(20, 1.5, "").note == (
        "n = 64, 3 replicates, the fewest permutations: the least that tells something, though 20 snapshots may take "
        "over 1.5 s here"
    )


class Clocked(Analyzer):
    """A second, and another for 250 samples of which twice as many take 2.8."""

    name = "clocked"
    metrics = (Metric("n", "Samples."),)
    now = 0.0
    tried: Sequence[int] = ()

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Let the clock run."""
        Clocked.now += 1 + (study.n / 250) ** 1.5
        Clocked.tried = [*Clocked.tried, study.n]
        yield Measurement("n", study.n)


@pytest.mark.parametrize(
    ("budget", "n", "replicates", "tried"),
    [(1.0, 64, 3, 64), (40.0, 320, 3, 250), (120.0, 584, 5, 1000), (1e6, 2000, 5, 1000)],
)
def test_small_samples_are_tried_and_a_part_of_the_time_goes_into_them(
    monkeypatch: pytest.MonkeyPatch, budget: float, n: int, replicates: int, tried: int
) -> None:
    """Of ten snapshots, on a clock that does not run by itself."""
    monkeypatch.setattr(time, "perf_counter", lambda: Clocked.now)
    monkeypatch.setattr(Clocked, "now", 0.0)
    monkeypatch.setattr(Clocked, "tried", ())
    deal = Deal(Gaussian(2), "law", Preprocessing(), defaults.N, defaults.REPLICATES, 0)
    snapshots = [Snapshot(str(i), i, "step", ()) for i in range(10)]
    question = Question(Clocked, None)
    plan = within_budget(deal, lambda _: defaults.N, None, budget, snapshots, [question], "cpu")
    assert plan.replicates == replicates
    assert plan.n == pytest.approx(n, rel=0.25)
    assert max(Clocked.tried) == tried
    assert Clocked.now <= max(0.4 * budget, 2.5)


class Broken(Clocked):
    """Of a snapshot whose last step diverged."""

    name = "broken"
    fails: Sequence[str] = ()

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Fail, in no time."""
        if study.snapshot.label in self.fails:
            raise ValueError("NaN")
        yield from super().measure(study)


@pytest.mark.parametrize(("fails", "planned"), [((), True), (("9",), True), (tuple(map(str, range(10))), False)])
def test_a_snapshot_that_fails_quickly_is_no_measure(
    monkeypatch: pytest.MonkeyPatch, fails: Sequence[str], planned: bool
) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: Clocked.now)
    monkeypatch.setattr(Clocked, "now", 0.0)
    monkeypatch.setattr(Broken, "fails", fails)
    deal = Deal(Gaussian(2), "law", Preprocessing(), defaults.N, defaults.REPLICATES, 0)
    snapshots = [Snapshot(str(i), i, "step", ()) for i in range(10)]
    arguments = (deal, lambda _: defaults.N, None, 40.0, snapshots, [Question(Broken, None)], "cpu")
    if planned:
        assert within_budget(*arguments).n == pytest.approx(320, rel=0.25)
    else:
        with pytest.raises(WganalyzeError, match="no analyzer could measure anything in the trials"):
            within_budget(*arguments)


def test_a_plan_is_for_what_was_said_and_not_for_a_number_of_snapshots() -> None:
    deal = Deal(Gaussian(2), "law", Preprocessing(), defaults.N, defaults.REPLICATES, 0)
    said: Said = {"budget": 20.0}
    questions = [Question(Clocked, None)]
    digest = asked_for(said, deal, questions, "cpu")
    others = [
        asked_for({"budget": 21.0}, deal, questions, "cpu"),
        asked_for({"budget": 20.0, "replicates": 9}, deal, questions, "cpu"),
        asked_for({"budget": 20.0, "n": "max"}, deal, questions, "cpu"),
        asked_for(said, deal, [*questions, Question(Broken, None)], "cpu"),
        asked_for(said, deal, [Question(Clocked, 1)], "cpu"),
        asked_for(said, deal, questions, "cuda:0"),
    ]
    assert len({digest, *others}) == 7
    assert asked_for(said, deal, questions, "cpu") == digest
