"""A lone generator and a lone critic become a pair."""

from __future__ import annotations

from dataclasses import replace

from wganalyze.snapshots.moment import Moment


def pair_leftovers(groups: list[Moment]) -> list[Moment]:
    """A lone generator and a lone critic, under names that do not match, are taken as a pair; that is assumed.

    Alone at one step of a folder, or alone in a folder where not both have a step.
    """
    for step in {group.step.number for group in groups if group.step}:
        groups = _paired(groups, step)
    return _paired(groups, None)


def _paired(groups: list[Moment], step: int | None) -> list[Moment]:
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
        groups.append(Moment(folder, generator.words, generator.step or critic.step, pair, facts, records))
    return groups
