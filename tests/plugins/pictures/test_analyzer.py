"""pictures: generators that copy, critics that are linear, points that are matched: what is seen is what there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from wganalyze import FiniteSource, Picture, Values
from wganalyze.cells.measuring import Outcome
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import Gaussian, check_analyzer, shifted_gaussians
from wganalyze_plugins.pictures import Pictures
from wganalyze_plugins.pictures.images import AROUND, BETWEEN, PAIR_PIXELS, PIXELS, Grids
from wganalyze_plugins.pictures.plane import Plane

Call = Callable[..., Any]
COUNT = 200


class Stored(FiniteSource):
    """Bytes as images, each with a level and a texture of its own."""

    name: ClassVar[str] = "stored"
    help: ClassVar[str] = "random images, for tests"
    value_range = (0.0, 255.0)

    def __init__(self, shape: tuple[int, ...] = (1, 8, 8)) -> None:
        self.shape = shape

    def load(self) -> Values:
        rng = np.random.default_rng(0)
        level = np.linspace(30, 225, COUNT).reshape(-1, 1)
        values = level + rng.uniform(-30, 30, (COUNT, int(np.prod(self.shape))))
        values[0, 0], values[1, 0] = 0, 255
        return Values(np.rint(values))


class Choosing(nn.Module):
    """One of these samples, by the first number of z."""

    def __init__(self, samples: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("samples", torch.from_numpy(samples).float().reshape(-1, *shape))

    def forward(self, z: Tensor) -> Tensor:
        share = torch.special.ndtr(z[:, 0].double())
        return self.get_buffer("samples")[(share * COUNT).long().clamp(max=COUNT - 1)]


def copying(shape: tuple[int, ...] = (1, 8, 8)) -> Choosing:
    """Gives back the data, on the scale of a critic that takes [-1, 1]."""
    return Choosing(Stored(shape).load().values / 127.5 - 1, shape)


@pytest.fixture(scope="session")
def ask(ask: Call) -> Call:
    """pictures."""
    return partial(ask, analyzer=Pictures)


@pytest.fixture(scope="session")
def images(study_of: Call) -> Call:
    """A study of a generator that copies real samples, of a shape."""

    def make(shape: tuple[int, ...] = (1, 8, 8), **said: Any) -> SnapshotStudy:
        study: SnapshotStudy = study_of(Stored(shape), copying(shape), **{"n": 30, "replicates": 2, **said})
        return study

    return make


def shown(outcome: Outcome) -> dict[str, Picture]:
    """The pictures by name."""
    return {picture.name: picture for picture in outcome.pictures}


def pixels(picture: Picture) -> npt.NDArray[np.uint8]:
    """As a browser would read them."""
    return np.asarray(Image.open(BytesIO(picture.png)).convert("RGB" if b"PLTE" in picture.png else None))


def pairs(picture: Picture, side: int, times: int) -> list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Left and right of each pair in a picture, cut out."""
    grid = pixels(picture)
    gap = max(1, times // 4)
    wide, tall = (2 * side + BETWEEN + AROUND) * times + gap, (side + AROUND) * times + gap
    found = []
    for top in range(gap, grid.shape[0] - gap, tall):
        for left in range(gap, grid.shape[1] - gap, wide):
            rows, start = slice(top, top + side * times), left + (side + BETWEEN) * times
            found.append((grid[rows, left : left + side * times], grid[rows, start : start + side * times]))
    return found


def test_the_contract_is_kept(images: Call) -> None:
    outcome = check_analyzer(Pictures, images())
    assert [picture.name for picture in outcome.pictures] == ["samples", "nearest", "matched", "reals", "centroids"]
    assert (outcome.measurements, outcome.findings, outcome.rows) == ([], [], {})
    assert Pictures.metrics == ()
    assert not Pictures.on_request
    assert [picture.name for picture in check_analyzer(Pictures, shifted_gaussians()).pictures] == ["plane"]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8), (8, 8), (2, 8, 8)])
def test_the_nearest_real_sample_of_a_copy_is_the_same_image(ask: Call, images: Call, shape: tuple[int, ...]) -> None:
    """Of those that it copies, all are in the split that is looked through."""
    study = images(shape, n=10)
    training = SnapshotStudy(study.snapshot, replace(study.deal, trained_on=Stored(shape)))
    picture = shown(ask(training))["nearest"]
    found = pairs(picture, 8, 4)
    assert len(found) == 10
    for left, right in found:
        np.testing.assert_array_equal(left, right)
    assert len({left.tobytes() for left, _ in found}) > 5
    assert f"the nearest of {COUNT} training samples" in picture.caption
    assert "distances 0 to" in picture.alt
    assert ("The first of 2 channels." in picture.caption) == (shape[0] == 2)


def test_the_nearest_is_nearer_than_the_matched_one(ask: Call, images: Call) -> None:
    found = shown(ask(images()))

    def apart(name: str) -> float:
        both = [(left.astype(float), right.astype(float)) for left, right in pairs(found[name], 8, 4)]
        return float(np.mean([((left - right) ** 2).mean() ** 0.5 for left, right in both]))

    assert 0 < apart("nearest") < apart("matched") < 60
    assert "30 a side" in found["matched"].caption
    assert "real ones" in found["nearest"].caption


def test_values_are_those_of_the_data(images: Call) -> None:
    """Whatever the critic's range: the extremes of real samples are black and white."""
    values = Stored().load().values
    for said in ({}, {"range": (0, 1)}, {"range": (-5, 3)}):
        study = images(**said)
        grids = Grids.of(study, (1, 8, 8))
        assert (grids.low, grids.high) == pytest.approx((values[2:].min(), values[2:].max()), abs=30)
        back = grids.images(study.real().points)
        assert set(np.rint(back[:, 0, 0, 0])) <= set(values[:, 0])


def test_channels_that_are_normalised_one_by_one_keep_their_colours(images: Call) -> None:
    plain, normalised = images((3, 8, 8)), images((3, 8, 8), normalize=((0.2, 0.5, 0.8), (0.1, 0.2, 0.4)))
    first, second = (Grids.of(study, (3, 8, 8)).images(study.real().points) for study in (plain, normalised))
    np.testing.assert_allclose(first, second, atol=1e-3)


@pytest.mark.parametrize(
    ("side", "times", "count", "few"),
    [(8, 1, 64, 16), (28, 1, 64, 16), (64, 1, 16, 4), (65, 2, 64, 16), (256, 4, 16, 4)],
)
def test_large_images_are_fewer_and_smaller(side: int, times: int, count: int, few: int) -> None:
    grids = Grids((3, side, side), Grids.of(shifted_gaussians(), (1, 2)).preprocessing, 0, 1)
    assert (grids.times, grids.count, grids.pairs) == (times, count, few)
    across = side // times
    assert grids.count * across**2 <= PIXELS
    assert 2 * grids.pairs * across**2 <= PAIR_PIXELS


def test_a_large_image_is_averaged_over_squares() -> None:
    grids = Grids((1, 130, 130), Grids.of(shifted_gaussians(), (1, 2)).preprocessing, 0, 1)
    image = np.random.default_rng(0).uniform(size=(130, 130))
    small = grids.images(image.reshape(1, -1))
    assert small.shape == (1, 1, 43, 43)
    assert small[0, 0, 4, 7] == pytest.approx(image[12:15, 21:24].mean())


def test_what_shows_no_network_is_yielded_by_one_snapshot_of_a_run(ask: Call, images: Call) -> None:
    study = images()
    later = SnapshotStudy(replace(study.snapshot, label="later", step=7), study.deal, study.shared)
    assert [*shown(ask(study))] == [*shown(ask(study))] == ["samples", "nearest", "matched", "reals", "centroids"]
    assert [*shown(ask(later))] == ["samples", "nearest", "matched"]
    assert shown(ask(later))["samples"].alt == "Step 7."


def test_a_snapshot_that_fails_leaves_what_shows_no_network_to_the_next(ask: Call, images: Call) -> None:
    study = images()
    broken = replace(study.snapshot, label="broken", make_generator=lambda: nn.Linear(3, 64))
    ask(SnapshotStudy(broken, study.deal, study.shared), status="failed")
    assert "reals" in shown(ask(study))


def test_the_same_seed_gives_the_same_bytes(ask: Call, images: Call) -> None:
    first, second, other = (ask(images(seed=seed)).pictures for seed in (0, 0, 1))
    assert first == second
    assert [a.png == b.png for a, b in zip(first, other, strict=True)] == [False] * 5
    assert ask(shifted_gaussians(seed=3)).pictures == ask(shifted_gaussians(seed=3)).pictures


def test_centroids_follow_the_mean(ask: Call, images: Call) -> None:
    study = images()
    picture = shown(ask(study))["centroids"]
    grids = Grids.of(study, (1, 8, 8))
    mean = grids.images(study.real(study.fit_size, split="fit").points).mean(axis=0)[0]
    first = pixels(picture)[1 : 1 + 32 : 4, 1 : 1 + 32 : 4]
    np.testing.assert_allclose(first, 255 * (mean - grids.low) / (grids.high - grids.low), atol=1)


def test_one_number_a_sample_has_no_picture(ask: Call, study_of: Call) -> None:
    outcome = ask(study_of(Gaussian(1), nn.Identity(), latent=(1,), n=20), status="skipped")
    assert "samples of one number have no picture" in outcome.message


def test_a_constant_image_is_shown_too(ask: Call, study_of: Call) -> None:
    class Grey(Stored):
        def load(self) -> Values:
            return Values(np.full((COUNT, 64), 7.0))

    assert [*shown(ask(study_of(Grey(), copying(), n=30, replicates=2)))][:2] == ["samples", "nearest"]


# ---- points


def test_the_contours_are_those_of_the_critic_where_there_is_one(ask: Call, change: Call) -> None:
    study = shifted_gaussians(n=40)
    with_critic = shown(ask(study))["plane"]
    assert "contours of the critic, darker where it scores real" in with_critic.caption
    without = shown(ask(change(study, make_critic=None)))["plane"]
    assert "contours" not in without.caption
    corner = pixels(without)[0, 0], pixels(with_critic)[0, 0]
    assert corner[0].tolist() == [255, 255, 255] != corner[1].tolist()
    # Real lies against the diagonal of the shift: dark at the lower left, whatever the sign of the critic.
    turned = shown(ask(change(shifted_gaussians(n=40, slope=-1), orientation=-1)))["plane"]
    for picture in (with_critic, turned):
        ground = pixels(picture)
        assert ground[-1, 0].astype(int).sum() < ground[0, -1].astype(int).sum() - 100
        assert ground[0, -1].tolist() == [255, 255, 255]
    assert with_critic.png == turned.png


def test_a_critic_that_cannot_be_made_ready_leaves_the_plane_white(ask: Call, change: Call) -> None:
    study = change(shifted_gaussians(n=40), nn.Linear(5, 1))
    assert "contours" not in shown(ask(study))["plane"].caption


def test_fakes_beyond_the_plane_are_counted(ask: Call) -> None:
    assert "lie beyond" not in shown(ask(shifted_gaussians(shift=0, n=30)))["plane"].alt
    assert "; 30 of 30 generated samples lie beyond it" in shown(ask(shifted_gaussians(shift=100, n=30)))["plane"].alt


def test_many_dimensions_are_shown_on_principal_axes_without_contours(ask: Call) -> None:
    found = shown(ask(shifted_gaussians(dim=10, n=60)))
    assert [*found] == ["plane", "lines"]
    assert "24 real ones above (blue)" in found["lines"].caption
    picture = found["plane"]
    assert "on the first two principal axes of real ones (" in picture.caption
    assert "contours" not in picture.caption


def test_principal_axes_are_fitted_on_real_samples(study_of: Call) -> None:
    class Flat(Gaussian):
        """Wide along the third axis, less along the first, and hardly along the second."""

        def draw(self, *arguments: Any, **said: Any) -> Values:
            return Values(super().draw(*arguments, **said).values * np.array([2.0, 0.01, 10.0]))

    plane = Plane.of(study_of(Flat(3), nn.Identity(), latent=(3,), n=200, replicates=2))
    assert plane.axes is not None
    np.testing.assert_allclose(np.abs(plane.axes), [[0, 0, 1], [1, 0, 0]], atol=0.02)
    assert (plane.axes[np.arange(2), np.abs(plane.axes).argmax(axis=1)] > 0).all()
    assert plane.share == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-12)
