"""Parts become Snapshots: roles, prefixes, EMA copies, pairs, steps and order, from names, keys and configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from wganalyze.contracts.loader import Part
from wganalyze.contracts.terms import Role
from wganalyze.files.opening import OpenedFile
from wganalyze.networks.draft import Draft
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission
from wganalyze.settings.facts import Said
from wganalyze.snapshots.findings import with_findings
from wganalyze.snapshots.moment import Moment
from wganalyze.snapshots.naming import Named, Step, bare, is_filler, read_name, read_step
from wganalyze.snapshots.pairing import pair_leftovers
from wganalyze.snapshots.resolution import resolve
from wganalyze.snapshots.roles import members_of, role_by_pattern


@dataclass(frozen=True)
class Assembled:
    """The snapshots of a path, in order; of each file the roles of its networks (None: unknown), step and notes."""

    snapshots: tuple[Draft, ...]
    roles: Mapping[Path, frozenset[Role | None]]
    steps: Mapping[Path, int | None]
    notes: Mapping[Path, tuple[str, ...]]


@dataclass
class _Sorting:
    """What has been seen of the files so far."""

    recognition: Recognition
    moments: dict[tuple[object, ...], Moment] = field(default_factory=dict)
    records: list[tuple[Path, Part]] = field(default_factory=list)
    roles: dict[Path, set[Role | None]] = field(default_factory=dict)
    steps: dict[Path, int | None] = field(default_factory=dict)
    notes: dict[Path, list[str]] = field(default_factory=dict)

    def note(self, path: Path, line: str) -> None:
        self.notes.setdefault(path, []).append(line)

    def add(self, part: Part, relative: Path, said: Said) -> None:
        """Take a part in: its members join their moment."""
        if role_by_pattern(relative, said) == "ignore":
            self.note(part.path, "left out: [files] says ignore")
            return
        own = _moment_of(part, relative)
        if part.facts and not part.keys and not part.has_content:
            self.records.append((relative, part))
            self.steps[part.path] = own.step.number if own.step else None
            return
        members, left = members_of(part, relative, said, self.recognition)
        if left:
            verb, by = ("is", "its name") if len(left) == 1 else ("are", "their names")
            self.note(part.path, f"left: {', '.join(left)} {verb} no generator and no critic by {by}")
        for member in members:
            self.roles.setdefault(part.path, set()).add(member.role)
            self.steps[part.path] = own.step.number if own.step else None
            if not part.numbered and not member.piece.prefix:  # a number of networks, which are of one moment
                own.words = tuple(word for word in own.words if not word.isdigit())
            moment = self.moments.setdefault((own.folder, own.words), own)
            moment.step = moment.step or own.step
            moment.members.append(member)

    def spread_records(self) -> None:
        """What a file beside the networks states (BigGAN's ``state_dict.pth``) holds for the moment it is named for."""
        for relative, part in self.records:
            own = _moment_of(part, relative)
            for moment in self.moments.values():
                if moment.folder == own.folder and _significant(moment.words) == _significant(own.words):
                    moment.facts.update(part.facts)
                    moment.records.append(part.path)
                    moment.step = own.step or moment.step
                    for member in moment.members:
                        self.steps[member.piece.part.path] = moment.step.number if moment.step else None


def assemble(
    files: Iterable[OpenedFile],
    root: Path,
    said: Said,
    recognition: Recognition,
    permission: Permission | None = None,
    below: Mapping[tuple[str, ...], Said] | None = None,
) -> Assembled:
    """Group the parts of all files into snapshots, ordered by folder and step.

    ``below``: what is said in folders that have a configuration of their own, by their parts below ``root``.
    """
    base = root if root.is_dir() else root.parent
    seen = _Sorting(recognition)
    for part in (part for file in files for part in file.parts):
        # A folder of images may be the path itself.
        relative = Path(base.resolve().name) if part.path == base else part.path.relative_to(base)
        seen.add(part, relative, said)
    seen.spread_records()
    moments = pair_leftovers(list(seen.moments.values()))
    moments.sort(key=lambda m: (_natural(m.folder), -1 if m.step is None else m.step.number, _natural(m.words)))
    name = root.stem if root.is_file() else root.resolve().name
    snapshots = [
        snapshot
        for moment in moments
        for snapshot in resolve(
            moment, name, _said_in(moment.folder, below or {}, said), recognition, permission or Permission()
        )
    ]
    return Assembled(
        tuple(with_findings([*_distinct(snapshots)], base)),
        {path: frozenset(roles) for path, roles in seen.roles.items()},
        seen.steps,
        {path: tuple(lines) for path, lines in seen.notes.items()},
    )


def _said_in(folder: tuple[str, ...], below: Mapping[tuple[str, ...], Said], said: Said) -> Said:
    """What the nearest folder with a configuration says; ``said``, where there is none."""
    above = [folder[:depth] for depth in range(len(folder), 0, -1)]
    return next((below[parts] for parts in above if parts in below), said)


def _significant(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words that tell one moment from another: "copy0", and not "state" or "dict"."""
    return tuple(word for word in words if not is_filler(Named(None, False, (word,))))


def _natural(names: tuple[str, ...]) -> list[list[tuple[int, str]]]:
    """A sort key under which numbers inside names count as numbers: epoch_2 before epoch_10."""
    pieces = [re.findall(r"\d+|\D+", name) for name in names]
    return [[(int(p), "") if p.isdecimal() else (-1, p) for p in piece] for piece in pieces]


def _distinct(snapshots: Iterable[Draft]) -> Iterator[Draft]:
    """No two snapshots share a label: x/G.pt and x_G.pt are both "x"."""
    seen: set[str] = set()
    for snapshot in snapshots:
        label, count = snapshot.label, 1
        while label in seen:
            count += 1
            label = f"{snapshot.label} #{count}"
        seen.add(label)
        yield replace(snapshot, label=label)


def _moment_of(part: Part, relative: Path) -> Moment:
    stem = read_name(bare(relative.name))
    folders = [read_name(folder) for folder in relative.parts[:-1]]
    # A folder that says nothing but a role ("generator/", "netD/") belongs to the pair, not to its label.
    kept = tuple(
        f for f, named in zip(relative.parts[:-1], folders, strict=True) if not (named.role and not named.rest)
    )
    step = read_step(part.facts, bare(relative.name) if part.numbered else "", relative.parts[:-1])
    if part.step is not None:  # the format itself states it
        step = Step(part.step, step.unit if step is not None and step.number == part.step else "", "the file")
    return Moment(kept, stem.rest, step)
