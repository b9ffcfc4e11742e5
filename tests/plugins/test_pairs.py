"""Pairs in closed form: their divergences by independent routes, their ratio of densities, and their words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from wganalyze import DataError, Split
from wganalyze.transport import wasserstein
from wganalyze_plugins.pairs import Gaussians, Lines, lines

N = 20_000


def sides(source: Lines | Gaussians, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) of both laws."""
    split = Split("x")
    return source.draw(n, split, offset=0, seed=0).values, source.draw_pair(n, split, seed=0).values


@pytest.mark.parametrize("theta", [-0.5, 0.125, 2.0])
def test_lines_are_at_their_distance_and_share_nothing(theta: float) -> None:
    source = Lines(str(theta))
    x, y = sides(source, 400)
    assert (x[:, 0] == 0).all()
    assert (y[:, 0] == theta).all()
    assert stats.kstest(np.concatenate([x[:, 1], y[:, 1]]), "uniform").pvalue > 1e-3
    assert source.known_w1 == abs(theta)
    assert source.known == {"js": math.log(2), "tv": 1, "kl": math.inf, "reverse_kl": math.inf}
    # The second axis adds what two samples of one segment are apart.
    assert abs(theta) <= wasserstein(x, y).value <= abs(theta) + 0.06


def test_lines_at_zero_are_one_law() -> None:
    assert set(Lines("0").known.values()) == {0.0}
    assert lines(0)["w1"] == 0
    assert lines(1e-9)["js"] == math.log(2)  # the jump


@pytest.mark.parametrize("shift", [0.0, 0.7, 2.0, 30.0])
def test_divergences_of_gaussians_by_integration_over_the_densities(shift: float) -> None:
    known = Gaussians(f"3,{shift}").known
    p, q = stats.norm(0, 1).pdf, stats.norm(shift, 1).pdf
    tv, _ = quad(lambda x: abs(p(x) - q(x)) / 2, -12, shift + 12, points=[0, shift / 2, shift], limit=200)
    assert known["tv"] == pytest.approx(tv, abs=1e-7)

    def js(x: float) -> float:
        m = (p(x) + q(x)) / 2
        return sum(float(d(x) * np.log(d(x) / m)) / 2 for d in (p, q) if d(x) > 0)

    value, _ = quad(js, -12, shift + 12, points=[0, shift / 2, shift], limit=200)
    assert known["js"] == pytest.approx(value, abs=1e-7)
    assert known["kl"] == known["reverse_kl"] == shift**2 / 2
    assert 0 <= known["js"] <= math.log(2) + 1e-12


def test_the_ratio_of_densities_gives_their_divergences() -> None:
    source = Gaussians("3,1.5")
    x, y = sides(source)
    own, other = source.log_ratio(x), source.log_ratio(y)
    densities = stats.multivariate_normal(np.zeros(3)), stats.multivariate_normal([1.5, 0, 0])
    np.testing.assert_allclose(own, densities[0].logpdf(x) - densities[1].logpdf(x), atol=1e-10)
    room = 5 * 1.5 / math.sqrt(N)
    assert own.mean() == pytest.approx(source.known["kl"], abs=room)
    assert -other.mean() == pytest.approx(source.known["reverse_kl"], abs=room)
    assert (own > 0).mean() - (other > 0).mean() == pytest.approx(source.known["tv"], abs=5 / math.sqrt(N))
    assert source.known_w1 == 1.5
    assert Lines("1").log_ratio(x) is None


def test_a_study_is_told_what_is_known(study_of: Callable[..., Any]) -> None:
    study = study_of(Gaussians("2,1"), n=50, replicates=2)
    assert study.known == Gaussians("2,1").known
    ratio = study.log_ratio(study.real())
    np.testing.assert_allclose(ratio, 0.5 - study.real().points[:, 0], atol=1e-6)


def test_draws_differ_by_split_side_and_seed_and_are_repeated() -> None:
    source = Gaussians("2,0")
    x, y = sides(source, 10)
    again = source.draw(10, Split("x"), offset=5, seed=0).values
    np.testing.assert_array_equal(x, again)
    others = [y, source.draw(10, Split("x2"), offset=0, seed=0).values, source.draw(10, Split("x"), offset=0, seed=1)]
    assert not any(np.array_equal(x, getattr(other, "values", other)) for other in others)
    assert len({Lines("0.5").digest, Lines("1").digest, Gaussians("2,1").digest, Gaussians("3,1").digest}) == 4


@pytest.mark.parametrize(
    ("law", "argument"),
    [
        (Lines, ""),
        (Lines, "x"),
        (Lines, "nan"),
        (Lines, "1,2"),
        *((Gaussians, a) for a in ("2", "0,1", "1.5,1", "2,-1")),
    ],
)
def test_arguments_that_cannot_be_meant(law: Any, argument: str) -> None:
    with pytest.raises(DataError, match=rf"--data {law.name}:{argument}: write {law.name}:"):
        law(argument)
