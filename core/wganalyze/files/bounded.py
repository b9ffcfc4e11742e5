"""A file that is read within bounds, whatever its header claims."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import cast

BUFFER = 1024


class BoundedFile(io.BufferedReader):
    """A file, opened for reading, that gives at most ``most`` bytes at once; BadZipFile where more are asked for."""

    def __init__(self, path: Path, most: int):
        super().__init__(cast(io.RawIOBase, path.open("rb", buffering=0)), BUFFER)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.most:
            raise zipfile.BadZipFile(f"{size:,} bytes at once")
        return super().read(-1 if size is None else size) or b""
