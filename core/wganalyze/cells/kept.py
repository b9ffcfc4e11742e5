"""What depends on the data alone, kept in the report: computed by one process, and read by every other one."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Hashable
from contextlib import suppress
from pathlib import Path
from typing import Any

from wganalyze.cells.encoding import NotEncodable, decode, encode
from wganalyze.processes import is_left
from wganalyze.report.claims import claimed, is_claimed
from wganalyze.report.store import write_atomically
from wganalyze.study.sharing import Cache, Shared

QUICK_S = 0.05
"""What takes less is made by each process for itself, but for small things."""
SMALL = 2**14
FIRST_LOOK_S, LAST_LOOK_S = 0.005, 0.2
"""Between two looks at whether another process is done."""


class Kept(Shared):
    """The cache of a process that computes cells of a report beside others.

    ``folder``: where values lie, as files that hold no code. ``context``: a digest of all that the values depend on
    beside their keys: the data, the sizes, the code. ``packages``: whose classes a value may be made of.
    """

    def __init__(self, folder: Path, context: str, packages: Collection[str]):
        super().__init__()
        self.folder = folder
        self.context = context
        self.packages = packages
        self._alone: Cache = {}

    @property
    def alone(self) -> Cache:
        """A cache for what only this process may see."""
        return self._alone

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of a key: this process's, or the report's, or one that is made now while others wait for it."""
        if key not in self:
            text = repr(key)
            # An address in a key says that its text is another in each process.
            self[key] = make() if " at 0x" in text else self._kept(text, make)
        return self[key]

    def _kept(self, text: str, make: Callable[[], Any]) -> Any:
        name = hashlib.sha256(f"{self.context}\n{text}".encode()).hexdigest()[:32]
        value, own, claim = (self.folder / f"{name}.{kind}" for kind in ("value", "own", "claim"))
        pause = FIRST_LOOK_S
        while not own.exists():
            try:
                return decode(value.read_bytes(), self.packages)
            except FileNotFoundError:
                pass
            except ValueError:  # of another version, or cut short by a full disk
                value.unlink(missing_ok=True)
            with claimed(claim) as ours:
                # Whoever had the claim before may have finished in between.
                if ours and not (value.exists() or own.exists()):
                    return self._made(value, own, make)
            while is_claimed(claim):
                time.sleep(pause)
                pause = min(2 * pause, LAST_LOOK_S)
        return make()

    def _made(self, value: Path, own: Path, make: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        made = make()
        seconds = time.perf_counter() - begun
        try:
            content = encode(made)
        except NotEncodable:
            content = b""
        with suppress(OSError):  # where nothing can be written, each process makes it for itself
            if content and (seconds >= QUICK_S or len(content) <= SMALL):
                write_atomically(value, content)
            else:
                own.touch()
        return made


def sweep(folder: Path) -> None:
    """Remove claims of processes that ended, and drafts."""
    for claim in folder.glob("*.claim"):
        if not is_claimed(claim):
            claim.unlink(missing_ok=True)
    for draft in folder.glob(".*"):
        if is_left(draft):
            draft.unlink(missing_ok=True)
