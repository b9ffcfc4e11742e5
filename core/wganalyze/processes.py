"""Processes that write into a report, on this machine and on others: who they are, and whether they still run."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LONG_S = 86_400.0
"""After which a draft of another machine is taken for left."""


@dataclass(frozen=True)
class Process:
    """One process. ``begun``: when, in the system's own words; "" where it does not say."""

    host: str
    pid: int
    begun: str = ""

    @classmethod
    def current(cls) -> Process:
        """This one."""
        return cls(socket.gethostname(), os.getpid(), _seen(os.getpid())[1])

    @property
    def state(self) -> Literal["runs", "ended", "unknown"]:
        """Does it run? Unknown of another machine's, and where its number may have been given to another process."""
        if self.host != socket.gethostname():
            return "unknown"
        if not runs(self.pid):
            return "ended"
        begun = _seen(self.pid)[1]
        if not (self.begun and begun):
            return "unknown"
        return "runs" if begun == self.begun else "ended"


def runs(pid: int) -> bool:
    """Is there a process of this number on this machine? One that ended and that nobody has waited for is none."""
    if os.name == "nt":  # where the signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # somebody else's
    return _seen(pid)[0] != "Z"


def draft_of(path: Path) -> Path:
    """Where this process writes what is to become ``path``, in the same folder, under a name that begins with a dot."""
    return path.with_name(f".{path.name}.{_mark()}-{os.getpid()}")


def is_left(draft: Path) -> bool:
    """Was a draft left by a process that ended? One of this number is: this process has none before it begins."""
    mark, _, pid = draft.name.rpartition(".")[2].rpartition("-")
    if not pid.isdecimal():
        return False
    if mark in ("", _mark()):  # "": of a version that knew one machine
        return int(pid) == os.getpid() or not runs(int(pid))
    try:
        return time.time() - draft.stat().st_mtime > LONG_S
    except OSError:
        return False


def _mark() -> str:
    """This machine, in few letters that any name may have."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _seen(pid: int) -> tuple[str, str]:
    """State and beginning of a process, where the system shows them (proc(5), fields 3 and 22)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "", ""
