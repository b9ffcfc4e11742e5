"""Copies of what was trained on: told by neighbours, and by a test that other samples pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from wganalyze import FiniteSource, Samples, Values
from wganalyze.study.study import SnapshotStudy
from wganalyze_plugins.exact_w import ExactW
from wganalyze_plugins.memorisation import EACH, Neighbours, more_copies, two_nearest

Call = Callable[..., Any]
DIM = 16


def share_of_copies(points: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
    """Of one sample, in parts of EACH."""
    parts = np.array_split(points, -(-len(points) // EACH))
    return Neighbours.of([Samples(part, (points.shape[1],)) for part in parts], lambda _: targets).share


def test_copies_are_told_by_their_nearest_two() -> None:
    rng = np.random.default_rng(0)
    reals, others = rng.standard_normal((2, 200, 20))
    near = reals[:50] + 0.01 * rng.standard_normal((50, 20))
    assert share_of_copies(others, reals) == 0
    assert share_of_copies(near, reals) == 1
    assert share_of_copies(np.concatenate([near, others[:150]]), reals) == 0.25
    # A mean of several is as near to the one as to the other.
    assert share_of_copies(reals[:100] / 2 + reals[100:] / 2, reals) == 0


def test_in_a_plane_a_ninth_looks_like_copies_by_chance() -> None:
    """(d1/d2)^d is uniform for a smooth law."""
    x, y = np.random.default_rng(0).uniform(size=(2, 3000, 2))
    assert share_of_copies(x, y) == pytest.approx(1 / 9, abs=0.02)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_the_two_nearest_are_those_of_all_distances(offset: float) -> None:
    """Far from 0 too, where products in float32 would not tell neighbours apart."""
    x, y = offset + np.random.default_rng(1).standard_normal((2, 60, 5))
    brute = np.sort(np.linalg.norm(x[:, None] - y[None], axis=2), axis=1)[:, :2]
    np.testing.assert_allclose(two_nearest(x, y), brute, rtol=1e-9)
    assert (two_nearest(y[:10], y)[:, 0] == 0).all()


def neighbours(copies: int, total: int) -> Neighbours:
    """So many copies among so many samples."""
    return Neighbours([np.ones(total)], copies, total)


def test_more_copies_is_fishers_exact_test() -> None:
    from scipy.stats import fisher_exact

    for own, other in [(0, 0), (1, 0), (5, 0), (9, 3), (3, 9), (40, 40)]:
        table = [[own, 40 - own], [other, 40 - other]]
        expected = fisher_exact(table, alternative="greater").pvalue
        assert more_copies(neighbours(own, 40), neighbours(other, 40)) == pytest.approx(expected)


# ---- a study that knows what was trained on


class Points(FiniteSource):
    """Normal points of a seed."""

    name = "points"
    help = "normal points, for tests"
    shape = (DIM,)
    value_range = None

    def __init__(
        self, seed: int, size: int, scale: float = 1.0, value_range: tuple[float, float] | None = None
    ) -> None:
        self.seed, self.count, self.scale = seed, size, scale
        self.value_range = value_range  # type: ignore[misc]

    def load(self) -> Values:
        return Values(self.scale * np.random.default_rng(self.seed).standard_normal((self.count, DIM)))


class Recalled(nn.Module):
    """A share of the samples are points of the training data, the others are z."""

    def __init__(self, source: Points, share: float) -> None:
        super().__init__()
        self.register_buffer("points", torch.from_numpy(source.load().values).float())
        self.share = share

    def forward(self, z: Tensor) -> Tensor:
        points = self.get_buffer("points")
        u = torch.special.ndtr(z[:, -1].double())
        stored = points[(u * 1e6).long() % len(points)]
        return torch.where((torch.special.ndtr(z[:, -2]) < self.share)[:, None], stored, z[:, :DIM])


class Towards(nn.Module):
    """z, drawn towards its mean."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, z: Tensor) -> Tensor:
        return self.share * z[:, :DIM]


@pytest.fixture
def trained(study_of: Call) -> Call:
    """Makes a study with held-out data, and 500 samples that the generator was trained on."""

    def make(share: float, seed: int = 0) -> SnapshotStudy:
        training = Points(seed + 1000, 500)
        study = study_of(
            Points(seed, 1100), Recalled(training, share), latent=(DIM + 2,), n=100, replicates=5, seed=seed
        )
        return SnapshotStudy(study.snapshot, replace(study.deal, trained_on=training, held_out=True))

    return make


def test_a_generator_that_recalls_is_found_on_held_out_data(
    ask: Call, trained: Call, findings: Call, values: Call
) -> None:
    """W1 to held-out data cannot see it."""
    outcome = ask(trained(1.0), ExactW, permutations=99, sweep=0)
    found, said = values(outcome), findings(outcome)
    assert "below-floor" not in said
    assert (found["copies_of_training"], found["copies_of_training_floor"]) == (1, 0)
    assert found["nearest_training"] == pytest.approx(0, abs=1e-6)
    assert found["nearest_training_floor"] > 1
    assert said["memorised"].level == "warning"
    assert said["memorised"].message.startswith(
        "memorised: 100% of the generated samples are copies of a training sample"
    )


def test_below_the_floor_what_is_no_copy_is_averaged(ask: Call, trained: Call, findings: Call) -> None:
    study = trained(0.0)
    deal = replace(study.deal, trained_on=Points(7, 500))
    blurred = replace(study.snapshot, make_generator=lambda: Towards(0.6).eval())
    said = findings(ask(SnapshotStudy(blurred, deal), ExactW, permutations=0, sweep=0))
    assert "averaged (blurred)" in said["below-floor"].message
    assert "memoris" not in said["below-floor"].message
    assert "memorised" not in said


def test_a_few_copies_are_enough(ask: Call, trained: Call, findings: Call) -> None:
    assert "memorised" in findings(ask(trained(0.1), ExactW, permutations=0, sweep=0))


def test_a_generator_that_makes_its_own_is_not_called_memorising(ask: Call, trained: Call, findings: Call) -> None:
    for seed in range(5):
        assert "memorised" not in findings(ask(trained(0.0, seed), ExactW, permutations=0, sweep=0))


def test_without_training_data_nothing_is_said_of_them(ask: Call, study_of: Call, values: Call) -> None:
    found = values(ask(study_of(Points(0, 1100), nn.Identity(), latent=(DIM,), n=50), ExactW, permutations=0, sweep=0))
    assert not {name for name in found if "training" in name}


def test_training_data_of_another_range_are_brought_to_that_of_the_data(study_of: Call) -> None:
    study = study_of(Points(0, 1100, value_range=(0, 1)), n=50)
    training = Points(0, 400, 255.0, (0, 255))
    given = SnapshotStudy(study.snapshot, replace(study.deal, trained_on=training)).training
    assert given is not None
    order = np.lexsort(given.points.T)
    expected = study.deal.preprocessing.apply(Points(0, 400).load().values, (DIM,))
    np.testing.assert_allclose(given.points[order], expected[np.lexsort(expected.T)], rtol=1e-5, atol=1e-6)


def test_data_that_were_trained_on_cannot_show_what_is_near_by_chance(
    ask: Call, trained: Call, values: Call, findings: Call
) -> None:
    study = trained(1.0)
    held_out = study.deal.source
    inside = Points(0, 1100)
    both = replace(study.deal, source=inside, trained_on=inside)
    assert held_out.size == 1100
    outcome = ask(SnapshotStudy(study.snapshot, both), ExactW, permutations=0, sweep=0)
    assert not {name for name in values(outcome) if "training" in name}
    assert findings(outcome)["training-overlaps"].message.startswith("100% of the samples of --data are samples of")


def test_one_point_counts_once_however_often_it_is_drawn() -> None:
    """A generator that collapsed to a point near one of training is no memory."""
    rng = np.random.default_rng(0)
    targets = rng.standard_normal((500, DIM))
    collapsed = Samples(np.repeat(targets[:1] + 1e-3, 200, axis=0), (DIM,))
    others = Samples(rng.standard_normal((200, DIM)), (DIM,))
    own, floor = (Neighbours.of([side] * 5, lambda _: targets) for side in (collapsed, others))
    assert (own.copies, own.total, floor.total) == (1, 1, 200)
    assert more_copies(own, floor) == pytest.approx(1 / 201)
