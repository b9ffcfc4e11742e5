"""The search on a study: its methods, critics with labels, inverted probabilities, and critics that mix samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.samples import Samples
from wganalyze.contracts.snapshot import Latent
from wganalyze.study.study import SnapshotStudy
from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace
from wganalyze_plugins.lipschitz.places import sample_places
from wganalyze_plugins.lipschitz.slopes import (
    STARTS,
    find_slopes,
    flat,
    no_function_of_one_sample,
    points_of,
    score_of,
    steepest,
)

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""

Places = dict[str, list[Samples]]


class Scaled(nn.Module):
    """A critic that is a function of points alone."""

    def __init__(self, body: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


@pytest.fixture(scope="session")
def under(under: Call) -> Call:
    """Few Gaussians in the plane, under a critic."""
    return partial(under, n=60, replicates=2)


def places_of(study: SnapshotStudy) -> Places:
    """All three places."""
    found = sample_places(study, 40)
    return {place: samples for place, samples in found.items() if not isinstance(samples, str)}


def test_the_methods_by_name(under: Call) -> None:
    study = under(nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 1)))
    traced = trace(study.critic, (2,))
    places = places_of(study)
    at_samples, pairs, on_pairs, climb, ascent = (
        "gradients at samples",
        "pairs of samples",
        "ascent on pairs",
        "Gaussian climb",
        "ascent on a smoothed copy",
    )
    assert [s.method for s in find_slopes(study, places, traced, 5)] == [at_samples, pairs, on_pairs, climb, ascent]
    assert [s.method for s in find_slopes(study, places, None, 5)] == [at_samples, pairs, on_pairs, climb]
    assert [s.method for s in find_slopes(study, places, traced, 0)] == [at_samples, pairs]
    del places["real"]
    assert [s.method for s in find_slopes(study, places, traced, 0)] == [at_samples]


def test_slopes_are_the_same_twice_and_those_of_samples_are_not_steeper_than_the_climb(under: Call) -> None:
    torch.manual_seed(1)
    study = under(nn.Sequential(nn.Linear(2, 9), nn.LeakyReLU(0.2), nn.Linear(9, 1)))
    places = places_of(study)
    found = find_slopes(study, places, None, 20)
    assert found == find_slopes(study, places, None, 20)
    assert found[2].value >= found[0].value
    assert found[3].value >= found[0].value


def test_in_the_plane_a_wide_critic_has_its_climb_too(under: Call) -> None:
    """In single precision, certified in double: what a climb in double precision finds is found."""
    torch.manual_seed(3)
    study = under(nn.Sequential(nn.Linear(2, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 1)))
    places = places_of(study)
    searched = find_slopes(study, places, None, 40)
    assert [s.method for s in searched][-1] == "Gaussian climb"
    x = points_of(study, steepest(study, [samples for each in places.values() for samples in each]))
    climbed = lower.hill_climb(flat(study.critic), x, 40)
    assert max(s.value for s in searched) >= 0.97 * lower.steepest_slope(flat(study.critic), climbed, "").value


def test_a_large_critic_is_searched_by_ascents_on_pairs_alone(under: Call) -> None:
    """Which find no less than a climb and an ascent on smoothed copies do, of a convolutional critic."""
    torch.manual_seed(2)
    critic = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 48, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(48, 48, 3, 2, 1),
        nn.LeakyReLU(0.2), nn.Conv2d(48, 32, 3, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(128, 1),
    )  # fmt: skip
    study = under(critic, dim=64)
    traced, places = trace(study.critic, (64,)), places_of(study)
    searched = find_slopes(study, places, traced, 60)
    assert [s.method for s in searched] == ["gradients at samples", "pairs of samples", "ascent on pairs"]
    x = torch.cat([points_of(study, samples) for each in places.values() for samples in each])[:32]
    score = flat(study.critic)
    smooth = [flat(lower.smoothed(traced.graph, beta)) for beta in lower.BETAS]
    thorough = (lower.hill_climb(score, x, 60), lower.ascend(score, smooth, x, 60))
    best = max(lower.steepest_slope(score, points, "").value for points in thorough)
    assert searched[-1].value >= 0.97 * best


def test_the_search_starts_at_the_steepest_samples(under: Call) -> None:
    study = under(Scaled(lambda x: (x**2).sum(1)))  # the gradient is 2 x
    samples = [s for found in places_of(study).values() for s in found]
    everything = np.concatenate([s.points for s in samples])
    expected = np.sort(np.linalg.norm(everything, axis=1))[::-1][:STARTS]
    found = steepest(study, samples)
    np.testing.assert_allclose(np.linalg.norm(found.points, axis=1), expected)


def test_samples_without_a_gradient_do_not_come_first(under: Call) -> None:
    study = under(Scaled(lambda x: 0 * (-x[:, 0]).sqrt() + x[:, 1]))
    samples = [Samples(np.array([[1.0, 0.0], [-1.0, 5.0]] * 20), (2,))]
    found = steepest(study, samples)
    assert (found.points[:20, 0] < 0).all()


def test_of_an_inverted_probability_the_logit_counts(under: Call) -> None:
    class Probability(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (1 + torch.tanh(1.5 * x[:, 0])) / 2  # sigmoid(3 x), which is not to be seen

    study = under(Probability(), output="probability")
    assert study.head.invert
    for slope in find_slopes(study, places_of(study), None, 5):
        assert slope.value <= 3
    assert find_slopes(study, places_of(study), None, 0)[0].value == pytest.approx(3, rel=1e-6)


def test_digits_that_a_saturated_probability_has_lost_prove_no_slope(under: Call) -> None:
    class Probability(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(x[:, 0] + 30)

    study = under(Probability(), output="probability")
    assert max(slope.value for slope in find_slopes(study, places_of(study), None, 5)) <= 1


# Labels


class Conditional(nn.Module):
    """Slope 1 at the label 0, slope 7 at the label 1; and a jump of 1000 between the labels."""

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return (1 + 6 * labels) * x[:, 0] + 1000 * labels


def conditional(under: Call, labels: list[int]) -> tuple[SnapshotStudy, Places]:
    """A study of it, with samples at some labels."""
    latent = Latent("normal", (2,), classes=2, encoding="index")
    study = under(Conditional(), latent=latent, make_generator=None)
    rng = np.random.default_rng(0)

    def samples() -> list[Samples]:
        return [Samples(rng.standard_normal((len(labels), 2)), (2,), np.array(labels))]

    return study, {"real": samples(), "fake": samples()}


def test_a_conditional_critic_is_steep_at_a_label_and_not_between_labels(under: Call) -> None:
    study, places = conditional(under, [0, 1] * 20)
    found = find_slopes(study, places, None, 5)
    assert [slope.method for slope in found] == ["gradients at samples", "ascent on pairs", "Gaussian climb"]
    for slope in found:
        assert slope.value == pytest.approx(7, rel=1e-6)
        assert slope.value <= 7
    study, places = conditional(under, [0] * 10)
    assert find_slopes(study, places, None, 5)[1].value == pytest.approx(1, rel=1e-6)


def test_the_labels_stay_with_their_points(under: Call) -> None:
    study, places = conditional(under, [0, 1, 1, 0])
    samples = places["real"][0]
    score = score_of(study, samples)
    x = torch.from_numpy(samples.points)
    np.testing.assert_allclose(score(x), study.scores(samples))
    np.testing.assert_allclose(score(x.repeat(3, 1)).reshape(3, -1)[2], study.scores(samples))


# Critics that mix samples


@pytest.mark.parametrize(
    ("critic", "mixes"),
    [
        (nn.Linear(2, 1), False),
        (nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1)), False),
        (nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1)), False),
        (nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False), nn.Linear(2, 1)), True),
        (Scaled(lambda x: x[:, 0] + x.std(0, unbiased=False).mean()), True),
        (Scaled(lambda x: x[:, 0] / len(x)), True),
    ],
)
def test_a_critic_that_mixes_samples_is_known(under: Call, critic: nn.Module, mixes: bool) -> None:
    study = under(critic)
    assert ("mixes the samples" in no_function_of_one_sample(study, study.real())) is mixes
