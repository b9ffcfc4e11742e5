"""Neural optimal transport: the map T and the potential f of one step, which play generator and critic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wganalyze.networks.ends import ends_of, fit
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member, Moment

MAP, POTENTIAL = "T", "f"


def with_maps_and_potentials(moments: Sequence[Moment], said: Said) -> list[Moment]:
    """The moments; two networks whose names differ in T and f alone, and say no role, are one, which is assumed."""
    lone = {(m.folder, m.words): m for m in moments if len(m.members) == 1 and m.unknown}
    result = [*moments]
    for (folder, words), moment in lone.items():
        beside = lone.get((folder, tuple(POTENTIAL if word == MAP else word for word in words)))
        if words.count(MAP) != 1 or beside is None:
            continue
        note = f"{moment.members[0].called} taken as the generator (a map T), {beside.members[0].called} as its critic"
        generator = replace(moment.members[0], role="generator", assumption=note)
        critic: Member = replace(beside.members[0], role="critic")
        ends, classes = ends_of(critic.piece), said.get("classes") or 0
        if fit(ends_of(generator.piece), ends, classes) is False or (ends is not None and ends.gives != 1):
            continue
        own = tuple(word for word in words if word != MAP)
        pair = replace(moment, words=own, step=moment.step or beside.step, members=[generator, critic])
        result = [pair if m is moment else m for m in result if m is not beside]
    return result
