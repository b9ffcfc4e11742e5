"""The pieces of one saved moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wganalyze.contracts.terms import Role
from wganalyze.networks.piece import Piece
from wganalyze.snapshots.naming import Step

Facts = Mapping[str, float | int | str | bool]


@dataclass(frozen=True)
class Member:
    """What a piece is, and what had to be assumed to say so; ``role`` None: unknown, or stored samples."""

    piece: Piece
    role: Role | None
    averaged: bool = False
    assumption: str = ""


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
        return "/".join([*self.folder, *(["_".join(self.words)] if self.words else [])]) or root
