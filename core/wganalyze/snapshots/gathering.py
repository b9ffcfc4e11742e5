"""The parts of all files, gathered into moments: by folders, names, steps, and histories inside a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wganalyze.contracts.loader import Part
from wganalyze.contracts.terms import Role
from wganalyze.files.opening import OpenedFile
from wganalyze.files.unread import is_counted
from wganalyze.networks.recognition import Recognition
from wganalyze.settings.facts import Said
from wganalyze.snapshots.averages import with_roles_of_copies
from wganalyze.snapshots.beside import with_generator_beside
from wganalyze.snapshots.history import moments_inside, step_inside
from wganalyze.snapshots.moment import Member, Moment
from wganalyze.snapshots.naming import (
    Named,
    Series,
    Step,
    bare,
    is_filler,
    read_name,
    read_step,
    series_of,
    words,
)
from wganalyze.snapshots.patterns import part_by_pattern, role_by_pattern
from wganalyze.snapshots.roles import members_of
from wganalyze.snapshots.sizes import with_roles_by_size

Folders = tuple[str, ...]
LEFT_OUT = "left out: [files] says ignore"


@dataclass
class Gathering:
    """What has been seen of the files so far.

    ``base``: the folder that paths are relative to.
    """

    base: Path
    said: Said
    recognition: Recognition
    moments: dict[tuple[object, ...], Moment] = field(default_factory=dict)
    records: list[Part] = field(default_factory=list)
    samples: list[Member] = field(default_factory=list)
    steps: dict[Path, int | None] = field(default_factory=dict)
    notes: dict[Path, list[str]] = field(default_factory=dict)
    _series: dict[Folders, Series] = field(default_factory=dict)
    _mixed: set[Folders] = field(default_factory=set)

    def gather(self, opened: Iterable[OpenedFile]) -> list[Moment]:
        """The moments of these files."""
        opened = [*opened]
        files = [file.parts for file in opened]
        relative = {parts[0].path: self.relative(parts[0].path) for parts in files if parts}
        names = Counter(path.name for path in relative.values())
        called = {path: r.name if names[r.name] == 1 else r.as_posix() for path, r in relative.items()}
        beside: dict[Folders, list[str]] = {}
        for path in relative.values():
            beside.setdefault(path.parts[:-1], []).append(bare(path.name))
        self._series = {folders: series_of(stems) for folders, stems in beside.items()}
        networks = [members for parts in files if (members := self._members(parts, called))]
        self._mixed = {folders for members in networks for folders in self._contradicted(members)}
        for members in networks:
            self._place(members)
        self._spread_records()
        self._place_samples()
        self._note_broken(file for file in opened if not file.parts and file.problems and not is_counted(file))
        return [_with_roles(moment, self.said) for moment in self.moments.values()]

    def relative(self, path: Path) -> Path:
        """The path of a file below the base; a folder of samples may be the base itself."""
        return Path(self.base.resolve().name) if path == self.base else path.relative_to(self.base)

    def note(self, path: Path, line: str) -> None:
        """A line about a file, once."""
        lines = self.notes.setdefault(path, [])
        if line not in lines:
            lines.append(line)

    def _members(self, parts: Sequence[Part], called: Mapping[Path, str]) -> list[Member]:
        """The networks of a file."""
        members: list[Member] = []
        for part in parts:
            relative = self.relative(part.path)
            ignored = role_by_pattern(relative, self.said) == "ignore"
            if ignored and part_by_pattern(relative, self.said, part.name) is None:
                self.note(part.path, LEFT_OUT)
                continue
            if part.facts and not part.keys and not part.has_content:
                self.records.append(part)
                self.steps[part.path] = _number(self._step(part))
                continue
            found, lines = members_of(part, relative, self.said, self.recognition, called[part.path])
            for line in lines:
                self.note(part.path, line)
            for member in found:
                self.steps[part.path] = _number(self._step(part))
                (self.samples if part.read_samples is not None else members).append(member)
        containers = dict.fromkeys(member.piece.part.name.rpartition(".")[0] for member in members)
        together = [[m for m in members if m.piece.part.name.rpartition(".")[0] == c] for c in containers]
        roles = [with_generator_beside(with_roles_by_size(group), self.said) for group in together]
        return [member for group in roles for member in group]

    def _contradicted(self, members: Sequence[Member]) -> Iterable[Folders]:
        """Folders that are named for one role and hold networks of the other: they are no half of a pair."""
        roles = {member.role for member in members} - {None}
        folders = self.relative(members[0].piece.part.path).parts[:-1]
        for depth, folder in enumerate(folders, 1):
            if read_name(folder).role is not None and roles - {read_name(folder).role}:
                yield folders[:depth]

    def _place(self, members: Sequence[Member]) -> None:
        """The networks of a file join their moments."""
        for member, inside in zip(members, moments_inside(members), strict=True):
            part = member.piece.part
            relative = self.relative(part.path)
            named = read_name(bare(relative.name)).rest
            if not part.numbered and not member.piece.prefix:  # a number of networks, which are of one moment
                named = tuple(word for word in named if not word.isdigit())
            step = step_inside(member, inside) if inside else self._step(part)
            folder, own = self._folder(relative.parts[:-1]), (*named, *inside)
            moment = self.moments.setdefault((folder, own), Moment(folder, own, step))
            moment.step = moment.step or step
            moment.members.append(member)

    def _spread_records(self) -> None:
        """What a file beside the networks states (BigGAN's ``state_dict.pth``) holds for the moment it is named for."""
        for part in self.records:
            relative, step = self.relative(part.path), self._step(part)
            folder, own = self._folder(relative.parts[:-1]), read_name(bare(relative.name)).rest
            for moment in self.moments.values():
                if moment.folder == folder and _significant(moment.words) == _significant(own):
                    moment.facts.update(part.facts)
                    moment.records.append(part.path)
                    moment.step = step or moment.step
                    for member in moment.members:
                        self.steps[member.piece.part.path] = _number(moment.step)

    def _place_samples(self) -> None:
        """Stored samples are a moment by themselves, or stand in for the generator of a critic that has none.

        They have no role to be merged by: two files of samples are two moments.
        """
        keys = [self._half(member) for member in self.samples]
        for member, key in zip(self.samples, keys, strict=True):
            part = member.piece.part
            there = self.moments.get(key)
            if there is not None and there.roles == {"critic"} and not there.samples and keys.count(key) == 1:
                there.members.append(member)
                continue
            relative = self.relative(part.path)
            own = tuple(words(bare(relative.name)))
            moment = Moment(relative.parts[:-1], own, self._step(part), [member])
            self.moments[("samples", part.path, part.name)] = moment

    def _note_broken(self, files: Iterable[OpenedFile]) -> None:
        """A file that cannot be read is missed where its name says that it belongs."""
        for file in files:
            relative = self.relative(file.path)
            named = read_name(bare(relative.name))
            role = named.role
            for folder in reversed(relative.parts[:-1]):
                role = role or read_name(folder).role
            moment = self.moments.get((self._folder(relative.parts[:-1]), named.rest))
            if role is not None and moment is not None:
                problem = file.problems[0]
                named_in_it = problem.startswith(f"{file.path}: ")
                moment.broken[role] = problem if named_in_it else f"{relative.as_posix()} cannot be read: {problem}"

    def _half(self, member: Member) -> tuple[object, ...]:
        """Where a network of this name would be placed."""
        relative = self.relative(member.piece.part.path)
        return self._folder(relative.parts[:-1]), read_name(bare(relative.name)).rest

    def _folder(self, folders: Folders) -> Folders:
        """Folders without what names a role ("generator/", "gen_weights/"): it belongs to the half, not to the pair."""
        kept = []
        for depth, name in enumerate(folders, 1):
            named = read_name(name)
            if named.role is None or folders[:depth] in self._mixed:
                kept.append(name)
            elif rest := _significant(named.rest, digits=True):
                kept.append("_".join(rest))
        return tuple(kept)

    def _step(self, part: Part) -> Step | None:
        relative = self.relative(part.path)
        folders = relative.parts[:-1]
        stem = bare(relative.name) if part.numbered else ""
        step = read_step(part.facts, stem, folders, self._series.get(folders, frozenset()))
        if part.step is None:
            return step
        # The format itself states it.
        return Step(part.step, step.unit if step is not None and step.number == part.step else "", "the file")


def _number(step: Step | None) -> int | None:
    return step.number if step else None


def _significant(names: Sequence[str], *, digits: bool = False) -> tuple[str, ...]:
    """Words that tell one moment from another: "copy0", and not "state" or "dict"; ``digits``: and numbers."""
    return tuple(word for word in names if (digits and word.isdigit()) or not is_filler(Named(None, False, (word,))))


def roles_of(moments: Iterable[Moment]) -> dict[Path, frozenset[Role | None]]:
    """Of each file the roles of its networks; None: unknown, or stored samples."""
    roles: dict[Path, set[Role | None]] = {}
    for moment in moments:
        for member in moment.members:
            roles.setdefault(member.piece.part.path, set()).add(member.role)
    return {path: frozenset(found) for path, found in roles.items()}


def _with_roles(moment: Moment, said: Said) -> Moment:
    """A moment whose unknown networks have the role that its other networks, or what was named, leave them."""
    members = with_roles_by_size(with_roles_of_copies(moment.members))
    only = _only_named(said)
    if only is not None:
        members = [
            _taken(member, only) if member in moment.unknown and not member.role else member for member in members
        ]
    return replace(moment, members=members)


def _taken(member: Member, role: Role) -> Member:
    return replace(member, role=role, assumption=f"{member.called} taken as the {role}: only --{role} was named")


def _only_named(said: Said) -> Role | None:
    if ("generator" in said) == ("critic" in said):
        return None
    return "generator" if "generator" in said else "critic"
