"""What the user says of files and of the parts in them: the patterns of ``--role`` and of [files]."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

from wganalyze.settings.facts import Said


def role_by_pattern(relative: Path, said: Said, inside: str = "") -> str | None:
    """What the first pattern that fits says of a file, or of the part ``inside`` it, as in "wgan.pth[0]".

    What is said of a part goes before what is said of its file.
    """
    of_file = (role for pattern, role in said.get("roles", {}).items() if _names_file(pattern, relative))
    return part_by_pattern(relative, said, inside) or next(of_file, None)


def part_by_pattern(relative: Path, said: Said, inside: str) -> str | None:
    """What is said of the part ``inside`` a file, and not of the file: brackets are its name, no choice of letters."""
    roles = said.get("roles", {})
    return next((role for pattern, role in roles.items() if inside and _names_part(pattern, relative, inside)), None)


def _names_file(pattern: str, relative: Path) -> bool:
    return fnmatch.fnmatch(relative.as_posix(), pattern) or fnmatch.fnmatch(relative.name, pattern)


def _names_part(pattern: str, relative: Path, inside: str) -> bool:
    if pattern in (f"{relative.as_posix()}[{inside}]", f"{relative.name}[{inside}]"):
        return True
    parts = re.fullmatch(r"(.+)\[([^\[\]]+)\]", pattern, re.DOTALL)
    return (
        parts is not None
        and _names_file(parts[1], relative)
        and (parts[2] == inside or fnmatch.fnmatch(inside, parts[2]))
    )
