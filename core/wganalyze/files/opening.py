"""Every file under a path is offered to the loaders; the most confident one opens it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from wganalyze.contracts.foreign import Foreign, Naming
from wganalyze.contracts.loader import Loader, Part
from wganalyze.contracts.terms import CONFIG_NAME
from wganalyze.errors import CheckpointError, UsageError
from wganalyze.text import one_line, reason_of

REPORT_MARKS = (("_run.json", "_cells"), ("run.json", "cells"))
"""A file and a folder that are in every report; of before, without the "_"."""

NOBODY: Mapping[str, Foreign] = {}
"""Who names foreign files, where nobody is asked."""


@dataclass(frozen=True)
class OpenedFile:
    """A file under the path: its kind (None where no loader claims it), its parts, what is wrong with it.

    ``naming``: what it is, where no loader reads it and another plugin knows.
    """

    path: Path
    kind: str | None
    parts: tuple[Part, ...] = ()
    problems: tuple[str, ...] = ()
    naming: Naming | None = None


def open_path(
    path: Path,
    loaders: Mapping[str, Loader],
    among: Container[Path] | None = None,
    foreign: Mapping[str, Foreign] = NOBODY,
) -> list[OpenedFile]:
    """Open the file ``path``, or all files below the folder ``path``, in the order of their names.

    ``among``: those that may be opened; None: all. ``foreign``: who names what no loader reads. A damaged file is
    returned with its problem. UsageError: the path is missing.
    """
    there = files_of(path, loaders, foreign)
    files = [_open(file, loaders, foreign) for file in there if among is None or file in among]
    belonging = {other for file in files for part in file.parts for other in part.others}
    belonging |= {other for file in files if file.naming for other in file.naming.others if other != file.path}
    return [file for file in files if file.parts or file.path not in belonging]


def files_of(path: Path, loaders: Mapping[str, Loader], foreign: Mapping[str, Foreign] = NOBODY) -> list[Path]:
    """What there is to open under a path, in the order of names; UsageError: the path is missing."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    return [path] if path.is_file() else sorted(_files(path, loaders, foreign))


def _files(
    folder: Path,
    loaders: Mapping[str, Loader],
    foreign: Mapping[str, Foreign],
    above: frozenset[Path] = frozenset(),
) -> Iterator[Path]:
    """Files below a folder, without hidden ones, ``wganalyze.toml`` and reports of earlier runs.

    A folder that a loader claims (images, say), or that is named as one thing, counts as one file.
    """
    real = folder.resolve()
    if real in above:  # a link to a folder that holds it
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror})") from None
    if any(_claims(loader, folder) for loader in loaders.values()) or _named(folder, foreign) is not None:
        yield folder
        return
    if any((folder / record).is_file() and (folder / cells).is_dir() for record, cells in REPORT_MARKS):
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files(entry, loaders, foreign, above | {real})
        elif entry.is_file() and entry.name != CONFIG_NAME:
            yield entry


def _claims(loader: Loader, folder: Path) -> bool:
    """Does a loader of folders know this one? What it raises is said where it is offered files."""
    with suppress(Exception, SystemExit):
        return loader.folders and loader.sniff(folder) > 0
    return False


def _named(path: Path, foreign: Mapping[str, Foreign]) -> Naming | None:
    """The first name that is known; one who fails at it knows none."""
    folder = path.is_dir()
    for each in foreign.values():
        with suppress(Exception, SystemExit):
            naming = each.identify(path) if each.folders or not folder else None
            if isinstance(naming, Naming):
                return replace(naming, text=one_line(naming.text))
    return None


def _open(path: Path, loaders: Mapping[str, Loader], foreign: Mapping[str, Foreign]) -> OpenedFile:
    if path.is_dir():
        loaders = {name: loader for name, loader in loaders.items() if loader.folders}
    elif not path.stat().st_size:
        return OpenedFile(path, None, problems=("the file is empty",))
    confidence: dict[str, float] = {}
    faults: list[str] = []
    for name, loader in loaders.items():
        try:
            confidence[name] = float(loader.sniff(path))
        except (Exception, SystemExit) as error:  # a stranger's loader, which spoils its own kind of file alone
            faults.append(_fault(path, name, error))
    ranked = sorted(((score, name) for name, score in confidence.items() if score > 0), reverse=True)
    if not ranked:
        naming = _named(path, foreign)
        text = "no loader knows this kind of file" if naming is None else naming.text
        return OpenedFile(path, None, problems=(*faults, text), naming=naming)
    if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
        tie = f"the loaders {ranked[0][1]} and {ranked[1][1]} both claim it; choose one by --loader NAME"
        return OpenedFile(path, None, problems=(*faults, tie))
    name = ranked[0][1]
    try:
        parts = _parts(loaders[name], path)
    except CheckpointError as error:
        naming = _named(path, foreign)
        why = f"{path}: {naming.text}" if naming is not None and naming.unfinished else str(error)
        return OpenedFile(path, name, problems=(why,))
    except OSError as error:
        return OpenedFile(path, name, problems=(f"{path}: cannot be read ({error.strerror})",))
    except (Exception, SystemExit) as error:
        return OpenedFile(path, name, problems=(_fault(path, name, error),))
    problems = dict.fromkeys([*faults, *(problem for part in parts for problem in part.problems)])
    return OpenedFile(path, parts[0].kind if parts else name, parts, tuple(problems))


def _parts(loader: Loader, path: Path) -> tuple[Part, ...]:
    parts = tuple(loader.open(path))
    strange = [type(part).__name__ for part in parts if not isinstance(part, Part)]
    if strange:
        raise TypeError(f"open gave a {strange[0]}, which is no Part")
    return parts


def _fault(path: Path, loader: str, error: BaseException) -> str:
    return f"{path}: the loader {loader} failed ({reason_of(error)}); --no-plugin keeps its plugin out"
