"""The pieces of one saved moment."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from wganalyze.contracts.terms import Role
from wganalyze.networks.piece import Piece
from wganalyze.snapshots.naming import Named, Step, is_filler, read_name

Facts = Mapping[str, float | int | str | bool]


@dataclass(frozen=True)
class Member:
    """What a piece is, and what had to be assumed to say so; ``role`` None: unknown, or stored samples.

    ``file``: how a message calls its file: by its path where several files have its name.
    ``shown_by``: what shows the role, where it is neither a name nor the content of the file.
    """

    piece: Piece
    role: Role | None
    averaged: bool = False
    assumption: str = ""
    file: str = ""
    shown_by: Literal["", "pattern", "folder"] = ""

    @property
    def words(self) -> tuple[str, ...]:
        """What its name inside the file says beyond role and average."""
        rest = read_name(self.piece.inside).rest
        return tuple(word for word in rest if word.isdigit() or not is_filler(Named(None, False, (word,))))

    @property
    def called(self) -> str:
        """For messages: the file, and the part of it."""
        file = self.file or self.piece.part.path.name
        return f"{file}[{self.piece.inside}]" if self.piece.inside else file

    @property
    def pattern(self) -> str:
        """What ``--role`` calls it by."""
        inside = f"[{self.piece.inside}]" if self.piece.inside else ""
        return glob.escape(self.file or self.piece.part.path.name) + inside

    def option(self, role: str) -> str:
        """The option that gives it a role, for a shell."""
        return f"--role {shlex.quote(f'{self.pattern}={role}')}"


@dataclass
class Moment:
    """The pieces of one saved moment."""

    folder: tuple[str, ...]
    words: tuple[str, ...]
    step: Step | None
    members: list[Member] = field(default_factory=list)
    facts: dict[str, float | int | str | bool] = field(default_factory=dict)
    """What files beside the networks state (BigGAN keeps its step so)."""
    records: list[Path] = field(default_factory=list)
    """Those files."""
    broken: dict[Role, str] = field(default_factory=dict)
    """By the role of its name, a file of this moment that cannot be read, and why."""
    form: str = ""
    """The kind of its files, where others of the same name are of another kind."""

    def of(self, role: Role) -> list[Member]:
        """The members of one role."""
        return [member for member in self.members if member.role == role]

    @property
    def samples(self) -> list[Member]:
        """The members that are stored samples."""
        return [member for member in self.members if member.piece.part.read_samples is not None]

    @property
    def unknown(self) -> list[Member]:
        """The networks whose role nothing shows."""
        return [m for m in self.members if m.role is None and m.piece.part.read_samples is None]

    @property
    def roles(self) -> set[Role]:
        """The roles that it has members of."""
        return {member.role for member in self.members if member.role is not None}

    def label(self, root: str) -> str:
        """A name for the moment, unique under ``root``."""
        name = "/".join([*self.folder, *(["_".join(self.words)] if self.words else [])]) or root
        return f"{name} ({self.form})" if self.form else name
