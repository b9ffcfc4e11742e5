"""sharpness: blurred, noisy and faint generators, digits and their centroids, words, sharing and limits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze import Split
from wganalyze.contracts.data import DataSource, FiniteSource
from wganalyze.contracts.samples import Values
from wganalyze.study.sharing import Cache
from wganalyze.testing import check_analyzer, shifted_gaussians
from wganalyze_plugins.clustering import cluster
from wganalyze_plugins.digits import Digits
from wganalyze_plugins.sharpness import Sharpness
from wganalyze_plugins.sharpness.images import Sharp

Call = Callable[..., Any]
SIDE = 8


@pytest.fixture(scope="session")
def ask(ask: Call) -> Call:
    """sharpness."""
    return partial(ask, analyzer=Sharpness)


class Noise(DataSource):
    """White noise as images."""

    name: ClassVar[str] = "noise"
    help: ClassVar[str] = "white noise, for tests"
    size = None
    value_range = None
    digest = "noise"

    def __init__(self, shape: tuple[int, ...] = (1, SIDE, SIDE)) -> None:
        self.shape = shape

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        return Values(split.rng(seed, "noise").standard_normal((n, int(np.prod(self.shape)))))


class Drawn(nn.Module):
    """z as images of a size, blurred ``times`` over by a mean of 2x2 on the torus, times ``contrast``."""

    def __init__(self, times: int = 0, contrast: float = 1.0, shape: tuple[int, ...] = (1, SIDE, SIDE)) -> None:
        super().__init__()
        self.times, self.contrast, self.shape = times, contrast, shape

    def forward(self, z: Tensor) -> Tensor:
        image = z.reshape(len(z), *self.shape)
        for _ in range(self.times):
            image = (image + image.roll(1, -1)) / 2
            image = (image + image.roll(1, -2)) / 2
        return self.contrast * image


@pytest.fixture(scope="session")
def study_of(study_of: Call) -> Call:
    """Noise, unless it is told otherwise."""

    def make(generator: nn.Module, source: Any = None, **said: Any) -> Any:
        return study_of(source or Noise(), generator, **{"latent": (SIDE * SIDE,), "n": 60, "replicates": 5, **said})

    return make


def test_the_contract_is_kept(rows: Call, study_of: Call) -> None:
    outcome = check_analyzer(Sharpness, study_of(Drawn()))
    assert set(rows(outcome)) == {metric.name for metric in Sharpness.metrics}
    assert list(outcome.rows) == ["spectrum"]
    assert not Sharpness.in_spaces
    assert not Sharpness.on_request


def test_a_perfect_generator_is_as_sharp_as_the_data(ask: Call, study_of: Call, values: Call) -> None:
    outcome = ask(study_of(Drawn()))
    found = values(outcome)
    for metric in ("gradient_energy", "gradient_energy_floor", "high_frequency", "high_frequency_floor"):
        assert found[metric] == pytest.approx(1, abs=0.05)
    # A centroid of m noises has 1/m of their energy.
    assert found["gradient_energy_mean"] < found["gradient_energy_centroids"] < 0.5
    assert outcome.findings == []


def test_a_blur_is_found_and_measured(ask: Call, study_of: Call, values: Call, findings: Call) -> None:
    """A mean of 2 by 2 of white noise has 1/4 of its variance and half of the differences: E (a - b)^2 = 1/4."""
    outcome = ask(study_of(Drawn(1)))
    found, said = values(outcome), findings(outcome)
    interior = 2 * 0.25 / 4
    assert found["gradient_energy"] == pytest.approx(interior, rel=0.1)
    assert found["high_frequency"] < 0.8
    assert set(said) == {"blurred"}
    numbers = f"the gradient energy of generated images is {found['gradient_energy']:.2f} of real ones"
    assert numbers in said["blurred"].message
    others = (
        f"(other real ones: {found['gradient_energy_floor']:.2f}, K-Means centroids: "
        f"{found['gradient_energy_centroids']:.2f}; paired over 5 replicates, p = "
    )
    assert others in said["blurred"].message
    assert said["blurred"].message.startswith("blurred: " if interior > 0.2 else "blurred")
    worse = findings(ask(study_of(Drawn(4))))
    assert worse["blurred"].message.startswith("blurred, more than centroids are: ")


def test_more_noise_than_the_data_is_found(ask: Call, study_of: Call, values: Call, findings: Call) -> None:
    class Smooth(Noise):
        def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
            noise = torch.from_numpy(super().draw(n, split, offset=offset, seed=seed).values)
            return Values(Drawn(1)(noise).reshape(n, -1).numpy())

    outcome = ask(study_of(Drawn(), Smooth()))
    assert values(outcome)["gradient_energy"] == pytest.approx(8, rel=0.15)
    assert findings(outcome)["noisy"].message.startswith("rougher than real images: the gradient energy")
    assert set(findings(ask(study_of(Drawn(1), Smooth())))) == set()


def test_faint_images_are_not_blurred(ask: Call, study_of: Call, values: Call) -> None:
    """Less energy, at all frequencies alike: a matter of contrast."""
    outcome = ask(study_of(Drawn(contrast=0.7)))
    found = values(outcome)
    assert found["gradient_energy"] == pytest.approx(0.49, rel=0.05)
    assert found["high_frequency"] == pytest.approx(1, abs=0.03)
    assert outcome.findings == []


def test_two_replicates_are_no_test(ask: Call, study_of: Call) -> None:
    assert ask(study_of(Drawn(2), replicates=2)).findings == []


def test_digits_and_their_centroids(ask: Call, study_of: Call, values: Call, rows: Call) -> None:
    """Centroids of 64 have .73 of the digits' energy (measured before, on 1,285 of them)."""
    images = np.asarray(Digits().everything.values, float)
    clusters = cluster(images[:1285], 64, seed=0, redo=5)
    energy = Sharp.of(images, (1, 8, 8)).energy
    assert Sharp.of(clusters.centroids, (1, 8, 8), np.full(64, 1 / 64)).energy / energy == pytest.approx(0.73, abs=0.03)

    class Centroids(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            atoms = torch.from_numpy(clusters.centroids).float().reshape(-1, 1, 8, 8)
            return atoms[(torch.special.ndtr(z[:, 0].double()) * 64).long().clamp(max=63)] / 16

    outcome = ask(study_of(Centroids(), Digits(), n=100, range=(0.0, 1.0)))
    assert values(outcome)["gradient_energy"] == pytest.approx(0.73, abs=0.05)
    assert [finding.code for finding in outcome.findings] == ["blurred"]
    centroid = rows(outcome)["gradient_energy_centroids"]
    assert centroid.interval.method == "Student t over 5 replicates, 95%, given these centroids"
    assert centroid.scope == "data"


def test_the_table_has_every_side(ask: Call, study_of: Call) -> None:
    table = ask(study_of(Drawn(1), n=200)).rows["spectrum"]
    assert [row["frequency"] for row in table] == pytest.approx(np.arange(1, len(table) + 1) / SIDE)
    for row in table:
        assert row["real"] == pytest.approx(1, rel=0.1)
        assert row["real_other"] == pytest.approx(1, rel=0.1)
        assert row["mean"] < row["centroids"] < 0.6
    assert table[0]["fake"] > 0.4
    assert table[-1]["fake"] < 0.1


@pytest.mark.parametrize("shape", [(3, 6, 4), (5, 9)])
def test_colours_and_bare_images(ask: Call, study_of: Call, values: Call, shape: tuple[int, ...]) -> None:
    generator = Drawn(shape=shape)
    found = values(ask(study_of(generator, Noise(shape), latent=(int(np.prod(shape)),))))
    assert found["gradient_energy"] == pytest.approx(1, abs=0.1)


def test_the_generator_may_give_rows(ask: Call, study_of: Call, values: Call) -> None:
    assert values(ask(study_of(nn.Identity())))["gradient_energy"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(64,), (3, 3), (1, 3, 9), (1, 1, 8, 8)])
def test_what_is_no_image(ask: Call, study_of: Call, shape: tuple[int, ...]) -> None:
    size = int(np.prod(shape))
    outcome = ask(study_of(nn.Identity(), Noise(shape), latent=(size,)), status="skipped")
    assert outcome.message.startswith(f"samples of shape {shape} are no images: sharpness takes (c, h, w) or (h, w)")
    assert ask(shifted_gaussians(n=20), status="skipped").message


class Flat(FiniteSource):
    """One grey."""

    name: ClassVar[str] = "flat"
    help: ClassVar[str] = "one grey, for tests"
    shape = (1, SIDE, SIDE)
    value_range = None

    def load(self) -> Values:
        return Values(np.ones((700, SIDE * SIDE)))


def test_flat_data_have_no_ratio(ask: Call, study_of: Call, rows: Call) -> None:
    outcome = ask(study_of(Drawn(), Flat()))
    assert {row.message for row in rows(outcome).values()} == {"real images have none"}
    assert set(rows(outcome)) == {metric.name for metric in Sharpness.metrics}
    assert outcome.findings == []


def test_the_data_are_asked_once_a_run(
    ask: Call, study_of: Call, values: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    of = Sharp.of
    monkeypatch.setattr(Sharp, "of", lambda points, *more: counted.append(len(points)) or of(points, *more))
    shared = Cache()
    for times in (0, 1, 2):
        ask(study_of(Drawn(times), shared=shared))
    assert counted.count(60) == 2 * 5 + 3 * 5
    assert counted.count(1) == 1  # the mean image
