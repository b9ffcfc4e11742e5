"""The contract of what names files that no loader reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class Naming:
    """What a file or folder is that no loader reads.

    ``text``: what it is, and the shortest way to something that is read, in one line.
    ``group``: for what holds no network: a plural in s ("images"), under which such files are counted in one line.
    ``others``: further files that belong to it, of which nothing is said.
    ``unfinished``: may it be why a loader finds the file damaged? Then the loader's word is replaced by this one.
    """

    text: str
    group: str = ""
    others: tuple[Path, ...] = ()
    unfinished: bool = False


class Foreign(ABC):
    """Names files of other tools; asked where no loader reads a file. Made by the host, without arguments.

    ``name``: the plugin's object, as ``wganalyze plugins`` lists it.
    ``folders``: is it asked of folders, too? What it names there is not looked into.
    """

    name: ClassVar[str]
    folders: ClassVar[bool] = False

    @abstractmethod
    def identify(self, path: Path) -> Naming | None:
        """What ``path`` is, by content first and name second; None where it knows nothing. Cheap, and never raises."""
