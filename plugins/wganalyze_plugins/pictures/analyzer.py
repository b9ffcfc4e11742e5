"""The analyzer of pictures: what a person looks at first, with no number in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from wganalyze import Analyzer, Need, NotMeasurable, Picture, Samples, Study, WganalyzeError, Yielded, hookimpl

if TYPE_CHECKING:
    import numpy.typing as npt

    from wganalyze.transport import Array
    from wganalyze_plugins.pictures.images import Grids
    from wganalyze_plugins.pictures.plane import Plane

MATCHED = 256
"""Samples a side of the plan whose pairs are shown: its first ones are, and more would take long."""
SMALLEST = 4
"""Pixels a side, below which samples are no images."""


class Pictures(Analyzer):
    """What samples look like: generated and real ones, nearest and matched pairs, centroids; points in a plane."""

    name = "pictures"
    needs = frozenset({Need.REAL, Need.FAKE})

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield pictures; what shows no network is yielded once a run, by the first snapshot that could be."""
        shape = study.real().shape
        if len(shape) in (2, 3) and min(shape[-2:]) >= SMALLEST:
            yield from _images(study, shape)
        elif study.dim > 1:
            yield _points(study)
            if study.dim > 2:
                yield _lines(study)
        else:
            raise NotMeasurable("samples of one number have no picture; exact-w has their distance")


def _images(study: Study, shape: tuple[int, ...]) -> Iterator[Picture]:
    from wganalyze_plugins.clustering import nearest
    from wganalyze_plugins.pictures.images import Grids

    grids = study.cached("pictures of images", lambda: Grids.of(study, shape), scope="data")
    fakes = study.fake().points
    yield grids.of_samples("samples", "Generated samples; the same z at every step.", fakes, f"{_when(study)}.")
    few = fakes[: grids.pairs]
    training = study.training
    reals = training if training is not None else study.real(study.fit_size, split="fit")
    index, distance = nearest(few, reals.points)
    yield grids.of_pairs(
        "nearest",
        f"Generated samples, and right of each the nearest of {len(reals):,} "
        f"{'training samples' if training is not None else 'real ones'}.",
        few,
        reals.points[index],
        f"{_when(study)}: distances {distance.min():.3g} to {distance.max():.3g}.",
    )
    x, y, columns = _matched(study)
    yield grids.of_pairs(
        "matched",
        f"Generated samples, and right of each the real one that the optimal plan of {len(columns)} a side gives it.",
        y.points,
        x.points[columns],
        f"{_when(study)}.",
    )
    first = study.cached("pictures of the data", lambda: study.snapshot.label, scope="data")
    if first == study.snapshot.label:
        yield from _of_data(study, grids)


def _of_data(study: Study, grids: Grids) -> Iterator[Picture]:
    """What the literature shows beside generated samples: real ones, their mean, and centroids."""
    from wganalyze_plugins.clustering import real_clusters, usual_k

    yield grids.of_samples("reals", "Real samples.", study.real().points)
    clusters = real_clusters(study, usual_k(study.fit_size))
    mean = study.real(study.fit_size, split="fit").points.mean(axis=0, dtype="float64")
    largest = clusters.centroids[np.argsort(-clusters.mass, kind="stable")]
    caption = f"The mean of real samples, then centroids of {len(clusters)} clusters of them, the largest first."
    yield grids.of_samples("centroids", caption, np.concatenate([mean[None], largest]))


def _points(study: Study) -> Picture:
    from wganalyze_plugins.pictures.plane import Plane, drawn

    plane = study.cached("pictures of a plane", lambda: Plane.of(study), scope="data")
    x, y, columns = _matched(study)
    field = _contours(study, plane)
    pixels = drawn(plane, plane.project(x.points), plane.project(y.points), columns, field)
    contours = "" if field is None else "; contours of the critic, darker where it scores real"
    caption = f"Real samples (blue) and generated ones (orange) {plane.caption}, joined by the optimal plan{contours}."
    outside = int((~plane.inside(plane.project(y.points))).sum())
    beyond = f"; {outside} of {len(y)} generated samples lie beyond it" if outside else ""
    return Picture.of_pixels("plane", caption, pixels, f"{_when(study)}: the plane shows {plane.span}{beyond}.")


def _lines(study: Study) -> Picture:
    from wganalyze_plugins.pictures.lines import SHOWN, lines

    real, fake = study.real().points, study.fake().points
    low, high = float(real.min()), float(real.max())
    caption = f"Samples as lines over their {study.dim} coordinates: {min(SHOWN, study.n)} real ones above (blue), as "
    alt = f"{_when(study)}: real values lie between {low:.3g} and {high:.3g}."
    pixels = lines(real, fake, low, high if high > low else low + 1)
    return Picture.of_pixels("lines", f"{caption}many generated ones below (orange).", pixels, alt)


def _contours(study: Study, plane: Plane) -> Array | None:
    """The critic over the plane, real high; None where there is none, or none that knows the plane without labels.

    One that cannot be made ready says so where its numbers are wanted.
    """
    if plane.axes is not None or not study.has(Need.CRITIC):
        return None
    with suppress(WganalyzeError):
        if not study.head.is_conditional:
            places = Samples(plane.places(), study.real().shape)
            return study.orientation * study.scores(places, single=True)
    return None


def _matched(study: Study) -> tuple[Samples, Samples, npt.NDArray[np.intp]]:
    """Real and generated samples, and of each generated one the real one that it is matched with."""
    from wganalyze_plugins.batches import first

    n = min(study.n, MATCHED)
    x, y = (first(side, n) for side in (study.real(), study.fake()))
    plan = study.transport(x, y, 1).plan
    return x, y, np.asarray(plan.toarray().argmax(axis=0))


def _when(study: Study) -> str:
    step, unit = study.snapshot.step, study.snapshot.step_unit or "step"
    return study.snapshot.label if step is None else f"{unit[0].upper()}{unit[1:]} {step}"


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Pictures]
