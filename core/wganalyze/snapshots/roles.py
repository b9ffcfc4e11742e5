"""Which networks a part holds, and which is generator and which critic."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import cast

from wganalyze.contracts.loader import Part
from wganalyze.contracts.terms import Role
from wganalyze.networks.piece import WRAPPERS, Piece
from wganalyze.networks.recognition import Recognition
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member
from wganalyze.snapshots.naming import Named, bare, is_filler, read_name


def role_by_pattern(relative: Path, said: Said) -> str | None:
    """What the first pattern that fits a file says of it."""
    for pattern, role in said.get("roles", {}).items():
        if fnmatch.fnmatch(relative.as_posix(), pattern) or fnmatch.fnmatch(relative.name, pattern):
            return role
    return None


def members_of(part: Part, relative: Path, said: Said, recognition: Recognition) -> tuple[list[Member], list[str]]:
    """The networks in a part: split under prefixes where the keys hold two, else the part as a whole.

    And the names of networks in it that are neither generator nor critic (an Inception for the FID, a VGG).
    """
    if part.read_samples is not None:
        return [Member(Piece(part), None)], []
    by_prefix = _prefixes(part)
    known: set[Role] = {named.role for named in by_prefix.values() if named.role and not named.rest}
    if len(known) == 2 or any(n.averaged and not n.rest for n in by_prefix.values()):
        nets = {p: n for p, n in by_prefix.items() if n.role and not n.rest}
        left = [p.rstrip(".") for p in by_prefix if p not in nets]
        return [Member(Piece(part, p), n.role, n.averaged) for p, n in nets.items()], left
    pattern = role_by_pattern(relative, said)
    if pattern is not None:
        return [Member(Piece(part), cast(Role, pattern))], []
    if part.role in ("generator", "critic"):
        return [Member(Piece(part), part.role, read_name(part.name).averaged)], []
    inside, stem = read_name(part.name), read_name(bare(relative.name))
    averaged = inside.averaged or (stem.averaged and is_filler(inside))
    if inside.role is not None:
        return [Member(Piece(part), inside.role, averaged)], []
    if part.name and not is_filler(inside):
        return [], [part.name]
    if stem.role is not None:
        return [Member(Piece(part), stem.role, averaged)], []
    for folder in reversed(relative.parts[:-1]):
        if read_name(folder).role is not None:
            return [Member(Piece(part), read_name(folder).role, averaged)], []
    if len(known) == 1 and len(by_prefix) == 1:
        return [Member(Piece(part), known.pop(), averaged)], []
    shown = recognition.role_of(Piece(part))
    if shown is not None:
        name, role = shown
        return [
            Member(Piece(part), role, averaged, f"{relative.name} taken as the {role}: its keys are those of {name}")
        ], []
    only = _only_named(said)
    if only is not None:
        return [
            Member(Piece(part), only, averaged, f"{relative.name} taken as the {only}: only --{only} was named")
        ], []
    return [Member(Piece(part, ""), None)], []


def _only_named(said: Said) -> Role | None:
    if ("generator" in said) == ("critic" in said):
        return None
    return "generator" if "generator" in said else "critic"


def _prefixes(part: Part) -> dict[str, Named]:
    """First components of the keys, behind wrappers that all keys share, with what they say."""
    front = ""
    keys = list(part.keys)
    for _ in range(4):
        for wrapper in WRAPPERS:
            if keys and all(key.startswith(front + wrapper) for key in keys):
                front += wrapper
    heads = dict.fromkeys(key[len(front) :].split(".", 1)[0] for key in keys if "." in key[len(front) :])
    return {f"{front}{head}.": read_name(head) for head in heads}
