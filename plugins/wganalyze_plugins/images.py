"""A folder of images, read by Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze import DataError, DataSource, FiniteSource, Values, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

GREY = ("1", "L", "LA")
DEEP = ("I", "F")
"""Modes of more than 8 bits, which Pillow clips when it converts them (I;16 and its kin included)."""
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}


class Folder(FiniteSource):
    """All images below a folder, of one size: grey where all are, else RGB; transparency is dropped.

    Where every image lies in a folder below it, the folders directly below it are classes.
    ``folder:DIR#SIZE`` cuts the middle square and scales it to SIZE pixels (bicubic).
    """

    name: ClassVar[str] = "folder"
    help: ClassVar[str] = "folder:DIR of images of one size; folder:DIR#64 crops and scales them to 64x64"
    value_range = (0.0, 255.0)

    def __init__(self, argument: str = "") -> None:
        path, mark, size = argument.partition("#")
        self.root = Path(path).expanduser()
        if mark and not (size.isdecimal() and int(size) > 0):
            raise DataError(f"--data folder:{argument}: the size behind # is a number of pixels, as folder:DIR#64")
        self.pixels = int(size) if mark else None
        if not path or not self.root.is_dir():
            raise DataError(f"--data folder:{argument}: there is no folder {path or '(none named)'}")
        self.files = sorted(f for f in self.root.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
        if not self.files:
            raise DataError(f"--data folder:{argument}: holds no image ({', '.join(sorted(SUFFIXES))})")
        self.mode = "L" if all(self._mode(f) in GREY for f in self.files) else "RGB"
        self.shape = self._pixels(self.files[0]).shape
        loose = any(f.parent == self.root for f in self.files)
        self.names = [] if loose else sorted({self._folder(f) for f in self.files})
        self.classes = len(self.names) or None

    def load(self) -> Values:
        """(n, C*H*W) bytes, channels first."""
        import numpy as np

        first = self._pixels(self.files[0])
        values = np.empty((len(self.files), first.size), np.uint8)
        for i, file in enumerate(self.files):
            pixels = self._pixels(file)
            if pixels.shape != first.shape:
                raise DataError(
                    f"{file}: is {_size(pixels)}, {self.files[0].name} is {_size(first)}; "
                    f"say --data folder:{self.root}#{min(first.shape[1:])} to bring all to one size"
                )
            values[i] = pixels.ravel()
        return Values(values, self._labels())

    def _labels(self) -> npt.NDArray[np.int64] | None:
        import numpy as np

        if not self.names:
            return None
        return np.array([self.names.index(self._folder(f)) for f in self.files], np.int64)

    def _folder(self, file: Path) -> str:
        return file.relative_to(self.root).parts[0]

    def _mode(self, file: Path) -> str:
        """Pillow's name for the kind of pixels, from the header."""
        with self._opened(file) as image:
            return image.mode

    @contextmanager
    def _opened(self, file: Path) -> Iterator[Image]:
        from PIL import Image

        try:
            with Image.open(file) as image:
                yield image
        except DataError:
            raise
        except Exception as error:  # a damaged file makes Pillow's decoders raise nearly anything
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"{file}: cannot be read as an image ({reason}); remove or repair it") from None

    def _pixels(self, file: Path) -> npt.NDArray[Any]:
        """(C, H, W) bytes."""
        import numpy as np
        from PIL import Image, ImageOps

        with self._opened(file) as opened:
            if opened.mode.startswith(DEEP):
                raise DataError(
                    f"{file}: has more than 8 bits a pixel ({opened.mode}); save it with 8, or use npy:FILE"
                )
            # By way of RGBA: Pillow warns where a palette's transparency is dropped directly.
            plain = opened.convert("RGBA") if opened.mode == "P" else opened
            image = plain.convert(self.mode)
        if self.pixels is not None:
            image = ImageOps.fit(image, (self.pixels, self.pixels), Image.Resampling.BICUBIC)
        array = np.asarray(image, np.uint8)
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _size(pixels: npt.NDArray[Any]) -> str:
    return f"{pixels.shape[2]}x{pixels.shape[1]}"


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Folder]
