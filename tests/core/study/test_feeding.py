"""What generators are given: latents by their law, or rows of data that stay together and belong to no real sample."""

from __future__ import annotations

import numpy as np
import pytest

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Preprocessing, Split, Values
from wganalyze.contracts.snapshot import Latent
from wganalyze.study.dealing import Deal
from wganalyze.study.feeding import Fed, Feed, by_law
from wganalyze.testing import Gaussian


class Rows(FiniteSource):
    """Row i holds i times the factor."""

    name, help = "rows", "rows"

    def __init__(self, n: int, factor: float = 1, value_range: tuple[float, float] | None = None) -> None:
        self._n, self._factor = n, factor
        self.shape, self.value_range = (1,), value_range

    def load(self) -> Values:
        return Values(np.arange(self._n, dtype=np.float64)[:, None] * self._factor)


def dealt(feed: Feed, source: FiniteSource | None = None, n: int = 10) -> Deal:
    """A deal of 100 rows in two replicates."""
    return Deal(source or Rows(100), "rows", Preprocessing(), n, 2, seed=3, feed=feed, stored=feed.start or None)


@pytest.mark.parametrize("law", ["normal", "uniform", "uniform:0,1", "uniform:2,5"])
def test_laws(law: str) -> None:
    z = by_law(0)(Latent(law, (3,)), 5000, Split("x")).z
    low, high = {"normal": (-9, 9), "uniform": (-1, 1)}.get(law, (0, 1) if "0" in law else (2, 5))
    assert z.dtype == np.float32
    assert z.min() >= low
    assert z.max() <= high
    if law != "normal":
        assert abs(z.mean() - (low + high) / 2) < 0.05
        assert z.max() - z.min() > 0.99 * (high - low)


def test_a_condition_is_that_of_its_row_on_both_sides() -> None:
    deal = dealt(Feed(Rows(100, 2.0), {"c": Rows(100, 10.0)}, start=50))
    for replicate in range(2):
        for name in ("x", "x2", "fit"):
            split = Split(name, replicate)
            real = deal.real(10, split)
            np.testing.assert_array_equal(real.conditions["c"], 10 * real.points)
            fed = deal.fed(Latent(), 10, split)
            np.testing.assert_array_equal(fed.conditions["c"], 5 * fed.z)
            assert fed.of_data


def test_no_generated_sample_belongs_to_a_real_one() -> None:
    """Reals and inputs of one row would be closer than two samples of one law, also for a perfect generator."""
    deal = dealt(Feed(Rows(100), start=50))
    splits = [Split(name, replicate) for replicate in range(2) for name in ("x", "x2")] + [Split("fit")]
    real, fed = (
        [each for split in splits for each in part(split)]
        for part in (
            lambda split: deal.real(10, split).points[:, 0].tolist(),
            lambda split: deal.fed(Latent(), 10, split).z[:, 0].tolist(),
        )
    )
    assert len({*real, *fed}) == len(real) + len(fed) == 100


def test_bytes_of_an_input_come_to_the_range_of_the_data() -> None:
    source = Rows(100, 2.55, (0, 255))
    feed = Feed(Rows(100, 2.55, (0, 255)), start=50)
    deal = Deal(source, "rows", Preprocessing.to_range((0, 255), -1, 1), 10, 2, 3, feed=feed, stored=50)
    z = deal.fed(Latent(), 10, Split("x")).z
    assert z.min() >= -1
    assert z.max() <= 1
    assert z.min() < 0 < z.max()
    plain = dealt(Feed(Rows(100, 7.0), start=50)).fed(Latent(), 50, Split("x"))
    assert plain.z.max() > 255  # as stored


def test_the_data_themselves_come_as_the_critic_sees_them() -> None:
    source = Rows(100)
    feed = Feed(source, start=50)
    deal = Deal(source, "rows", Preprocessing((10.0,), (2.0,), "shifted"), 10, 2, 3, feed=feed, stored=50)
    z = deal.fed(Latent(), 50, Split("x")).z
    assert {*(2 * z[:, 0] + 10)} <= set(range(100))


def test_a_law_gives_other_samples_than_the_reals() -> None:
    source = Gaussian(2)
    deal = Deal(source, "gaussian", Preprocessing(), 10, 2, 0, feed=Feed(source))
    fed, real = deal.fed(Latent(), 10, Split("x")), deal.real(10, Split("x"))
    assert not np.isin(fed.z, real.points).any()
    np.testing.assert_array_equal(fed.z, deal.fed(Latent(), 10, Split("x")).z)


def test_what_is_given_is_part_of_the_datas_identity() -> None:
    one, other = (dealt(Feed(Rows(100, factor), start=50)).data_id for factor in (1.0, 2.0))
    assert one != other


def test_repeated() -> None:
    fed = Fed(np.eye(2, dtype=np.float32), np.array([5, 6]), {"c": np.array([[1.0], [2.0]], np.float32)})
    longer = fed.repeated(5)
    assert longer.labels is not None
    assert longer.labels.tolist() == [5, 6, 5, 6, 5]
    assert longer.conditions["c"][:, 0].tolist() == [1, 2, 1, 2, 1]
