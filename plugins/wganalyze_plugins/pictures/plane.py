"""Points in a plane, over the contours of a critic: drawn with Pillow, in few colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from wganalyze import Points, Study
    from wganalyze.transport import Array

    Pixels = npt.NDArray[np.uint8]

SIDE = 384
"""Pixels of the picture."""
FIELD = SIDE // 2
"""Places a side at which the critic is asked."""
FINER = 2
"""Drawn so many times larger, then brought down, for smooth edges."""
MARGIN = 0.15
"""Beyond real samples on each side, of their spread."""
BANDS = 12
"""Of equal width, between the least and the largest score in the plane."""
FITTED = 2000
"""Real samples, at most, that the axes are fitted on."""
PAPER, INK = (255, 255, 255), (190, 202, 214)
"""The lowest and the highest band."""
LINE = (158, 170, 184)
SEGMENT = (120, 120, 120)
REAL, FAKE = (0, 90, 160), (225, 105, 0)


@dataclass(frozen=True, eq=False)
class Plane:
    """What of space is drawn, the same at every step.

    ``low``, ``high``: its corners (2,). ``axes``: (2, d) orthonormal directions through ``centre`` (d,); None: the
    samples' own. ``share``: of the real variance that they hold.
    """

    low: Array
    high: Array
    axes: Array | None = None
    centre: Array | None = None
    share: float = 1.0

    @classmethod
    def of(cls, study: Study) -> Plane:
        """The plane of 2-D samples, or the first two principal axes of real samples; with a margin around these."""
        real = np.asarray(study.real(study.fit_size, split="fit").points, np.float64)
        plane = cls(np.zeros(2), np.ones(2))
        if study.dim > 2:
            centre = real.mean(axis=0)
            _, spread, directions = np.linalg.svd(real[:FITTED] - centre, full_matrices=False)
            axes = directions[:2]
            axes = axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]
            total = float((spread**2).sum())
            plane = cls(plane.low, plane.high, axes, centre, float((spread[:2] ** 2).sum()) / total if total else 1.0)
        shown = plane.project(real)
        low, high = shown.min(axis=0), shown.max(axis=0)
        half = (0.5 + MARGIN) * (float((high - low).max()) or 1.0)  # as wide as high
        middle = (low + high) / 2
        return cls(middle - half, middle + half, plane.axes, plane.centre, plane.share)

    @property
    def caption(self) -> str:
        """Where its points lie, in words."""
        return (
            "in their plane"
            if self.axes is None
            else f"on the first two principal axes of real ones ({self.share:.0%} of their variance)"
        )

    @property
    def span(self) -> str:
        """What it shows of both axes, in words."""
        (left, bottom), (right, top) = self.low, self.high
        return f"{left:.3g} to {right:.3g} across, {bottom:.3g} to {top:.3g} upwards"

    def project(self, points: Points) -> Array:
        """(n, d) samples as (n, 2) places in the plane."""
        values = np.asarray(points, np.float64)
        if self.axes is None or self.centre is None:
            return values
        return (values - self.centre) @ self.axes.T

    def inside(self, places: Array) -> npt.NDArray[np.bool_]:
        """(n,): do these (n, 2) lie in the picture?"""
        return np.asarray(((places >= self.low) & (places <= self.high)).all(axis=1))

    def places(self) -> Array:
        """(FIELD^2, 2): the middles of squares of pixels, row by row from the top."""
        steps = (np.arange(FIELD) + 0.5) / FIELD
        across, up = (self.low[axis] + (self.high[axis] - self.low[axis]) * steps for axis in (0, 1))
        grid = np.meshgrid(across, up[::-1])
        return np.stack([axis.ravel() for axis in grid], axis=1)

    def pixels(self, places: Array, side: int = SIDE) -> Array:
        """(n, 2) places as (n, 2) positions (across, down) in a picture of this ``side``."""
        share = (places - self.low) / (self.high - self.low)
        return np.asarray(side * np.stack([share[:, 0], 1 - share[:, 1]], axis=1))


def drawn(
    plane: Plane, real: Array, fake: Array, partner: npt.NDArray[np.intp], field: Array | None = None
) -> npt.NDArray[np.uint8]:
    """The picture, (SIDE, SIDE, 3).

    ``real`` (n, 2), ``fake`` (m, 2): places; ``partner`` (m,): the real one that each fake is joined with. ``field``:
    what the critic says at ``plane.places()``; None: white.
    """
    from PIL import Image, ImageDraw

    large = SIDE * FINER
    image = Image.fromarray(np.full((large, large, 3), 255, np.uint8) if field is None else background(field))
    image = image.resize((large, large), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    x, y = (plane.pixels(side, large) for side in (real, fake))
    for start, end in zip(y, x[partner], strict=True):
        draw.line([*start, *end], SEGMENT, FINER)
    radius = 2.2 * FINER
    for side, colour in ((x, REAL), (y, FAKE)):
        for across, down in side:
            draw.ellipse([across - radius, down - radius, across + radius, down + radius], colour)
    return in_palette(np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)))


def in_palette(pixels: Pixels) -> Pixels:
    """(h, w, 3) with each colour replaced by the nearest of few, for few bytes."""
    colours, index = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    palette = np.array(_palette())
    nearest = ((colours[:, None].astype(int) - palette) ** 2).sum(axis=2).argmin(axis=1)
    return np.asarray(palette[nearest][index.ravel()].reshape(pixels.shape), np.uint8)


def _palette() -> list[tuple[int, ...]]:
    """The bands, and what is drawn, pure and blended with them for its edges."""
    grounds = [_band_colour(band) for band in range(BANDS)]
    middle = np.array(grounds[BANDS // 2])
    blends = [
        tuple(int(value) for value in np.rint(share * np.array(ink) + (1 - share) * middle))
        for ink in (SEGMENT, REAL, FAKE)
        for share in (1, 0.75, 0.5, 0.25)
    ]
    return [*grounds, LINE, *blends]


def _band_colour(band: int) -> tuple[int, ...]:
    share = band / (BANDS - 1)
    return tuple(round(paper * (1 - share) + ink * share) for paper, ink in zip(PAPER, INK, strict=True))


def background(field: Array) -> Pixels:
    """(FIELD, FIELD, 3): bands of ``field`` (FIELD^2,) from PAPER to INK, and lines where they meet."""
    band = bands(field)
    colours = np.array([_band_colour(each) for each in range(BANDS)], np.uint8)[band]
    edge = np.zeros(band.shape, bool)
    edge[:, 1:] |= band[:, 1:] != band[:, :-1]
    edge[1:] |= band[1:] != band[:-1]
    colours[edge] = LINE
    return colours


def bands(field: Array) -> npt.NDArray[np.intp]:
    """(FIELD, FIELD): in which of BANDS parts of its range each value of ``field`` (FIELD^2,) lies."""
    numbers = np.where(np.isfinite(field), field, np.nan)
    low, high = (end(numbers) if np.isfinite(field).any() else 0.0 for end in (np.nanmin, np.nanmax))
    width = (high - low) / BANDS
    index = np.floor((np.nan_to_num(numbers, nan=low) - low) / width) if width > 0 else np.zeros(len(field))
    return index.astype(np.intp).clip(0, BANDS - 1).reshape(FIELD, FIELD)
