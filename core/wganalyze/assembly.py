"""Parts become Snapshots: roles, prefixes, EMA copies, pairs, steps and order, from names, keys and configuration."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from wganalyze.config import Config
from wganalyze.duplicates import equal_files
from wganalyze.host import Host
from wganalyze.measurement import Finding
from wganalyze.naming import Named, NetRole, Step, bare, is_filler, read_name, read_step
from wganalyze.networks import WRAPPERS, Permission, Piece, role_by_architecture
from wganalyze.opening import OpenedFile
from wganalyze.resolution import Group, Role, resolve
from wganalyze.snapshot import Part, Snapshot


@dataclass(frozen=True)
class Assembled:
    """The snapshots of a path, in order; of each file its role and step, and notes on what was left out."""

    snapshots: tuple[Snapshot, ...]
    roles: Mapping[Path, str]
    steps: Mapping[Path, int | None]
    notes: Mapping[Path, tuple[str, ...]]


@dataclass
class _Sorting:
    """What has been seen of the files so far."""

    host: Host
    groups: dict[tuple[object, ...], Group] = field(default_factory=dict)
    records: list[tuple[Path, Part]] = field(default_factory=list)
    roles: dict[Path, set[str]] = field(default_factory=dict)
    steps: dict[Path, int | None] = field(default_factory=dict)
    notes: dict[Path, list[str]] = field(default_factory=dict)

    def note(self, path: Path, line: str) -> None:
        self.notes.setdefault(path, []).append(line)

    def add(self, part: Part, relative: Path, config: Config) -> None:
        """Take a part in: its members join the group of their moment."""
        if _role_by_pattern(relative, config) == "ignore":
            self.note(part.path, "left out: [files] says ignore")
            return
        own = _group_of(part, relative)
        if part.facts and not part.keys and not _has_content(part):
            self.records.append((relative, part))
            self.steps[part.path] = own.step.number if own.step else None
            return
        members, left = _members(part, relative, config, self.host)
        if left:
            verb, by = ("is", "its name") if len(left) == 1 else ("are", "their names")
            self.note(part.path, f"left: {', '.join(left)} {verb} no generator and no critic by {by}")
        for member in members:
            self.roles.setdefault(part.path, set()).add(member.role or "unknown")
            self.steps[part.path] = own.step.number if own.step else None
            if not part.numbered and not member.piece.prefix:  # a number of networks, which are of one moment
                own.words = tuple(word for word in own.words if not word.isdigit())
            group = self.groups.setdefault((own.folder, own.words), own)
            group.step = group.step or own.step
            group.members.append(member)

    def spread_records(self) -> None:
        """What a file beside the networks states (BigGAN's ``state_dict.pth``) holds for the moment it is named for."""
        for relative, part in self.records:
            own = _group_of(part, relative)
            for group in self.groups.values():
                if group.folder == own.folder and _significant(group.words) == _significant(own.words):
                    group.facts.update(part.facts)
                    group.records.append(part.path)
                    group.step = own.step or group.step
                    for member in group.members:
                        self.steps[member.piece.part.path] = group.step.number if group.step else None


def assemble(
    files: Iterable[OpenedFile], root: Path, config: Config, host: Host, permission: Permission | None = None
) -> Assembled:
    """Group the parts of all files into snapshots, ordered by folder and step."""
    base = root if root.is_dir() else root.parent
    seen = _Sorting(host)
    for part in (part for file in files for part in file.parts):
        # A folder of images may be the path itself.
        relative = Path(base.resolve().name) if part.path == base else part.path.relative_to(base)
        seen.add(part, relative, config)
    seen.spread_records()
    merged = _pair_leftovers(list(seen.groups.values()))
    merged.sort(key=lambda g: (_natural(g.folder), -1 if g.step is None else g.step.number, _natural(g.words)))
    name = root.stem if root.is_file() else root.resolve().name
    snapshots = [s for group in merged for s in resolve(group, name, config, host, permission or Permission())]
    return Assembled(
        tuple(_with_findings([*_distinct(snapshots)], base)),
        {path: next(iter(r)) if len(r) == 1 else "both" for path, r in seen.roles.items()},
        seen.steps,
        {path: tuple(lines) for path, lines in seen.notes.items()},
    )


def _significant(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words that tell one moment from another: "copy0", and not "state" or "dict"."""
    return tuple(word for word in words if not is_filler(Named(None, False, (word,))))


def _has_content(part: Part) -> bool:
    return any((part.read_tensors, part.read_module, part.fill, part.read_samples))


def _with_findings(snapshots: Sequence[Snapshot], base: Path) -> Iterator[Snapshot]:
    """What comparing the files shows: equal content, and equal names in several folders."""
    said: dict[Path, list[Finding]] = {}
    files = list(dict.fromkeys(path for snapshot in snapshots for path in snapshot.files))
    for group in equal_files(files):
        names = [str(path.relative_to(base)) for path in group.paths]
        text = f"{_list(names)} hold the same {'bytes' if group.identical else 'tensors'}: one of them may be a copy"
        for path in group.paths:
            said.setdefault(path, []).append(Finding("warning", "equal-files", text))
    namesakes: dict[tuple[str, int | None], dict[str, Path]] = {}
    for snapshot in snapshots:
        for path in snapshot.files:
            namesakes.setdefault((path.name, snapshot.step), {}).setdefault(snapshot.label, path)
    shared: dict[tuple[str, ...], list[Path]] = {}
    for places in namesakes.values():
        folders = tuple(dict.fromkeys(str(path.parent.relative_to(base)) for path in places.values()))
        if len(folders) > 1:
            shared.setdefault(folders, []).extend(places.values())
    for folders, paths in shared.items():
        same = _list([*dict.fromkeys(path.name for path in paths)])
        text = f"{_list(folders)} hold files of the same names ({same}): each folder is taken for a run of its own"
        for path in paths:
            said.setdefault(path, []).append(Finding("info", "equal-names", text))
    for snapshot in snapshots:
        found = dict.fromkeys(finding for path in snapshot.files for finding in said.get(path, ()))
        yield replace(snapshot, findings=(*snapshot.findings, *found))


def _list(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and 7 more"."""
    if len(names) <= 3:
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{', '.join(names[:2])} and {len(names) - 2} more"


def _natural(names: tuple[str, ...]) -> list[list[tuple[int, str]]]:
    """A sort key under which numbers inside names count as numbers: epoch_2 before epoch_10."""
    pieces = [re.findall(r"\d+|\D+", name) for name in names]
    return [[(int(p), "") if p.isdecimal() else (-1, p) for p in piece] for piece in pieces]


def _distinct(snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """No two snapshots share a label: x/G.pt and x_G.pt are both "x"."""
    seen: set[str] = set()
    for snapshot in snapshots:
        label, count = snapshot.label, 1
        while label in seen:
            count += 1
            label = f"{snapshot.label} #{count}"
        seen.add(label)
        yield replace(snapshot, label=label)


def _role_by_pattern(relative: Path, config: Config) -> str | None:
    for pattern, role in config.roles.items():
        if fnmatch.fnmatch(relative.as_posix(), pattern) or fnmatch.fnmatch(relative.name, pattern):
            return role
    return None


def _members(part: Part, relative: Path, config: Config, host: Host) -> tuple[list[Role], list[str]]:
    """The networks in a part: split under prefixes where the keys hold two, else the part as a whole.

    And the names of networks in it that are neither generator nor critic (an Inception for the FID, a VGG).
    """
    if part.read_samples is not None:
        return [Role(Piece(part), None)], []
    by_prefix = _prefixes(part)
    known: set[NetRole] = {named.role for named in by_prefix.values() if named.role and not named.rest}
    if len(known) == 2 or any(n.averaged and not n.rest for n in by_prefix.values()):
        nets = {p: n for p, n in by_prefix.items() if n.role and not n.rest}
        left = [p.rstrip(".") for p in by_prefix if p not in nets]
        return [Role(Piece(part, p), n.role, n.averaged) for p, n in nets.items()], left
    pattern = _role_by_pattern(relative, config)
    if pattern is not None:
        return [Role(Piece(part), cast(NetRole, pattern))], []
    if part.role in ("generator", "critic"):
        return [Role(Piece(part), part.role, read_name(part.name).averaged)], []
    inside, stem = read_name(part.name), read_name(bare(relative.name))
    averaged = inside.averaged or (stem.averaged and is_filler(inside))
    if inside.role is not None:
        return [Role(Piece(part), inside.role, averaged)], []
    if part.name and not is_filler(inside):
        return [], [part.name]
    if stem.role is not None:
        return [Role(Piece(part), stem.role, averaged)], []
    for folder in reversed(relative.parts[:-1]):
        if read_name(folder).role is not None:
            return [Role(Piece(part), read_name(folder).role, averaged)], []
    if len(known) == 1 and len(by_prefix) == 1:
        return [Role(Piece(part), known.pop(), averaged)], []
    shown = role_by_architecture(Piece(part), host)
    if shown is not None:
        name, role = shown
        return [
            Role(Piece(part), role, averaged, f"{relative.name} taken as the {role}: its keys are those of {name}")
        ], []
    only = _only_named(config)
    if only is not None:
        return [Role(Piece(part), only, averaged, f"{relative.name} taken as the {only}: only --{only} was named")], []
    return [Role(Piece(part, ""), None)], []


def _only_named(config: Config) -> NetRole | None:
    if (config.generator is None) == (config.critic is None):
        return None
    return "critic" if config.generator is None else "generator"


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


def _group_of(part: Part, relative: Path) -> Group:
    stem = read_name(bare(relative.name))
    folders = [read_name(folder) for folder in relative.parts[:-1]]
    # A folder that says nothing but a role ("generator/", "netD/") belongs to the pair, not to its label.
    kept = tuple(
        f for f, named in zip(relative.parts[:-1], folders, strict=True) if not (named.role and not named.rest)
    )
    step = read_step(part.facts, bare(relative.name) if part.numbered else "", relative.parts[:-1])
    if part.step is not None:  # the format itself states it
        step = Step(part.step, step.unit if step is not None and step.number == part.step else "", "the file")
    return Group(kept, stem.rest, step)


def _pair_leftovers(groups: list[Group]) -> list[Group]:
    """A lone generator and a lone critic, under names that do not match, are taken as a pair; that is assumed.

    Alone at one step of a folder, or alone in a folder where not both have a step.
    """
    for step in {group.step.number for group in groups if group.step}:
        groups = _paired(groups, step)
    return _paired(groups, None)


def _paired(groups: list[Group], step: int | None) -> list[Group]:
    """Pairs among the groups of one step, or (None) among all."""
    at_step = [g for g in groups if step is None or (g.step is not None and g.step.number == step)]
    for folder in {group.folder for group in at_step}:
        known = [group for group in at_step if group.folder == folder and group.roles]
        here = {next(iter(group.roles)): group for group in known if len(group.roles) == 1}
        if len(known) != 2 or len(here) != 2:
            continue
        generator, critic = here["generator"], here["critic"]
        if generator.step and critic.step and generator.step.number != critic.step.number:
            continue
        note = f"{generator.members[0].piece.place} and {critic.members[0].piece.place} taken as a pair"
        pair = [replace(m, assumption=m.assumption or note) for m in generator.members] + critic.members
        groups = [g for g in groups if g is not generator and g is not critic]
        facts, records = {**critic.facts, **generator.facts}, [*generator.records, *critic.records]
        groups.append(Group(folder, generator.words, generator.step or critic.step, pair, facts, records))
    return groups
