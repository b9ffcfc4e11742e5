"""Roles of networks that no name tells apart, by their sizes: a critic takes what a generator gives, and gives one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from wganalyze.contracts.terms import Role
from wganalyze.networks.ends import Ends, ends_of
from wganalyze.snapshots.moment import Member

MOST = 6
"""Networks that are told apart at once."""


def with_roles_by_size(members: Sequence[Member]) -> list[Member]:
    """The members, those of unknown role with one where the sizes of all allow a single answer; that is assumed.

    Networks of one container in a file, or of one moment: at least one generator, at least one critic.
    """
    unknown = [member for member in members if member.role is None and member.piece.part.read_samples is None]
    networks = [member for member in members if member.piece.part.read_samples is None]
    if not unknown or len(networks) < 2 or len(networks) > MOST:
        return [*members]
    ends = [ends_of(member.piece) for member in networks]
    if any(end is None for end in ends):
        return [*members]
    sized = [end for end in ends if end is not None]
    fitting = [
        roles
        for roles in product(("generator", "critic"), repeat=len(networks))
        if all(m.role in (None, role) for m, role in zip(networks, roles, strict=True)) and _belong(sized, roles)
    ]
    if len(fitting) != 1:
        return [*members]
    found: dict[int, Member] = {}
    for member, role, end in zip(networks, fitting[0], sized, strict=True):
        if member.role is None:
            taken: Role = "generator" if role == "generator" else "critic"
            note = f"{member.called} taken as the {role} by sizes: it begins with {end.takes} and ends with {end.gives}"
            found[id(member)] = replace(member, role=taken, assumption=note)
    return [found.get(id(member), member) for member in members]


def _belong(ends: Sequence[Ends], roles: Sequence[str]) -> bool:
    """Could these be generators of one data space, and critics of it?"""
    made = {(end.gives, end.gives_channels) for end, role in zip(ends, roles, strict=True) if role == "generator"}
    taken = {(end.takes, end.takes_channels) for end, role in zip(ends, roles, strict=True) if role == "critic"}
    scores = {end.gives for end, role in zip(ends, roles, strict=True) if role == "critic"}
    return len(made) == 1 and made == taken and scores == {1}
