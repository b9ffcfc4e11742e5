"""quality: its rows by the functions they are of, floors once a run, words and limits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from wganalyze.study.sharing import Cache
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import Gaussian, check_analyzer, shifted_gaussians
from wganalyze_plugins.quality import Quality, analyzer, distances
from wganalyze_plugins.quality.distances import frechet, kid

Call = Callable[..., Any]


@pytest.fixture(scope="session")
def ask(ask: Call) -> Call:
    """quality."""
    return partial(ask, analyzer=Quality)


def test_the_contract_is_kept(rows: Call) -> None:
    outcome = check_analyzer(Quality, shifted_gaussians(n=64))
    assert set(rows(outcome)) == {metric.name for metric in Quality.metrics}
    assert outcome.findings == []
    assert Quality.in_spaces
    assert not Quality.on_request


def test_each_number_is_a_mean_over_fresh_samples_beside_its_floor(ask: Call, rows: Call) -> None:
    study = shifted_gaussians(shift=1, dim=3, n=50, replicates=4)
    found = rows(ask(study))
    for name, of in (("frechet", frechet), ("kid", kid)):
        for metric, draw in ((name, study.fake), (f"{name}_floor", partial(study.real, split="x2"))):
            values = [of(study.real(replicate=r).points, draw(replicate=r).points) for r in range(4)]
            assert found[metric].value == pytest.approx(np.mean(values))
            assert found[metric].interval is not None
            assert found[metric].replicates == 4
    assert found["kid"].space == "critic input as stored, kernel (x.y/d + 1)^3"
    assert {row.scope for name, row in found.items() if name.endswith("_floor")} == {"data"}
    assert {row.scope for name, row in found.items() if not name.endswith("_floor")} == {"snapshot"}


def test_the_limit_is_the_squared_shift(ask: Call, values: Call) -> None:
    found = values(ask(shifted_gaussians(shift=3, dim=4, n=2000, replicates=3)))
    assert found["frechet"] == pytest.approx(9, rel=0.03)
    assert found["frechet_floor"] < 0.05
    assert abs(found["kid_floor"]) < 0.05 < found["kid"]
    assert found["precision"] < 0.7 < 0.9 < found["precision_floor"]
    assert found["recall"] < 0.7 < 0.9 < found["recall_floor"]
    assert found["density_floor"] == pytest.approx(1, abs=0.05)
    assert found["coverage_floor"] == pytest.approx(0.969, abs=0.02)


def test_few_samples_in_many_dimensions_are_said_to_bias(ask: Call, rows: Call) -> None:
    few, many = (rows(ask(shifted_gaussians(dim=8, n=n))) for n in (79, 80))
    for metric in ("frechet", "frechet_floor"):
        assert few[metric].message.startswith("biased upward: n = 79 samples in 8 dimensions; compare at equal n only")
        assert many[metric].message == ""
    assert few["kid"].message == ""


def test_the_floors_are_computed_once_a_run(ask: Call, values: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    monkeypatch.setattr(distances, "frechet", lambda x, y: counted.append(1) or frechet(x, y))
    first, shared = shifted_gaussians(n=40, replicates=3), Cache()
    reports = [values(ask(SnapshotStudy(first.snapshot, first.deal, shared))) for _ in range(3)]
    assert len(counted) == 3 + 3 * 3
    assert reports[0] == reports[1] == reports[2]


def test_the_two_sides_of_a_pair_are_compared_once(ask: Call, rows: Call, study_of: Call) -> None:
    class Pair(Gaussian):
        is_pair = True

        def draw_pair(self, n: int, split: Any, *, seed: int) -> Any:
            return self.draw(n, split, offset=0, seed=seed + 1)

    found = rows(ask(study_of(Pair(2), n=32, replicates=3)))
    assert {row.scope for row in found.values()} == {"data"}


def test_limits(ask: Call, values: Call) -> None:
    outcome = ask(shifted_gaussians(n=5), status="skipped")
    assert outcome.message == "quality: the 5th neighbour takes 6 samples, n is 5"
    assert set(values(ask(shifted_gaussians(n=6)))) == {metric.name for metric in Quality.metrics}
    assert values(ask(shifted_gaussians(n=5), k=2, k_coverage=4))
    with pytest.raises(ValueError, match="k and k_coverage are at least 1"):
        Quality.Options(k=0)


def test_another_neighbour_is_another_reach(ask: Call, values: Call) -> None:
    near, far = (values(ask(shifted_gaussians(shift=0, dim=16, n=60), k=k, k_coverage=k)) for k in (1, 9))
    assert near["precision"] < far["precision"]
    assert near["coverage"] < far["coverage"]
    assert near["frechet"] == far["frechet"]
    assert analyzer.NAMES[0] == "frechet"
