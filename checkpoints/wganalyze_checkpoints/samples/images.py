"""A folder of images of one size as stored samples, read by Pillow."""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze import CheckpointError, Part, Samples, TensorSpec, scan
from wganalyze_checkpoints.wording import what_it_says

if TYPE_CHECKING:
    from PIL.Image import Image

FEWEST = 8
BYTES = (0.0, 255.0)
GREY = ("1", "L", "LA")
_KINDS = {
    ".png": rb"\x89PNG\r\n\x1a\n",
    ".jpg": rb"\xff\xd8\xff",
    ".jpeg": rb"\xff\xd8\xff",
    ".bmp": rb"BM",
    ".webp": rb"RIFF....WEBP",
    ".gif": rb"GIF8",
    ".tif": rb"II\*\x00|MM\x00\*",
    ".tiff": rb"II\*\x00|MM\x00\*",
    ".ppm": rb"P[36]\s",
    ".pgm": rb"P[25]\s",
}
_BESIDE = {".txt", ".md", ".json", ".csv", ".log", ".html", ".yaml", ".yml", ".toml", ".db"}
_PER_STEP = re.compile(r"epoch|iter|step|kimg|grid", re.IGNORECASE)


def images_of(folder: Path) -> list[Path]:
    """The images that lie directly in ``folder``, if it holds eight or more of one kind and nothing else of note.

    [] where it holds other files or folders, for which it is to be looked into, and where the names count steps: such
    images are a trainer's grids, many samples on each.
    """
    images: list[Path] = []
    with scan(folder) as entries:
        for entry in entries:
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122  (a Path for each of 50,000 is slow)
            if entry.name.startswith(".") or suffix in _BESIDE:
                continue
            if suffix not in _KINDS or not entry.is_file():
                return []
            images.append(folder / entry.name)
    images.sort()
    if len(images) < FEWEST or len({_KINDS[image.suffix.lower()] for image in images}) > 1:
        return []
    some = images[:: max(1, len(images) // 4)]
    if any(_PER_STEP.search(image.stem) for image in some) or not all(map(_is_image, some)):
        return []
    return images


def _is_image(path: Path) -> bool:
    with path.open("rb") as file:
        return re.match(_KINDS[path.suffix.lower()], file.read(16), re.DOTALL) is not None


def open_folder(folder: Path, kind: str) -> Part:
    """One Part, from the header of the first image."""
    images = images_of(folder)
    if not images:
        raise CheckpointError(
            f"{folder}: is no folder of samples, which holds {FEWEST} or more images and nothing else"
        )
    with _opened(images[0]) as image:
        shape = (len(images), 1 if image.mode in GREY else 3, image.height, image.width)
    return Part(
        folder,
        kind,
        keys={"images": TensorSpec(shape, "uint8")},
        value_range=BYTES,
        read_samples=partial(_read, images),
        others=tuple(images),
    )


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                yield image
    except CheckpointError:
        raise
    except Exception as error:  # a damaged file makes Pillow's decoders raise nearly anything
        raise CheckpointError(
            f"{path}: cannot be read as an image ({what_it_says(error)}); remove or repair it"
        ) from error


def _read(images: Sequence[Path]) -> Samples:
    """(n, C*H*W): grey where all images are, else RGB; transparency is dropped."""
    import numpy as np

    kinds, sizes = set(), []
    for path in images:
        with _opened(path) as image:
            kinds.add(image.mode)
            sizes.append(image.size)
        if image.mode.startswith(("I", "F")):
            raise CheckpointError(f"{path}: has more than 8 bits a pixel ({image.mode}); save it with 8")
    usual = Counter(sizes).most_common(1)[0][0]
    for path, size in zip(images, sizes, strict=True):
        if size != usual:
            raise CheckpointError(
                f"{path}: is {size[0]}x{size[1]}, the other images are {usual[0]}x{usual[1]}; "
                "remove it, or bring all to one size"
            )
    grey = kinds <= set(GREY)
    shape = (1 if grey else 3, usual[1], usual[0])
    points = np.empty((len(images), shape[0] * shape[1] * shape[2]), np.float32)
    for row, path in zip(points, images, strict=True):
        with _opened(path) as image:
            # By way of RGBA: Pillow warns where a palette's transparency is dropped directly.
            plain = image.convert("RGBA") if image.mode == "P" else image
            pixels = np.asarray(plain.convert("L" if grey else "RGB"))
        row[:] = (pixels[None] if grey else pixels.transpose(2, 0, 1)).ravel()
    return Samples(points, shape)
