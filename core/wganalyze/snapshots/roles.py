"""Which networks a part holds, and which is generator and which critic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from wganalyze.contracts.loader import Part
from wganalyze.contracts.terms import Role
from wganalyze.networks.piece import WRAPPERS, Piece
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.wrappers import without_counters
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member
from wganalyze.snapshots.naming import Named, bare, is_filler, names_both, read_name
from wganalyze.snapshots.nested import nested_critics, without
from wganalyze.snapshots.patterns import part_by_pattern, role_by_pattern


def members_of(
    part: Part, relative: Path, said: Said, recognition: Recognition, file: str = ""
) -> tuple[list[Member], list[str]]:
    """The networks in a part: split under prefixes where the keys hold two, else the part as a whole.

    And a line for those that are left: neither generator nor critic (an Inception for the FID, a VGG), or ignored.
    ``file``: how messages call its file.
    """
    member = partial(Member, file=file)
    if part.read_samples is not None:
        return [member(Piece(part), None)], []
    split = _split(part, relative, said)
    if split is not None:
        return _of_prefixes(part, split, file)
    pattern = role_by_pattern(relative, said, part.name)
    if pattern == "ignore":
        return [], [f"left out: {part.name} (--role or [files] says ignore)"]
    if pattern is not None:
        averaged = read_name(part.name).averaged
        return [member(Piece(part), cast(Role, pattern), averaged, shown_by="pattern")], []
    if part.role in ("generator", "critic"):
        return [member(Piece(part), part.role, read_name(part.name).averaged)], []
    inside, stem = read_name(part.name), read_name(bare(relative.name))
    averaged = inside.averaged or (stem.averaged and is_filler(inside))
    if inside.role is not None:
        return [member(Piece(part), inside.role, averaged)], []
    if part.name and not is_filler(inside):
        return [], [_left([part.name])]
    if stem.role is not None and not names_both(bare(relative.name)):
        return [member(Piece(part), stem.role, averaged)], []
    for folder in reversed(relative.parts[:-1]):
        role = read_name(folder).role
        if role is not None and not names_both(folder):
            return [member(Piece(part), role, averaged, shown_by="folder")], []
    by_prefix = _prefixes(part)
    known: set[Role] = {named.role for named in by_prefix.values() if named.role and not named.rest}
    if len(known) == 1 and len(by_prefix) == 1:
        return [member(Piece(part), known.pop(), averaged)], []
    nested = {} if known or part.read_tensors is None else nested_critics(by_prefix, part.keys)
    if len(nested) == 1:
        ((loss, prefix),) = nested.items()
        return _of_nested(part, loss, prefix, file)
    shown = recognition.role_of(Piece(part))
    if shown is not None:
        name, role = shown
        assumption = f"{relative.name} taken as the {role}: its keys are those of {name}"
        return [member(Piece(part), role, averaged, assumption)], []
    return [member(Piece(part), None, averaged)], []


def _split(part: Part, relative: Path, said: Said) -> Mapping[str, tuple[str | None, bool, bool]] | None:
    """By prefix: the role of a network ("ignore", None: neither), is it an average, did a pattern say so.

    None where the part is one network.
    """
    by_prefix = _prefixes(part)
    by_pattern = {
        prefix: role
        for prefix in by_prefix
        if (role := part_by_pattern(relative, said, Piece(part, prefix).inside)) is not None
    }
    known: set[Role] = {named.role for named in by_prefix.values() if named.role and not named.rest}
    if len(known) != 2 and not by_pattern and not any(n.averaged and not n.rest for n in by_prefix.values()):
        return None
    named = {p: n.role if n.role and not n.rest else None for p, n in by_prefix.items()}
    return {p: (by_pattern.get(p, named[p]), n.averaged, p in by_pattern) for p, n in by_prefix.items()}


def _of_prefixes(
    part: Part, split: Mapping[str, tuple[str | None, bool, bool]], file: str
) -> tuple[list[Member], list[str]]:
    members = [
        Member(Piece(part, prefix), cast(Role, role), averaged, "", file, "pattern" if said else "")
        for prefix, (role, averaged, said) in split.items()
        if role in ("generator", "critic")
    ]
    left = [prefix.rstrip(".") for prefix, (role, _, _) in split.items() if role is None]
    return members, [_left(left)] if left else []


def _of_nested(part: Part, loss: str, prefix: str, file: str) -> tuple[list[Member], list[str]]:
    """A critic that lies within the loss of its generator, which is all that is not of the loss."""
    critic = Member(Piece(part, prefix), "critic", file=file)
    generator = Member(Piece(without(part, loss)), "generator", file=file)
    note = f"{generator.called} without {loss.rstrip('.')} taken as the generator: {prefix.rstrip('.')} is its critic"
    others = {key[len(loss) :].split(".", 1)[0] for key in part.keys if key.startswith(loss)}
    left = sorted(f"{loss}{name}" for name in others if f"{loss}{name}." != prefix)
    return [replace(generator, assumption=note), critic], [_left(left)] if left else []


def _left(names: Sequence[str]) -> str:
    verb, by = ("is", "its name") if len(names) == 1 else ("are", "their names")
    return f"left: {', '.join(names)} {verb} no generator and no critic by {by}"


def _prefixes(part: Part) -> dict[str, Named]:
    """First components of the keys, behind wrappers that all keys share, with what they say."""
    front = ""
    keys = list(without_counters(part.keys))
    for _ in range(4):
        for wrapper in WRAPPERS:
            if keys and all(key.startswith(front + wrapper) for key in keys):
                front += wrapper
    heads = dict.fromkeys(key[len(front) :].split(".", 1)[0] for key in keys if "." in key[len(front) :])
    return {f"{front}{head}.": read_name(head) for head in heads}
