"""kmeans: distances and transports by other solvers, what a lost mode does to the counts, floors, words and limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import faiss
import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment, linprog
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Values
from wganalyze.study.sharing import Cache
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import check_analyzer, shifted_gaussians
from wganalyze_plugins import clustering, kmeans
from wganalyze_plugins.clustering import Clustering
from wganalyze_plugins.kmeans import KMeans, occupied
from wganalyze_plugins.toys import Ring8

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""


@pytest.fixture(scope="session")
def ask(ask: Call) -> Call:
    """kmeans."""
    return partial(ask, analyzer=KMeans)


@pytest.fixture(scope="session")
def study_of(study_of: Call) -> Call:
    """With what Ring eats."""
    return partial(study_of, latent=(4,))


class Ring(nn.Module):
    """z (b, 4) to the first ``modes`` of the eight modes of ring8, with ``deviation``."""

    def __init__(self, modes: int = 8, deviation: float = 0.02) -> None:
        super().__init__()
        self.modes, self.deviation = modes, deviation

    def forward(self, z: Tensor) -> Tensor:
        turn = torch.atan2(z[:, 1], z[:, 0]) / (2 * math.pi) + 0.5
        angle = (turn * self.modes).floor().clamp(max=self.modes - 1) * math.pi / 4
        return 2 * torch.stack([angle.cos(), angle.sin()], 1) + self.deviation * z[:, 2:]


def fitted(study: SnapshotStudy, k: int) -> Clustering:
    """The clusters that the analyzer finds."""
    return clustering.cluster(study.real(study.fit_size, split="fit").points, k, seed=0, redo=5)


# ---- definitions


def test_the_contract_is_kept(rows: Call) -> None:
    outcome = check_analyzer(KMeans, shifted_gaussians(n=64))
    assert set(rows(outcome)) == {metric.name for metric in KMeans.metrics}
    assert [table.name for table in KMeans.tables] == list(outcome.rows)


@pytest.mark.parametrize("k", [5, 20])
def test_distances_and_transports_are_those_of_other_solvers(ask: Call, values: Call, k: int) -> None:
    """Each centroid as many times as its weight asks for: an assignment by scipy. By mass: a linear programme."""
    study = shifted_gaussians(shift=1, dim=3, n=40)
    found = values(ask(study, k=k))
    centroids = fitted(study, k)
    sides: dict[str, list[list[float]]] = {"": [], "_floor": []}
    for r in range(3):
        real = study.real(replicate=r).points.astype(float)
        for name, sample in (("", study.fake(replicate=r)), ("_floor", study.real(replicate=r, split="x2"))):
            points = sample.points.astype(float)
            costs = cdist(points, centroids.centroids)
            repeated = np.repeat(costs, 40 // k, axis=1)
            uniform = repeated[linear_sum_assignment(repeated)].mean()
            marginals = np.concatenate([np.kron(np.eye(40), np.ones(k)), np.kron(np.ones(40), np.eye(k))])
            target = np.concatenate([np.full(40, 1 / 40), centroids.mass])
            by_mass = linprog(costs.ravel(), A_eq=marginals, b_eq=target).fun
            sides[name].append([costs.min(axis=1).mean(), cdist(points, real).min(axis=1).mean(), uniform, by_mass])
    metrics = ("nearest_centroid", "nearest_real", "w1_centroids", "w1_centroids_mass")
    for name, numbers in sides.items():
        for metric, number in zip(metrics, np.mean(numbers, axis=0), strict=True):
            assert found[f"{metric}{name}"] == pytest.approx(number, rel=1e-6), metric


def test_transport_to_centroids_is_no_shorter_than_to_the_nearest_ones(ask: Call, rows: Call, values: Call) -> None:
    outcome = ask(shifted_gaussians(dim=5, n=64))
    found, named = values(outcome), rows(outcome)
    for side in ("", "_floor"):
        for metric in ("w1_centroids", "w1_centroids_mass"):
            assert found[f"{metric}{side}"] >= found[f"nearest_centroid{side}"]
            assert named[f"{metric}{side}"].certificate == "exact"
        assert named[f"nearest_centroid{side}"].certificate == "none"
        assert named[f"nearest_centroid{side}"].interval is not None


def test_the_table_counts_all_samples(ask: Call, values: Call) -> None:
    study = shifted_gaussians(shift=1, dim=3, n=50)
    outcome = ask(study, k=6)
    table = outcome.rows["clusters"]
    assert [row["cluster"] for row in table] == list(range(6))
    for side in ("real", "fake"):
        assert sum(row[f"count_{side}"] for row in table) == 3 * 50
    assert sum(row["mass"] for row in table) == pytest.approx(1)
    centroids = fitted(study, 6).centroids
    fakes = np.concatenate([study.fake(replicate=r).points for r in range(3)]).astype(float)
    reals = np.concatenate([study.real(replicate=r).points for r in range(3)]).astype(float)
    others = np.concatenate([study.real(replicate=r, split="x2").points for r in range(3)]).astype(float)
    own, other = cdist(fakes, centroids), cdist(others, centroids)
    assert [row["count_fake"] for row in table] == list(np.bincount(own.argmin(axis=1), minlength=6))
    counts = np.bincount(cdist(reals, centroids).argmin(axis=1), minlength=6)
    assert [row["count_real"] for row in table] == list(counts)
    for row in table:
        here = own.argmin(axis=1) == row["cluster"]
        assert row["distance_fake"] == pytest.approx(own.min(axis=1)[here].mean() if here.any() else None)
        here = other.argmin(axis=1) == row["cluster"]
        assert row["distance_real"] == pytest.approx(other.min(axis=1)[here].mean() if here.any() else None)
    assert np.mean([row["matched_cosine"] for row in table]) == pytest.approx(values(outcome)["centroid_similarity"])
    weighted = sum(row["distance_fake"] * row["count_fake"] for row in table if row["count_fake"])
    assert weighted / 150 == pytest.approx(values(outcome)["nearest_centroid"])


def test_a_cluster_without_samples_has_no_distance(ask: Call, study_of: Call) -> None:
    outcome = ask(study_of(Ring8(), Ring(modes=1), n=100, replicates=3), k=8)
    empty = [row for row in outcome.rows["clusters"] if row["count_fake"] == 0]
    assert len(empty) == 7
    assert all(row["distance_fake"] is None and row["distance_real"] is not None for row in empty)


# ---- modes


def test_a_generator_of_the_law_itself_misses_nothing(ask: Call, study_of: Call, values: Call, findings: Call) -> None:
    outcome = ask(study_of(Ring8(), Ring(), n=200, replicates=3), k=8)
    found = values(outcome)
    assert (found["clusters_missing"], found["clusters_overproduced"], found["clusters"]) == (0, 0, 8)
    assert found["occupancy_distance"] < 0.15
    assert found["centroid_similarity"] == pytest.approx(1, abs=0.01)
    assert findings(outcome) == {}


@pytest.mark.parametrize(("modes", "over"), [(7, 0), (3, 3), (1, 1)])
def test_modes_that_are_dropped_are_missed(
    ask: Call,
    study_of: Call,
    values: Call,
    findings: Call,
    modes: int,
    over: int,
) -> None:
    """ring8 with k = 8: all other modes are missing; those kept get 8 / modes of their share."""
    outcome = ask(study_of(Ring8(), Ring(modes), n=200, replicates=3), k=8)
    found, said = values(outcome), findings(outcome)
    assert found["clusters_missing"] == 8 - modes
    assert found["clusters_overproduced"] == over
    assert found["occupancy_distance"] == pytest.approx(1 - modes / 8, abs=0.06)
    assert found["occupancy_distance_floor"] < 0.15
    missing = said["clusters-missing"]
    assert missing.level == "warning"
    assert missing.message == f"{8 - modes} of 8 clusters of real data get none of 600 generated samples"
    assert missing.evidence == ("clusters_missing", "occupancy_distance")
    assert ("clusters-overproduced" in said) == (over > 0)
    if over:
        assert said["clusters-overproduced"].level == "info"
        assert said["clusters-overproduced"].message == (
            f"{over} of 8 clusters of real data get more than twice their share"
        )
    counts = {row["cluster"]: row["count_fake"] for row in outcome.rows["clusters"]}
    assert sorted(counts.values())[: 8 - modes] == [0] * (8 - modes)


@pytest.mark.parametrize(
    ("fake", "real", "missing", "over"),
    [
        (0, 10, True, False),
        (0, 9, False, False),
        (1, 1000, False, False),
        (20, 10, False, False),
        (21, 10, False, False),
        (40, 10, False, True),
        (201, 100, False, True),
        (200, 100, False, False),
        (17, 0, False, True),
        (16, 0, False, False),
    ],
)
def test_chance_alone_makes_no_cluster_missing_or_overproduced(fake: int, real: int, missing: bool, over: bool) -> None:
    found = occupied(np.array([fake]), np.array([real]))
    assert (bool(found[0][0]), bool(found[1][0])) == (missing, over)


@pytest.mark.parametrize(("clusters", "least"), [(1, 10), (10, 10), (64, 13), (1000, 17)])
def test_more_clusters_ask_for_more_reals_before_one_is_missing(clusters: int, least: int) -> None:
    """Each of k clusters of equal laws lacks one side with probability 2^-count, all together below 1%."""
    for real in (least - 1, least):
        missing, _ = occupied(np.zeros(clusters, int), np.full(clusters, real))
        assert missing.all() == missing.any() == (real >= least)


@pytest.mark.parametrize("mean", [4, 5.5, 8])
def test_few_reals_in_a_cluster_rarely_look_missing(mean: float) -> None:
    """The worst that equal laws can do to 64 clusters: a handful of samples in each."""
    fake, real = np.random.default_rng(0).poisson(mean, (2, 2000, 64))
    missing = [occupied(*counts)[0].any() for counts in zip(fake, real, strict=True)]
    assert np.mean(missing) < 0.01


def test_equal_laws_rarely_look_different() -> None:
    """1,000 draws of multinomial counts in 64 clusters: over-production, and missing ones, in less than a hundredth."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(64), 1000)
    fake, real = rng.multinomial(1000, shares), rng.multinomial(1000, shares)
    missing, over = (np.array(side) for side in zip(*map(occupied, fake, real), strict=True))
    assert missing.any(axis=1).mean() < 0.01
    assert over.any(axis=1).mean() < 0.01


# ---- similarity


def test_two_seeds_find_the_same_where_there_are_clusters_and_not_where_there_are_none(
    ask: Call, study_of: Call, values: Call
) -> None:
    """The floor is what a similarity is held against: on noise it is far from 1 itself."""
    clustered = values(ask(study_of(Ring8(), Ring(), n=100, replicates=3), k=8))
    unclustered = values(ask(shifted_gaussians(shift=0, dim=16, n=100), k=25))
    assert clustered["centroid_similarity_floor"] == pytest.approx(1, abs=0.02)
    assert unclustered["centroid_similarity_floor"] < 0.8
    assert unclustered["centroid_similarity"] < 0.8


def test_the_similarity_stands_beside_its_floor_and_is_no_finding(ask: Call, rows: Call) -> None:
    """Two seeds share their data and a generator does not: its similarity is lower, be it perfect or not."""
    outcome = ask(shifted_gaussians(n=64))
    found = rows(outcome)
    assert found["centroid_similarity"].method == "cosines of matched centroids"
    assert found["centroid_similarity_floor"].method == "two seeds on the same real data"
    assert outcome.findings == []


@pytest.mark.parametrize(("deviation", "nearer"), [(0.0, True), (0.2, False)])
def test_a_blur_lies_nearer_to_the_centroids_than_the_data(
    ask: Call,
    study_of: Call,
    values: Call,
    findings: Call,
    deviation: float,
    nearer: bool,
) -> None:
    outcome = ask(study_of(Ring8(), Ring(deviation=deviation), n=100, replicates=3), k=8)
    found = values(outcome)
    assert (found["nearest_centroid"] < found["nearest_centroid_floor"]) == nearer
    assert ("nearer-than-real" in findings(outcome)) == nearer
    if nearer:
        message = findings(outcome)["nearer-than-real"].message
        assert message.startswith(
            f"generated samples lie nearer to the centroids ({found['nearest_centroid']:.4g}) than real ones do "
            f"({found['nearest_centroid_floor']:.4g}; paired over 3 replicates, p = "
        )
        assert message.endswith("): they are smoother than the data, as a pixel metric rewards")
        # A test takes three replicates.
        assert "nearer-than-real" not in findings(
            ask(study_of(Ring8(), Ring(deviation=deviation), n=100, replicates=2), k=8)
        )


def test_a_generator_that_yields_one_point_is_measured(ask: Call, study_of: Call, values: Call) -> None:
    class Point(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.tensor([2.0, 0.0]).expand(len(z), 2)

    found = values(ask(study_of(Ring8(), Point(), n=100, replicates=3), k=8))
    assert found["clusters_missing"] == 7
    assert -1 <= found["centroid_similarity"] <= 0.5
    assert found["centroid_similarity_floor"] == pytest.approx(1, abs=0.01)


# ---- what is computed once


def test_the_real_side_is_computed_once_for_all_snapshots(
    ask: Call, study_of: Call, values: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[int] = []
    comparisons: list[int] = []
    cluster, of_sample = clustering.cluster, kmeans.Comparison.of

    def fit(points: Any, k: int, *, seed: int, redo: int) -> Clustering:
        fits.append(seed)
        return cluster(points, k, seed=seed, redo=redo)

    def compare(*arguments: Any) -> kmeans.Comparison:
        comparisons.append(len(comparisons))
        return of_sample(*arguments)

    monkeypatch.setattr(clustering, "cluster", fit)
    monkeypatch.setattr(kmeans.Comparison, "of", compare)
    shared: Cache = {}
    studies = [study_of(Ring8(), Ring(modes), shared=shared, n=50, replicates=2) for modes in (8, 4, 2)]
    reports = [values(ask(study, k=8)) for study in studies]
    # Real data with two seeds, once; the fakes of each snapshot.
    assert sorted(fits) == [0, 0, 0, 0, 1]
    # Two replicates of fakes for each snapshot; two of real ones, once.
    assert len(comparisons) == 3 * 2 + 2
    for name in reports[0]:
        if name.endswith("_floor"):
            assert len({report[name] for report in reports}) == 1, name
    # Other options are other clusters.
    ask(studies[0], k=4)
    assert len(fits) == 5 + 3
    # What was shared is what each would have found alone.
    assert reports[0] == values(ask(study_of(Ring8(), Ring(8), n=50, replicates=2), k=8))


def test_the_same_study_gives_the_same_numbers(ask: Call) -> None:
    first, again = (ask(shifted_gaussians(dim=8, n=64)) for _ in range(2))
    assert first.measurements == again.measurements
    assert first.rows == again.rows
    assert first.findings == again.findings


# ---- sizes, and what the rows say


class Few(FiniteSource):
    """130 points in the plane."""

    name: ClassVar[str] = "few"
    help: ClassVar[str] = "130 points, for tests"
    shape = (2,)
    value_range = None

    def load(self) -> Values:
        return Values(np.random.default_rng(0).standard_normal((130, 2)))


def test_k_is_what_the_points_allow_and_the_rows_say_so(ask: Call, study_of: Call, rows: Call) -> None:
    study = study_of(Few(), Ring(), n=10, replicates=3)
    assert study.fit_size == 70
    found = rows(ask(study))
    assert found["clusters"].value == 70 // 4
    assert {row.message for row in found.values()} == {"k = 17: what 70 points allow, 4 to a centroid"}
    assert (found["clusters"].n, found["centroid_similarity"].n, found["nearest_real"].n) == (70, 70, 10)
    chosen = rows(ask(study, k=9))
    assert chosen["clusters"].value == 9
    assert {row.message for row in chosen.values()} == {""}
    plenty = rows(ask(shifted_gaussians(n=64)))
    assert plenty["clusters"].value == 64
    assert {row.message for row in plenty.values()} == {""}


def test_as_many_clusters_as_points_are_the_most_there_can_be(ask: Call, study_of: Call, values: Call) -> None:
    study = study_of(Few(), Ring(), n=10, replicates=3)
    assert values(ask(study, k=70))["clusters"] == 70
    outcome = ask(study, k=71, status="skipped")
    assert outcome.measurements == []
    assert outcome.message == "kmeans.k=71 clusters of 70 points: choose fewer, or a smaller --n"


@pytest.mark.parametrize("option", [{"k": 1}, {"k": 0}, {"redo": 0}])
def test_options_that_cannot_be_meant(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="k is at least 2, redo at least 1"):
        KMeans.Options(**option)


@pytest.mark.parametrize("replicates", [1, 3])
def test_every_row_says_where_it_ran_and_how_often(ask: Call, rows: Call, replicates: int) -> None:
    found = rows(ask(shifted_gaussians(n=40, replicates=replicates), k=4))
    where = "GPU" if faiss.get_num_gpus() else "CPU"
    assert {row.solver for row in found.values()} == {f"faiss {faiss.__version__} k-means on the {where}"}
    assert {row.space for row in found.values()} == {"critic input as stored, euclidean"}
    for name, row in found.items():
        assert (row.scope == "data") == (name == "clusters" or name.endswith("_floor"))
    for name, row in found.items():
        if row.interval is not None:
            shared = "" if name.startswith("nearest_real") else ", given these centroids"
            assert row.interval.method == f"Student t over {replicates} replicates, 95%{shared}"
    nearest = found["nearest_real"]
    assert (nearest.interval is not None) == (replicates >= 3)
    assert nearest.replicates == replicates
    assert nearest.method == f"mean over {replicates} fresh samples, 4 clusters"
