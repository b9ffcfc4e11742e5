"""A lone generator and a lone critic become a pair."""

from __future__ import annotations

from dataclasses import replace

from wganalyze.snapshots.moment import Moment


def pair_leftovers(moments: list[Moment]) -> list[Moment]:
    """A lone generator and a lone critic, under names that do not match, are taken as a pair; that is assumed.

    Alone at one step of a folder, or alone in a folder where not both have a step.
    """
    for step in {moment.step.number for moment in moments if moment.step}:
        moments = _paired(moments, step)
    return _paired(moments, None)


def _paired(moments: list[Moment], step: int | None) -> list[Moment]:
    """Pairs among the moments of one step, or (None) among all."""
    at_step = [m for m in moments if step is None or (m.step is not None and m.step.number == step)]
    for folder in {moment.folder for moment in at_step}:
        known = [moment for moment in at_step if moment.folder == folder and moment.roles]
        here = {next(iter(moment.roles)): moment for moment in known if len(moment.roles) == 1}
        if len(known) != 2 or len(here) != 2:
            continue
        generator, critic = here["generator"], here["critic"]
        if generator.step and critic.step and generator.step.number != critic.step.number:
            continue
        note = f"{generator.members[0].piece.place} and {critic.members[0].piece.place} taken as a pair"
        pair = [replace(m, assumption=m.assumption or note) for m in generator.members] + critic.members
        moments = [m for m in moments if m is not generator and m is not critic]
        facts, records = {**critic.facts, **generator.facts}, [*generator.records, *critic.records]
        moments.append(Moment(folder, generator.words, generator.step or critic.step, pair, facts, records))
    return moments
