"""What is said of files that no loader reads: by name where it helps, and counted where they hold no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from wganalyze.files.opening import OpenedFile

NAMED = 3
"""Files of which the same is said that are called by their names."""


def lines(files: Iterable[OpenedFile], root: Path) -> list[str]:
    """A line for each thing that is said of files without a kind, with their names; the last one counts the rest.

    A folder that was named as one thing has a line of its own, unless there are many.
    """
    unread = [file for file in files if file.kind is None]
    alike: dict[str, list[OpenedFile]] = {}
    for file in unread:
        if not is_counted(file):
            alike.setdefault("; ".join(file.problems), []).append(file)
    said = [f"{names}: {text}" for text, group in alike.items() for names in _names(group, root)]
    return [*said, *filter(None, [counted(unread)])]


def counted(files: Iterable[OpenedFile]) -> str:
    """ "12 files are no checkpoints: 8 images, 4 logs"; "" where none is of such a group."""
    groups = Counter(file.naming.group for file in files if file.naming is not None and is_counted(file))
    if not groups:
        return ""
    total = sum(groups.values())
    each = ", ".join(f"{n} {name if n > 1 else name.removesuffix('s')}" for name, n in groups.most_common())
    return f"{total} files are no checkpoints: {each}" if total > 1 else f"1 file is no checkpoint: {each}"


def is_named(file: OpenedFile) -> bool:
    """Is it something that is to be turned into what is read?"""
    return file.naming is not None and not file.naming.group


def is_counted(file: OpenedFile) -> bool:
    """Is it known to hold no network?"""
    return file.naming is not None and bool(file.naming.group)


def _names(group: Sequence[OpenedFile], root: Path) -> list[str]:
    base = root if root.is_dir() else root.parent
    names = [str(file.path.relative_to(base)) if file.path != base else file.path.name or "." for file in group]
    if len(names) <= 2 * NAMED and all(file.path.is_dir() for file in group):
        return names
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"{', '.join(names[:NAMED])}{more}"]
