"""Whole files of a store, on this machine: a bounded folder, in which the oldest make room for new ones."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SIZE_VARIABLE, FOLDER_VARIABLE = "WGANALYZE_CACHE_GB", "WGANALYZE_CACHE"
SIZE_GB = 10.0


def folder() -> Path:
    """Where they lie: ``$WGANALYZE_CACHE``, or the user's folder for what can be had again."""
    said = os.environ.get(FOLDER_VARIABLE)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(said or Path(base) / "wganalyze").expanduser()


def fetched(identity: str, name: str, fetch: Callable[[Path], None]) -> Path:
    """The file or folder of this identity (address and version), by ``fetch`` where it is not there yet."""
    place = folder() / hashlib.sha256(identity.encode()).hexdigest()[:32] / name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.parent / f".{secrets.token_hex(6)}"
        try:
            fetch(draft)
            try:
                draft.replace(place)
            except OSError:
                if not place.exists():  # else another process was quicker, with the same folder
                    raise
        finally:
            _remove(draft)
        _make_room(place.parent)
    with suppress(OSError):
        os.utime(place.parent)  # used now
    return place


def _make_room(newest: Path) -> None:
    """Remove those that were used least lately, but not the newest; whoever has one open keeps it."""
    most = float(os.environ.get(SIZE_VARIABLE) or SIZE_GB) * 1e9
    found = []
    for each in folder().iterdir():
        with suppress(OSError):
            found.append((each.stat().st_mtime, sum(path.stat().st_size for path in _files(each)), each))
    total = sum(size for _, size, _ in found)
    for _, size, each in sorted(found):
        if total <= most:
            break
        if each != newest:
            total -= size
            _remove(each)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
