"""What a request opens: plugins, configuration, files, snapshots; nothing is analysed yet."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from wganalyze.contracts.terms import CONFIG_NAME
from wganalyze.errors import UsageError
from wganalyze.files import unread
from wganalyze.files.opening import OpenedFile, open_path
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host
from wganalyze.networks.draft import Draft
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission
from wganalyze.running.real_files import real_files
from wganalyze.running.request import Request
from wganalyze.scripts.modules import forget_modules
from wganalyze.settings.config import over
from wganalyze.settings.facts import Said, facts
from wganalyze.settings.toml import read_config
from wganalyze.snapshots.assembly import Assembled, assemble

SCALES = ("range", "normalize")
"""Facts of which a run has one for all its snapshots."""

MOST_NAMED = 3
"""Lines on files that no loader reads, in an error."""


@dataclass(frozen=True)
class Opened:
    """A path, read from headers.

    ``files``, ``assembled``: what it holds. ``said``: all that was said, by the call and by files.
    ``host``: the plugins.
    """

    files: Sequence[OpenedFile]
    assembled: Assembled
    said: Said
    host: Host

    @property
    def snapshots(self) -> tuple[Draft, ...]:
        """In order."""
        return self.assembled.snapshots


def open_request(request: Request, among: Container[Path] | None = None) -> Opened:
    """Load plugins, read the configuration, open the path; no analysis, and no tensors.

    ``among``: the files that may be opened; None: all.
    """
    forget_modules()
    blocked = request.said.get("no_plugins", ())
    host = load_host(blocked)
    for name in blocked:
        if all(name != plugin.name for plugin in host.plugins):
            there = ", ".join(plugin.name for plugin in host.plugins)
            raise UsageError(f"--no-plugin {name}: no plugin is called so; there are: {there}")
    said = everything_said(request)
    files = open_path(request.path, host.loaders_for(request.said.get("loader")), among, host.foreign)
    below = said_below(request, files)
    said = over(said, agreed_on(below, said))
    allow = tuple(request.said.get("allow", ()))
    permission = Permission(request.said.get("trust", False), allow, request.said.get("infer", False))
    real = real_files(said, host, files)
    assembled = assemble(files, request.path, said, Recognition(host.architectures), permission, below, real)
    return Opened(files, assembled, said, host)


def everything_said(request: Request) -> Said:
    """The call, over the file of ``config``, over a ``wganalyze.toml`` beside the checkpoints."""
    folder = request.path if request.path.is_dir() else request.path.parent
    return over(_called(request), _beside(folder, request))


def said_below(request: Request, files: Sequence[OpenedFile]) -> dict[tuple[str, ...], Said]:
    """What counts in each folder below the path that has a ``wganalyze.toml`` of its own, by its relative parts."""
    root = request.path
    folders = {folder for file in files for folder in file.path.parents if root in folder.parents}
    there = sorted(folder for folder in folders if (folder / CONFIG_NAME).is_file())  # above before below
    own: dict[Path, Said] = {root: _beside(root, request) if there else Said()}
    for folder in there:
        above = next(parent for parent in folder.parents if parent in own)
        own[folder] = over(_beside(folder, request), own[above])
    return {folder.relative_to(root).parts: over(_called(request), own[folder]) for folder in there}


def agreed_on(several: Mapping[tuple[str, ...], Said], said: Said) -> Said:
    """What files below the path say of the data alike, where ``said`` leaves it open.

    UsageError where they bring the data to different ranges, of which a run has one.
    """
    names = [name for name, fact in facts().items() if fact.toml is not None and fact.toml[0] == "data"]
    agreed: dict[str, Any] = {}
    for name in names:
        stated = {folder: each[name] for folder, each in several.items() if name in each}  # type: ignore[literal-required]
        values = [*stated.values()]
        if values and all(value == values[0] for value in values):
            agreed[name] = values[0]
        elif values and name in SCALES and not {*SCALES} & {*said}:
            first, other = ("/".join((*folder, CONFIG_NAME)) for folder in _unlike(stated))
            raise UsageError(
                f"{first} and {other} say different things of the data's {name}, and a run has one: say --{name}, or "
                "analyse the folders one by one"
            )
    return cast(Said, agreed)


def _unlike(stated: Mapping[tuple[str, ...], object]) -> list[tuple[str, ...]]:
    """The first folder, and the first that says something else."""
    first, *others = stated
    return [first, next(folder for folder in others if stated[folder] != stated[first])]


def _called(request: Request) -> Said:
    """The call, over the file of ``config``."""
    named = request.said.get("config")
    return request.said if named is None else over(request.said, read_config(Path(named), trusted=True))


def _beside(folder: Path, request: Request) -> Said:
    """The ``wganalyze.toml`` of a folder, unless it is the one of ``config``."""
    beside, named = folder / CONFIG_NAME, request.said.get("config")
    if not beside.is_file() or (named is not None and beside == Path(named)):
        return Said()
    return read_config(beside, trusted=request.said.get("trust", False))


def was_followed(problem: str, said: Said) -> bool:
    """Does a problem of a program advise what has been said already: --trust, or --allow of all that it names?"""
    named = [name.replace(":", ".") for name in re.findall(r"--allow ([^\s,;]+)", problem)]
    given = [name.replace(":", ".") for name in said.get("allow", ())]
    # MODULE stands for the script that defined a class.
    by_any_module = {f"MODULE.{name.rpartition('.')[2]}" for name in given}
    allowed = bool(named) and {*named} <= {*given, *by_any_module}
    return "--trust" in problem and (said.get("trust", False) or allowed)


def nothing_found(path: Path, opened: Opened) -> str:
    """Why there is no snapshot under ``path``, in one line."""
    files, notes = opened.files, opened.assembled.notes
    problems = [problem for file in files for problem in file.problems if file.kind is not None]
    problems += [f"{file}: {line}" for file, lines in notes.items() for line in lines]
    if problems:
        return f"{path}: nothing could be opened: {problems[0]}{_more(problems[1:])}"
    if not files:
        return f"{path}: the folder holds no checkpoint; give the folder or file that your trainer saved"
    named = unread.lines(filter(unread.is_named, files), path)
    if named:
        return f"{path}: nothing could be opened: {'; '.join(named[:MOST_NAMED])}{_more(named[MOST_NAMED:])}"
    if all(map(unread.is_counted, files)):
        reason = unread.counted(files)
    else:
        reason = files[0].problems[0] if len(files) == 1 and files[0].problems else "no loader knows any of its files"
    return f"{path}: nothing could be opened: {reason}; give the files that your trainer saved"


def _more(left: Sequence[str]) -> str:
    return f" (and {len(left)} more)" if left else ""
