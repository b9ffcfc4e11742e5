"""Series and rows of tables as lines over their coordinates: real ones above, generated ones below, on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wganalyze_plugins.pictures.plane import FAKE, FINER, MARGIN, REAL, SIDE, in_palette

if TYPE_CHECKING:
    import numpy.typing as npt

    from wganalyze import Points

    Pixels = npt.NDArray[np.uint8]

SHOWN = 24
"""Samples a side."""
HEIGHT, GAP = 160, 8
"""Pixels of each of the two panels, and between them."""


def lines(real: Points, fake: Points, low: float, high: float) -> Pixels:
    """The picture, (2 HEIGHT + GAP, SIDE, 3), of the first of ``real`` (n, d) and ``fake`` (m, d), d > 1.

    ``low``, ``high``: of the real values, which the scale goes beyond by a margin; what leaves it is cut off.
    """
    gap = np.full((GAP, SIDE, 3), 255, np.uint8)
    room = MARGIN * (high - low)
    return np.concatenate([panel(real, REAL, low - room, high + room), gap, panel(fake, FAKE, low - room, high + room)])


def panel(samples: Points, colour: tuple[int, int, int], low: float, high: float) -> Pixels:
    """(HEIGHT, SIDE, 3): the first SHOWN of ``samples`` (n, d), on a ground of light grey."""
    from PIL import Image, ImageDraw

    wide, tall = SIDE * FINER, HEIGHT * FINER
    image = Image.new("RGB", (wide, tall), (244, 246, 248))
    draw = ImageDraw.Draw(image)
    across = np.linspace(0, wide - 1, samples.shape[1])
    for sample in np.asarray(samples[:SHOWN], np.float64):
        down = (high - sample) / (high - low) * (tall - 1)
        draw.line([*zip(across.tolist(), down.clip(-tall, 2 * tall).tolist(), strict=True)], colour, FINER)
    return in_palette(np.asarray(image.resize((SIDE, HEIGHT), Image.Resampling.BOX)))
