"""A snapshot some of whose networks may still be rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wganalyze.contracts.snapshot import Snapshot
from wganalyze.contracts.terms import Role
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece


@dataclass(frozen=True, eq=False)
class Draft(Snapshot):
    """A snapshot as it was opened.

    ``unbuilt``: networks of unknown architecture that --infer may try to rebuild, by role. ``nets``: the factories that
    its networks are built by.
    """

    unbuilt: Mapping[Role, Piece] = field(default_factory=dict)
    nets: Mapping[Role, Net] = field(default_factory=dict)
