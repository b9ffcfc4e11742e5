"""A folder of images, read by Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze.data import DataSource, FiniteSource, Values
from wganalyze.errors import DataError
from wganalyze.hooks import hookimpl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}


class Folder(FiniteSource):
    """All images below a folder, grey or RGB, of one size; folders directly below it are classes where there are any.

    ``folder:DIR#SIZE`` cuts the middle square and scales it to SIZE pixels (bicubic).
    """

    name: ClassVar[str] = "folder"
    help: ClassVar[str] = "folder:DIR of images of one size; folder:DIR#64 crops and scales them to 64x64"
    value_range = (0.0, 255.0)

    def __init__(self, argument: str = "") -> None:
        path, mark, size = argument.partition("#")
        self.root = Path(path).expanduser()
        if mark and not (size.isdigit() and int(size) > 0):
            raise DataError(f"--data folder:{argument}: the size behind # is a number of pixels, as folder:DIR#64")
        self.pixels = int(size) if mark else None
        if not path or not self.root.is_dir():
            raise DataError(f"--data folder:{argument}: there is no folder {path or '(none named)'}")
        self.files = sorted(f for f in self.root.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
        if not self.files:
            raise DataError(f"--data folder:{argument}: holds no image ({', '.join(sorted(SUFFIXES))})")
        self.mode = "L" if self._open(self.files[0]).mode in ("1", "L") else "RGB"
        self.shape = self._pixels(self.files[0]).shape
        names = sorted({f.relative_to(self.root).parts[0] for f in self.files if f.parent != self.root})
        self._class_of = {name: i for i, name in enumerate(names)}
        self.classes = len(names) or None

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

        if not self._class_of or any(f.parent == self.root for f in self.files):
            return None
        return np.array([self._class_of[f.relative_to(self.root).parts[0]] for f in self.files], np.int64)

    def _open(self, file: Path) -> Image:
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(file) as image:
                image.load()
                return image.copy()
        except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise DataError(f"{file}: cannot be read as an image ({error}); remove or repair it") from None

    def _pixels(self, file: Path) -> npt.NDArray[Any]:
        """(C, H, W) bytes."""
        import numpy as np
        from PIL import Image, ImageOps

        image = self._open(file).convert(self.mode)
        if self.pixels is not None:
            image = ImageOps.fit(image, (self.pixels, self.pixels), Image.Resampling.BICUBIC)
        array = np.asarray(image, np.uint8)
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _size(pixels: npt.NDArray[Any]) -> str:
    return f"{pixels.shape[2]}x{pixels.shape[1]}"


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Folder]
