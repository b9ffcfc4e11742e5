"""Which networks may belong together: those of one format, whose sizes fit."""

from __future__ import annotations

from dataclasses import replace

from wganalyze.networks.ends import ends_of, fit
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member, Moment


def by_format(moment: Moment) -> list[Moment]:
    """A moment whose files come in two formats, both with a generator or a critic, is one for each that has a pair."""
    kinds = dict.fromkeys(member.piece.part.kind for member in moment.members)
    slots = {
        kind: {(m.role, m.averaged) for m in moment.members if m.role and m.piece.part.kind == kind} for kind in kinds
    }
    whole = [kind for kind in kinds if {"generator", "critic"} <= {role for role, _ in slots[kind]}]
    rivals = {kind for kind in kinds for other in kinds if kind != other and slots[kind] & slots[other]}
    if not whole or len(rivals) < 2:
        return [moment]
    apart = [kind for kind in kinds if kind in rivals]
    groups = {kind: [m for m in moment.members if m.piece.part.kind == kind] for kind in apart}
    groups[whole[0] if whole[0] in apart else apart[0]] += [
        member for member in moment.members if member.piece.part.kind not in apart
    ]
    return [
        replace(moment, members=members, form=kind, facts={**moment.facts}, records=[*moment.records])
        for kind, members in groups.items()
    ]


def may_pair(generator: Member, critic: Member, said: Said) -> bool:
    """May these be a pair? Where patterns say what both are, they may; else where their sizes do not contradict."""
    if generator.shown_by == critic.shown_by == "pattern":
        return True
    made, taken = ends_of(generator.piece), ends_of(critic.piece)
    if said.get("condition") and made is not None and taken is not None and taken.takes > made.gives:
        return True  # what more it takes is the condition
    return fit(made, taken, said.get("classes") or 0) is not False


def mismatch(generator: Member, critic: Member) -> str:
    """Why two networks are no pair, and what may explain it; "" where their sizes do not contradict."""
    made, taken = ends_of(generator.piece), ends_of(critic.piece)
    if made is None or taken is None or fit(made, taken) is not False:
        return ""
    more = taken.takes - made.gives
    hints = [f"{more} classes too, say --classes {more}"] * (more > 1) + ["a condition too, say --condition"] * (
        more > 0
    )
    hint = f" (if it takes {'; if '.join(hints)})" if hints else ""
    return f"{generator.called} ends with {made.gives}, and {critic.called} begins with {taken.takes}{hint}"
