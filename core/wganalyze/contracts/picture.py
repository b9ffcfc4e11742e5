"""What an analyzer yields beside numbers: a picture of what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import numpy.typing as npt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST = 1 << 20
"""Bytes of one picture: a report of a hundred steps is to stay small."""
CHANNELS = (1, 3)


@dataclass(frozen=True)
class Picture:
    """An image, stored with the numbers of its cell.

    ``name``: as the report calls it, the same at every step ("samples"), so that steps can be laid side by side.
    ``caption``: what is seen, in one sentence.
    ``png``: its bytes, at most a mebibyte.
    ``alt``: what it shows at this step, for those who do not see it; "": the caption says it.

    ValueError where the bytes are no PNG, or too many.
    """

    name: str
    caption: str
    png: bytes
    alt: str = ""

    def __post_init__(self) -> None:
        if not self.png.startswith(SIGNATURE):
            raise ValueError(f"picture {self.name!r}: its bytes are no PNG; Picture.of_pixels and of_grid make one")
        if len(self.png) > LARGEST:
            size = len(self.png) / LARGEST
            raise ValueError(f"picture {self.name!r}: {size:.1f} MiB are too many; show fewer or smaller images")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as its header says."""
        return int.from_bytes(self.png[16:20], "big"), int.from_bytes(self.png[20:24], "big")

    @classmethod
    def of_pixels(cls, name: str, caption: str, pixels: npt.NDArray[np.uint8], alt: str = "") -> Picture:
        """Of pixels (height, width) or (height, width, 3), bytes of sRGB."""
        return cls(name, caption, _encoded(pixels), alt)

    @classmethod
    def of_grid(
        cls,
        name: str,
        caption: str,
        images: npt.NDArray[Any],
        *,
        columns: int = 0,
        value_range: tuple[float, float] = (-1.0, 1.0),
        side: int = 0,
        alt: str = "",
    ) -> Picture:
        """Of images (n, channels, height, width), laid out row by row.

        ``columns``: of the grid; 0: as many as rows, or one more. ``value_range``: black and white; what lies outside
        is cut off. ``side``: least width of one image in pixels, to which small ones are enlarged whole times.
        One channel is grey, three are RGB; of any other number the first is shown.
        ValueError where there is no image.
        """
        import numpy as np

        if images.ndim != 4 or not images.size:
            raise ValueError(f"picture {name!r}: images are (n, channels, height, width), not {images.shape}")
        count, channels, height, width = images.shape
        shown = images if channels in CHANNELS else images[:, :1]
        low, high = value_range
        scaled = np.nan_to_num((np.asarray(shown, np.float64) - low) / (high - low), nan=0.0)
        cells = (scaled.clip(0, 1) * 255).round().astype(np.uint8)
        times = max(1, -(-side // width))
        cells = cells.repeat(times, axis=2).repeat(times, axis=3)
        columns = columns or max(1, round(count**0.5 + 0.4999))
        rows = -(-count // columns)
        gap = max(1, times // 4) if width * times > 1 else 0
        tall, wide = height * times + gap, width * times + gap
        grid = np.full((rows * tall + gap, columns * wide + gap, cells.shape[1]), 255, np.uint8)
        for position, cell in enumerate(cells):
            top, left = gap + position // columns * tall, gap + position % columns * wide
            grid[top : top + height * times, left : left + width * times] = cell.transpose(1, 2, 0)
        return cls.of_pixels(name, caption, grid[..., 0] if cells.shape[1] == 1 else grid, alt)


def _encoded(pixels: npt.NDArray[np.uint8]) -> bytes:
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
