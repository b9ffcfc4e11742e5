"""A lone generator and a lone critic become a pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from wganalyze.settings.facts import Said
from wganalyze.snapshots.maps import with_maps_and_potentials
from wganalyze.snapshots.moment import Moment
from wganalyze.snapshots.partners import may_pair


def pair_leftovers(moments: list[Moment], said: Said) -> list[Moment]:
    """A lone generator and a lone critic, under names that do not match, are taken as a pair; that is assumed.

    Of one step or name in sibling folders, where folders or patterns say what they are; alone at one step of a folder;
    or alone in a folder where not both have a step. Those of one format come first; sizes that do not fit are no pair.
    """
    moments = with_maps_and_potentials(moments, said)
    for generator, critic in _siblings(moments, said):
        moments = _joined(moments, generator, critic, _shared(generator.folder, critic.folder))
    kinds = {kind for moment in moments for kind in _kinds(moment)}
    for kind in [*sorted(kinds), None] if len(kinds) > 1 else [None]:
        for step in sorted({moment.step.number for moment in moments if moment.step}):
            moments = _paired(moments, said, step, kind)
        moments = _paired(moments, said, None, kind)
    return moments


def _paired(moments: list[Moment], said: Said, step: int | None, kind: str | None) -> list[Moment]:
    """Pairs among the moments of one step, or (None) among all; of one kind of file, or (None) of any."""
    here = [m for m in moments if step is None or (m.step is not None and m.step.number == step)]
    here = [m for m in here if m.roles and (kind is None or _kinds(m) == {kind})]
    for folder in sorted({moment.folder for moment in here}):
        known = [moment for moment in here if moment.folder == folder]
        generators, critics = _lone(known, "generator"), _lone(known, "critic")
        if len(known) == 2 and generators and critics and _fits(generators[0], critics[0], said):
            generator, critic = generators[0], critics[0]
            if not (generator.step and critic.step and generator.step.number != critic.step.number):
                moments = _joined(moments, generator, critic, folder)
    return moments


def _siblings(moments: list[Moment], said: Said) -> Iterator[tuple[Moment, Moment]]:
    """Halves in folders that differ in one name, the only ones of their step there, or of their own name."""
    shown = [m for m in moments if m.roles and all(member.shown_by for member in m.members if member.role)]
    generators, critics = _lone(shown, "generator"), _lone(shown, "critic")
    near = {
        id(moment): [other for other in others if _are_beside(_place(moment), _place(other)) and _same(moment, other)]
        for ours, others in ((generators, critics), (critics, generators))
        for moment in ours
    }
    for generator in generators:
        found = near[id(generator)]
        if len(found) == 1 and len(near[id(found[0])]) == 1 and _fits(generator, found[0], said):
            yield generator, found[0]


def _place(moment: Moment) -> tuple[str, ...]:
    """The folders that its first file lies in."""
    return moment.members[0].piece.part.path.parts[:-1]


def _are_beside(place: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Do two folders differ in one name of their paths?"""
    return len(place) == len(other) and sum(a != b for a, b in zip(place, other, strict=True)) == 1


def _shared(folder: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """The names that both begin and end with."""
    start = _agreeing(folder, other)
    end = _agreeing(folder[start:][::-1], other[start:][::-1])
    return (*folder[:start], *folder[len(folder) - end :])


def _agreeing(names: Sequence[str], others: Sequence[str]) -> int:
    """How many names at the front are equal."""
    differing = (i for i, (a, b) in enumerate(zip(names, others, strict=False)) if a != b)
    return next(differing, min(len(names), len(others)))


def _same(moment: Moment, other: Moment) -> bool:
    if moment.step is None or other.step is None:
        return moment.step is other.step and moment.words == other.words
    return moment.step.number == other.step.number


def _lone(moments: Iterable[Moment], role: str) -> list[Moment]:
    return [moment for moment in moments if moment.roles == {role}]


def _kinds(moment: Moment) -> set[str]:
    return {member.piece.part.kind for member in moment.members if member.role}


def _fits(generator: Moment, critic: Moment, said: Said) -> bool:
    return any(may_pair(g, c, said) for g in generator.of("generator") for c in critic.of("critic"))


def _joined(moments: list[Moment], generator: Moment, critic: Moment, folder: tuple[str, ...]) -> list[Moment]:
    """The moments, two of them as one."""
    note = f"{generator.members[0].called} and {critic.members[0].called} taken as a pair"
    pair = [replace(m, assumption=m.assumption or note) for m in generator.members] + critic.members
    facts, records = {**critic.facts, **generator.facts}, [*generator.records, *critic.records]
    step = generator.step or critic.step
    if step and critic.step and step.number == critic.step.number and not step.unit and critic.step.unit:
        step = critic.step
    joined = Moment(folder, generator.words, step, pair, facts, records)
    return [*(m for m in moments if m is not generator and m is not critic), joined]
