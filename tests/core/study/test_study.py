"""The Study: shared quantities are computed once, and what is missing is explained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Samples, Split, Values
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.contracts.study import Need
from wganalyze.errors import CheckpointError, DataError, NotMeasurable
from wganalyze.running.sizes import make_deal
from wganalyze.settings.facts import Said
from wganalyze.statistics import auc, student_t
from wganalyze.study.sharing import Cache
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import Gaussian, shifted_gaussians

MakeRows = Callable[[int], FiniteSource]


def linear(weight: float, dim: int = 2) -> nn.Module:
    """A linear map by a multiple of the identity."""
    layer = nn.Linear(dim, dim)
    layer.load_state_dict({"weight": weight * torch.eye(dim), "bias": torch.zeros(dim)})
    return layer.eval().requires_grad_(False)


def snapshot(label: str = "snap", weight: float | None = 1.0, **more: Any) -> Snapshot:
    """A snapshot whose generator multiplies z by ``weight``."""
    make = None if weight is None else (lambda: linear(weight))
    return Snapshot(label, 0, "step", (), make_generator=make, latent=Latent(shape=(2,)), **more)


# Estimates


def test_an_estimate_calls_once_for_each_replicate() -> None:
    study, asked = shifted_gaussians(replicates=4), []

    def measured(replicate: int) -> float:
        asked.append(replicate)
        return 10.0 * replicate

    estimate = study.estimate(measured)
    assert asked == [0, 1, 2, 3]
    assert estimate == student_t((0.0, 10.0, 20.0, 30.0))


def test_the_interval_covers_the_truth() -> None:
    """Over 200 seeds, a 95% interval for E f(real) - E f(fake) = 1 misses it 10 times on average."""

    def misses(seed: int) -> bool:
        study = shifted_gaussians(shift=1, n=20, replicates=5, seed=seed)
        interval = study.estimate(
            lambda r: study.scores(study.real(None, r)).mean() - study.scores(study.fake(None, r)).mean()
        ).interval
        assert interval is not None
        return not interval.low <= 1 <= interval.high

    assert 1 <= sum(misses(seed) for seed in range(200)) <= 24


# What there is


def test_needs_that_are_met() -> None:
    study = shifted_gaussians()
    assert [study.lacks(need) for need in Need] == [""] * len(Need)
    assert all(study.has(need) for need in Need)


def test_without_data() -> None:
    study = SnapshotStudy(shifted_gaussians().snapshot, None)
    reason = "no data: say --data NAME (wganalyze plugins lists the sources)"
    assert study.lacks(Need.REAL) == reason
    assert study.has(Need.FAKE)
    assert study.has(Need.CRITIC)
    for ask in (study.real, lambda: study.n, lambda: study.replicates, lambda: study.dim):
        with pytest.raises(NotMeasurable, match="no data: say --data NAME"):
            ask()
    assert (study.seed, study.space, study.known_w1, study.held_out) == (0, "critic input", None, None)
    assert len(study.fake(10)) == 10


def test_without_networks_the_reason_is_the_snapshots() -> None:
    deal = shifted_gaussians().deal
    bare = snapshot(weight=None, missing={"critic": "say --critic MODULE:FACTORY"})
    study = SnapshotStudy(bare, deal)
    for need in (Need.FAKE, Need.GENERATOR):
        assert study.lacks(need) == "no generator: the snapshot has none"
    for need in (Need.CRITIC, Need.SCORES, Need.GRADIENT):
        assert study.lacks(need) == "no critic: say --critic MODULE:FACTORY"
    with pytest.raises(NotMeasurable, match="no generator"):
        study.fake()
    with pytest.raises(NotMeasurable, match="say --critic MODULE:FACTORY"):
        study.scores(study.real())


class Pair(Gaussian):
    """Standard normal, and the same moved by 3 along the first axis."""

    name = "pair"
    is_pair = True

    def draw_pair(self, n: int, split: Split, *, seed: int) -> Values:
        moved = split.rng(seed, "other").standard_normal((n, *self.shape))
        moved[:, 0] += 3
        return Values(moved)

    @property
    def known_w1(self) -> float:
        return 3.0


def test_a_pair_stands_in_for_a_generator() -> None:
    deal = make_deal(Pair(2), Said(n=500, replicates=1), None)
    study = SnapshotStudy(snapshot(weight=None), deal)
    assert study.has(Need.FAKE)
    assert not study.has(Need.GENERATOR)
    assert study.known_w1 == 3.0
    other = study.fake()
    assert other.shared
    assert abs(other.points[:, 0].mean() - 3) < 0.2
    with_generator = SnapshotStudy(snapshot(weight=1.0), deal)
    assert with_generator.known_w1 is None
    assert abs(with_generator.fake().points[:, 0].mean()) < 0.2


# Samples


def test_every_snapshot_sees_the_same_z() -> None:
    shared: Cache = {}
    deal = make_deal(Gaussian(2), Said(n=50, replicates=2, seed=4), None)
    first, second = (SnapshotStudy(snapshot(f"s{w}", w), deal, shared) for w in (1.0, 3.0))
    for replicate in range(2):
        for split in ("x", "x2", "fit"):
            z = first.fake(20, replicate, split)
            np.testing.assert_allclose(second.fake(20, replicate, split).points, 3 * z.points, rtol=1e-6)
    assert not np.array_equal(first.fake(20, 0).points, first.fake(20, 1).points)
    assert not np.array_equal(first.fake(20, 0).points, first.fake(20, 0, "x2").points)
    reseeded = SnapshotStudy(snapshot(), replace(deal, seed=5))
    assert not np.array_equal(first.fake(20).points, reseeded.fake(20).points)


def test_real_samples_are_drawn_once_for_the_run_and_fakes_once_for_the_snapshot() -> None:
    shared: Cache = {}
    deal = make_deal(Gaussian(2), Said(n=50, replicates=2), None)
    first, second = (SnapshotStudy(snapshot(f"s{w}", w), deal, shared) for w in (1.0, 3.0))
    assert first.real() is second.real(50, 0, "x")
    assert first.real() is not first.real(split="x2")
    assert first.fake() is first.fake()
    assert first.fake() is not second.fake()
    assert not any("fake" in str(key) for key in shared)


@settings(deadline=None, max_examples=20)
@given(n=st.integers(2, 8), replicates=st.integers(1, 4))
def test_the_study_hands_out_disjoint_rows(distinct_rows: MakeRows, n: int, replicates: int) -> None:
    deal = make_deal(distinct_rows(100), Said(n=n, replicates=replicates), None)
    study = SnapshotStudy(snapshot(), deal)
    rows = [study.real(None, r, split).points[:, 0] for r in range(replicates) for split in ("x", "x2")]
    rows.append(study.real(n, split="fit").points[:, 0])
    assert len(np.unique(np.concatenate(rows))) == n * (2 * replicates + 1)
    with pytest.raises(DataError):
        study.real(replicate=replicates)


def test_a_generator_of_another_size_than_the_data() -> None:
    study = SnapshotStudy(snapshot(), make_deal(Gaussian(5), Said(n=20), None))
    with pytest.raises(
        CheckpointError, match=r"snap: the generator makes samples of shape \(2,\), the data are \(5,\)"
    ):
        study.fake()


# The critic


def test_scores_and_gradients_of_a_known_critic() -> None:
    study = shifted_gaussians(shift=2, dim=3, slope=5)
    x = study.real()
    direction = -np.ones(3) / math.sqrt(3)
    np.testing.assert_allclose(study.scores(x), 5 * x.points @ direction, atol=1e-5)
    np.testing.assert_allclose(study.gradient(x), np.tile(5 * direction, (len(x), 1)), rtol=1e-6)
    assert study.critic_shape == (3,)
    assert study.critic_note == ""


def test_scores_are_computed_once_for_keyed_samples() -> None:
    study = shifted_gaussians()
    x = study.real()
    assert study.scores(x) is study.scores(x)
    assert study.scores(x) is not study.scores(x, "train")
    assert study.gradient(x) is study.gradient(x)
    unkeyed = x.take(slice(None))
    assert study.scores(unkeyed) is not study.scores(unkeyed)
    moved = x.with_points(x.points + 1)
    assert not np.allclose(study.scores(moved), study.scores(x))


@pytest.mark.parametrize(("slope", "expected"), [(1.0, 1), (-1.0, -1)])
def test_the_orientation_is_found_from_data_and_said(slope: float, expected: int) -> None:
    known = shifted_gaussians(shift=4, slope=slope)
    study = SnapshotStudy(replace(known.snapshot, orientation=None), known.deal)
    assert study.assumptions == ()
    assert study.orientation == expected
    side = "high" if expected == 1 else "low"
    assert study.assumptions[-1].startswith(f"critic scores real {side}: found from the data")
    assert math.isclose(study.orientation_auc, auc(study.scores(study.real()), study.scores(study.fake())))
    said = SnapshotStudy(replace(known.snapshot, orientation=-expected), known.deal)
    assert said.orientation == -expected
    assert said.assumptions == ()


def test_stored_samples_stand_in_for_a_generator() -> None:
    known = shifted_gaussians(n=20, replicates=2)
    stored = Samples(np.arange(240, dtype=np.float32).reshape(120, 2), (2,))
    study = SnapshotStudy(replace(known.snapshot, make_generator=None, make_samples=lambda: stored), known.deal)
    assert not study.lacks(Need.FAKE)
    assert study.lacks(Need.GENERATOR)
    drawn = [study.fake(replicate=r, split=split) for r in (0, 1) for split in ("x", "x2")]
    drawn.append(study.fake(40, split="fit"))
    rows = np.concatenate([samples.points for samples in drawn])
    assert len(np.unique(rows[:, 0])) == len(rows) == 120
    assert study.fake() is study.fake()
    assert study.transport(study.real(), study.fake()).exact
    with pytest.raises(NotMeasurable, match="stores 120 samples, 121 are needed for all splits"):
        study.fake(41, split="fit")


def test_stored_samples_of_another_shape_are_no_answer() -> None:
    known = shifted_gaussians(n=20, replicates=2)
    stored = Samples(np.zeros((500, 3), np.float32), (3,))
    study = SnapshotStudy(replace(known.snapshot, make_generator=None, make_samples=lambda: stored), known.deal)
    with pytest.raises(NotMeasurable, match=r"its stored samples have the shape \(3,\), the data are \(2,\)"):
        study.fake()


def test_stored_bytes_are_mapped_as_the_plan_maps_them(distinct_rows: MakeRows) -> None:
    deal = make_deal(distinct_rows(60), Said(n=4, replicates=2), None)
    points = np.arange(60, dtype=np.float32).reshape(30, 2)
    stored = Snapshot("s", 0, "", (), make_samples=lambda: Samples(points, (2,)), samples_range=(0.0, 255.0))
    mapped = SnapshotStudy(stored, deal).fake(4).points
    plain = SnapshotStudy(replace(stored, samples_range=None), deal).fake(4).points
    np.testing.assert_array_equal(mapped, deal.from_range(plain, (2,), (0.0, 255.0)))


def test_a_critic_without_gradients_says_so() -> None:
    class Program(nn.Module):
        no_gradient = "an ONNX program; no operator of it has a derivative"

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.detach().sum(1)

    known = shifted_gaussians()
    study = SnapshotStudy(replace(known.snapshot, make_critic=lambda: Program().eval()), known.deal)
    assert study.lacks(Need.GRADIENT) == Program.no_gradient
    assert study.has(Need.SCORES)
    assert len(study.scores(study.real())) == study.n
    assert SnapshotStudy(known.snapshot, known.deal).has(Need.GRADIENT)


def test_noise_turns_no_sign() -> None:
    """Of a critic that cannot tell real from fake, the AUC lies below 1/2 half of the time."""
    for seed in range(8):
        known = shifted_gaussians(shift=0, n=50, seed=seed)
        study = SnapshotStudy(replace(known.snapshot, orientation=None), known.deal)
        assert study.orientation == 1


def test_the_critics_input_has_the_shape_of_the_samples() -> None:
    critic = nn.Sequential(nn.Conv2d(1, 1, 2), nn.Flatten(), nn.Linear(4, 1)).eval()
    image = nn.Sequential(linear(1.0, 9), nn.Unflatten(1, (3, 3))).eval()
    drawn = Snapshot(
        "snap", 0, "step", (), make_generator=lambda: image, make_critic=lambda: critic, latent=Latent(shape=(9,))
    )
    study = SnapshotStudy(drawn, None)
    assert study.critic_shape == (1, 3, 3)
    assert len(study.scores(study.fake(6))) == 6
    assert study.assumptions[0] == "critic input reshaped to (1, 3, 3)"
    with pytest.raises(NotMeasurable, match="shape of the critic's input is unknown"):
        _ = SnapshotStudy(replace(drawn, make_generator=None), None).head


# Caches, transport


def test_cached_scopes() -> None:
    shared: Cache = {}
    first, second = (SnapshotStudy(snapshot(), None, shared) for _ in range(2))
    calls: list[str] = []

    def make(what: str) -> Callable[[], str]:
        def call() -> str:
            calls.append(what)
            return what

        return call

    assert first.cached("k", make("a")) == first.cached("k", make("b")) == "a"
    assert second.cached("k", make("c")) == "c"
    assert first.cached("k", make("d"), scope="data") == second.cached("k", make("e"), scope="data") == "d"
    assert first.cached("none", lambda: None) is None
    assert first.cached("none", lambda: calls.append("again")) is None
    assert calls == ["a", "c", "d"]
    assert SnapshotStudy(snapshot(), None).cached("k", make("f"), scope="data") == "f"


def test_transport_between_real_samples_is_shared_over_snapshots() -> None:
    shared: Cache = {}
    deal = make_deal(Gaussian(2), Said(n=30, replicates=2), None)
    first, second = (SnapshotStudy(snapshot(f"s{w}", w), deal, shared) for w in (1.0, 3.0))
    floor = first.transport(first.real(), first.real(split="x2"))
    assert second.transport(second.real(), second.real(split="x2")) is floor
    assert first.transport(first.real(), first.real(split="x2"), p=2) is not floor
    to_fake = first.transport(first.real(), first.fake())
    assert first.transport(first.real(), first.fake()) is to_fake
    assert second.transport(second.real(), second.fake()).value != to_fake.value
    unkeyed = Samples(first.real().points, (2,))
    assert math.isclose(first.transport(unkeyed, first.fake()).value, to_fake.value, rel_tol=1e-9)
