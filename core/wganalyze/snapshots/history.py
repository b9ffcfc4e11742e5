"""Moments inside one file: a history as a dict by step, or as a list of what was saved one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wganalyze.snapshots.moment import Facts, Member
from wganalyze.snapshots.naming import Step, read_name, read_step, step_in

Place = tuple[str, ...]
"""The words of a moment in the names of its parts: ("100",) of "G.100"; () where there is one moment."""


def moments_inside(members: Sequence[Member]) -> list[Place]:
    """For each of the networks of one file, the moment that it belongs to.

    Numbers tell moments where they change among networks of one role, and where both roles have some of them: beside
    one generator, two numbered critics are two critics.
    """
    places = [_numbered(member) for member in members]
    by_role: dict[tuple[object, bool], list[Mapping[int, str]]] = {}
    for member, place in zip(members, places, strict=True):
        by_role.setdefault((member.role, member.averaged), []).append(place)
    changing = {
        position
        for group in by_role.values()
        for position in {position for place in group for position in place}
        if len({place.get(position, "") for place in group}) > 1
    }
    found = [tuple(word for position, word in sorted(place.items()) if position in changing) for place in places]
    of_role = {
        role: {f for f, m in zip(found, members, strict=True) if m.role == role} for role in {m.role for m in members}
    }
    lacking = any(places == {()} for places in of_role.values())
    apart = len(of_role) > 1 and not set.intersection(*of_role.values())  # 0 and 2 of one, 1 of the other: a tuple
    return [()] * len(members) if None in of_role or lacking or apart else found


def step_inside(member: Member, place: Place) -> Step | None:
    """The step of a moment inside a file: as its container states it, else the number in its name."""
    name = member.piece.part.name
    for container in _containers(name, place):
        step = read_step(_directly_in(member.piece.part.facts, container), "", [])
        if step is not None:
            return Step(step.number, step.unit, f"{step.source}, in {container!r}")
    numbered = step_in("_".join(place))
    return None if numbered is None else Step(*numbered, f"the name {name!r}")


def _numbered(member: Member) -> dict[int, str]:
    """The components of its name that hold a number, by their place, without role and average."""
    components = [read_name(component).rest for component in member.piece.part.name.split(".")]
    return {i: "_".join(rest) for i, rest in enumerate(components) if any(word.isdigit() for word in rest)}


def _containers(name: str, place: Place) -> list[str]:
    """What lies around a part and belongs to its moment alone, from the inside."""
    components = name.split(".")
    last = max((i for i, c in enumerate(components) if "_".join(read_name(c).rest) in place), default=len(components))
    return [".".join(components[: i + 1]) for i in range(len(components) - 1, last - 1, -1)]


def _directly_in(facts: Facts, container: str) -> dict[str, float | int | str | bool]:
    start = f"{container}."
    inside = {key.removeprefix(start): value for key, value in facts.items() if key.startswith(start)}
    return {key: value for key, value in inside.items() if "." not in key}
