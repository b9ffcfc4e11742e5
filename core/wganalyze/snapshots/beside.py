"""The one network of no telling name beside critics: the generator, as trainers of autoencoders write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wganalyze.networks.ends import ends_of, fit
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member
from wganalyze.snapshots.naming import is_filler, read_name


def with_generator_beside(members: Sequence[Member], said: Said) -> list[Member]:
    """The members of one container, where one is called "model" or so, and all others are critics or averages.

    It is taken as the generator, which is assumed, unless the sizes contradict.
    """
    critics = [member for member in members if member.role == "critic"]
    raw = [member for member in members if member.role != "critic" and not member.averaged]
    if not critics or len(raw) != 1 or raw[0].role is not None or raw[0].piece.part.read_samples is not None:
        return [*members]
    (model,) = raw
    name, ends, classes = model.piece.inside, ends_of(model.piece), said.get("classes") or 0
    fitting = [critic for critic in critics if fit(ends, ends_of(critic.piece), classes) is not False]
    if not name or not is_filler(read_name(name)) or not fitting:
        return [*members]
    note = f"{model.called} taken as the generator: beside it lies the critic {fitting[0].called}"
    found = replace(model, role="generator", assumption=note)
    return [found if member is model else member for member in members]
