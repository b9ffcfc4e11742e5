"""Which of several processes, on one machine or many, does a thing: a file made by exclusive creation, with a lease."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from wganalyze.interruption import uninterrupted
from wganalyze.processes import Process
from wganalyze.remote.path import RemotePath

LEASE_S = 60.0
"""After which a claim that nobody renewed is nobody's."""
RENEWED_S = 5.0
TOKEN = "token"
FIRST_LOOK_S, LAST_LOOK_S = 0.002, 0.05
"""Between two looks at whether a lock is free."""


@contextmanager
def claimed(path: Path, lease: float = LEASE_S) -> Iterator[bool]:
    """Is the claim ``path`` ours, as long as this lasts? It is renewed meanwhile, and gone afterwards."""
    over, ours = threading.Event(), False
    keeper = threading.Thread(target=_renew, args=(path, over), daemon=True)
    try:
        with uninterrupted():
            ours = _create(path, lease)
            if ours:
                keeper.start()
        yield ours
    finally:
        if ours:
            with uninterrupted():
                over.set()
                keeper.join()
                path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone in it, after waiting for whoever is; Ctrl-C counts when it is over."""
    pause = FIRST_LOOK_S
    while True:
        with uninterrupted(), claimed(path) as ours:
            if ours:
                yield
                return
        time.sleep(pause)
        pause = min(2 * pause, LAST_LOOK_S)


def is_claimed(path: Path, lease: float = LEASE_S) -> bool:
    """Does anybody work on it who lives, or has renewed the claim in time?"""
    return _state(path, lease) == "taken"


def _state(path: Path, lease: float) -> Literal["free", "taken", "abandoned"]:
    """Of a claim, by one reading of it: what is abandoned stays so until somebody takes it away."""
    try:
        text, renewed = _read(path)
    except FileNotFoundError:
        return "free"
    except OSError:
        return "taken"
    with suppress(ValueError, TypeError):  # else its owner is about to write it
        owner = json.loads(text)
        state = Process(**{name: value for name, value in owner.items() if name != TOKEN}).state
        if state != "unknown":
            return "taken" if state == "runs" else "abandoned"
    return "taken" if _now(path) - renewed < lease else "abandoned"


def _read(path: Path) -> tuple[str, float]:
    """What a claim says, and when it was renewed."""
    if isinstance(path, RemotePath):
        renewed = path.stat().st_mtime
        return path.read_text(), renewed
    with path.open() as file:
        return file.read(), os.fstat(file.fileno()).st_mtime


def owner_of(path: Path) -> str:
    """Who has a claim, "HOST:PID"; "" where that is not known."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        owner = json.loads(path.read_text())
        return f"{owner['host']}:{owner['pid']}"
    return ""


def _create(path: Path, lease: float) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    if _made(path):
        return True
    if _state(path, lease) != "abandoned":
        return False
    # Only one takes an abandoned claim away, or the second would take that of the first.
    taking = path.with_name(f".{path.name}.taking")
    if not _made(taking):
        if _state(taking, lease) == "abandoned":
            taking.unlink(missing_ok=True)
        return False
    try:
        state = _state(path, lease)
        if state == "abandoned":
            path.unlink(missing_ok=True)
        return state != "taken" and _made(path)
    finally:
        taking.unlink(missing_ok=True)


def _made(path: Path) -> bool:
    """Is there this file now, by us?"""
    if isinstance(path, RemotePath):
        return _put(path)
    try:
        with path.open("x") as file:
            file.write(_ours())
    except FileExistsError:
        return False
    except OSError:  # a disk that is full leaves a claim of nobody's
        path.unlink(missing_ok=True)
        raise
    return True


def _put(path: RemotePath) -> bool:
    """The same in a store, whose answer may be lost: what it holds then says whose it is."""
    text = _ours()
    try:
        path.put(text.encode(), new=True)
    except OSError as error:
        try:
            return path.read_text() == text
        except FileNotFoundError:
            if isinstance(error, FileExistsError):  # it was somebody's, who has just given it back
                return False
            raise error from None
    return True


def _ours() -> str:
    """What a claim of ours says, unlike any other one."""
    return json.dumps({**asdict(Process.current()), TOKEN: secrets.token_hex(8)})


def _renew(path: Path, over: threading.Event) -> None:
    while not over.wait(RENEWED_S):
        with suppress(OSError):
            if isinstance(path, RemotePath):
                path.put(path.read_bytes())
            else:
                os.utime(path)


def _now(path: Path) -> float:
    """By the clock of the file system, which may be another machine's."""
    probe = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        probe.unlink(missing_ok=True)
