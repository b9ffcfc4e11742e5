"""Parts become Snapshots: roles, prefixes, EMA copies, pairs, steps and order, from names, keys and configuration."""

from __future__ import annotations

import fnmatch
import glob
import math
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from wganalyze.config import Config
from wganalyze.host import Host
from wganalyze.naming import Named, NetRole, Step, is_filler, read_name, read_step
from wganalyze.networks import WRAPPERS, Design, Piece, build, find_design
from wganalyze.opening import OpenedFile
from wganalyze.snapshot import Latent, Part, Snapshot

if TYPE_CHECKING:
    from torch.nn import Module

_PENALTIES = ("gradient_penalty", "lambda_gp", "gp_lambda", "gp_weight", "lambda_gradient_penalty", "lambda")
_LATENT_WIDTHS = ("latent_dim", "z_dim", "latent_size", "nz", "dim_z", "latent_width")


@dataclass(frozen=True)
class Role:
    """What a piece is, and what had to be assumed to say so."""

    piece: Piece
    role: NetRole | None
    averaged: bool = False
    assumption: str = ""


@dataclass
class Group:
    """The pieces of one saved moment."""

    folder: tuple[str, ...]
    words: tuple[str, ...]
    step: Step | None
    members: list[Role] = field(default_factory=list)

    def of(self, role: NetRole) -> list[Role]:
        """The members of one role."""
        return [member for member in self.members if member.role == role]

    @property
    def roles(self) -> set[NetRole]:
        """The roles that it has members of."""
        return {member.role for member in self.members if member.role is not None}

    def label(self, root: str) -> str:
        """A name for the moment, unique under ``root``."""
        return "/".join([*self.folder, *(["_".join(self.words)] if self.words else [])]) or root


@dataclass(frozen=True)
class Assembled:
    """The snapshots of a path, in order, the role of each piece, and notes on what was left out."""

    snapshots: tuple[Snapshot, ...]
    roles: Mapping[Path, str]
    steps: Mapping[Path, int | None]
    notes: Mapping[Path, tuple[str, ...]]


def assemble(files: Iterable[OpenedFile], root: Path, config: Config, host: Host, *, trust: bool = False) -> Assembled:
    """Group the parts of all files into snapshots, ordered by folder and step."""
    base = root if root.is_dir() else root.parent
    groups: dict[tuple[object, ...], Group] = {}
    roles: dict[Path, set[str]] = {}
    steps: dict[Path, int | None] = {}
    notes: dict[Path, list[str]] = {}
    for part in (part for file in files for part in file.parts):
        relative = part.path.relative_to(base)
        if _role_by_pattern(relative, config) == "ignore":
            notes.setdefault(part.path, []).append("left out: [files] says ignore")
            continue
        for member in _members(part, relative, config):
            if member.role is None and part.name:
                notes.setdefault(part.path, []).append(f"left: {part.name} is no generator and no critic by its name")
                continue
            roles.setdefault(part.path, set()).add(member.role or "unknown")
            own = _group_of(part, relative)
            steps[part.path] = own.step.number if own.step else None
            group = groups.setdefault((own.folder, own.words), own)
            group.step = group.step or own.step
            group.members.append(member)
    merged = _pair_leftovers(list(groups.values()))
    merged.sort(key=lambda g: (_natural(g.folder), -1 if g.step is None else g.step.number, _natural(g.words)))
    name = root.stem if root.is_file() else root.resolve().name
    snapshots = [s for group in merged for s in _snapshots(group, name, config, host, trust=trust)]
    return Assembled(
        tuple(_distinct(snapshots)),
        {path: next(iter(r)) if len(r) == 1 else "both" for path, r in roles.items()},
        steps,
        {path: tuple(lines) for path, lines in notes.items()},
    )


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


def _members(part: Part, relative: Path, config: Config) -> list[Role]:
    """The networks in a part: split under prefixes where the keys hold two, else the part as a whole."""
    by_prefix = _prefixes(part)
    known: set[NetRole] = {named.role for named in by_prefix.values() if named.role}
    if len(known) == 2 or any(named.averaged for named in by_prefix.values()):
        return [Role(Piece(part, p), n.role, n.averaged) for p, n in by_prefix.items() if n.role]
    pattern = _role_by_pattern(relative, config)
    if pattern is not None:
        return [Role(Piece(part), cast(NetRole, pattern))]
    if part.role in ("generator", "critic"):
        return [Role(Piece(part), part.role)]
    inside, stem = read_name(part.name), read_name(relative.stem)
    averaged = inside.averaged or (stem.averaged and not part.name)
    if inside.role is not None:
        return [Role(Piece(part), inside.role, averaged)]
    if part.name and not is_filler(inside):
        return [Role(Piece(part), None)]
    if stem.role is not None:
        return [Role(Piece(part), stem.role, averaged)]
    for folder in reversed(relative.parts[:-1]):
        if read_name(folder).role is not None:
            return [Role(Piece(part), read_name(folder).role, averaged)]
    if len(known) == 1 and len(by_prefix) == 1:
        return [Role(Piece(part), known.pop(), averaged)]
    only = _only_named(config)
    if only is not None:
        return [Role(Piece(part), only, averaged, f"{relative.name} taken as the {only}: only --{only} was named")]
    return [Role(Piece(part, ""), None)]


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
    named = {f"{front}{head}.": read_name(head) for head in heads}
    return {prefix: n for prefix, n in named.items() if not n.rest}


def _group_of(part: Part, relative: Path) -> Group:
    stem = read_name(relative.stem)
    folders = [read_name(folder) for folder in relative.parts[:-1]]
    # A folder that says nothing but a role ("generator/", "netD/") belongs to the pair, not to its label.
    kept = tuple(
        f for f, named in zip(relative.parts[:-1], folders, strict=True) if not (named.role and not named.rest)
    )
    step = read_step(part.facts, relative.stem, relative.parts[:-1])
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
        groups.append(Group(folder, generator.words, generator.step or critic.step, pair))
    return groups


def _snapshots(group: Group, root: str, config: Config, host: Host, *, trust: bool) -> list[Snapshot]:
    generator, weights, notes = _choose_generator(group, config)
    critics = [member for member in group.of("critic") if not member.averaged] or group.of("critic")
    unknown = [member for member in group.members if member.role is None]
    label = group.label(root)
    made: list[Snapshot] = []
    chosen: list[Role | None] = [*critics] or [None]
    for critic in chosen:
        suffix = f" ({critic.piece.place})" if critic is not None and len(critics) > 1 else ""
        made.append(
            _snapshot(group, label + suffix, generator, critic, weights, notes, unknown, config, host, trust=trust)
        )
    return made


def _choose_generator(group: Group, config: Config) -> tuple[Role | None, str, list[str]]:
    """The EMA copy where there is one, unless the user prefers the raw weights."""
    members = group.of("generator")
    averaged = [member for member in members if member.averaged]
    raw = [member for member in members if not member.averaged]
    wanted = config.weights or ("ema" if averaged else "raw")
    chosen = (averaged if wanted == "ema" else raw) or members
    if not chosen:
        return None, "raw", []
    notes = []
    if averaged and raw and config.weights is None:
        notes.append(f"EMA weights preferred for sampling: {chosen[0].piece.place}")
    if chosen[0].averaged != (wanted == "ema"):
        notes.append(f"there are no {wanted} weights; {chosen[0].piece.place} taken")
    if len(chosen) > 1:
        others = ", ".join(member.piece.place for member in chosen[1:])
        notes.append(f"generator {chosen[0].piece.place} taken, left out: {others} (choose with --role 'FILE=ignore')")
    return chosen[0], "ema" if chosen[0].averaged else "raw", notes


def _snapshot(
    group: Group,
    label: str,
    generator: Role | None,
    critic: Role | None,
    weights: str,
    notes: list[str],
    unknown: list[Role],
    config: Config,
    host: Host,
    *,
    trust: bool,
) -> Snapshot:
    assumptions = [*notes]
    missing: dict[str, str] = {}
    makers: dict[str, Callable[[], Module]] = {}
    designs: dict[str, str] = {}
    chosen: dict[NetRole, Role | None] = {"generator": generator, "critic": critic}
    for role, member in chosen.items():
        net = config.generator if role == "generator" else config.critic
        if member is None:
            missing[role] = _why_missing(role, unknown)
            continue
        if member.piece.part.read_tensors is None:
            net = None  # a program brings its own architecture
        if member.assumption:
            assumptions.append(member.assumption)
        design = find_design(member.piece, net, role, host, trust=trust)
        if not isinstance(design, Design):
            missing[role] = design
            continue
        if design.assumption:
            assumptions.append(design.assumption)
        designs[role] = f"{member.piece.place}: {design.text()}"
        makers[role] = partial(build, member.piece, design, role, host)
    facts = {k: v for member in group.members for k, v in member.piece.part.facts.items()}
    latent = _latent(generator, config, facts, assumptions) if "generator" in makers else Latent()
    if group.step is not None and group.step.unit == "":
        assumptions.append(f"step {group.step.number} read from {group.step.source}")
    return Snapshot(
        label=label,
        step=group.step.number if group.step else None,
        step_unit=group.step.unit if group.step else "",
        files=tuple(dict.fromkeys(member.piece.part.path for member in group.members)),
        make_generator=makers.get("generator"),
        make_critic=makers.get("critic"),
        weights="ema" if weights == "ema" else "raw",
        latent=latent,
        output=config.output,
        orientation=config.orientation,
        penalty=config.penalty if config.penalty is not None else _fact(facts, _PENALTIES),
        assumptions=tuple(assumptions),
        missing=missing,
        designs=designs,
    )


def _why_missing(role: NetRole, unknown: list[Role]) -> str:
    if unknown:
        name = unknown[0].piece.part.path.name
        option = f"--role {shlex.quote(f'{glob.escape(name)}={role}')}"
        return f"the role of {name} is unknown; say {option}"
    return f"no file of this snapshot is a {role} by its name or keys; if one is, say --role 'FILE={role}'"


def _fact(facts: Mapping[str, float | int | str | bool], names: Iterable[str]) -> float | None:
    """A finite number among the file's scalars, by the last component of its name."""
    for name in names:
        for key, value in facts.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if number and key.rsplit(".", 1)[-1] == name:
                return float(value)
    return None


def _latent(
    generator: Role | None,
    config: Config,
    facts: Mapping[str, float | int | str | bool],
    assumptions: list[str],
) -> Latent:
    """What the generator eats: said, or in the file, or read from the shape of the first layer and recorded."""
    law, shape = config.law, config.latent_shape
    if law is None:
        stored = next((v for k, v in facts.items() if k.rsplit(".", 1)[-1] == "latent_law"), None)
        law = "uniform" if stored == "uniform" else "normal"
        if stored is None:
            assumptions.append("latent law: standard normal (set [latent] law or --latent-law)")
    if shape is None and generator is not None:
        width = _fact(facts, _LATENT_WIDTHS)
        shape, where = _first_layer(generator.piece, None if width is None else int(width))
        assumptions.append(f"latent shape {shape}: {where}")
    return Latent(law, shape or (), config.classes or 0, config.encoding or "index")


def _first_layer(piece: Piece, width: int | None) -> tuple[tuple[int, ...], str]:
    """Latent shape from the first weight: (in,) for a Linear, (in, 1, 1) for a transposed convolution."""
    for key, spec in piece.keys.items():
        if len(spec.shape) == 2:
            return (width or spec.shape[1],), f"the first layer of the generator, {key} {spec.shape}"
        if len(spec.shape) == 4:
            return (width or spec.shape[0], 1, 1), f"the first layer of the generator, {key} {spec.shape}"
    return ((width,) if width else ()), "no layer shows it; set [latent] shape"
