"""Files under the path that hold the real data, which are no snapshots: those that the user names, and their copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wganalyze.files.duplicates import equal_files
from wganalyze.files.opening import OpenedFile
from wganalyze.host.registry import Host
from wganalyze.settings.facts import Said, flag_of


def real_files(said: Said, host: Host, files: Sequence[OpenedFile]) -> dict[Path, str]:
    """The files that ``--data`` and ``--training-data`` name, with a line each: as a file, in a folder, or by a link.

    Stored samples that are a copy of such a file, byte for byte, are among them.
    """
    named = {path: flag_of(fact) for fact in ("data", "training_data") for path in _named(said.get(fact), host)}
    if not named:
        return {}
    stored = [file.path for file in files if any(part.read_samples is not None for part in file.parts)]
    lines: dict[Path, str] = {}
    for file in files:
        path = file.path.resolve()
        for real, option in named.items():
            if path == real or (file.path in stored and real in path.parents):
                lines.setdefault(file.path, f"left out: it is the data that {option} names")
    for real, option in named.items():
        others = [path for path in stored if path.is_file() and path not in lines]
        for equal in equal_files([real, *others]) if real.is_file() else []:
            if real in equal.paths:
                copy = f"left out: it is a copy of the data that {option} names, {real.name}"
                lines |= {path: copy for path in equal.paths if path in others}
    return lines


def _named(value: Any, host: Host) -> Iterator[Path]:
    """What lies where the argument of a source says, or where an array in memory is mapped from; resolved."""
    if isinstance(value, str):
        source, _, argument = value.partition(":")
        texts = [argument, argument.partition("#")[0]] if source in host.data else []
    else:
        file = getattr(value, "filename", None)
        texts = [str(file)] if file else []
    for text in texts:
        path = Path(text).expanduser()
        if text and path.exists():
            yield path.resolve()
