"""Images as they are shown: in the values of the data, small, few, and in few bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from wganalyze import Picture, Preprocessing

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from wganalyze import Points, Study

LARGEST_SIDE = 64
"""Pixels, to which larger images are brought down."""
SMALL_SIDE = 28
"""Pixels, to which smaller ones are enlarged, at least."""
PIXELS, MOST = 1 << 16, 64
"""Of a grid of samples, at most: pixels, and images."""
PAIR_PIXELS, MOST_PAIRS = 1 << 15, 16
BETWEEN, AROUND = 1, 2
"""Pixels between the images of a pair, and between pairs."""
COLOURS = 256
"""Of a picture in colour: a byte a pixel in place of three, which nobody sees at this size."""


@dataclass(frozen=True)
class Grids:
    """Makes pictures of images.

    ``shape``: (channels, height, width) of one. ``preprocessing``: the map from the data's values to the samples.
    ``low``, ``high``: black and white, in the data's values.
    """

    shape: tuple[int, int, int]
    preprocessing: Preprocessing
    low: float
    high: float

    @classmethod
    def of(cls, study: Study, shape: tuple[int, ...]) -> Grids:
        """For samples of this ``shape``, (c, h, w) or (h, w); black and white are the extremes of real samples."""
        channels, height, width = (1, *shape)[-3:]
        preprocessing = study.snapshot.preprocessing or Preprocessing()
        values = preprocessing.undo(study.real(study.fit_size, split="fit").points, shape)
        low, high = float(values.min()), float(values.max())
        return cls((channels, height, width), preprocessing, low, high if high > low else low + 1)

    @property
    def times(self) -> int:
        """How many pixels of a side become one."""
        return max(1, math.ceil(max(self.shape[1:]) / LARGEST_SIDE))

    @property
    def count(self) -> int:
        """Images of a grid of samples: a square number."""
        return min(MOST, max(2, math.isqrt(PIXELS // self._pixels)) ** 2)

    @property
    def pairs(self) -> int:
        """Pairs of a grid of pairs: an even number."""
        return min(MOST_PAIRS, max(2, PAIR_PIXELS // (2 * self._pixels) // 2 * 2))

    @property
    def _pixels(self) -> int:
        """Of an image that is shown."""
        return (self.shape[1] // self.times) * (self.shape[2] // self.times)

    def images(self, points: Points) -> npt.NDArray[np.float64]:
        """(n, d) samples as (n, c, h, w) in the data's values, large ones averaged over squares of pixels."""
        values = self.preprocessing.undo(points, self.shape).reshape(len(points), *self.shape)
        times, (channels, height, width) = self.times, self.shape
        tall, wide = height // times, width // times
        squares = values[:, :, : tall * times, : wide * times].reshape(-1, channels, tall, times, wide, times)
        return np.asarray(squares.mean(axis=(3, 5)))

    def of_samples(self, name: str, caption: str, points: Points, alt: str = "") -> Picture:
        """The first of ``points``, as many as there is room for."""
        return self._picture(name, caption, self.images(points[: self.count]), 0, alt)

    def of_pairs(self, name: str, caption: str, first: Points, second: Points, alt: str = "") -> Picture:
        """The first of ``first`` (m, d), each with its partner of ``second`` (m, d) right of it."""
        few = min(self.pairs, len(first))
        left, right = (self.images(side[:few]) for side in (first, second))
        count, channels, height, width = left.shape
        both = np.full((count, channels, height + AROUND, 2 * width + BETWEEN + AROUND), self.high)
        both[..., :height, :width] = left
        both[..., :height, width + BETWEEN : 2 * width + BETWEEN] = right
        # About as wide as high, in whole rows where that can be.
        across = next(k for k in range(math.ceil(math.sqrt(few / 2)), few + 1) if few % k == 0)
        return self._picture(name, caption, both, across, alt)

    def _picture(self, name: str, caption: str, images: npt.NDArray[Any], columns: int, alt: str) -> Picture:
        side = -(-SMALL_SIDE // (self.shape[2] // self.times)) * images.shape[-1]
        channels = self.shape[0]
        if channels not in (1, 3):
            caption = f"{caption} The first of {channels} channels."
        ends = (self.low, self.high)
        grid = Picture.of_grid(name, caption, images, columns=columns, value_range=ends, side=side, alt=alt)
        return grid if channels != 3 else _in_few_colours(grid)


def _in_few_colours(picture: Picture) -> Picture:
    """The same with at most COLOURS of its colours; as it is where it has no more."""
    from PIL import Image

    image = Image.open(BytesIO(picture.png)).convert("RGB")
    if image.getcolors(COLOURS) is not None:
        return picture
    buffer = BytesIO()
    image.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return Picture(picture.name, picture.caption, buffer.getvalue(), picture.alt)
