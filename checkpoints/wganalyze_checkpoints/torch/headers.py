"""What the header of an exported program says: the keys of its weights, and the tensors that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wganalyze import TensorSpec


@dataclass(frozen=True)
class Size:
    """The length of an axis: from ``least`` to ``most`` (None: any), in the export's example ``example``."""

    least: int
    most: int | None
    example: int

    @property
    def fixed(self) -> int | None:
        """The only length that the program takes, if there is only one."""
        return self.least if self.least == self.most else None


@dataclass(frozen=True)
class Argument:
    """A tensor that the program takes."""

    name: str
    dtype: str
    sizes: tuple[Size, ...]


@dataclass(frozen=True)
class Header:
    """What an archive says of one program: the keys of its weights, and the tensors that it takes."""

    keys: Mapping[str, TensorSpec]
    arguments: tuple[Argument, ...]
    version: str
