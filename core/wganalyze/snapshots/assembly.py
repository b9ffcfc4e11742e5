"""Parts become Snapshots: roles, prefixes, EMA copies, pairs, steps and order, from names, keys and configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wganalyze.contracts.terms import Role
from wganalyze.files.opening import OpenedFile
from wganalyze.networks.draft import Draft
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission
from wganalyze.settings.facts import Said
from wganalyze.snapshots.findings import with_findings
from wganalyze.snapshots.gathering import Gathering, roles_of
from wganalyze.snapshots.noise import latents_among
from wganalyze.snapshots.pairing import pair_leftovers
from wganalyze.snapshots.partners import by_format
from wganalyze.snapshots.resolution import resolve


@dataclass(frozen=True)
class Assembled:
    """The snapshots of a path, in order; of each file the roles of its networks (None: unknown), step and notes.

    ``unknown``: of files with networks whose role nothing shows, the patterns that ``--role`` knows these by.
    """

    snapshots: tuple[Draft, ...]
    roles: Mapping[Path, frozenset[Role | None]]
    steps: Mapping[Path, int | None]
    notes: Mapping[Path, tuple[str, ...]]
    unknown: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)


def assemble(
    files: Sequence[OpenedFile],
    root: Path,
    said: Said,
    recognition: Recognition,
    permission: Permission | None = None,
    below: Mapping[tuple[str, ...], Said] | None = None,
    real: Mapping[Path, str] | None = None,
) -> Assembled:
    """Group the parts of all files into snapshots, ordered by folder and step; the order of the files does not matter.

    ``real``: files of real data, which are no snapshots, with a line that says so.
    ``below``: what is said in folders that have a configuration of their own, by their parts below ``root``.
    """
    base = root if root.is_dir() else root.parent
    seen = Gathering(base, said, recognition)
    real, allowed = real or {}, permission or Permission()
    left = {part.path for file in files for part in file.parts if part.path in real}
    for path in left:
        seen.note(path, real[path])
    ordered = sorted((file for file in files if file.path not in left), key=lambda file: file.path)
    gathered = seen.gather(ordered)
    moments = pair_leftovers([part for moment in gathered for part in by_format(moment)], said)
    moments.sort(key=lambda m: (_natural(m.folder), -1 if m.step is None else m.step.number, _natural(m.words), m.form))
    name = root.stem if root.is_file() else root.resolve().name
    found = [
        (moment, resolve(moment, name, _said_in(moment.folder, below or {}, said), recognition, allowed))
        for moment in moments
    ]
    noise = latents_among(found)
    for path, line in noise.items():
        seen.note(path, line)
    snapshots = [draft for _, drafts in found for draft in drafts if not {*draft.files} & {*noise}]
    unknown: dict[Path, tuple[str, ...]] = {}
    for member in (member for moment in moments for member in moment.unknown):
        unknown[member.piece.part.path] = (*unknown.get(member.piece.part.path, ()), member.pattern)
    return Assembled(
        tuple(with_findings([*_distinct(snapshots)], base)),
        roles_of(moments),
        seen.steps,
        {path: tuple(lines) for path, lines in seen.notes.items()},
        unknown,
    )


def _said_in(folder: tuple[str, ...], below: Mapping[tuple[str, ...], Said], said: Said) -> Said:
    """What the nearest folder with a configuration says; ``said``, where there is none."""
    above = [folder[:depth] for depth in range(len(folder), 0, -1)]
    return next((below[parts] for parts in above if parts in below), said)


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
