"""minibatch: Gaussians and digits whose tables are known, closed forms, other solvers, sharing, and the words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from wganalyze.cells.measuring import Outcome
from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.measurement import Measurement
from wganalyze.contracts.samples import Split, Values
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.settings.options import make_options
from wganalyze.study.sharing import Cache
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import Gaussian, check_analyzer, shifted_gaussians
from wganalyze.transport import wasserstein
from wganalyze_plugins import clustering
from wganalyze_plugins.digits import Digits
from wganalyze_plugins.minibatch import METRICS, OF_BOTH, OF_REAL, MiniBatch

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""


@pytest.fixture(scope="session")
def ask(ask: Call) -> Call:
    """minibatch, of these sizes."""
    return lambda study, *sizes, **more: ask(study, MiniBatch, sizes=sizes, **more)


def rows(outcome: Outcome, m: int) -> dict[str, Measurement]:
    """The rows of one batch size by metric, each once."""
    mine = [row for row in outcome.measurements if row.n == m and not row.metric.startswith("ewd")]
    found = {row.metric: row for row in mine}
    assert len(found) == len(mine)
    return found


def table(outcome: Outcome) -> dict[int, dict[str, Any]]:
    """The detail table by m."""
    return {row["m"]: dict(row) for row in outcome.rows["sizes"]}


class Map(torch.nn.Module):
    """A generator: any function of z."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.function(z)


def quick(study: SnapshotStudy) -> SnapshotStudy:
    """The same, with only n samples to cluster."""
    deal = study.deal
    assert deal is not None
    return SnapshotStudy(study.snapshot, replace(deal, stored=(2 * deal.replicates + 1) * deal.n))


def is_near(row: Measurement, known: float, digits: float) -> bool:
    """Does a twofold 95% interval hold a number that was rounded to so many digits?"""
    assert row.value is not None
    assert row.interval is not None
    return abs(row.value - known) <= row.interval.high - row.interval.low + digits


# ---- known answers


def test_the_contract_is_kept() -> None:
    outcome = check_analyzer(MiniBatch, shifted_gaussians(n=64))
    assert {row.metric for row in outcome.measurements} == set(METRICS)
    assert [row.metric for row in outcome.measurements].count("mbwd") == 2
    assert list(outcome.rows) == ["sizes"]


@pytest.mark.parametrize(("dim", "batch"), [(2, 0.473), (8, 2.243), (32, 6.330), (128, 14.356)])
def test_gaussian_batches_of_64_are_as_far_apart_as_was_measured(
    ask: Call, study_of: Call, dim: int, batch: float
) -> None:
    """And as far from a mean as the closed form says: sqrt(1 + 1/m) sqrt 2 Gamma((d+1)/2) / Gamma(d/2)."""
    study = quick(study_of(Gaussian(dim), n=320, replicates=4))
    found = rows(ask(study, 64), 64)
    assert is_near(found["batch_batch"], batch, 5e-4)
    length = math.sqrt(2) * math.exp(gammaln((dim + 1) / 2) - gammaln(dim / 2))
    assert is_near(found["batch_mean"], math.sqrt(1 + 1 / 64) * length, 0)
    assert is_near(found["batch_data_mean"], math.sqrt(1 + 1 / study.fit_size) * length, 0)
    ratio = found["blur_ratio_mean"]
    assert ratio.interval is not None
    # It is a matter of the dimension: false in the plane, true from about 32 on.
    assert ratio.interval.high < 1 if dim <= 8 else ratio.interval.low > 1


@pytest.mark.parametrize(("dim", "ewd", "mbwd"), [(2, 0.156, (0.796, 0.472, 0.263)), (32, 5.55, (6.79, 6.30, 5.89))])
def test_matching_inside_batches_overstates_as_was_measured(
    ask: Call, dim: int, ewd: float, mbwd: tuple[float, ...]
) -> None:
    outcome = ask(quick(shifted_gaussians(shift=0, dim=dim, n=1024, replicates=3)), 16, 64, 256)
    (full,) = (row for row in outcome.measurements if row.metric == "ewd")
    assert (full.n, full.certificate) == (1024, "exact")
    assert is_near(full, ewd, 5e-3)
    for m, known in zip((16, 64, 256), mbwd, strict=True):
        found, line = rows(outcome, m), table(outcome)[m]
        for name in ("mbwd", "batch_batch", "mbwd_fake"):
            assert is_near(found[name], known, 5e-3), name
        assert line["mbwd_bias"] == pytest.approx(line["mbwd"] - line["ewd"], rel=1e-9)
        assert 0 < line["mbwd_bias"] <= line["mbwd_bias_bound"] <= line["mbwd_bias_bound_metric"]
        assert line["mbwd_debiased"] == pytest.approx(
            line["mbwd"] - (line["batch_batch"] + line["mbwd_fake"]) / 2, abs=1e-9
        )
        # The laws are equal.
        assert is_near(found["mbwd_debiased"], 0, 0)


def test_digits_are_nearer_to_centroids_and_farther_from_their_mean(ask: Call, study_of: Call) -> None:
    """Measured for n = 64: 1.82 / 2.15 / 1.44, the last to centroids of all digits; these are of digits held out."""
    study = study_of(Digits(), n=128, replicates=5, range=(0.0, 1.0))
    outcome = ask(study, 64)
    found = rows(outcome, 64)
    for name, known in (("batch_batch", 1.82), ("batch_mean", 2.15), ("batch_data_mean", 2.15)):
        assert is_near(found[name], known, 5e-3), name
    images = np.asarray(Digits().everything.values) / 16
    everything = clustering.cluster(images, 64, seed=0, redo=5)
    order = np.random.default_rng(0).permutation(len(images))[: 20 * 64].reshape(20, 64)
    inside = [wasserstein(images[batch], everything.centroids, b=everything.mass).value for batch in order]
    assert np.mean(inside) == pytest.approx(1.44, abs=0.03)
    assert np.mean(inside) < (found["batch_centroids"].value or 0) < 1.6
    # Farther from each other than from the mean of another batch: no; than from 64 centroids: yes.
    mean, centroids = (found[f"blur_ratio_{blur}"].interval for blur in ("mean", "centroids"))
    assert mean is not None
    assert centroids is not None
    assert mean.high < 1 < centroids.low
    assert outcome.findings == []


def test_a_shift_of_the_generator_is_in_the_debiased_value(ask: Call) -> None:
    """Far apart laws have little bias: MBWD, EWD and the shift are nearly one."""
    line = table(ask(shifted_gaussians(shift=20, dim=2, n=64), 16))[16]
    assert line["ewd"] == pytest.approx(20, rel=0.02)
    assert line["mbwd"] == pytest.approx(20, rel=0.02)
    assert line["mbwd_debiased"] == pytest.approx(line["mbwd"] - (line["batch_batch"] + line["mbwd_fake"]) / 2)


# ---- definitions


def test_distances_to_centroids_and_means_are_those_of_other_solvers(ask: Call, study_of: Call) -> None:
    study = study_of(Gaussian(3), n=40, replicates=2)
    line = table(ask(study, 16))[16]
    assert line["batches"] == 4
    centroids = clustering.cluster(study.real(study.fit_size, split="fit").points, 16, seed=0, redo=5)
    marginals = np.concatenate([np.kron(np.eye(16), np.ones(16)), np.kron(np.ones(16), np.eye(16))])
    expected: dict[str, list[float]] = {"batch_centroids": [], "batch_centroids_uniform": [], "batch_mean": []}
    for r in range(2):
        for start in (0, 16):
            batch, other = (
                study.real(replicate=r, split=s).points[start : start + 16].astype(float) for s in ("x", "x2")
            )
            costs = cdist(batch, centroids.centroids).ravel()
            for name, mass in (("batch_centroids", centroids.mass), ("batch_centroids_uniform", np.full(16, 1 / 16))):
                target = np.concatenate([np.full(16, 1 / 16), mass])
                expected[name].append(float(linprog(costs, A_eq=marginals, b_eq=target).fun))
            expected["batch_mean"].append(float(np.linalg.norm(batch - other.mean(axis=0), axis=1).mean()))
    for name, values in expected.items():
        assert line[name] == pytest.approx(np.mean(values), rel=1e-6), name


def test_a_batch_of_all_samples_is_matched_at_once(ask: Call) -> None:
    outcome = ask(shifted_gaussians(dim=4, n=32), 32)
    line = table(outcome)[32]
    assert line["mbwd"] == pytest.approx(line["ewd"], rel=1e-9)
    assert line["batch_batch"] == pytest.approx(line["ewd_floor"], rel=1e-9)
    for name in ("mbwd_bias", "mbwd_bias_bound", "mbwd_bias_bound_metric"):
        assert line[name] == pytest.approx(0, abs=1e-9)


def test_batches_that_take_their_share_of_every_cluster_have_less_bias(ask: Call, study_of: Call) -> None:
    """Four far apart clusters, drawn perfectly: what a random batch overstates is its wrong share of each."""

    def clustered(z: Any) -> Any:
        return 10 * torch.sign(z) + 0.1 * z

    class Clusters(Gaussian):
        def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
            values = super().draw(n, split, offset=offset, seed=seed).values
            return Values(10 * np.sign(values) + 0.1 * values)

    study = quick(study_of(Clusters(2), Map(clustered), n=240, replicates=3))
    line = table(ask(study, 8))[8]
    assert line["ewd"] <= line["mbwd_stratified_both"] < line["mbwd_stratified"] < line["mbwd"]
    for suffix in ("", "_both"):
        bias = line[f"mbwd_stratified{suffix}"] - line["ewd"]
        assert line[f"mbwd_bias_stratified{suffix}"] == pytest.approx(bias, abs=1e-9)
    assert line["mbwd_bias_stratified_both"] < 0.4 * line["mbwd_bias"]


def test_each_size_takes_its_largest_multiple_and_ewd_is_of_the_same_samples(ask: Call) -> None:
    outcome = ask(shifted_gaussians(dim=2, n=50), 8, 16, 24)
    assert {m: (line["n"], line["batches"]) for m, line in table(outcome).items()} == {
        8: (48, 18),
        16: (48, 9),
        24: (48, 6),
    }
    # One n, one value of EWD, one row.
    assert [row.n for row in outcome.measurements if row.metric == "ewd"] == [48]
    assert len({line["ewd"] for line in table(outcome).values()}) == 1
    assert [row.n for row in ask(shifted_gaussians(n=50), 8, 20).measurements if row.metric == "ewd"] == [48, 40]


def test_rows_say_what_they_are_of(ask: Call) -> None:
    found = rows(ask(shifted_gaussians(n=48), 16), 16)
    assert found["batch_batch"].method == "mean over 9 batches of 16"
    assert found["mbwd"].method == "matched inside batches of 16, 48 samples"
    assert found["mbwd_debiased"].method.endswith("; a loss: no estimate of W1, no correction of its bias")
    for name, row in found.items():
        assert row.certificate == ("checked" if "_bound" in name else "exact")
        assert row.scope == ("data" if name in OF_REAL else "snapshot")
        assert row.space == "critic input as stored, euclidean"
        assert row.solver
        assert row.interval is not None
        counted = "9 batches" if name in OF_REAL else "3 replicates"
        fitted = ", given these centroids" if "centroids" in name or "stratified" in name else ""
        fitted = ", given this mean" if name == "batch_data_mean" else fitted
        assert row.interval.method == f"Student t over {counted}, 95%{fitted}"


# ---- what is missing


def test_without_a_generator_the_half_of_the_data_stands(ask: Call, study_of: Call) -> None:
    outcome = ask(study_of(Gaussian(2), n=40, replicates=3), 16, 32)
    for m in (16, 32):
        assert set(rows(outcome, m)) == set(OF_REAL)
    absent = {row.metric: row.message for row in outcome.measurements if row.status == "skipped"}
    assert set(absent) == set(OF_BOTH)
    assert set(absent.values()) == {"no generator: the snapshot has none"}
    assert table(outcome)[16]["mbwd"] is None
    assert outcome.findings == []


def test_without_data_the_cell_is_skipped(ask: Call) -> None:
    ask(SnapshotStudy(Snapshot("none", 0, "step", ()), None), 16, status="skipped")


def test_sizes_above_n_are_left_out(ask: Call) -> None:
    assert list(table(ask(shifted_gaussians(n=30), 16, 31))) == [16]
    outcome = ask(shifted_gaussians(n=15), 16, 64, status="skipped")
    assert outcome.message == "minibatch.sizes: all of them are above n = 15; choose smaller ones"


class Constant(FiniteSource):
    """One point, many times."""

    name: ClassVar[str] = "constant"
    help: ClassVar[str] = "one point, for tests"
    shape = (2,)
    value_range = None

    def load(self) -> Values:
        return Values(np.ones((400, 2)))


def test_equal_samples_have_no_ratio(ask: Call, study_of: Call) -> None:
    outcome = ask(study_of(Constant(), n=32, replicates=3), 16)
    assert table(outcome)[16]["batch_batch"] == 0
    absent = {row.metric: row.message for row in outcome.measurements if row.status == "skipped"}
    for name in ("blur_ratio_mean", "blur_ratio_centroids"):
        assert absent[name] == "the blur is at distance 0: real samples are equal"
    assert table(outcome)[16]["batch_mean"] == 0
    assert outcome.findings == []


class Pair(Gaussian):
    """Two Gaussians, both given by the data."""

    is_pair = True

    def draw_pair(self, n: int, split: Split, *, seed: int) -> Values:
        return Values(1 + split.rng(seed, "other").standard_normal((n, *self.shape)))


def test_the_other_side_of_a_pair_stands_for_the_generator(ask: Call, study_of: Call) -> None:
    assert set(rows(ask(study_of(Pair(2), n=32, replicates=3), 16), 16)) == set(METRICS) - {"ewd", "ewd_floor"}


# ---- options, sharing, words


@pytest.mark.parametrize("sizes", [(), (1, 4), (8, 8)])
def test_options_that_cannot_be_meant(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="sizes are different numbers, each at least 2"):
        MiniBatch.Options(sizes=sizes)


def test_sizes_are_read_from_text() -> None:
    assert make_options(MiniBatch, {"sizes": "8, 32"}).sizes == (8, 32)


def test_the_data_are_asked_once_for_all_snapshots(ask: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = clustering.cluster

    def counting(points: Any, k: int, **more: Any) -> Any:
        calls.append(k)
        return original(points, k, **more)

    monkeypatch.setattr(clustering, "cluster", counting)
    first = shifted_gaussians(n=40)
    shared: Cache = {}
    reports = [ask(SnapshotStudy(first.snapshot, first.deal, shared), 16, 32) for _ in range(3)]
    assert calls == [16, 32]
    assert reports[0].measurements == reports[1].measurements == reports[2].measurements
    assert reports[0].rows == reports[2].rows


def test_the_bias_stands_beside_the_floors_and_is_no_finding(ask: Call) -> None:
    """Matching inside batches overstates for any generator."""
    outcome = ask(shifted_gaussians(dim=8, n=64), 16)
    line = table(outcome)[16]
    assert line["mbwd"] - line["mbwd_bias"] == pytest.approx(line["ewd"], rel=1e-9)
    assert line["batch_batch"] > line["ewd_floor"]
    assert outcome.findings == []
